//! SIP messages as the phone reads and writes them, on rsip 0.4. The only file that names rsip.
//!
//! rsip tokenises the header block and writes every message. Around it, by hand, what it gets wrong: it drops reason
//! phrases, refuses unknown methods, IPv6 URIs, folded lines, compact forms and space before a colon, and ignores
//! Content-Length. So messages are straightened out first, and the start line is read here.

use rsip::Header;

use super::error::PhoneError;

/// The longest message read, in bytes.
pub const LONGEST_MESSAGE: usize = 65_535;
/// The most header lines read.
const MOST_HEADERS: usize = 200;

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request line.
    Request {
        /// The method, upper case as written.
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// A status line.
    Response {
        /// 100 to 699.
        status: u16,
        /// The reason phrase as written.
        reason: String,
    },
}

/// One SIP message.
#[derive(Clone)]
pub struct Message {
    /// The first line.
    pub start: Start,
    headers: Vec<(String, String)>,
    /// The body, as long as Content-Length says.
    pub body: Vec<u8>,
}

impl Message {
    /// A request without headers.
    pub fn request(method: &str, uri: &str) -> Self {
        Self {
            start: Start::Request { method: method.to_owned(), uri: uri.to_owned() },
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A response to `request` with the headers RFC 3261 section 8.2.6.2 has copied.
    pub fn response(request: &Message, status: u16, reason: &str) -> Self {
        let copied = |(name, _): &&(String, String)| {
            ["via", "from", "to", "call-id", "cseq", "record-route"].contains(&name.to_ascii_lowercase().as_str())
        };
        Self {
            start: Start::Response { status, reason: reason.to_owned() },
            headers: request.headers.iter().filter(copied).cloned().collect(),
            body: Vec::new(),
        }
    }

    /// Reads one message: a datagram, or exactly one message cut from a stream.
    pub fn parse(bytes: &[u8]) -> Result<Self, PhoneError> {
        let bytes = bytes.get(..bytes.len().min(LONGEST_MESSAGE)).unwrap_or_default();
        let (head, body) = split_head(bytes).ok_or(PhoneError::NotSip("no end of the headers"))?;
        let head = String::from_utf8_lossy(head);
        let mut lines = unfold(&head).into_iter();
        let start = parse_start(lines.next().unwrap_or_default().trim())?;
        let mut straight = String::from("SIP/2.0 200 OK\r\n");
        for line in lines.filter(|line| line.contains(':')).take(MOST_HEADERS) {
            let (name, value) = line.split_once(':').unwrap_or_default();
            straight.push_str(long_form(name.trim()));
            straight.push_str(": ");
            straight.push_str(value.trim());
            straight.push_str("\r\n");
        }
        straight.push_str("\r\n");
        let block =
            rsip::Response::try_from(straight.as_str()).map_err(|_| PhoneError::NotSip("unreadable headers"))?;
        let headers = block.headers.iter().map(name_and_value).collect();
        let mut message = Self { start, headers, body: Vec::new() };
        let length = message.header("Content-Length").and_then(|text| text.parse().ok()).unwrap_or(body.len());
        let body = body.get(..length).ok_or(PhoneError::NotSip("shorter than its Content-Length"))?;
        message.body = body.to_vec();
        Ok(message)
    }

    /// The bytes for the wire, Content-Length included.
    pub fn write(&self) -> Vec<u8> {
        let mut headers: Vec<Header> =
            self.headers.iter().map(|(name, value)| Header::Other(name.clone(), value.clone())).collect();
        headers.push(Header::Other("Content-Length".to_owned(), self.body.len().to_string()));
        let (headers, version, body) = (headers.into(), rsip::Version::V2, self.body.clone());
        match &self.start {
            Start::Request { method, uri } => {
                // The phone only ever sends methods rsip knows.
                let method = method.parse().unwrap_or(rsip::Method::Options);
                rsip::Request { method, uri: verbatim(uri), version, headers, body }.into()
            }
            Start::Response { status, reason } => {
                // As `Other`, because rsip's own reason phrases are its variants' names: `486 BusyHere`.
                let status_code = rsip::StatusCode::Other(*status, reason.clone());
                rsip::Response { status_code, version, headers, body }.into()
            }
        }
    }

    /// The first header of that name (any case), in its long form.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every header of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Puts a header in the place of all of that name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    /// The same message with this body.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.set("Content-Type", content_type);
        self.body = body.into();
        self
    }

    /// The method: the request line's, or the CSeq's for a response. Empty where there is none.
    pub fn method(&self) -> &str {
        match &self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq().map(|(_, method)| method).unwrap_or_default(),
        }
    }

    /// The status code of a response, 0 for a request.
    pub fn status(&self) -> u16 {
        match self.start {
            Start::Request { .. } => 0,
            Start::Response { status, .. } => status,
        }
    }

    /// The reason phrase of a response, empty for a request.
    pub fn reason(&self) -> &str {
        match &self.start {
            Start::Request { .. } => "",
            Start::Response { reason, .. } => reason,
        }
    }

    /// The sequence number and its method.
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header("CSeq")?.split_once(|c: char| c.is_ascii_whitespace())?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// The Call-ID, empty where it is missing.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// One line that says what this is and nothing secret: start line, and a response's method.
    pub fn summary(&self) -> String {
        match &self.start {
            Start::Request { method, uri } => format!("{method} {uri}"),
            Start::Response { status, reason } => format!("{status} {reason} ({})", self.method()),
        }
    }
}

