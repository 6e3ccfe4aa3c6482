//! Where a message came from and how an answer gets back there.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The transport protocols spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: unreliable, so transactions retransmit.
    #[default]
    Udp,
    /// A connection: reliable.
    Tcp,
}

impl Transport {
    /// True where the transport itself delivers (RFC 3261 section 17).
    pub fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp)
    }

    /// The token of a Via header.
    pub fn as_via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }

    /// The token of a `transport` URI parameter.
    pub fn as_param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }

    /// Reads a `transport` parameter; a transport that is not spoken is none.
    pub fn from_param(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "udp" => Some(Self::Udp),
            "tcp" => Some(Self::Tcp),
            _ => None,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_via())
    }
}

/// A path between this server and one peer: the socket or connection a message came over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    /// The protocol.
    pub transport: Transport,
    /// Our address on this path; what a Via or Contact of ours names.
    pub local: SocketAddr,
    /// The peer's address as seen from here (after any NAT).
    pub peer: SocketAddr,
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.peer)
    }
}
