//! `/lockouts`: who may not try a PIN again for now, and lifting it

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;

use super::caller::Caller;
use super::document::{Named, documented};
use super::listing::Asked;
use crate::directory::Page;
use crate::enrolment::{Lockout, LockoutRows};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

/// The paths of lockouts.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/lockouts", get_with(list, |op| documented(op, "lockouts", "List lockouts", &[400])))
        .api_route(
            "/lockouts/{name}",
            get_with(show, |op| documented(op, "lockouts", "Show a lockout", &[400, 404]))
                .delete_with(lift, |op| documented(op, "lockouts", "Lift a lockout", &[400, 404])),
        )
}

/// Lockouts after wrong IDs, PINs or codes, while they are in force.
async fn list(State(door): State<AdminDoor>, asked: Asked<LockoutRows>) -> Result<Json<Page<Lockout>>, Problem> {
    Ok(Json(door.enrolments.lockouts(&asked.0).await?))
}

/// One lockout.
async fn show(State(door): State<AdminDoor>, Named(id): Named) -> Result<Json<Lockout>, Problem> {
    Ok(Json(door.enrolments.lockout(&id).await?.ok_or_else(|| Problem::not_found("lockout"))?))
}

/// Ends a lockout at once, and forgets the wrong attempts that brought it.
async fn lift(State(door): State<AdminDoor>, Named(id): Named, caller: Caller) -> Result<NoContent, Problem> {
    let lifted = door.enrolments.lift(&id, &caller.actor(), UnixMillis::now()).await?;
    lifted.map(|_| NoContent).ok_or_else(|| Problem::not_found("lockout"))
}