/// Head and body of a message, parted at the first empty line.
pub fn split_head(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some((bytes.get(..at)?, bytes.get(at + 4..)?))
}

fn unfold(head: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn parse_start(line: &str) -> Result<Start, PhoneError> {
    let broken = PhoneError::NotSip("unreadable start line");
    if let Some(rest) = line.strip_prefix("SIP/2.0 ") {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        return match status.parse() {
            Ok(status @ 100..=699) => Ok(Start::Response { status, reason: reason.to_owned() }),
            _ => Err(broken),
        };
    }
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(uri), Some("SIP/2.0"), None) if !method.is_empty() && !uri.is_empty() => {
            Ok(Start::Request { method: method.to_owned(), uri: uri.to_owned() })
        }
        _ => Err(broken),
    }
}

/// The long form of a compact header name (RFC 3261 section 7.3.3, RFC 6665).
fn long_form(name: &str) -> &str {
    match name {
        "i" | "I" => "Call-ID",
        "m" | "M" => "Contact",
        "e" | "E" => "Content-Encoding",
        "l" | "L" => "Content-Length",
        "c" | "C" => "Content-Type",
        "f" | "F" => "From",
        "s" | "S" => "Subject",
        "k" | "K" => "Supported",
        "t" | "T" => "To",
        "v" | "V" => "Via",
        "o" | "O" => "Event",
        "u" | "U" => "Allow-Events",
        name => name,
    }
}

fn name_and_value(header: &Header) -> (String, String) {
    let line = header.to_string();
    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
    (name.to_owned(), value.trim().to_owned())
}

/// A URI that rsip writes as it is: its own parser would refuse or reword some.
fn verbatim(uri: &str) -> rsip::Uri {
    let (scheme, rest) = match uri.split_once(':') {
        Some(("sips", rest)) => (rsip::Scheme::Sips, rest),
        Some((_, rest)) => (rsip::Scheme::Sip, rest),
        None => (rsip::Scheme::Sip, uri),
    };
    rsip::Uri::from((scheme, rsip::Host::Domain(rest.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rsip_stumbles_on_is_read() {
        let raw = "FROBNICATE sip:1@[::1]:5070;transport=tcp SIP/2.0\r\nv: SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1\r\n\
                   m : <sip:a@h>,\r\n <sip:b@h>;+sip.instance=\"<urn:x>\"\r\nCSEQ: 7   FROBNICATE\r\nl: 2\r\n\r\n\x01\x02rest";
        let message = Message::parse(raw.as_bytes()).unwrap();
        assert_eq!(message.method(), "FROBNICATE");
        assert_eq!(message.header("Contact"), Some("<sip:a@h>, <sip:b@h>;+sip.instance=\"<urn:x>\""));
        assert_eq!(message.header("via"), Some("SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1"));
        assert_eq!(message.cseq(), Some((7, "FROBNICATE")));
        assert_eq!(message.body, [1, 2]);
    }

    #[test]
    fn a_reason_phrase_survives_both_ways() {
        let raw = b"SIP/2.0 403 No temporary number free\r\nCSeq: 1 REGISTER\r\nWarning: 399 tsunagu \"pool\"\r\n\r\n";
        let message = Message::parse(raw).unwrap();
        assert_eq!((message.status(), message.reason()), (403, "No temporary number free"));
        assert_eq!(message.summary(), "403 No temporary number free (REGISTER)");
        let written = String::from_utf8(message.write()).unwrap();
        assert!(written.starts_with("SIP/2.0 403 No temporary number free\r\n"), "{written}");
    }

    #[test]
    fn a_written_request_is_read_back_the_same() {
        let mut message =
            Message::request("INVITE", "sip:2000@[2001:db8::1]:5060;x=%23").with_body("application/sdp", "v=0\r\n");
        message.push("Call-ID", "abc@host");
        message.push("CSeq", "1 INVITE");
        let written = message.write();
        assert!(
            written.starts_with(b"INVITE sip:2000@[2001:db8::1]:5060;x=%23 SIP/2.0\r\n"),
            "{:?}",
            String::from_utf8_lossy(&written)
        );
        let read = Message::parse(&written).unwrap();
        assert_eq!(read.start, message.start);
        assert_eq!(read.call_id(), "abc@host");
        assert_eq!(read.body, b"v=0\r\n");
    }

    #[test]
    fn every_name_rsip_knows_keeps_its_name() {
        let names = [
            "Via",
            "From",
            "To",
            "Call-ID",
            "CSeq",
            "Contact",
            "Max-Forwards",
            "WWW-Authenticate",
            "Proxy-Authenticate",
            "Authorization",
            "Min-Expires",
            "Expires",
            "Event",
            "Warning",
            "Record-Route",
            "Retry-After",
            "Content-Type",
            "Require",
        ];
        let block: String = names.iter().map(|name| format!("{name}: 1\r\n")).collect();
        let message = Message::parse(format!("SIP/2.0 200 OK\r\n{block}\r\n").as_bytes()).unwrap();
        for name in names {
            assert_eq!(message.header(name), Some("1"), "{name}");
        }
    }

    #[test]
    fn nothing_cut_short_is_a_message_or_a_crash() {
        let raw = b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nContent-Length: 4\r\n\r\nbody";
        for cut in 0..raw.len() {
            assert!(Message::parse(&raw[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Message::parse(raw).is_ok());
    }
}
