//! Lists of records and what is done with one: the same five operations for every kind.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::transform::TransformOperation;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::caller::Caller;
use super::document::{Named, documented};
use super::exchange::{Body, Expected, Patch, Tagged};
use super::listing::Asked;
use crate::directory::{DirectoryError, Kind, Listed, Page};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

/// A kind of record with a place in the API.
pub trait Shown: Listed {
    /// Where it is, below `/api/v1/`.
    const PATH: &'static str;

    /// Waits, not for long, until what is known of them is in the database.
    fn settle(_door: &AdminDoor) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A kind of record that is kept over the API.
pub trait Collection: Kind + Shown {
    /// Refuses what the directory alone can't judge.
    fn check(_draft: &Self::Draft) -> Result<(), DirectoryError> {
        Ok(())
    }
}

/// The paths of a kind administrators keep.
pub fn collection<C: Collection>() -> ApiRouter<AdminDoor> {
    let what = C::TABLE.what;
    ApiRouter::new()
        .api_route(
            &format!("/{}", C::PATH),
            get_with(list::<C>, |op| about::<C>(op, &format!("List {what}s"), &[400])).post_with(create::<C>, |op| {
                about::<C>(op, &format!("Add a {what}"), &[400, 409, 413, 415, 422]).response::<201, Tagged<C::View>>()
            }),
        )
        .api_route(
            &format!("/{}/{{name}}", C::PATH),
            get_with(show::<C>, |op| {
                about::<C>(op, &format!("Show a {what}"), &[400, 404]).response::<200, Tagged<C::View>>()
            })
            .patch_with(change::<C>, |op| {
                about::<C>(op, &format!("Change a {what}"), &[400, 404, 409, 412, 413, 415, 422])
                    .response::<200, Tagged<C::View>>()
            })
            .delete_with(remove::<C>, |op| about::<C>(op, &format!("Delete a {what}"), &[400, 404, 409, 412])),
        )
}

/// The paths of a kind that is only read.
pub fn read_only<C: Shown>() -> ApiRouter<AdminDoor> {
    let what = C::TABLE.what;
    ApiRouter::new()
        .api_route(&format!("/{}", C::PATH), get_with(list::<C>, |op| about::<C>(op, &format!("List {what}s"), &[400])))
        .api_route(
            &format!("/{}/{{name}}", C::PATH),
            get_with(show::<C>, |op| {
                about::<C>(op, &format!("Show a {what}"), &[400, 404]).response::<200, Tagged<C::View>>()
            }),
        )
}

pub(super) fn about<'a, C: Shown>(
    op: TransformOperation<'a>,
    summary: &str,
    refusals: &[u16],
) -> TransformOperation<'a> {
    documented(op, C::PATH, summary, refusals)
}

/// A page of records.
pub async fn list<C: Shown>(State(door): State<AdminDoor>, asked: Asked<C>) -> Result<Json<Page<C::View>>, Problem> {
    C::settle(&door).await;
    Ok(Json(door.directory.list::<C>(&asked.0).await?))
}

/// One record.
pub async fn show<C: Shown>(State(door): State<AdminDoor>, Named(name): Named) -> Result<Tagged<C::View>, Problem> {
    C::settle(&door).await;
    let kept = door.directory.find::<C>(&name).await?.ok_or_else(|| Problem::not_found(C::TABLE.what))?;
    Ok(Tagged(StatusCode::OK, kept))
}

async fn create<C: Collection>(
    State(door): State<AdminDoor>,
    caller: Caller,
    Body(draft): Body<C::Draft>,
) -> Result<Tagged<C::View>, Problem> {
    C::check(&draft)?;
    let kept = door.directory.create::<C>(draft, &caller.actor(), UnixMillis::now()).await?;
    Ok(Tagged(StatusCode::CREATED, kept))
}

/// Changes one record.
pub async fn change<C: Collection>(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: Caller,
    Expected(expected): Expected,
    Patch(patch, _): Patch<C::Draft>,
) -> Result<Tagged<C::View>, Problem> {
    let now = UnixMillis::now();
    let kept = door.directory.change::<C>(&name, &patch, expected, C::check, &caller.actor(), now).await?;
    Ok(Tagged(StatusCode::OK, kept))
}

/// Deletes one record.
pub async fn remove<C: Collection>(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: Caller,
    Expected(expected): Expected,
) -> Result<axum::response::NoContent, Problem> {
    door.directory.remove::<C>(&name, expected, &caller.actor(), UnixMillis::now()).await?;
    Ok(axum::response::NoContent)
}
