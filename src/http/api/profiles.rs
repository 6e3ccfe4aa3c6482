//! `/user-profiles`, `/device-templates`, `/line-templates`

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;

use crate::directory::{DeviceTemplate, LineTemplate, NewProfile, UserProfile};
use crate::enrolment::check_template;
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;

/// Every profile, by name.
pub async fn list(State(door): State<AdminDoor>) -> Result<Json<Vec<UserProfile>>, Problem> {
    Ok(Json(door.directory.profiles().await?))
}

/// Adds a profile.
pub async fn add(
    State(door): State<AdminDoor>,
    body: Result<Json<NewProfile>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(profile) = body.map_err(unreadable)?;
    door.directory.add_profile(&profile).await?;
    Ok(StatusCode::CREATED)
}

/// Adds a universal device template.
pub async fn add_device_template(
    State(door): State<AdminDoor>,
    body: Result<Json<DeviceTemplate>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(template) = body.map_err(unreadable)?;
    check_template(&template.settings).map_err(|fault| Problem::refused("settings", fault.to_string()))?;
    door.directory.add_device_template(&template).await?;
    Ok(StatusCode::CREATED)
}

/// Adds a universal line template.
pub async fn add_line_template(
    State(door): State<AdminDoor>,
    body: Result<Json<LineTemplate>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(template) = body.map_err(unreadable)?;
    door.directory.add_line_template(&template).await?;
    Ok(StatusCode::CREATED)
}

fn unreadable(rejection: JsonRejection) -> Problem {
    Problem::unreadable(rejection.body_text())
}
