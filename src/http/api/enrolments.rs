//! `/enrolments`

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::{Named, documented};
use super::exchange::Body;
use super::listing::Asked;
use crate::directory::Page;
use crate::enrolment::{Afterwards, Enrolment, EnrolmentRows, Order};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;
use crate::vocab::{EnrolmentId, Language, PhoneId, UnixMillis};

/// An enrolment, and in the reader's language how it ended and what to do.
#[derive(Serialize, JsonSchema)]
struct EnrolmentView {
    #[serde(flatten)]
    enrolment: Enrolment,
    /// How it ended, in words.
    ending_text: Option<String>,
    /// What to do.
    remedy: Option<String>,
}

impl EnrolmentView {
    fn of(enrolment: Enrolment, words: &Words) -> Self {
        let say =
            |what: &str| enrolment.ending.as_ref().map(|ending| words.say(&format!("enrolment-{what}-{ending}"), &[]));
        Self { ending_text: say("ending"), remedy: say("remedy"), enrolment }
    }
}

/// The paths of enrolments.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route(
            "/enrolments",
            get_with(list, |op| documented(op, "enrolments", "List enrolments", &[400])).post_with(start, |op| {
                documented(op, "enrolments", "Start an enrolment", &[400, 409, 413, 415, 422])
                    .response::<201, Json<EnrolmentView>>()
            }),
        )
        .api_route(
            "/enrolments/{name}",
            get_with(show, |op| documented(op, "enrolments", "Show an enrolment", &[400, 404])),
        )
        .api_route(
            "/enrolments/{name}/cancel",
            post_with(cancel, |op| {
                documented(op, "enrolments", "Cancel an enrolment", &[400, 404, 409, 413, 415, 422])
            }),
        )
        .api_route(
            "/enrolments/{name}/undo",
            post_with(undo, |op| documented(op, "enrolments", "Undo an enrolment", &[400, 404, 409])),
        )
}

/// Enrolments with their timelines.
async fn list(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    asked: Asked<EnrolmentRows>,
) -> Result<Json<Page<EnrolmentView>>, Problem> {
    let Page { items, next, total } = door.enrolments.list(&asked.0).await?;
    let items = items.into_iter().map(|enrolment| EnrolmentView::of(enrolment, &words)).collect();
    Ok(Json(Page { items, next, total }))
}

/// One enrolment.
async fn show(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Named(id): Named,
) -> Result<Json<EnrolmentView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("enrolment"))?;
    let enrolment = door.enrolments.get(id).await?.ok_or_else(|| Problem::not_found("enrolment"))?;
    Ok(Json(EnrolmentView::of(enrolment, &words)))
}

/// An enrolment to be started without a call.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StartDraft {
    /// The phone that waits: its identifier, hardware address or temporary number.
    phone: String,
    /// Whose it is to be: user ID, self-service ID or extension.
    user: String,
    /// The language to speak when the phone is called back.
    #[serde(default)]
    language: Option<Language>,
    /// Take the phone from its user, if it has one.
    #[serde(default)]
    rebind: bool,
}

/// Gives a phone to a user as a call would have, by the same rules.
async fn start(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    caller: Caller,
    Body(draft): Body<StartDraft>,
) -> Result<(StatusCode, Json<EnrolmentView>), Problem> {
    let StartDraft { phone, user, language, rebind } = draft;
    let order = Order { phone, user, language, rebind };
    let enrolment = door.enrolments.start(&order, &caller.actor(), UnixMillis::now()).await??;
    // A phone that is calling is told when its call has ended.
    if !door.switchboard.is_calling(enrolment.phone) {
        tell(&door, enrolment.phone);
    }
    Ok((StatusCode::CREATED, Json(EnrolmentView::of(enrolment, &words))))
}

/// Has a phone fetch what it is now; how long that takes is the phone's.
fn tell(door: &AdminDoor, phone: PhoneId) {
    let enrolments = door.enrolments.clone();
    tokio::spawn(async move {
        if let Err(error) = enrolments.call_ended(phone).await {
            tracing::error!(%error, %phone, "a phone could not be told to fetch its configuration");
        }
    });
}

/// How an enrolment is cancelled.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CancelDraft {
    /// What becomes of the phone.
    #[serde(default)]
    phone: PhoneAfterwards,
}

/// What becomes of a phone whose enrolment is cancelled.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum PhoneAfterwards {
    /// It goes on waiting to be claimed.
    #[default]
    Wait,
    /// It is let go, and its temporary number given back.
    Release,
}

/// Ends an open enrolment. A phone that was given to its user is taken back; a call from it ends with an apology.
async fn cancel(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Named(id): Named,
    caller: Caller,
    Body(draft): Body<CancelDraft>,
) -> Result<Json<EnrolmentView>, Problem> {
    let id = known(&door, &id).await?;
    let afterwards = match draft.phone {
        PhoneAfterwards::Wait => Afterwards::Waits,
        PhoneAfterwards::Release => Afterwards::LetGo,
    };
    let enrolment = door.enrolments.cancel(id, afterwards, &caller.actor(), UnixMillis::now()).await??;
    door.switchboard.call_off_everywhere(enrolment.phone).await?;
    Ok(Json(EnrolmentView::of(enrolment, &words)))
}

/// Takes a phone back that was given to its user not long ago: it is what it was before, and is told so.
async fn undo(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Named(id): Named,
    caller: Caller,
) -> Result<Json<EnrolmentView>, Problem> {
    let id = known(&door, &id).await?;
    let enrolment = door.enrolments.undo(id, &caller.actor(), UnixMillis::now()).await??;
    door.switchboard.call_off_everywhere(enrolment.phone).await?;
    Ok(Json(EnrolmentView::of(enrolment, &words)))
}

async fn known(door: &AdminDoor, id: &str) -> Result<EnrolmentId, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("enrolment"))?;
    let enrolment = door.enrolments.get(id).await?;
    enrolment.map(|enrolment| enrolment.id).ok_or_else(|| Problem::not_found("enrolment"))
}
