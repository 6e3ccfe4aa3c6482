//! Repeated writes: a POST with an Idempotency-Key is carried out once, however often it comes.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::caller::Caller;
use super::portal::PortalCaller;
use crate::directory::{LARGEST_FILE, Repetition, StoredAnswer};
use crate::http::door::AdminDoor;
use crate::http::problem::Problem;
use crate::vocab::UnixMillis;

const HEADER: &str = "Idempotency-Key";
/// The longest key.
const LONGEST: usize = 255;
/// The largest body of a request with a key, in octets.
const LARGEST: usize = 2 * 1024 * 1024;

/// Carries a request with a key out once.
pub async fn once(State(door): State<AdminDoor>, request: Request, next: Next) -> Response {
    let token = request.extensions().get::<Caller>().map(|caller| caller.bearer.token.clone());
    let account = request.extensions().get::<PortalCaller>().map(|caller| caller.bearer.account.clone());
    // Who logs in at the portal is nobody yet.
    let Some(token) = token.or(account) else { return next.run(request).await };
    let key = match request.headers().get(HEADER).map(|key| key.to_str().map(str::to_owned)) {
        Some(Ok(key)) if request.method() == Method::POST && (1..=LONGEST).contains(&key.len()) => key,
        Some(_) if request.method() == Method::POST => {
            return Problem::parameter(HEADER, "it is not 1 to 255 visible ASCII characters").into_response();
        }
        _ => return next.run(request).await,
    };
    match carry_out(&door, &token, &key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn carry_out(
    door: &AdminDoor,
    token: &str,
    key: &str,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = match kind.starts_with("text/csv") {
        true => to_bytes(body, LARGEST_FILE).await.map_err(|_| Problem::file_too_large())?,
        false => to_bytes(body, LARGEST).await.map_err(|_| Problem::too_large())?,
    };
    let fingerprint =
        hex::encode(Sha256::new().chain_update(parts.uri.to_string()).chain_update([0]).chain_update(&body).finalize());
    match door.directory.begin_request(token, key, &fingerprint, UnixMillis::now()).await? {
        Repetition::First => {}
        Repetition::Answered(answer) => return Ok(repeated(answer)),
        Repetition::Unknown => {
            return Err(Problem::key_in_use(
                "the first request with this key has no outcome yet; look whether it was done",
            ));
        }
        Repetition::Another => return Err(Problem::key_in_use("this key came with another request; take a new one")),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let status = response.status();
    // A refusal may be mended and tried again.
    if !status.is_success() {
        door.directory.end_request(token, key, None).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let tag = parts.headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let answer = StoredAnswer { status: status.as_u16(), tag, body: String::from_utf8_lossy(&body).into_owned() };
    door.directory.end_request(token, key, Some(&answer)).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn repeated(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let is_empty = answer.body.is_empty();
    let mut response = (status, Bytes::from(answer.body)).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if !is_empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(tag) = answer.tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert("Idempotency-Replayed", HeaderValue::from_static("true"));
    response
}
