//! SIP over every transport, as seen from outside: TLS and its certificates, WebSocket, IPv6, keep-alives, which way answers
//! go, connections that are named or that only stand about; what a registration over them carries (Path, Outbound, GRUU) or
//! is followed by; and what the server sends to others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "transports/alias.rs"]
mod alias;
#[path = "transports/answers.rs"]
mod answers;
#[path = "transports/authority.rs"]
mod authority;
#[path = "transports/capabilities.rs"]
mod capabilities;
#[path = "transports/dns.rs"]
mod dns;
#[path = "transports/elsewhere.rs"]
mod elsewhere;
#[path = "transports/gruu.rs"]
mod gruu;
#[path = "transports/idle.rs"]
mod idle;
#[path = "transports/ipv6.rs"]
mod ipv6;
#[path = "transports/keep_alive.rs"]
mod keep_alive;
#[path = "transports/link.rs"]
mod link;
#[path = "transports/outbound.rs"]
mod outbound;
#[path = "transports/peer.rs"]
mod peer;
#[path = "transports/refused.rs"]
mod refused;
#[path = "transports/registering.rs"]
mod registering;
#[path = "transports/registrant.rs"]
mod registrant;
#[path = "transports/subscriptions.rs"]
mod subscriptions;
mod support;
#[path = "transports/tls.rs"]
mod tls;
#[path = "transports/web_socket.rs"]
mod web_socket;

use std::net::SocketAddr;
use std::path::Path;

use link::Link;
use support::server::Server;

/// How long the server may take for anything.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// A server that listens on every transport, where, and with which certificate.
pub struct Place {
    /// The server.
    pub server: Server,
    /// Where it takes TLS.
    pub tls: SocketAddr,
    /// Where it takes WebSockets.
    pub ws: SocketAddr,
    /// Where it takes WebSockets within TLS.
    pub wss: SocketAddr,
    /// Who gave it its certificate.
    pub authority: authority::Authority,
    files: tempfile::TempDir,
}

impl Place {
    /// Starts it on `settings`, with these lines in its section of certificates.
    pub fn start(settings: &str, certificates: &str) -> Self {
        Self::start_at("127.0.0.1", "", settings, certificates)
    }

    /// The same on another address, with these lines in its section of where it listens.
    pub fn start_at(ip: &str, listen: &str, settings: &str, certificates: &str) -> Self {
        let authority = authority::Authority::new("transports");
        let files = tempfile::Builder::new().prefix("tsunagu-certificates-").tempdir().unwrap();
        authority.issue("server").write(files.path());
        std::fs::write(files.path().join("authority.pem"), authority.pem()).unwrap();
        let shown = files.path().display();
        let server = Server::start(&format!(
            "{settings}\n[listen]\n{listen}\nsip_tls = [\"{ip}:0\"]\nsip_ws = [\"{ip}:0\"]\nsip_wss = [\"{ip}:0\"]\n\
             sip_ws_origins = [\"https://phone.example.com\"]\n\
             [tls]\ncertificate = \"{shown}/server.pem\"\nkey = \"{shown}/server.key\"\n\
             client_authorities = \"{shown}/authority.pem\"\n{certificates}\n"
        ));
        let mut place = Self { server, tls: ANY, ws: ANY, wss: ANY, authority, files };
        (place.tls, place.ws, place.wss) =
            (place.server.sip_at("TLS"), place.server.sip_at("WS"), place.server.sip_at("WSS"));
        place
    }

    /// A connection of each kind there is.
    pub fn connections(&self) -> [Link; 4] {
        [
            Link::tcp(self.server.sip),
            Link::tls(self.tls, &self.authority, None).unwrap(),
            Link::ws(self.ws, Some("sip"), None).unwrap(),
            Link::wss(self.wss, &self.authority),
        ]
    }

    /// Where its certificates are.
    pub fn files(&self) -> &Path {
        self.files.path()
    }
}
