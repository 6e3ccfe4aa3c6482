//! Asks the peer site's API what is registered there. The only file of this room that speaks HTTP.
//!
//! One request a question, on a connection of its own; nothing is kept.

use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::standing::{AtPeer, PeerFault};
use crate::sip::TlsClient;
use crate::sip::message::Host;
use crate::vocab::{DirectoryNumber, MacAddress, Secret};

/// How long the peer may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest answer taken, in octets.
const LARGEST: usize = 1 << 20;

/// Where an API is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    is_secure: bool,
    host: Host,
    port: u16,
    /// What comes before the paths of the API; without a `/` at its end.
    path: String,
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(|_| ())?;
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(()),
        };
        // No name and password: the API takes tokens.
        if uri.query().is_some() || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(());
        }
        let host = uri.host().ok_or(())?.parse().map_err(|_| ())?;
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { is_secure, host, port, path })
    }
}

/// A page of lines, as far as it is read.
#[derive(Deserialize)]
struct Lines {
    items: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    number: String,
    mac: Option<String>,
    is_registered: bool,
    registered_from: Vec<String>,
}

impl Line {
    /// False if it is another phone's than the one with this hardware address.
    fn may_be_on(&self, mac: Option<MacAddress>) -> bool {
        let own: Option<MacAddress> = self.mac.as_deref().and_then(|text| text.parse().ok());
        own.zip(mac).is_none_or(|(own, mac)| own == mac)
    }
}

/// How a number stands at this place, on the phone with this hardware address, if that is known.
pub(super) async fn ask(
    client: &TlsClient,
    place: &Place,
    token: &Secret,
    number: &DirectoryNumber,
    mac: Option<MacAddress>,
) -> Result<AtPeer, PeerFault> {
    let escaped: String = number.as_str().bytes().map(|octet| format!("%{octet:02X}")).collect();
    let body = get(client, place, token, &format!("/api/v1/lines?limit=100&number={escaped}")).await?;
    let mut lines: Lines = serde_json::from_slice(&body).map_err(|_| PeerFault::Unreadable)?;
    lines.items.retain(|line| line.number == number.as_str() && line.may_be_on(mac));
    let is_registered = lines.items.iter().any(|line| line.is_registered);
    Ok(match lines.items.is_empty() {
        true => AtPeer::NoLine,
        false if !is_registered => AtPeer::NotRegistered,
        false => AtPeer::Registered(lines.items.into_iter().flat_map(|line| line.registered_from).collect()),
    })
}

/// Whether the place answers to the token.
pub(super) async fn knock(client: &TlsClient, place: &Place, token: &Secret) -> Result<(), PeerFault> {
    get(client, place, token, "/api/v1/lines?limit=1").await.map(drop)
}

async fn get(client: &TlsClient, place: &Place, token: &Secret, path: &str) -> Result<Bytes, PeerFault> {
    let deadline = Instant::now() + PATIENCE;
    let asked = async {
        let stream = match &place.host {
            Host::Name(name) => TcpStream::connect((name.as_str(), place.port)).await,
            Host::V4(ip) => TcpStream::connect((*ip, place.port)).await,
            Host::V6(ip) => TcpStream::connect((*ip, place.port)).await,
        };
        let stream = stream.map_err(unreachable)?;
        match place.is_secure {
            true => {
                let secured = client.connect(stream, &place.host, deadline).await.map_err(unreachable)?;
                exchange(secured, place, token, path).await
            }
            false => exchange(stream, place, token, path).await,
        }
    };
    match timeout_at(deadline, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(PeerFault::Unreachable(format!("not within {} seconds", PATIENCE.as_secs()))),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    place: &Place,
    token: &Secret,
    path: &str,
) -> Result<Bytes, PeerFault> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let request = Request::get(format!("{}{path}", place.path))
        .header("Host", format!("{}:{}", place.host, place.port))
        .header("Accept", "application/json")
        .header("Authorization", format!("Bearer {}", token.expose_secret()))
        .body(Empty::<Bytes>::new())
        .map_err(unreachable)?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(unreachable)?;
        match answer.status().as_u16() {
            200 => {}
            status @ (401 | 403) => return Err(PeerFault::Refused(status)),
            status => return Err(PeerFault::Unreachable(format!("status {status}"))),
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|_| PeerFault::Unreadable)?;
        Ok(body.to_bytes())
    };
    tokio::pin!(connection, answered);
    tokio::select! {
        answer = &mut answered => answer,
        ended = &mut connection => match ended {
            // What it answered before it ended is read to its end.
            Ok(()) => answered.await,
            Err(error) => Err(unreachable(error)),
        },
    }
}

fn unreachable(error: impl std::fmt::Display) -> PeerFault {
    PeerFault::Unreachable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_url_without_secrets() {
        let shown = |place: Place| format!("{} {} {} {}", place.is_secure, place.host, place.port, place.path);
        let read = |text: &str| text.parse::<Place>().ok().map(shown);
        for (text, wanted) in [
            ("http://192.0.2.1:8080", "false 192.0.2.1 8080 "),
            ("https://osaka.example.com/tsunagu/", "true osaka.example.com 443 /tsunagu"),
            ("http://[2001:db8::1]:80/", "false [2001:db8::1] 80 "),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted));
        }
        for text in ["", "192.0.2.1:8080", "ftp://a", "http://", "http://a:b@c", "http://a?b", "http://a b"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
