//! `/credential-policy`: what PINs and passwords must be like, from the next one on.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State;
use axum::http::StatusCode;

use super::caller::Caller;
use super::document::documented;
use super::exchange::{Expected, Patch, Tagged};
use crate::directory::{CredentialPolicy, CredentialPolicyKind, Recorded};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

const TAG: &str = "credential-policy";

type View = Tagged<Recorded<CredentialPolicy>>;

/// Its path.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/credential-policy",
        get_with(show, |op| documented(op, TAG, "Show the credential policy", &[]).response::<200, View>()).patch_with(
            change,
            |op| {
                documented(op, TAG, "Change the credential policy", &[400, 409, 412, 413, 415, 422])
                    .response::<200, View>()
            },
        ),
    )
}

async fn show(State(door): State<AdminDoor>) -> Result<View, Problem> {
    Ok(Tagged(StatusCode::OK, door.directory.settings::<CredentialPolicyKind>().await?))
}

async fn change(
    State(door): State<AdminDoor>,
    caller: Caller,
    Expected(expected): Expected,
    Patch(patch): Patch,
) -> Result<View, Problem> {
    let (actor, now) = (caller.actor(), UnixMillis::now());
    let kept = door.directory.change_settings::<CredentialPolicyKind>(&patch, expected, &actor, now).await?;
    Ok(Tagged(StatusCode::OK, kept))
}
