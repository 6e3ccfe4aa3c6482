//! Via (RFC 3261 section 20.42, RFC 3581).

use std::fmt;
use std::str::FromStr;

use super::fault::Fault;
use super::method::is_token;
use super::params::Params;
use super::uri::{Host, host_and_port};

/// One hop a request took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Via {
    /// The transport's token, as written.
    pub transport: String,
    /// Who sent it, by their own account.
    pub host: Host,
    /// Their port, if written.
    pub port: Option<u16>,
    /// Branch, received, rport …
    pub params: Params,
}

impl Via {
    /// The transaction's name.
    pub fn branch(&self) -> Option<&str> {
        self.params.get("branch")
    }

    /// The address it was received from.
    pub fn received(&self) -> Option<&str> {
        self.params.get("received")
    }

    /// RFC 3581: `None` if not there, `Some(None)` if asked for, `Some(Some(port))` if filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(|port| port.parse().ok())
    }
}

impl FromStr for Via {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = Fault::Bad("Via");
        let (head, params) = text.find(';').map_or((text, ""), |at| text.split_at(at));
        let mut pieces = head.splitn(3, '/');
        let (name, version) = (pieces.next().unwrap_or(""), pieces.next().unwrap_or(""));
        let rest = pieces.next().ok_or(bad.clone())?.trim();
        if !name.trim().eq_ignore_ascii_case("SIP") || version.trim() != "2.0" {
            return Err(bad);
        }
        let (transport, sent_by) = rest.split_once(char::is_whitespace).ok_or(bad.clone())?;
        if !is_token(transport) {
            return Err(bad);
        }
        let (host, port) = host_and_port(sent_by).map_err(|_| bad.clone())?;
        Ok(Self {
            transport: transport.to_owned(),
            host,
            port,
            params: Params::of_header(params).filter(|params| !params.repeat_any()).ok_or(bad)?,
        })
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}
