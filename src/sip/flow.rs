//! Where a message came from and how an answer gets back there.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::message::{Host, SipUri};

/// The transport protocols spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams: unreliable, so transactions retransmit.
    #[default]
    Udp,
    /// A connection: reliable.
    Tcp,
    /// A connection within TLS.
    Tls,
    /// Messages of a WebSocket (RFC 7118).
    Ws,
    /// Messages of a WebSocket within TLS.
    Wss,
}

impl Transport {
    /// True where the transport itself delivers (RFC 3261 section 17).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// True where nobody on the way can listen or change anything.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// The token of a Via header.
    pub fn as_via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Its name; a `transport` URI parameter, too, but for [`Self::Wss`] (see [`Self::as_uri_param`]).
    pub fn as_param(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// The token of a `transport` URI parameter: `ws` for both kinds of WebSocket (RFC 7118 section 5.4).
    pub fn as_uri_param(self) -> &'static str {
        if self == Self::Wss { "ws" } else { self.as_param() }
    }

    /// Reads a name or a `transport` parameter; a transport that is not spoken is none.
    pub fn from_param(text: &str) -> Option<Self> {
        let all = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];
        all.into_iter().find(|transport| transport.as_param().eq_ignore_ascii_case(text))
    }

    /// The port where none is written (RFC 3261 section 19.1.2, RFC 7118 section 5.5).
    pub fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
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

impl Flow {
    /// A URI by which the peer reaches `user` here, over this transport; a `sips:` one if all of the way has to be secure
    /// (RFC 3261 section 8.1.1.8), which tells the transport already.
    pub fn own_uri(&self, user: Option<&str>, secure: bool) -> SipUri {
        let mut uri = SipUri::new(user, Host::from(self.local.ip()), Some(self.local.port()));
        uri.secure = secure;
        if !(secure && self.transport == Transport::Tls) {
            uri.params.set("transport", Some(self.transport.as_uri_param().to_owned()));
        }
        uri
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport, self.peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_read_back_by_its_name_and_told_in_a_uri_as_its_rfc_says() {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        let flow = |transport| Flow {
            transport,
            local: "[2001:db8::1]:5061".parse().unwrap(),
            peer: "[2001:db8::2]:40000".parse().unwrap(),
        };
        let told = all.map(|transport| flow(transport).own_uri(Some("2000"), transport.is_secure()).to_string());
        assert_eq!(
            told,
            [
                "sip:2000@[2001:db8::1]:5061;transport=udp",
                "sip:2000@[2001:db8::1]:5061;transport=tcp",
                "sips:2000@[2001:db8::1]:5061",
                "sip:2000@[2001:db8::1]:5061;transport=ws",
                "sips:2000@[2001:db8::1]:5061;transport=ws",
            ]
        );
        assert!(all.iter().all(|transport| Transport::from_param(transport.as_via()) == Some(*transport)));
    }
}
