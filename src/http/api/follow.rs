//! What is written to the directory reaches the phones it concerns before the writer is answered.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::http::door::AdminDoor;

/// After a write that was taken: the phones' records follow at once. What fails here is done again a second later.
pub async fn afterwards(State(door): State<AdminDoor>, request: Request, next: Next) -> Response {
    let is_write = !request.method().is_safe();
    let response = next.run(request).await;
    if is_write
        && response.status().is_success()
        && let Err(error) = door.enrolments.follow_directory().await
    {
        tracing::error!(%error, "phones could not be brought up to date");
    }
    response
}
