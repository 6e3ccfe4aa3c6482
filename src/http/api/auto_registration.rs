//! `/auto-registration`: its settings, in force as soon as they are saved, and how many temporary numbers are left.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::documented;
use super::exchange::{Expected, Patch, Tagged};
use crate::directory::{Kept, Recorded};
use crate::enrolment::EnrolmentError;
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::registrar::{AutoRegistrationKind, AutoRegistrationSettings, PoolLevel};
use crate::vocab::UnixMillis;

const TAG: &str = "auto-registration";

/// The settings, and how many temporary numbers are left.
#[derive(Serialize, JsonSchema)]
struct AutoRegistrationView {
    #[serde(flatten)]
    settings: Recorded<AutoRegistrationSettings>,
    #[serde(flatten)]
    level: PoolLevel,
}

#[derive(Deserialize, JsonSchema)]
struct ChangeQuery {
    /// Check the change and save nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Its path.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/auto-registration",
        get_with(show, |op| {
            documented(op, TAG, "Show auto-registration", &[]).response::<200, Tagged<AutoRegistrationView>>()
        })
        .patch_with(change, |op| {
            documented(op, TAG, "Change auto-registration", &[400, 409, 412, 413, 415, 422])
                .response::<200, Tagged<AutoRegistrationView>>()
        }),
    )
}

async fn show(State(door): State<AdminDoor>) -> Result<Tagged<AutoRegistrationView>, Problem> {
    let kept = door.directory.settings::<AutoRegistrationKind>().await?;
    view(&door, kept).await
}

async fn change(
    State(door): State<AdminDoor>,
    Query(ChangeQuery { dry_run }): Query<ChangeQuery>,
    caller: Caller,
    Expected(expected): Expected,
    Patch(patch): Patch,
) -> Result<Tagged<AutoRegistrationView>, Problem> {
    let now = UnixMillis::now();
    let kept = match dry_run {
        true => door.directory.preview_settings::<AutoRegistrationKind>(&patch, expected, now).await?,
        false => door.registrar.auto_registration().change(&patch, expected, &caller.actor(), now).await?,
    };
    view(&door, kept).await
}

async fn view(
    door: &AdminDoor,
    kept: Kept<Recorded<AutoRegistrationSettings>>,
) -> Result<Tagged<AutoRegistrationView>, Problem> {
    let Kept { id, version, view: settings } = kept;
    let level = door.registrar.auto_registration().level_of(&settings.fields).await.map_err(EnrolmentError::from)?;
    Ok(Tagged(StatusCode::OK, Kept { id, version, view: AutoRegistrationView { settings, level } }))
}
