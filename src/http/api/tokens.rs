//! `/tokens`

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;

use super::caller::Caller;
use super::collection::{self, Collection, Shown};
use super::document::documented;
use super::exchange::{Body, Tagged};
use crate::directory::{Kept, Recorded, TokenDraft, Tokens};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

impl Shown for Tokens {
    const PATH: &'static str = "tokens";
}

impl Collection for Tokens {}

/// A token that was just made.
#[derive(Serialize, JsonSchema)]
struct NewToken {
    /// Its record.
    #[serde(flatten)]
    record: Recorded<TokenDraft>,
    /// The token: not shown again.
    token: String,
}

/// The paths of tokens.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route(
            "/tokens",
            get_with(collection::list::<Tokens>, |op| documented(op, Tokens::PATH, "List tokens", &[400])).merge(
                post_with(create, |op| {
                    documented(op, Tokens::PATH, "Add a token", &[400, 409, 413, 415, 422])
                        .response::<201, Tagged<NewToken>>()
                }),
            ),
        )
        .api_route(
            "/tokens/{name}",
            get_with(collection::show::<Tokens>, |op| {
                documented(op, Tokens::PATH, "Show a token", &[400, 404])
                    .response::<200, Tagged<Recorded<TokenDraft>>>()
            })
            .patch_with(collection::change::<Tokens>, |op| {
                documented(op, Tokens::PATH, "Change a token", &[400, 404, 409, 412, 413, 415, 422])
                    .response::<200, Tagged<Recorded<TokenDraft>>>()
            })
            .delete_with(collection::remove::<Tokens>, |op| {
                documented(op, Tokens::PATH, "Revoke a token", &[400, 404, 412, 422])
            }),
        )
}

async fn create(
    State(door): State<AdminDoor>,
    caller: Caller,
    Body(draft): Body<TokenDraft>,
) -> Result<Tagged<NewToken>, Problem> {
    let (token, kept) = door.directory.make_token(draft, &caller.actor(), UnixMillis::now()).await?;
    let Kept { id, version, view } = kept;
    let view = NewToken { record: view, token: token.expose_secret().to_owned() };
    Ok(Tagged(StatusCode::CREATED, Kept { id, version, view }))
}
