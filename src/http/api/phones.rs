//! `/phones`, `/auto-registration`

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;

use crate::directory::Phone;
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::registrar::PoolLevel;
use crate::vocab::{PhoneId, UnixMillis};

/// A phone and where it is registered.
#[derive(Serialize)]
pub struct PhoneView {
    #[serde(flatten)]
    phone: Phone,
    registrations: Vec<Registration>,
}

#[derive(Serialize)]
struct Registration {
    number: String,
    contact: String,
    from: String,
    transport: String,
    user_agent: String,
    seconds_left: u64,
}

/// Every phone, newest first.
pub async fn list(State(door): State<AdminDoor>) -> Result<Json<Vec<PhoneView>>, Problem> {
    let phones = door.directory.phones().await?;
    Ok(Json(phones.into_iter().map(|phone| view(&door, phone)).collect()))
}

/// One phone.
pub async fn show(State(door): State<AdminDoor>, Path(id): Path<String>) -> Result<Json<PhoneView>, Problem> {
    let id: PhoneId = id.parse().map_err(|_| Problem::not_found("phone"))?;
    let phone = door.directory.phone(id).await?.ok_or_else(|| Problem::not_found("phone"))?;
    Ok(Json(view(&door, phone)))
}

/// Has an enrolled phone fetch its configuration with its secrets once more.
pub async fn push(State(door): State<AdminDoor>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id: PhoneId = id.parse().map_err(|_| Problem::not_found("phone"))?;
    door.directory.phone(id).await?.ok_or_else(|| Problem::not_found("phone"))?;
    door.enrolments.push_again(id, UnixMillis::now()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Takes a phone from whoever has it: it is a stranger from now on, and can be enrolled anew.
pub async fn release(State(door): State<AdminDoor>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let id: PhoneId = id.parse().map_err(|_| Problem::not_found("phone"))?;
    door.directory.phone(id).await?.ok_or_else(|| Problem::not_found("phone"))?;
    door.enrolments.release(id, UnixMillis::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(door: &AdminDoor, phone: Phone) -> PhoneView {
    let now = Instant::now();
    let registrations =
        door.registrar.location().of_phone(phone.id, now).into_iter().map(|(number, binding)| Registration {
            number,
            from: binding.flow.peer.to_string(),
            transport: binding.flow.transport.to_string(),
            seconds_left: binding.seconds_left(now),
            contact: binding.contact,
            user_agent: binding.user_agent,
        });
    PhoneView { registrations: registrations.collect(), phone }
}

/// How many temporary numbers are left, and the settings.
#[derive(Serialize)]
pub struct Pool {
    #[serde(flatten)]
    level: PoolLevel,
    settings: crate::registrar::AutoRegistrationSettings,
}

/// Auto-registration as it stands.
pub async fn pool(State(door): State<AdminDoor>) -> Result<Json<Pool>, Problem> {
    let auto_registration = door.registrar.auto_registration();
    let level = auto_registration.level(UnixMillis::now()).await.map_err(crate::enrolment::EnrolmentError::from)?;
    Ok(Json(Pool { level, settings: auto_registration.settings().clone() }))
}
