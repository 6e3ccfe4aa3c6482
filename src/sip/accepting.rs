//! From a TCP connection to what is spoken over it: what stands between, TLS and the upgrade to a WebSocket, and then SIP.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::connection::{self, Link};
use super::endpoint::Event;
use super::flow::Transport;
use super::tls::{PeerCertificate, Secured, Tls};
use super::{tcp, websocket};

/// What those who connect pass through.
#[derive(Clone)]
pub(super) struct Gate {
    /// The identity shown within TLS.
    pub identity: Option<Tls>,
    /// Origins of pages whose WebSockets are taken.
    pub origins: Arc<[String]>,
}

/// Serves a connection a peer has opened, as its flow says.
pub(super) async fn serve(stream: TcpStream, link: Link, gate: Gate) {
    tcp::tune(&stream);
    match link.flow.transport {
        Transport::Tcp => tcp::serve(stream, link).await,
        Transport::Ws => websocket::serve(stream, &gate.origins, link).await,
        Transport::Tls => {
            if let Some((stream, link)) = secure(stream, link, gate.identity).await {
                let (reading, writing) = tokio::io::split(stream);
                connection::serve(reading, writing, link).await;
            }
        }
        Transport::Wss => {
            if let Some((stream, link)) = secure(stream, link, gate.identity).await {
                websocket::serve(stream, &gate.origins, link).await;
            }
        }
        Transport::Udp => link.fail().await,
    }
}

/// Connects where there is no connection yet. Only TCP is opened from here: a phone that speaks TLS or WebSocket opens its
/// connection itself, and nobody listens at its end.
pub(super) async fn reach(link: Link) {
    match link.flow.transport {
        Transport::Tcp => match tcp::connect(&link).await {
            Ok(stream) => {
                tcp::tune(&stream);
                tcp::serve(stream, link).await;
            }
            Err(_) => link.fail().await,
        },
        Transport::Udp | Transport::Tls | Transport::Ws | Transport::Wss => link.fail().await,
    }
}

async fn secure(stream: TcpStream, link: Link, identity: Option<Tls>) -> Option<(Secured, Link)> {
    let shaken = match identity {
        Some(identity) => identity.accept(stream, link.opened.deadline()).await,
        None => Err(std::io::Error::other("there is no certificate")),
    };
    match shaken {
        Ok(stream) => {
            if let Some(certificate) = PeerCertificate::of(&stream) {
                let _ = link.events.send(Event::Proven(link.flow, certificate)).await;
            }
            Some((stream, link))
        }
        Err(error) => {
            metrics::counter!("sip_tls_failures_total").increment(1);
            tracing::info!(peer = %link.flow.peer, %error, "no TLS with a peer");
            link.fail().await;
            None
        }
    }
}
