//! `/events`

use axum::Json;
use axum::extract::State;

use crate::directory::Event;
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;

/// Most events in one list.
const MOST: u32 = 500;

/// Alarms and notable happenings, the newest first.
pub async fn list(State(door): State<AdminDoor>) -> Result<Json<Vec<Event>>, Problem> {
    Ok(Json(door.directory.events(MOST).await?))
}
