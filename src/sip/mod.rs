//! SIP: messages, transactions, dialogs, digest and the transports under them (RFC 3261, 3581, 6026, 7616, 8760).
//!
//! The core is sans-IO: [`message`] turns octets into messages and back, [`transaction`] turns messages and instants into
//! outputs, [`dialog`] keeps what two ends have agreed. Only [`endpoint`] and the transports under it own sockets and a clock.
//! This room knows no user, phone, call or prompt: the rooms above decide what a request means.

pub mod dialog;
pub mod digest;
pub mod driver;
mod endpoint;
pub mod flow;
pub mod message;
pub mod transaction;

mod accepting;
mod connection;
mod connections;
mod exchange;
mod flood;
mod flood_guard;
mod next_hop;
mod opening;
mod origin;
mod resolver;
mod responder;
mod sending;
mod stateless;
mod stun;
mod targets;
mod tcp;
mod tls;
mod tls_client;
mod tls_pinned;
mod tls_refusal;
mod troubles;
mod udp;
mod websocket;

pub use connection::Deadlines;
pub use endpoint::{Endpoint, EndpointConfig, Incoming, IncomingKind};
pub use exchange::Exchange;
pub use flood::{Flood, FloodScope, FloodSettings, Flooder};
pub use flow::{Flow, Transport};
pub use opening::{new_tag, opening_request};
pub use origin::{Edges, Origin};
pub use responder::Responder;
pub use sending::Target;
pub use stateless::Answerer;
pub use tls::{ClientCertificates, Tls, TlsFault, TlsFiles};
pub use tls_client::{TlsClient, TlsTrust};
pub use tls_pinned::{Pinned, connect_pinned};
pub use tls_refusal::CertificateRefusal;
pub use udp::address_towards;

/// What can go wrong between this server and the wire.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// A listening address could not be had.
    #[error("cannot listen for SIP on {transport} {address}: {source}; is another program using the port?")]
    Listen {
        /// Which one.
        transport: Transport,
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The endpoint has stopped.
    #[error("the SIP endpoint has stopped")]
    Stopped,
    /// No address to send to could be found in a URI.
    #[error("cannot find where to send: {0}")]
    Unresolvable(String),
    /// The other side did not answer in time (RFC 3261 timers B and F).
    #[error("no answer from {0} within the time RFC 3261 gives")]
    Timeout(std::net::SocketAddr),
    /// A message could not be sent.
    #[error("could not send to {0}")]
    Transport(std::net::SocketAddr),
    /// A message of the other side lacks what the answer needs.
    #[error("unusable message: {0}")]
    Unusable(String),
}
