//! The event packages phones may subscribe to, and what a SUBSCRIBE asks for (RFC 6665). Pure.

use crate::sip::message::{Request, Response};

/// The longest subscription, in seconds, and the shortest taken.
const LONGEST: u32 = 3600;
const SHORTEST: u32 = 60;
/// The longest identifier of a subscription (the `id` of its Event).
const IDENTIFIER: usize = 64;

/// What is told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Package {
    /// Where a number is registered (RFC 3680).
    Registrations,
    /// Whether messages wait (RFC 3842).
    Messages,
}

/// What a SUBSCRIBE asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Asked {
    pub package: Package,
    /// The Event header of its notifications.
    pub event: String,
    /// For how long, in seconds; 0 to be told once, or for the last time.
    pub seconds: u32,
}

impl Package {
    const ALL: [Self; 2] = [Self::Registrations, Self::Messages];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Registrations => "reg",
            Self::Messages => "message-summary",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Registrations => "application/reginfo+xml",
            Self::Messages => "application/simple-message-summary",
        }
    }
}

impl Asked {
    /// Reads a SUBSCRIBE, or refuses it.
    pub(super) fn read(request: &Request) -> Result<Self, Response> {
        let named = request.headers.get("Event").unwrap_or_default();
        let mut pieces = named.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        let Some(package) = Package::ALL.into_iter().find(|package| package.name() == name) else {
            let known = Package::ALL.map(Package::name).join(", ");
            return Err(request.respond(489).with_header("Allow-Events", &known));
        };
        let identifier = pieces.find_map(|piece| piece.strip_prefix("id=")).unwrap_or_default();
        if identifier.len() > IDENTIFIER {
            return Err(request.respond(400).with_reason("The id of the Event is too long"));
        }
        let accepts = |kind: &&str| {
            let kind = kind.split(';').next().unwrap_or(kind).trim();
            kind.eq_ignore_ascii_case(package.content_type()) || matches!(kind, "*/*" | "application/*")
        };
        if request.headers.contains("Accept") && !request.headers.list("Accept").iter().any(accepts) {
            return Err(request.respond(406).with_header("Accept", package.content_type()));
        }
        let seconds = match request.headers.expires() {
            Ok(seconds) => seconds.unwrap_or(LONGEST).min(LONGEST),
            Err(_) => return Err(request.respond(400).with_reason("Expires is not a number")),
        };
        if (1..SHORTEST).contains(&seconds) {
            return Err(request.respond(423).with_header("Min-Expires", &SHORTEST.to_string()));
        }
        let event = match identifier {
            "" => package.name().to_owned(),
            identifier => format!("{};id={identifier}", package.name()),
        };
        Ok(Self { package, event, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, parse_datagram};

    fn subscribe(headers: &str) -> Request {
        let text = format!(
            "SUBSCRIBE sip:1001@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK1\r\n\
             From: <sip:1001@127.0.0.1>;tag=1\r\nTo: <sip:1001@127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 SUBSCRIBE\r\n\
             Max-Forwards: 70\r\nContact: <sip:1001@127.0.0.1:40000>\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    #[test]
    fn what_is_asked_for_is_read_and_bounded() {
        let asked = Asked::read(&subscribe("Event: reg;id=7\r\nAccept: application/reginfo+xml\r\n")).unwrap();
        assert_eq!(asked, Asked { package: Package::Registrations, event: "reg;id=7".to_owned(), seconds: 3600 });
        let asked = Asked::read(&subscribe("Event: message-summary\r\nExpires: 86400\r\n")).unwrap();
        assert_eq!((asked.package, asked.seconds), (Package::Messages, 3600));
        assert_eq!(Asked::read(&subscribe("Event: reg\r\nExpires: 0\r\n")).unwrap().seconds, 0);
    }

    #[test]
    fn what_is_not_served_is_refused_as_its_rfc_says() {
        for (headers, status) in [
            ("", 489),
            ("Event: presence\r\n", 489),
            ("Event: reg\r\nAccept: text/plain\r\n", 406),
            ("Event: reg\r\nExpires: 59\r\n", 423),
        ] {
            assert_eq!(Asked::read(&subscribe(headers)).unwrap_err().status, status, "{headers}");
        }
    }
}
