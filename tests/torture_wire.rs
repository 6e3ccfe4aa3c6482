//! RFC 4475 over real sockets: every message, over UDP and over TCP, to the running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

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
    (config.listen.handset, config.listen.admin) = (any_port, any_port);
    let server = start(config, folder.path()).await.unwrap();
    let address = |transport| server.sip.iter().find(|(kind, _)| *kind == transport).unwrap().1;
    let (udp, tcp) = (address(Transport::Udp), address(Transport::Tcp));
    let faults = tokio::task::spawn_blocking(move || wire::faults(udp, tcp)).await.unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
    server.drain().await;
}
