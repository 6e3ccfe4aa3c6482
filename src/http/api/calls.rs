//! `/calls`

use axum::Json;
use axum::extract::State;

use crate::cti::CallRecord;
use crate::http::door::AdminDoor;

/// Calls of late and at this moment, the newest first.
pub async fn list(State(door): State<AdminDoor>) -> Json<Vec<CallRecord>> {
    Json(door.switchboard.records())
}
