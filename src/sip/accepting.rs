//! From a TCP connection to what is spoken over it: what stands between, TLS and the upgrade to a WebSocket, and then SIP.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection::{self, Link, PATIENCE};
use super::driver::Event;
use super::flow::Transport;
use super::message::Host;
use super::tls::{PeerCertificate, Secured, Tls};
use super::tls_client::{Opened, TlsClient};
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

/// Connects where there is no connection yet: by TCP, or within TLS to a server of `domain`. Where no domain is known nothing
/// is opened within TLS, and never a WebSocket: a phone that speaks those opens its connection itself, and nobody listens at its end.
pub(super) async fn reach(link: Link, domain: Option<Host>, client: TlsClient) {
    let flow = link.flow;
    let connected = match (flow.transport, domain) {
        (Transport::Tcp, _) => tcp::connect(&link).await.map(Connected::Plain),
        (Transport::Tls, Some(domain)) => secured(&link, &domain, &client).await.map(Connected::Secured),
        _ => Err(std::io::Error::other("its own connection has gone, and nobody listens at its end")),
    };
    match connected {
        Ok(Connected::Plain(stream)) => tcp::serve(stream, link).await,
        Ok(Connected::Secured(stream)) => {
            if let Some(certificate) = PeerCertificate::of_server(&stream) {
                let _ = link.events.send(Event::Proven(flow, certificate)).await;
            }
            let (reading, writing) = tokio::io::split(*stream);
            connection::serve(reading, writing, link).await;
        }
        Err(error) => {
            metrics::counter!("sip_connects_failed_total").increment(1);
            tracing::info!(%flow, %error, "no connection to a peer");
            link.fail().await;
        }
    }
}

enum Connected {
    Plain(TcpStream),
    Secured(Box<Opened>),
}

async fn secured(link: &Link, domain: &Host, client: &TlsClient) -> std::io::Result<Box<Opened>> {
    let stream = tcp::connect(link).await?;
    client.connect(stream, domain, Instant::now() + PATIENCE).await.map(Box::new)
}

async fn secure(stream: TcpStream, link: Link, identity: Option<Tls>) -> Option<(Secured, Link)> {
    let shaken = match identity {
        Some(identity) => identity.accept(stream, link.opening).await,
        None => Err((std::io::Error::other("there is no certificate"), None)),
    };
    match shaken {
        Ok(stream) => {
            if let Some(certificate) = PeerCertificate::of(&stream) {
                let _ = link.events.send(Event::Proven(link.flow, certificate)).await;
            }
            Some((stream, link))
        }
        Err((error, refusal)) => {
            metrics::counter!("sip_tls_failures_total").increment(1);
            tracing::info!(peer = %link.flow.peer, %error, "no TLS with a peer");
            if let Some(refusal) = refusal {
                let _ = link.events.send(Event::Refused(link.flow, refusal)).await;
            }
            link.fail().await;
            None
        }
    }
}
