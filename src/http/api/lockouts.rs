//! `/lockouts` and `/shut-outs`: who may not try again for now, and lifting it

use std::net::IpAddr;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::{Named, documented};
use super::listing::Asked;
use crate::directory::{Action, Change, Page};
use crate::enrolment::{Lockout, LockoutRows};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::registrar::{ShutOut, ShutOutScope};
use crate::vocab::UnixMillis;

/// Most shut-outs in one list.
const MOST: usize = 1000;

/// The paths of lockouts and shut-outs.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/lockouts", get_with(list, |op| documented(op, "lockouts", "List lockouts", &[400])))
        .api_route(
            "/lockouts/{name}",
            get_with(show, |op| documented(op, "lockouts", "Show a lockout", &[400, 404]))
                .delete_with(lift, |op| documented(op, "lockouts", "Lift a lockout", &[400, 404])),
        )
        .api_route("/shut-outs", get_with(list_shut_outs, |op| documented(op, "lockouts", "List shut-outs", &[])))
        .api_route(
            "/shut-outs/{name}",
            aide::axum::routing::delete_with(lift_shut_out, |op| {
                documented(op, "lockouts", "Lift a shut-out", &[400, 404])
            }),
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

/// Somebody whose SIP passwords are not looked at for a time.
#[derive(Serialize, JsonSchema)]
struct ShutOutView {
    /// Names it while it lasts.
    id: String,
    /// What was counted: `name-and-address`, `name` or `address`.
    scope: &'static str,
    /// The address wrong passwords came from; for IPv6 the first of its network.
    address: Option<String>,
    /// The SIP name they were for.
    name: Option<String>,
    /// Why.
    reason: &'static str,
    /// Until when.
    until: UnixMillis,
}

/// What names a shut-out: everything about it but how long it lasts.
#[derive(Serialize, Deserialize)]
struct ShutOutId(Option<IpAddr>, Option<String>);

impl ShutOutView {
    fn of(shut_out: ShutOut, now: UnixMillis) -> Self {
        let id = ShutOutId(shut_out.address, shut_out.name.clone());
        Self {
            id: hex::encode(serde_json::to_vec(&id).unwrap_or_default()),
            scope: shut_out.scope.as_str(),
            address: shut_out.address.map(|address| address.to_string()),
            name: shut_out.name,
            reason: "wrong-passwords",
            until: now.after(shut_out.wait),
        }
    }
}

fn read_id(id: &str) -> Option<ShutOut> {
    let ShutOutId(address, name) = serde_json::from_slice(&hex::decode(id).ok()?).ok()?;
    let scope = match (&address, &name) {
        (Some(_), Some(_)) => ShutOutScope::NameAndAddress,
        (None, Some(_)) => ShutOutScope::Name,
        (Some(_), None) => ShutOutScope::Address,
        (None, None) => return None,
    };
    Some(ShutOut { scope, address, name, wait: std::time::Duration::ZERO })
}

/// Names and addresses that gave too many wrong SIP names or passwords, those that wait longest first.
async fn list_shut_outs(State(door): State<AdminDoor>) -> Json<Page<ShutOutView>> {
    let (shut_outs, now) = (door.registrar.shut_outs(), UnixMillis::now());
    let total = u64::try_from(shut_outs.len()).unwrap_or(u64::MAX);
    let items = shut_outs.into_iter().take(MOST).map(|shut_out| ShutOutView::of(shut_out, now)).collect();
    Json(Page { items, next: None, total })
}

/// Has the passwords of somebody who was shut out looked at again.
async fn lift_shut_out(State(door): State<AdminDoor>, Named(id): Named, caller: Caller) -> Result<NoContent, Problem> {
    let shut_out = read_id(&id).ok_or_else(|| Problem::not_found("shut-out"))?;
    if !door.registrar.lift_shut_out(&shut_out) {
        return Err(Problem::not_found("shut-out"));
    }
    let change = Change {
        action: Action::Delete,
        kind: "shut-out",
        record: id,
        name: shut_out.name.clone().unwrap_or_default(),
        before: Some(serde_json::json!({
            "scope": shut_out.scope.as_str(), "address": shut_out.address, "name": shut_out.name,
        })),
        after: None,
    };
    door.directory.note(&caller.actor(), &change, UnixMillis::now()).await?;
    Ok(NoContent)
}
