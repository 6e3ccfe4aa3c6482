//! Who asks: the bearer of a token, what they may do, and how often.

use std::net::SocketAddr;

use aide::OperationInput;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::{header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::portal::{self, PORTAL};
use crate::directory::{Actor, ActorKind, Bearer, Role};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::{Secret, UnixMillis};

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The token they bear.
    pub bearer: Bearer,
    source: String,
}

impl Caller {
    /// As the audit names them.
    pub fn actor(&self) -> Actor {
        Actor { kind: ActorKind::Token, name: self.bearer.name.clone(), source: self.source.clone() }
    }
}

impl OperationInput for Caller {}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Lets the bearers of tokens through, each so often; strangers are asked for a token, each address so often.
pub async fn authorize(State(door): State<AdminDoor>, mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(PORTAL) {
        return portal::authorize(door, request, next).await;
    }
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let source = address.map(|address| address.to_string()).unwrap_or_default();
    let bearer = match presented(&request) {
        Some(token) => door.directory.bearer_of(&token, UnixMillis::now()).await,
        None => Ok(None),
    };
    let bearer = match bearer {
        Ok(Some(bearer)) => bearer,
        Ok(None) => {
            let refusal = door.rates.stranger(&source).map_or_else(Problem::unauthorized, Problem::too_many);
            return refusal.into_response();
        }
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Some(seconds) = door.rates.bearer(&bearer.token) {
        return Problem::too_many(seconds).into_response();
    }
    request.extensions_mut().insert(Caller { bearer, source });
    next.run(request).await
}

/// The token a request shows.
pub(super) fn presented(request: &Request) -> Option<Secret> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| Secret::from(token.trim().to_owned()))
}

/// What a path takes besides a token.
#[derive(Clone, Copy, Debug)]
pub enum Needs {
    /// To see: `view`; to do anything: `administer`.
    Administer,
    /// To see: `view`; to do anything: `operate`.
    Operate,
}

/// Refuses a caller whose role does not reach so far.
pub async fn require(State(needs): State<Needs>, caller: Caller, request: Request, next: Next) -> Response {
    let role: Role = caller.bearer.role;
    let (allowed, needed) = match (request.method().is_safe(), needs) {
        (true, _) => (role.may_view(), "view"),
        (false, Needs::Operate) => (role.may_operate(), "operate"),
        (false, Needs::Administer) => (role.may_administer(), "administer"),
    };
    match allowed {
        true => next.run(request).await,
        false => Problem::forbidden(needed).into_response(),
    }
}
