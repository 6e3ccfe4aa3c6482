//! `/phones`

use std::time::Instant;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::NoContent;
use schemars::JsonSchema;
use serde::Serialize;

use super::caller::Caller;
use super::document::{Named, documented};
use super::listing::Asked;
use super::sites::{SiteView, registered_from, sites_of};
use crate::directory::{Action, Change, Page, Phone, Phones};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::sip::Origin;
use crate::vocab::{PhoneId, UnixMillis};

/// A phone and where it is registered.
#[derive(Serialize, JsonSchema)]
struct PhoneView {
    #[serde(flatten)]
    phone: Phone,
    /// Where it is registered at this moment.
    registrations: Vec<Registration>,
}

/// A phone, where it is registered, and how it stands at each site.
#[derive(Serialize, JsonSchema)]
struct PhoneAtSites {
    #[serde(flatten)]
    phone: PhoneView,
    /// How it stands at each site, this one first; another, by its first number, only where there is a peer site.
    sites: Vec<SiteView>,
}

/// Where a phone is registered.
#[derive(Serialize, JsonSchema)]
struct Registration {
    /// As which number.
    number: String,
    /// The URI it is reached by.
    contact: String,
    /// The address it registered from.
    from: String,
    /// `UDP`, `TCP`, `TLS` or `WS`.
    transport: String,
    /// As the phone says.
    user_agent: String,
    /// Until the registration ends.
    seconds_left: u64,
}

/// The paths of phones.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/phones", get_with(list, |op| documented(op, "phones", "List phones", &[400])))
        .api_route("/phones/{name}", get_with(show, |op| documented(op, "phones", "Show a phone", &[400, 404])))
        .api_route(
            "/phones/{name}/release",
            post_with(release, |op| documented(op, "phones", "Release a phone", &[400, 404, 409])),
        )
        .api_route(
            "/phones/{name}/push",
            post_with(push, |op| {
                documented(op, "phones", "Push a phone's configuration", &[400, 404, 409])
                    .response_with::<202, (), _>(|answer| answer.description("The phone is being notified."))
            }),
        )
}

/// Phones and where they are registered.
async fn list(State(door): State<AdminDoor>, asked: Asked<Phones>) -> Result<Json<Page<PhoneView>>, Problem> {
    let Page { items, next, total } = door.directory.phones(&asked.0).await?;
    Ok(Json(Page { items: items.into_iter().map(|phone| view(&door, phone)).collect(), next, total }))
}

/// One phone.
async fn show(
    State(door): State<AdminDoor>,
    Named(id): Named,
    Reader(words): Reader,
) -> Result<Json<PhoneAtSites>, Problem> {
    let phone = phone(&door, &id).await?;
    let number = phone.lines.first().map(|line| line.number.clone());
    let sites = sites_of(&door, number.as_ref(), phone.mac, registered_from(&door, &phone), &words).await;
    Ok(Json(PhoneAtSites { phone: view(&door, phone), sites }))
}

/// Has an enrolled phone fetch its configuration with its secrets once more.
async fn push(State(door): State<AdminDoor>, Named(id): Named, caller: Caller) -> Result<StatusCode, Problem> {
    let phone = phone(&door, &id).await?;
    note(&door, &caller, &phone, "push").await?;
    door.enrolments.push_again(phone.id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes a phone from whoever has it: it is a stranger from now on, and can be enrolled anew.
async fn release(State(door): State<AdminDoor>, Named(id): Named, caller: Caller) -> Result<NoContent, Problem> {
    let phone = phone(&door, &id).await?;
    door.enrolments.release(phone.id, &caller.actor(), UnixMillis::now()).await?;
    Ok(NoContent)
}

async fn phone(door: &AdminDoor, id: &str) -> Result<Phone, Problem> {
    let id: PhoneId = id.parse().map_err(|_| Problem::not_found("phone"))?;
    door.directory.phone(id).await?.ok_or_else(|| Problem::not_found("phone"))
}

async fn note(door: &AdminDoor, caller: &Caller, phone: &Phone, done: &'static str) -> Result<(), Problem> {
    let change = Change {
        action: Action::Act,
        kind: "phone",
        record: phone.id.to_string(),
        name: phone.name.clone(),
        before: None,
        after: Some(done.into()),
    };
    Ok(door.directory.note(&caller.actor(), &change, UnixMillis::now()).await?)
}

fn view(door: &AdminDoor, phone: Phone) -> PhoneView {
    let now = Instant::now();
    let location = door.registrar.location();
    let registrations = location.of_phone(phone.id, now).into_iter().map(|(number, binding)| {
        let Origin { transport, peer } = location.origin_of(&binding);
        Registration {
            number,
            from: peer.to_string(),
            transport: transport.to_string(),
            seconds_left: binding.seconds_left(now),
            contact: binding.contact,
            user_agent: binding.user_agent.to_string(),
        }
    });
    PhoneView { registrations: registrations.collect(), phone }
}
