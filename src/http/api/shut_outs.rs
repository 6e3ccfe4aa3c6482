//! `/shut-outs`: everybody who is kept out for now, why and until when, and letting them in again

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::{Named, documented};
use super::parameters::Parameters;
use crate::directory::{Action, Change, Page};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::http::shut_outs::{Lifted, ShutOut, ShutOutReason};
use crate::locale::Words;
use crate::vocab::UnixMillis;

/// Most shut-outs in one list.
const MOST: usize = 1000;

/// The paths of shut-outs.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/shut-outs", get_with(list, |op| documented(op, "lockouts", "List shut-outs", &[400])))
        .api_route(
            "/shut-outs/{name}",
            get_with(show, |op| documented(op, "lockouts", "Show a shut-out", &[400, 404]))
                .delete_with(lift, |op| documented(op, "lockouts", "Lift a shut-out", &[400, 404])),
        )
}

/// Somebody who is kept out for a time.
#[derive(Serialize, JsonSchema)]
struct ShutOutView {
    /// Names it while it lasts.
    id: String,
    /// Why.
    reason: ShutOutReason,
    /// What it holds for: `name-and-address`, `name`, `address`, `peer` (an address and port), `user`, `phone` or `all`.
    scope: String,
    /// The address it holds for; for IPv6 the first of its network, unless it holds for one port.
    address: Option<String>,
    /// The port at that address, where it holds for one.
    port: Option<u16>,
    /// The SIP name or the login that was tried.
    name: Option<String>,
    /// The user it holds for, by user ID.
    user: Option<String>,
    /// The phone it holds for: its address, and its hardware address or SIP name.
    phone: Option<String>,
    /// How many messages or connections were refused so far, where that is counted.
    refused: Option<u64>,
    /// Until when, if no more comes.
    until: UnixMillis,
    /// Why, and what is refused, in words.
    text: String,
    /// What to do.
    remedy: String,
}

impl ShutOutView {
    fn of(shut_out: ShutOut, words: &Words) -> Self {
        let ShutOut { id, reason, scope, address, port, name, user, phone, refused, until } = shut_out;
        let text = words.say(&format!("shut-out-{}", reason.as_str()), &[]);
        let remedy = words.say(&format!("shut-out-remedy-{}", reason.as_str()), &[]);
        Self { id, reason, scope, address, port, name, user, phone, refused, until, text, remedy }
    }
}

/// Which of them are asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Those for this reason only.
    #[serde(default)]
    reason: Option<ShutOutReason>,
    /// Those of this address only.
    #[serde(default)]
    address: Option<String>,
    /// Those who tried this name only.
    #[serde(default)]
    name: Option<String>,
}

impl Wanted {
    fn has(&self, shut_out: &ShutOut) -> bool {
        let is_reason = self.reason.is_none_or(|reason| reason == shut_out.reason);
        let is_address = self.address.is_none() || self.address == shut_out.address;
        is_reason && is_address && (self.name.is_none() || self.name == shut_out.name)
    }
}

/// Everybody at this moment, those that wait longest first.
async fn current(door: &AdminDoor) -> Result<Vec<ShutOut>, Problem> {
    let mut all = door.shut_outs.of_node(UnixMillis::now());
    all.extend(door.shut_outs.lockouts().await?);
    all.sort_by(|one, two| two.until.cmp(&one.until).then_with(|| one.id.cmp(&two.id)));
    Ok(all)
}

/// Whom this server keeps out at this moment, those that wait longest first: who gave too many wrong SIP passwords, logins or
/// PINs, sends too many messages or has too many connections.
async fn list(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Parameters(wanted): Parameters<Wanted>,
) -> Result<Json<Page<ShutOutView>>, Problem> {
    let mut shut_outs = current(&door).await?;
    shut_outs.retain(|shut_out| wanted.has(shut_out));
    let total = u64::try_from(shut_outs.len()).unwrap_or(u64::MAX);
    let items = shut_outs.into_iter().take(MOST).map(|shut_out| ShutOutView::of(shut_out, &words)).collect();
    Ok(Json(Page { items, next: None, total }))
}

/// One of them.
async fn show(
    State(door): State<AdminDoor>,
    Named(id): Named,
    Reader(words): Reader,
) -> Result<Json<ShutOutView>, Problem> {
    let found = current(&door).await?.into_iter().find(|shut_out| shut_out.id == id);
    found.map(|found| Json(ShutOutView::of(found, &words))).ok_or_else(|| Problem::not_found("shut-out"))
}

/// Lets somebody in again at once, and forgets what was counted against them. Of an address with too many connections, those are
/// closed over which nobody has registered or called.
async fn lift(State(door): State<AdminDoor>, Named(id): Named, caller: Caller) -> Result<NoContent, Problem> {
    let now = UnixMillis::now();
    let shut_out = match door.shut_outs.lift(&id, &caller.actor(), now).await? {
        Some(Lifted::OfNode(shut_out)) => shut_out,
        Some(Lifted::Lockout) => return Ok(NoContent),
        None => return Err(Problem::not_found("shut-out")),
    };
    let change = Change {
        action: Action::Delete,
        kind: "shut-out",
        record: id,
        name: shut_out.name.clone().or_else(|| shut_out.address.clone()).unwrap_or_default(),
        before: Some(serde_json::json!({
            "reason": shut_out.reason.as_str(), "scope": shut_out.scope, "address": shut_out.address,
            "port": shut_out.port, "name": shut_out.name,
        })),
        after: None,
    };
    door.directory.note(&caller.actor(), &change, now).await?;
    Ok(NoContent)
}
