//! `/enrolments`

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde::Serialize;

use crate::enrolment::Enrolment;
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::locale::{Words, negotiate};
use crate::vocab::Language;

/// Most enrolments in one list.
const MOST: u32 = 500;

/// An enrolment, and in the reader's language how it ended and what to do.
#[derive(Serialize)]
pub struct EnrolmentView {
    #[serde(flatten)]
    enrolment: Enrolment,
    ending_text: Option<String>,
    remedy: Option<String>,
}

impl EnrolmentView {
    fn of(enrolment: Enrolment, words: &Words) -> Self {
        let say =
            |what: &str| enrolment.ending.as_ref().map(|ending| words.say(&format!("enrolment-{what}-{ending}"), &[]));
        Self { ending_text: say("ending"), remedy: say("remedy"), enrolment }
    }
}

/// The newest enrolments with their timelines.
pub async fn list(State(door): State<AdminDoor>, headers: HeaderMap) -> Result<Json<Vec<EnrolmentView>>, Problem> {
    let words = words(&door, &headers);
    let enrolments = door.enrolments.list(MOST).await?;
    Ok(Json(enrolments.into_iter().map(|enrolment| EnrolmentView::of(enrolment, &words)).collect()))
}

/// One enrolment.
pub async fn show(
    State(door): State<AdminDoor>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<EnrolmentView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("enrolment"))?;
    let enrolment = door.enrolments.get(id).await?.ok_or_else(|| Problem::not_found("enrolment"))?;
    Ok(Json(EnrolmentView::of(enrolment, &words(&door, &headers))))
}

/// The words of the language the reader prefers, as Accept-Language has them in order.
fn words(door: &AdminDoor, headers: &HeaderMap) -> Words {
    let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter_map(|tag| tag.split(';').next()).map(str::trim).collect();
    door.locales.words(&negotiate(&wanted, &door.locales.languages(), &Language::ENGLISH))
}
