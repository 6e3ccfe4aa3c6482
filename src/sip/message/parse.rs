//! From octets to messages.

use std::borrow::Cow;

use bytes::Bytes;

use super::Message;
use super::fault::{Fault, Malformed};
use super::headers::{Contacts, Headers};
use super::method::{Method, is_token};
use super::reason::reason_phrase;
use super::request::Request;
use super::response::Response;
use super::uri::RequestUri;

/// The largest message taken, in octets.
pub(in crate::sip) const LARGEST: usize = 65_535;
/// The most header fields taken.
const MOST_HEADERS: usize = 256;

/// Headers that may stand only once, of those whose value this server acts on.
const SINGLE: [&str; 8] =
    ["Call-ID", "CSeq", "From", "To", "Max-Forwards", "Content-Length", "Content-Type", "Expires"];

/// Reads one datagram. What follows the body is not part of the message (RFC 3261 section 18.3).
pub fn parse_datagram(octets: &[u8]) -> Result<Message, Malformed> {
    // Some phones send keep-alive line ends in front.
    let start = octets.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(octets.len());
    let octets = octets.get(start..).unwrap_or_default();
    let end = end_of_headers(octets);
    let (head, rest) = octets.split_at_checked(end.unwrap_or(octets.len())).unwrap_or((octets, &[]));
    let head = Head::read(head);
    if end.is_none() {
        return Err(head.malformed(Fault::Unfinished));
    }
    if octets.len() > LARGEST {
        return Err(head.malformed(Fault::TooLarge));
    }
    let body = match head.headers.content_length() {
        Ok(None) => rest,
        Ok(Some(length)) => match rest.get(..length) {
            Some(body) => body,
            None => return Err(head.malformed(Fault::ShortBody)),
        },
        Err(fault) => return Err(head.malformed(fault)),
    };
    head.finish(Bytes::copy_from_slice(body))
}

/// Where the headers end: after the first empty line. A lone LF ends a line too.
pub(super) fn end_of_headers(octets: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (index, _) in octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n') {
        let line = octets.get(line_start..index)?;
        if matches!(line, [] | [b'\r']) {
            return Some(index + 1);
        }
        line_start = index + 1;
    }
    None
}

/// A start line and headers, whether or not they are right: a wrong message is answered with what could be read of it.
pub(super) struct Head {
    start: Start,
    pub(super) headers: Headers,
    fault: Option<Fault>,
}

enum Start {
    Request { method: Method, uri: Option<RequestUri> },
    Response { status: u16, reason: String },
    Unknown,
}

