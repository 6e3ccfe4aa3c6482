//! `/enrolments`

use axum::Json;
use axum::extract::{Path, State};

use crate::enrolment::Enrolment;
use crate::http::admin::AdminDoor;
use crate::http::problem::Problem;

/// Most enrolments in one list.
const MOST: u32 = 500;

/// The newest enrolments with their timelines.
pub async fn list(State(door): State<AdminDoor>) -> Result<Json<Vec<Enrolment>>, Problem> {
    Ok(Json(door.enrolments.list(MOST).await?))
}

/// One enrolment.
pub async fn show(State(door): State<AdminDoor>, Path(id): Path<String>) -> Result<Json<Enrolment>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("enrolment"))?;
    door.enrolments.get(id).await?.map(Json).ok_or_else(|| Problem::not_found("enrolment"))
}
