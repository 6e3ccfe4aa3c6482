//! RFC 4475 over real sockets: every message, over UDP and over TCP, to a running endpoint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "torture/script.rs"]
mod script;
#[path = "torture/table.rs"]
mod table;
#[path = "torture/wire.rs"]
mod wire;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::mpsc;
use tsunagu::sip::digest::{Algorithm, Challenge};
use tsunagu::sip::message::{Method, Request, Response, Understood, check_request};
use tsunagu::sip::{Endpoint, EndpointConfig, Incoming, IncomingKind, Transport};

const UNDERSTOOD: Understood<'_> = Understood {
    methods: &[Method::Register, Method::Invite, Method::Ack, Method::Bye, Method::Cancel, Method::Options],
    extensions: &[],
    session_bodies: &["application/sdp"],
};

/// The least a server says: refuses by form, asks who registers, knows nobody.
fn answer(request: &Request) -> Response {
    match (check_request(request, &UNDERSTOOD), &request.method) {
        (Err(refusal), _) => refusal,
        (Ok(()), Method::Register) => {
            let challenge = Challenge {
                realm: "tsunagu".to_owned(),
                nonce: "n".to_owned(),
                algorithm: Algorithm::Md5,
                stale: false,
            };
            request.respond(401).with_header("WWW-Authenticate", &challenge.to_string())
        }
        (Ok(()), _) => request.respond(404),
    }
    .with_to_tag("torture")
}

async fn serve(mut incoming: mpsc::Receiver<Incoming>) {
    while let Some(one) = incoming.recv().await {
        if let IncomingKind::Request(request, mut responder) = one.kind {
            responder.respond(answer(&request)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_answered_as_its_section_asks() {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = EndpointConfig {
        udp: vec![any_port],
        tcp: vec![any_port],
        advertised: None,
        transactions: 10_000,
        connections: 1_000,
        connections_per_address: 1_000,
    };
    let (sender, receiver) = mpsc::channel(1024);
    let endpoint = Endpoint::start(config, sender).await.unwrap();
    tokio::spawn(serve(receiver));
    let address = |transport| endpoint.bound().iter().find(|(kind, _)| *kind == transport).unwrap().1;
    let (udp, tcp) = (address(Transport::Udp), address(Transport::Tcp));
    let faults = tokio::task::spawn_blocking(move || wire::faults(udp, tcp)).await.unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}
