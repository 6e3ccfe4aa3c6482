//! Connections that are used for the address their peer gives (RFC 5923).

use std::net::SocketAddr;

use tokio::sync::mpsc;
use tsunagu::sip::message::{Method, Request};
use tsunagu::sip::{
    ClientCertificates, Endpoint, EndpointConfig, Incoming, IncomingKind, SipError, Tls, TlsFiles, Transport,
};

use crate::authority::Authority;
use crate::link::Link;
use crate::registrant::{Registrant, status};

/// An endpoint that answers every request with 200 and asks peers for certificates.
async fn endpoint(authority: &Authority, folder: &std::path::Path) -> Endpoint {
    authority.issue("server").write(folder);
    std::fs::write(folder.join("authority.pem"), authority.pem()).unwrap();
    let files = TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
        client_certificates: ClientCertificates::Optional,
        client_authorities: Some(folder.join("authority.pem")),
    };
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let (requests, mut incoming) = mpsc::channel::<Incoming>(16);
    let config = EndpointConfig {
        tcp: vec![any],
        tls: vec![any],
        identity: Some(Tls::open(files).unwrap()),
        transactions: 100,
        connections: 100,
        connections_per_address: 100,
        ..EndpointConfig::default()
    };
    let endpoint = Endpoint::start(config, requests).await.unwrap();
    tokio::spawn(async move {
        while let Some(Incoming { kind, .. }) = incoming.recv().await {
            if let IncomingKind::Request(request, mut responder) = kind {
                responder.respond(request.respond(200)).await;
            }
        }
    });
    endpoint
}

/// What comes of a request of the endpoint's to this address.
async fn ask(endpoint: &Endpoint, transport: Transport, peer: SocketAddr) -> Result<u16, SipError> {
    let mut request = Request::new(Method::Options, format!("sip:{peer}").parse().unwrap());
    for (name, value) in
        [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("CSeq", "1 OPTIONS"), ("Max-Forwards", "70")]
    {
        request.headers.set(name, value);
    }
    request.headers.set("Call-ID", &peer.to_string());
    let mut exchange = endpoint.send(request, endpoint.flow_to(transport, peer)?).await?;
    Ok(exchange.answer().await?.status)
}

/// Whether the endpoint uses `link` for the address that a Via with `sent_by` and `alias` gives.
async fn is_used(endpoint: &Endpoint, link: Link, sent_by: &str, listening: SocketAddr) -> bool {
    let transport = Transport::from_param(link.transport).unwrap();
    let mut peer = Registrant::new(link, "peer");
    peer.sent_by = format!("{sent_by};alias");
    let peer = tokio::task::spawn_blocking(move || {
        assert_eq!(status(&peer.ask("OPTIONS", "")), 200);
        peer
    });
    let mut peer = peer.await.unwrap();
    let serving = tokio::task::spawn_blocking(move || {
        let request = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| peer.serve()));
        (request.is_ok(), peer)
    });
    let asked = ask(endpoint, transport, listening).await;
    if asked.is_err() {
        // Ends the wait of the peer.
        serving.abort();
        return false;
    }
    assert_eq!(asked.unwrap(), 200);
    serving.await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_for_the_address_its_peer_gives_where_that_is_shown_to_be_its_own() {
    let (authority, folder) = (Authority::new("alias"), tempfile::tempdir().unwrap());
    let endpoint = endpoint(&authority, folder.path()).await;
    let at = |kind: Transport| endpoint.bound().iter().find(|(transport, _)| *transport == kind).unwrap().1;
    let (tcp, tls) = (at(Transport::Tcp), at(Transport::Tls));
    // Nobody listens there: what arrives has come over the connection.
    let listening = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let link = Link::tcp(tcp);
    assert!(!is_used(&endpoint, link, "127.0.0.1:9", listening(9)).await, "an address others may have too");
    let own = authority.issue("edge.example.com");
    let link = Link::tls(tls, &authority, Some(&own)).unwrap();
    assert!(is_used(&endpoint, link, "edge.example.com:29", listening(29)).await);
    let link = Link::tls(tls, &authority, Some(&own)).unwrap();
    assert!(!is_used(&endpoint, link, "other.example.com:39", listening(39)).await, "another's name");
    let link = Link::tls(tls, &authority, None).unwrap();
    assert!(!is_used(&endpoint, link, "edge.example.com:49", listening(49)).await, "a name without a certificate");
}
