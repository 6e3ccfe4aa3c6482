//! The API under `/api/v1`.

mod calls;
mod enrolments;
mod events;
mod phones;
mod profiles;
mod users;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::door::AdminDoor;
use super::problem::Problem;
use crate::vocab::Secret;

/// Every path of the API; each needs a token.
pub fn router(door: AdminDoor) -> Router<AdminDoor> {
    Router::new()
        .route("/users", get(users::list).post(users::add))
        .route("/user-profiles", get(profiles::list).post(profiles::add))
        .route("/device-templates", axum::routing::post(profiles::add_device_template))
        .route("/line-templates", axum::routing::post(profiles::add_line_template))
        .route("/phones", get(phones::list))
        .route("/phones/{id}", get(phones::show))
        .route("/phones/{id}/release", axum::routing::post(phones::release))
        .route("/phones/{id}/push", axum::routing::post(phones::push))
        .route("/auto-registration", get(phones::pool))
        .route("/enrolments", get(enrolments::list))
        .route("/enrolments/{id}", get(enrolments::show))
        .route("/calls", get(calls::list))
        .route("/events", get(events::list))
        .layer(middleware::from_fn_with_state(door, authorize))
}

/// Every other path: there is nothing, and only the bearer of a token is told so.
pub fn elsewhere(door: AdminDoor) -> Router {
    let nothing = async || Problem::not_found("path");
    Router::new().fallback(nothing).layer(middleware::from_fn_with_state(door, authorize))
}

/// Lets the bearer of a token through.
async fn authorize(State(door): State<AdminDoor>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| Secret::from(token.trim().to_owned()))
    });
    let Some(token) = token else { return Problem::unauthorized().into_response() };
    match door.directory.role_of(&token).await {
        Ok(Some(_)) => next.run(request).await,
        Ok(None) => Problem::unauthorized().into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}
