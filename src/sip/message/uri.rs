//! URIs (RFC 3261 section 19.1).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::fault::Fault;
use super::params::Params;

/// The host of a URI or a Via.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// A domain name, lower-case.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; written in brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// The address, if it is one.
    pub fn ip(&self) -> Option<std::net::IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(ip) => Some((*ip).into()),
            Self::V6(ip) => Some((*ip).into()),
        }
    }
}

impl From<std::net::IpAddr> for Host {
    fn from(ip: std::net::IpAddr) -> Self {
        match ip {
            std::net::IpAddr::V4(ip) => Self::V4(ip),
            std::net::IpAddr::V6(ip) => Self::V6(ip),
        }
    }
}

impl FromStr for Host {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(Fault::Bad("host"))?;
            return inner.parse().map(Self::V6).map_err(|_| Fault::Bad("host"));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Self::V4(ip));
        }
        let is_name_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
        if text.is_empty() || text.len() > 255 || !text.bytes().all(is_name_octet) {
            return Err(Fault::Bad("host"));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(ip) => fmt::Display::fmt(ip, f),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// Reads `host[:port]`, with white space allowed around the colon.
pub(super) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), Fault> {
    let text = text.trim();
    let port_at = match text.rfind(']') {
        Some(end) => text.get(end..).and_then(|tail| tail.find(':')).map(|index| index + end),
        None => text.find(':'),
    };
    let Some((host, port)) = port_at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) else {
        return Ok((text.parse()?, None));
    };
    let port = port.trim();
    if !port.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Fault::Bad("port"));
    }
    Ok((host.trim().parse()?, Some(port.parse().map_err(|_| Fault::Bad("port"))?)))
}

/// A `sip:` or `sips:` URI.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SipUri {
    /// True for `sips:`.
    pub secure: bool,
    /// The user information as written, with any password, escapes as they are.
    pub user: Option<String>,
    /// The host.
    pub host: Host,
    /// The port, if written.
    pub port: Option<u16>,
    /// The parameters.
    pub params: Params,
    /// What follows `?`, as written.
    pub headers: String,
}

impl SipUri {
    /// A plain `sip:user@host:port`.
    pub fn new(user: Option<&str>, host: Host, port: Option<u16>) -> Self {
        Self {
            secure: false,
            user: user.map(str::to_owned),
            host,
            port,
            params: Params::default(),
            headers: String::new(),
        }
    }

    /// The user part with its escapes undone, once. Bytes that are not UTF-8 are replaced.
    pub fn user_unescaped(&self) -> Option<String> {
        let user = self.user.as_deref()?;
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        Some(unescape(user))
    }

    /// RFC 3261 section 19.1.4: the same resource, by its comparison rules.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        let same_user = match (&self.user, &other.user) {
            (Some(one), Some(two)) => one == two || unescape(one) == unescape(two),
            (None, None) => true,
            _ => false,
        };
        same_user
            && self.secure == other.secure
            && self.host == other.host
            && self.port == other.port
            && self.headers == other.headers
            && agrees(&self.params, &other.params)
            && agrees(&other.params, &self.params)
    }
}

/// A parameter in both must be equal; one in only one is overlooked unless it is one of those that always count.
fn agrees(params: &Params, others: &Params) -> bool {
    params.iter().all(|(name, value)| match others.get(name) {
        Some(other) => value.unwrap_or("").eq_ignore_ascii_case(other),
        None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|must| name.eq_ignore_ascii_case(must)),
    })
}

/// Undoes escapes, once. Bytes that are not UTF-8 are replaced.
pub fn unescape(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, tail)) = rest.split_first() {
        let escaped = match (octet, tail) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (octet, tail) = escaped.unwrap_or((octet, tail));
        octets.push(octet);
        rest = tail;
    }
    String::from_utf8_lossy(&octets).into_owned()
}

impl FromStr for SipUri {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match text.parse()? {
            RequestUri::Sip(uri) => Ok(uri),
            RequestUri::Tel(_) | RequestUri::Other { .. } => Err(Fault::Bad("URI scheme")),
        }
    }
}