impl Head {
    pub(super) fn read(octets: &[u8]) -> Self {
        let text = String::from_utf8_lossy(octets);
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let (start, mut fault) = start_line(lines.next().unwrap_or_default());
        let mut headers = Headers::default();
        let mut field: Option<(&str, Cow<'_, str>)> = None;
        for line in lines {
            if line.starts_with([' ', '\t']) {
                match &mut field {
                    Some((_, value)) => {
                        let value = value.to_mut();
                        value.push(' ');
                        value.push_str(line.trim());
                    }
                    None => fault = fault.or(Some(Fault::HeaderLine)),
                }
                continue;
            }
            if let Some((name, value)) = field.take() {
                headers.push(name, value.trim());
            }
            if line.is_empty() {
                break;
            }
            match line.split_once(':') {
                Some((name, value)) if is_token(name.trim_end()) && headers.len() < MOST_HEADERS => {
                    field = Some((name.trim_end(), Cow::Borrowed(value.trim())));
                }
                Some(_) if headers.len() >= MOST_HEADERS => fault = fault.or(Some(Fault::TooLarge)),
                _ => fault = fault.or(Some(Fault::HeaderLine)),
            }
        }
        if let Some((name, value)) = field {
            headers.push(name, value.trim());
        }
        Self { start, headers, fault }
    }

    /// The message, if it is right in every way this server depends on.
    pub(super) fn finish(mut self, body: Bytes) -> Result<Message, Malformed> {
        if let Some(fault) = self.fault.take() {
            return Err(self.malformed(fault));
        }
        if let Err(fault) = self.check() {
            return Err(self.malformed(fault));
        }
        match self.start {
            Start::Request { method, uri: Some(uri) } => {
                Ok(Message::Request(Request { method, uri, headers: self.headers, body }))
            }
            Start::Response { status, reason } => {
                Ok(Message::Response(Response { status, reason, headers: self.headers, body }))
            }
            Start::Request { uri: None, .. } | Start::Unknown => Err(self.malformed(Fault::StartLine)),
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let headers = &self.headers;
        for name in SINGLE {
            if headers.all(name).count() > 1 {
                return Err(Fault::Repeated(name));
            }
        }
        if headers.vias()?.is_empty() {
            return Err(Fault::Missing("Via"));
        }
        let cseq = headers.cseq()?;
        headers.from()?;
        headers.to()?;
        headers.call_id()?;
        headers.expires()?;
        headers.max_forwards()?;
        if let Contacts::List(contacts) = headers.contacts()? {
            let is_number = |text: &str| text.parse::<u32>().is_ok();
            if contacts.iter().any(|contact| contact.param("expires").is_some_and(|text| !is_number(text))) {
                return Err(Fault::Bad("Contact"));
            }
        }
        match &self.start {
            Start::Request { method, .. } if *method != cseq.method => Err(Fault::MethodMismatch),
            _ => Ok(()),
        }
    }

    /// The refusal of this message, answering what can be answered.
    pub(super) fn malformed(&self, fault: Fault) -> Malformed {
        let status = match fault {
            Fault::Version => 505,
            Fault::TooLarge => 513,
            _ => 400,
        };
        let can_be_answered = match &self.start {
            Start::Request { method, .. } => *method != Method::Ack && self.headers.contains("Via"),
            Start::Response { .. } => false,
            // A line that is no start line may still have been meant as a request.
            Start::Unknown => self.headers.contains("Via"),
        };
        let answer = can_be_answered.then(|| {
            let frame = Request {
                method: Method::Options,
                uri: RequestUri::Tel("0".to_owned()),
                headers: self.headers.clone(),
                body: Bytes::new(),
            };
            let reason = if status == 400 { fault.to_string() } else { reason_phrase(status).to_owned() };
            frame.respond(status).with_reason(&reason)
        });
        Malformed { answer, fault }
    }
}

fn start_line(line: &str) -> (Start, Option<Fault>) {
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_status = status.len() == 3 && status.bytes().all(|octet| octet.is_ascii_digit());
        let number = status.parse().unwrap_or(0);
        let fault = (!is_status || !(100..700).contains(&number)).then_some(Fault::StartLine);
        return (Start::Response { status: number, reason: reason.to_owned() }, fault);
    }
    let bad = Some(Fault::StartLine);
    let mut words = line.split(' ');
    let (Some(method), Some(uri), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        // Enough to know whether it may be answered.
        let method = line.split(' ').next().filter(|word| is_token(word));
        let start = method.map_or(Start::Unknown, |method| Start::Request { method: method.into(), uri: None });
        return (start, bad);
    };
    if !is_token(method) {
        return (Start::Unknown, bad);
    }
    let start = Start::Request { method: method.into(), uri: uri.parse().ok() };
    let fault = match (version, &start) {
        ("SIP/2.0", Start::Request { uri: Some(RequestUri::Sip(uri)), .. }) if !uri.headers.is_empty() => bad,
        ("SIP/2.0", Start::Request { uri: Some(_), .. }) => None,
        (version, _) if version.starts_with("SIP/") && version != "SIP/2.0" => Some(Fault::Version),
        _ => bad,
    };
    (start, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTER: &str = "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bKa;rport\r\n\
        From: <sip:9001@127.0.0.1>;tag=1\r\nTo: <sip:9001@127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 REGISTER\r\n\
        Max-Forwards: 70\r\nl: 3\r\n\r\nabcdef";

    #[test]
    fn the_body_is_as_long_as_content_length_says() {
        let Message::Request(request) = parse_datagram(REGISTER.as_bytes()).unwrap() else { panic!() };
        assert_eq!(request.body, Bytes::from_static(b"abc"));
        let again = parse_datagram(&request.encode()).unwrap();
        assert_eq!(again, Message::Request(request));
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_repeats_what_names_the_request() {
        let text = REGISTER.replace("CSeq: 1 REGISTER", "CSeq: 1 INVITE");
        let malformed = parse_datagram(text.as_bytes()).unwrap_err();
        let answer = malformed.answer.unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (400, "CSeq method differs"));
        assert_eq!(answer.headers.get("Call-ID"), Some("c1"));
    }

    #[test]
    fn a_message_cut_anywhere_is_refused_in_peace() {
        for length in 0..REGISTER.len() - 6 {
            assert!(parse_datagram(&REGISTER.as_bytes()[..length]).is_err(), "{length}");
        }
    }
}
