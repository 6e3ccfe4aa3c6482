//! RFC 4475 over real sockets: every message, over UDP, TCP, TLS and WebSocket (plain and within TLS), to the running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "transports/authority.rs"]
mod authority;
#[path = "torture/script.rs"]
mod script;
#[path = "torture/table.rs"]
mod table;
#[path = "torture/wire.rs"]
mod wire;

use std::net::{Ipv4Addr, SocketAddr};

use tsunagu::app::{Config, start};
use tsunagu::sip::Transport;

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_answered_as_its_section_asks() {
    let folder = tempfile::tempdir().unwrap();
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config = Config::default();
    config.listen.sip_udp = vec![any_port];
    config.listen.sip_tcp = vec![any_port];
    (config.listen.sip_tls, config.listen.sip_ws) = (vec![any_port], vec![any_port]);
    config.listen.sip_wss = vec![any_port];
    let authority = authority::Authority::new("torture");
    authority.issue("server").write(folder.path());
    (config.tls.certificate, config.tls.key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    // Each message has a connection of its own.
    config.limits.connections_per_address = 1000;
    (config.listen.handset, config.listen.admin) = (any_port, any_port);
    let server = start(config, folder.path()).await.unwrap();
    let address = |transport| server.sip.iter().find(|(kind, _)| *kind == transport).unwrap().1;
    let places = wire::Places {
        udp: address(Transport::Udp),
        tcp: address(Transport::Tcp),
        tls: address(Transport::Tls),
        ws: address(Transport::Ws),
        wss: address(Transport::Wss),
        client: authority.client(),
    };
    let faults = tokio::task::spawn_blocking(move || wire::faults(&places)).await.unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
    server.drain().await;
}
