//! `/lines/{name}/password`

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::document::{Named, documented};
use super::exchange::Body;
use super::lines::line_named;
use crate::directory::{Actor, LineRecord};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::{Secret, UnixMillis};

/// The path of lines' passwords.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/lines/{name}/password",
        post_with(password, |op| {
            documented(op, "lines", "Overwrite a line's password", &[400, 404, 409, 413, 415, 422])
        }),
    )
}

/// A password to overwrite a line's with.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordDraft {
    /// The new password; one is made if none is given.
    #[serde(default)]
    password: Option<Secret>,
}

/// A password that was overwritten.
#[derive(Serialize, JsonSchema)]
pub struct NewPassword {
    /// The line.
    id: String,
    /// Its number.
    number: String,
    /// What its phone authenticates as.
    auth_name: String,
    /// The new password: not shown again.
    password: String,
}

/// Overwrites the SIP password of a line's phone; the one before is worth nothing from now on. The phone is told to fetch it.
async fn password(
    State(door): State<AdminDoor>,
    Named(name): Named,
    caller: Caller,
    Body(draft): Body<PasswordDraft>,
) -> Result<Json<NewPassword>, Problem> {
    let line = line_named(&door, &name, None).await?;
    Ok(Json(overwrite_password(&door, &line, draft, &caller.actor()).await?))
}

/// Overwrites the password of a line's phone.
pub async fn overwrite_password(
    door: &AdminDoor,
    line: &LineRecord,
    draft: PasswordDraft,
    actor: &Actor,
) -> Result<NewPassword, Problem> {
    let overwritten = door.enrolments.overwrite_password(line.phone, draft.password, actor, UnixMillis::now()).await?;
    let password = overwritten.ok_or_else(Problem::no_password)?.expose_secret().to_owned();
    let account = door.directory.accounts().of(line.phone).ok_or_else(|| Problem::not_found("line"))?;
    let (id, number, auth_name) = (line.id.clone(), line.number.to_string(), account.auth_name.to_string());
    Ok(NewPassword { id, number, auth_name, password })
}
