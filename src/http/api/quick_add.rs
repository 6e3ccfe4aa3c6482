//! `/quick-add`

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::caller::Caller;
use super::document::documented;
use super::exchange::Body;
use crate::directory::{QuickAdd, QuickAdded};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::Problem;
use crate::vocab::{UnixMillis, UserId};

/// A user that was made, and whether they can set up a phone now.
#[derive(Serialize, JsonSchema)]
struct Made {
    #[serde(flatten)]
    made: QuickAdded,
    /// What keeps them from setting up a phone; nothing if they can.
    obstacle: Option<Obstacle>,
}

/// What keeps a user from setting up a phone.
#[derive(Serialize, JsonSchema)]
struct Obstacle {
    /// Names it.
    code: String,
    /// What it is, and what to do.
    text: String,
}

/// The path of quick additions.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new().api_route(
        "/quick-add",
        post_with(add, |op| {
            documented(op, "users", "Add a user and a phone quickly", &[400, 409, 413, 415, 422])
                .response::<201, Json<Made>>()
        }),
    )
}

/// Adds a user with profile, extension and PIN, and if wanted a phone that waits for them: all of it or nothing.
async fn add(
    State(door): State<AdminDoor>,
    caller: Caller,
    Reader(words): Reader,
    Body(given): Body<QuickAdd>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let made = door.directory.quick_add(&given, &caller.actor(), UnixMillis::now()).await?;
    let user: Option<UserId> = made.user.id.to_string().parse().ok();
    let obstacle = match user {
        Some(user) => door.enrolments.obstacle(user).await?,
        None => None,
    };
    let obstacle = obstacle.map(|refusal| {
        let code = refusal.as_str().to_owned();
        Obstacle { text: words.say(&format!("obstacle-{code}"), &[]), code }
    });
    Ok((StatusCode::CREATED, Json(Made { made, obstacle })))
}
