//! `/events`

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;

use super::document::documented;
use crate::directory::{Event, Page};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;

/// Most events in one list.
const MOST: u32 = 500;

/// The paths of events.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route("/events", get_with(list, |op| documented(op, "events", "List events", &[])))
}

/// Alarms and notable happenings, the newest first.
async fn list(State(door): State<AdminDoor>) -> Result<Json<Page<Event>>, Problem> {
    let items = door.directory.events(MOST).await?;
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Ok(Json(Page { items, next: None, total }))
}