fn sip_uri(secure: bool, rest: &str) -> Result<SipUri, Fault> {
    let (user, rest) = match rest.split_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.is_empty() || user.starts_with(':')) {
        return Err(Fault::Bad("URI user"));
    }
    let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
    let (address, params) = rest.split_once(';').unwrap_or((rest, ""));
    if address.contains(char::is_whitespace) {
        return Err(Fault::Bad("URI"));
    }
    let (host, port) = host_and_port(address)?;
    let params = Params::of_uri(params).ok_or(Fault::Bad("URI parameter"))?;
    Ok(SipUri { secure, user: user.map(str::to_owned), host, port, params, headers: headers.to_owned() })
}

impl fmt::Display for SipUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.secure { "sips:" } else { "sip:" })?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        write!(f, "{}", self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)?;
        if !self.headers.is_empty() {
            write!(f, "?{}", self.headers)?;
        }
        Ok(())
    }
}

/// A URI as a request line or a header may hold it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RequestUri {
    /// `sip:` or `sips:`.
    Sip(SipUri),
    /// `tel:` (RFC 3966): what follows the colon.
    Tel(String),
    /// Another scheme, kept as written.
    Other {
        /// Lower-case.
        scheme: String,
        /// All of it.
        text: String,
    },
}

impl RequestUri {
    /// The SIP URI, if it is one.
    pub fn sip(&self) -> Option<&SipUri> {
        match self {
            Self::Sip(uri) => Some(uri),
            Self::Tel(_) | Self::Other { .. } => None,
        }
    }

    /// What names the user or number asked for, escapes undone.
    pub fn user(&self) -> Option<String> {
        match self {
            Self::Sip(uri) => uri.user_unescaped(),
            Self::Tel(number) => Some(number.split(';').next().unwrap_or(number).to_owned()),
            Self::Other { .. } => None,
        }
    }
}

impl FromStr for RequestUri {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once(':').ok_or(Fault::Bad("URI"))?;
        let is_scheme_octet = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.bytes().all(is_scheme_octet);
        let is_forbidden = |c: char| c.is_control() || matches!(c, '<' | '>' | '"');
        if !is_scheme || rest.is_empty() || rest.contains(is_forbidden) {
            return Err(Fault::Bad("URI"));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => sip_uri(false, rest).map(Self::Sip),
            "sips" => sip_uri(true, rest).map(Self::Sip),
            "tel" => Ok(Self::Tel(rest.to_owned())),
            scheme => Ok(Self::Other { scheme: scheme.to_owned(), text: text.to_owned() }),
        }
    }
}

impl From<SipUri> for RequestUri {
    fn from(uri: SipUri) -> Self {
        Self::Sip(uri)
    }
}

impl fmt::Display for RequestUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sip(uri) => fmt::Display::fmt(uri, f),
            Self::Tel(number) => write!(f, "tel:{number}"),
            Self::Other { text, .. } => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_uris_are_read_and_written_back_as_they_were() {
        for text in [
            "sip:1001@127.0.0.1",
            "sips:1001@example.com:5061;transport=tls",
            "sip:user;par=u%40example.net@example.com",
            "sip:[2001:db8::1]:5060;lr",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
            "sip:alice@example.com;maddr=192.0.2.1?subject=a&priority=b",
            "tel:+81-3-1234-5678;ext=1",
            "soap.beep://192.0.2.103:3002",
        ] {
            assert_eq!(text.parse::<RequestUri>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_uri_is_refused() {
        for text in ["", "sip:", "sip:@example.com", "sip:a@", "sip:a@b c", "sip:a@[::1", "sip:a@b:99999", "<sip:a@b>"]
        {
            assert!(text.parse::<RequestUri>().is_err(), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_once() {
        let uri: SipUri = "sip:sips%3Auser%2540@example.net".parse().unwrap();
        assert_eq!(uri.user_unescaped().unwrap(), "sips:user%40");
    }

    #[test]
    fn equivalence_follows_section_19_1_4() {
        let same = |one: &str, two: &str| one.parse::<SipUri>().unwrap().is_equivalent(&two.parse().unwrap());
        assert!(same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"));
        assert!(same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
        assert!(!same("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"));
        assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"));
        assert!(!same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"));
        assert!(!same("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;newparam=6"));
    }
}
