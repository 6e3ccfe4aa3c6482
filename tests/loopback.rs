//! The main job and its refusals over real sockets: the real program, driven by virtual phones that hear what is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "loopback/bare_call.rs"]
mod bare_call;
#[path = "loopback/caller.rs"]
mod caller;
#[path = "loopback/g729.rs"]
mod g729;
#[path = "loopback/languages.rs"]
mod languages;
#[path = "loopback/limits.rs"]
mod limits;
#[path = "loopback/main_job.rs"]
mod main_job;
#[path = "loopback/new_pin.rs"]
mod new_pin;
#[path = "loopback/not_back.rs"]
mod not_back;
#[path = "loopback/proof.rs"]
mod proof;
#[path = "loopback/records.rs"]
mod records;
#[path = "loopback/refusals.rs"]
mod refusals;
#[path = "loopback/resync.rs"]
mod resync;
#[path = "loopback/service.rs"]
mod service;
mod support;
#[path = "loopback/tones.rs"]
mod tones;

use caller::Place;
use support::ports::Ports;
use support::server::Server;

/// A server that speaks English, with these settings on top.
fn server(settings: &str) -> Server {
    Server::start(&format!("dialogue.languages = [\"en\"]\n{settings}"))
}

fn place(server: &Server) -> Place {
    Place { sip: server.sip, handset: server.handset }
}

/// A server whose SIP and phones' door are at `[::1]`.
fn server_on_ipv6() -> (Server, Place) {
    let ports = Ports::take();
    let at = |port| std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port));
    let place = Place { sip: at(ports.some(1)), handset: at(ports.some(1)) };
    let listen = format!(
        "listen.sip_udp = [\"{0}\"]\nlisten.sip_tcp = [\"{0}\"]\nlisten.handset = \"{1}\"\n",
        place.sip, place.handset
    );
    (server(&listen), place)
}
