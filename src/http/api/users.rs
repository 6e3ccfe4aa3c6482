//! `/users`

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use crate::directory::{NewUser, User};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

/// Every user, by user ID.
pub async fn list(State(door): State<AdminDoor>) -> Result<Json<Vec<User>>, Problem> {
    Ok(Json(door.directory.users().await?))
}

/// Adds a user.
pub async fn add(
    State(door): State<AdminDoor>,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<User>), Problem> {
    let Json(user) = body.map_err(|rejection| Problem::unreadable(rejection.body_text()))?;
    let user = door.directory.add_user(user, UnixMillis::now()).await?;
    Ok((StatusCode::CREATED, Json(user)))
}
