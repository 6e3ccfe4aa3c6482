//! The door phones fetch their files through. A stranger, a phone that is somebody's and a wrong address all get the same 404.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use secrecy::ExposeSecret;

use crate::enrolment::{Enrolments, Fetch, FetchRequest};
use crate::provisioning::{Asked, Host, identify};
use crate::vocab::{Secret, UnixMillis};

/// Longest token of a private URL.
const LONGEST_TOKEN: usize = 64;

/// What the door needs.
#[derive(Clone, Debug)]
pub struct HandsetDoor {
    /// Who decides what a phone gets.
    pub enrolments: Enrolments,
    /// Where the door is.
    pub port: u16,
    /// The address of this server if a phone names none.
    pub address: IpAddr,
}

/// Every path leads to the same decision.
pub fn router(door: HandsetDoor) -> Router {
    Router::new().fallback(fetch).with_state(door)
}

async fn fetch(
    State(door): State<HandsetDoor>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    // Nothing is taken here, so nothing is read: the connection ends with the answer.
    if !request.body().is_end_stream() {
        return (StatusCode::PAYLOAD_TOO_LARGE, [(header::CONNECTION, "close")]).into_response();
    }
    if request.method() != Method::GET {
        return not_found();
    }
    let Some(wanted) = door.wanted(&request, peer) else { return not_found() };
    match door.enrolments.fetch(&wanted, UnixMillis::now()).await {
        Ok(Fetch::File(file)) => {
            let headers = [(header::CONTENT_TYPE, file.content_type), (header::CACHE_CONTROL, "no-store")];
            (headers, file.body.expose_secret().to_owned()).into_response()
        }
        Ok(Fetch::NotFound) => {
            metrics::counter!("handset_misses_total").increment(1);
            not_found()
        }
        Ok(Fetch::SlowDown) => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")]).into_response(),
        Err(error) => {
            tracing::error!(%error, "a configuration could not be served");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")]).into_response()
        }
    }
}

impl HandsetDoor {
    fn wanted(&self, request: &Request, peer: SocketAddr) -> Option<FetchRequest> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        let (token, path) = split_token(request.uri())?;
        let asked: Asked = identify(path, header(header::USER_AGENT))?;
        for suspicion in &asked.suspicions {
            tracing::debug!(%peer, ?suspicion, "a fetch contradicts itself");
        }
        let host = header(header::HOST).and_then(host_of).or_else(|| self.address.to_string().parse().ok())?;
        let file_name = path.rsplit('/').next()?.to_owned();
        Some(FetchRequest { asked, token, source: peer.ip().to_canonical(), host, port: self.port, file_name })
    }
}

/// `/c/<token>/<file>` is a phone's private URL; anything else has no token.
fn split_token(uri: &Uri) -> Option<(Option<Secret>, &str)> {
    let path = uri.path();
    match path.strip_prefix("/c/").and_then(|rest| rest.split_once('/')) {
        Some((token, _)) if token.is_empty() || token.len() > LONGEST_TOKEN => None,
        Some((token, file)) => Some((Some(Secret::from(token.to_owned())), path.get(path.len() - file.len() - 1..)?)),
        None => Some((None, path)),
    }
}

/// The host of a Host header, without its port.
fn host_of(text: &str) -> Option<Host> {
    let bare = match text.rfind(']') {
        Some(end) => text.get(..=end)?,
        None => text.split(':').next()?,
    };
    bare.parse().ok()
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_url_is_told_from_a_plain_one() {
        let split = |path: &str| {
            let uri: Uri = path.parse().unwrap();
            split_token(&uri)
                .map(|(token, path)| (token.map(|token| token.expose_secret().to_owned()), path.to_owned()))
        };
        assert_eq!(split("/00908f112233.cfg"), Some((None, "/00908f112233.cfg".to_owned())));
        assert_eq!(split("/c/abc/00908f112233.cfg"), Some((Some("abc".to_owned()), "/00908f112233.cfg".to_owned())));
        assert_eq!(split("/c//x.cfg"), None);
    }

    #[test]
    fn the_host_a_phone_names_is_taken_without_its_port() {
        for (text, host) in [("pbx.example:8081", "pbx.example"), ("[::1]:8081", "[::1]"), ("192.0.2.1", "192.0.2.1")] {
            assert_eq!(host_of(text).unwrap().as_str(), host);
        }
        assert!(host_of("a b").is_none());
    }
}
