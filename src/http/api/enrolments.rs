//! `/enrolments`

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::document::{Named, documented};
use super::listing::Asked;
use crate::directory::Page;
use crate::enrolment::{Enrolment, EnrolmentRows};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::locale::Words;

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
        .api_route("/enrolments", get_with(list, |op| documented(op, "enrolments", "List enrolments", &[400])))
        .api_route(
            "/enrolments/{name}",
            get_with(show, |op| documented(op, "enrolments", "Show an enrolment", &[400, 404])),
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
