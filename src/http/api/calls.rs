//! `/calls`

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;

use super::document::documented;
use crate::cti::CallRecord;
use crate::directory::Page;
use crate::http::door::AdminDoor;

/// The paths of calls.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route("/calls", get_with(list, |op| documented(op, "calls", "List calls", &[])))
}

/// Calls of late and at this moment, the newest first.
async fn list(State(door): State<AdminDoor>) -> Json<Page<CallRecord>> {
    let items = door.switchboard.records();
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    Json(Page { items, next: None, total })
}
