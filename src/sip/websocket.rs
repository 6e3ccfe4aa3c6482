//! SIP over WebSocket (RFC 6455, RFC 7118): the handshake, messages, pings. The only file that knows the WebSocket crate.
//!
//! A browser sends whatever page it shows to whatever server the page names, so its Origin has to be one that is let in.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::connection::{Link, PATIENCE};
use super::driver::Event;
use super::flow::Flow;
use super::message::{LARGEST, parse_datagram};

/// The subprotocol (RFC 7118 section 4).
const SIP: &str = "sip";

/// Serves a connection: the upgrade, then messages until either side ends it. `origins` are the pages that are let in
/// (`*`: all of them).
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, origins: &[String], link: Link) {
    let deadline = link.opening;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST))
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * LARGEST);
    #[allow(clippy::result_large_err)] // The crate's own type.
    let check = |request: &Request, answer: Response| check(request, answer, origins, link.flow);
    let accepting = accept_hdr_async_with_config(stream, check, Some(limits));
    match timeout_at(deadline, accepting).await {
        Ok(Ok(socket)) => converse(socket, link, deadline).await,
        Ok(Err(_)) | Err(_) => link.fail().await,
    }
}

#[allow(clippy::result_large_err)] // The crate's own type.
fn check(request: &Request, mut answer: Response, origins: &[String], flow: Flow) -> Result<Response, ErrorResponse> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(origin) = request.headers().get("Origin") {
        let origin = origin.to_str().unwrap_or_default();
        if !origins.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(origin)) {
            let origin: String = origin.chars().take(256).collect();
            tracing::info!(peer = %flow.peer, origin, "a WebSocket of a page that listen.sip_ws_origins does not name");
            return Err(refusal(StatusCode::FORBIDDEN, "This page may not connect"));
        }
    }
    let mut offered = header("Sec-WebSocket-Protocol").unwrap_or_default().split(',').map(str::trim);
    if !offered.any(|offered| offered.eq_ignore_ascii_case(SIP)) {
        return Err(refusal(StatusCode::BAD_REQUEST, "Only the subprotocol sip is spoken here (RFC 7118)"));
    }
    answer.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(SIP));
    Ok(answer)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(Some(why.to_owned()));
    *refusal.status_mut() = status;
    refusal
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, mut link: Link, opening: Instant) {
    let mut heard = Instant::now();
    // When a message came last, or where somebody has registered or called anything at all: pings alone keep no connection.
    let mut spoken = None;
    let mut asked = false;
    let is_well = loop {
        let silence = link.deadlines.websocket;
        let silent = heard + if asked { silence } else { silence * 2 / 5 };
        let quiet = spoken.map_or(opening, |spoken| spoken + link.idle());
        tokio::select! {
            octets = link.outgoing.recv() => {
                let Some(octets) = octets else { break true };
                if !send(&mut socket, message(octets)).await {
                    break false;
                }
            }
            frame = socket.next() => {
                (heard, asked) = (Instant::now(), false);
                if spoken.is_some() && link.is_lasting.load(Ordering::Relaxed) {
                    spoken = Some(heard);
                }
                let octets = match frame {
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Binary(octets))) => octets,
                    // The crate answers pings itself.
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Ok(Message::Close(_))) | None | Some(Err(Error::ConnectionClosed)) => break true,
                    Some(Err(_)) => break false,
                };
                let event = match event(link.flow, &octets) {
                    Some(event) => event,
                    None => continue,
                };
                if matches!(event, Event::Message(..)) {
                    spoken = Some(heard);
                }
                link.keep_pace().await;
                if link.events.send(event).await.is_err() {
                    return;
                }
            }
            () = sleep_until(silent.min(quiet)) => {
                if quiet <= Instant::now() || asked {
                    break true;
                }
                asked = true;
                if !send(&mut socket, Message::Ping(Bytes::new())).await {
                    break false;
                }
            }
        }
    };
    let Link { flow, mut outgoing, events, .. } = link;
    let _ = events.send(Event::Ended(flow)).await;
    if is_well {
        // What was still to be said is said.
        while let Some(octets) = outgoing.recv().await {
            if !send(&mut socket, message(octets)).await {
                break;
            }
        }
        let _ = timeout(PATIENCE, socket.close(None)).await;
    }
    drop(outgoing);
    let _ = events.send(if is_well { Event::Closed(flow) } else { Event::Failed(flow) }).await;
}

/// Each message is one SIP message (RFC 7118 section 5), or a keep-alive. Nothing for the answer to one of ours.
fn event(flow: Flow, octets: &[u8]) -> Option<Event> {
    match octets {
        b"\r\n\r\n" => Some(Event::Ping(flow)),
        b"\r\n" | b"" => None,
        octets => Some(match parse_datagram(octets) {
            Ok(message) => Event::Message(flow, message),
            Err(malformed) => Event::Malformed(flow, malformed),
        }),
    }
}

/// Text where it is text: browsers read that more easily.
fn message(octets: Bytes) -> Message {
    match octets.clone().try_into() {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(octets),
    }
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, message: Message) -> bool {
    matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(())))
}
