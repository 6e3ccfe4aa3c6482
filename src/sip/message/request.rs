//! Requests.

use bytes::{BufMut, Bytes, BytesMut};

use super::headers::Headers;
use super::method::Method;
use super::reason::reason_phrase;
use super::response::Response;
use super::uri::RequestUri;

/// A request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub uri: RequestUri,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// A request with no headers yet.
    pub fn new(method: Method, uri: RequestUri) -> Self {
        Self { method, uri, headers: Headers::default(), body: Bytes::new() }
    }

    /// The frame of an answer (RFC 3261 section 8.2.6): Via, From, To, Call-ID and CSeq of this request. No To tag is added.
    pub fn respond(&self, status: u16) -> Response {
        let mut response = Response {
            status,
            reason: reason_phrase(status).to_owned(),
            headers: Headers::default(),
            body: Bytes::new(),
        };
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for value in self.headers.all(name) {
                response.headers.push(name, value);
            }
        }
        if let (100, Some(timestamp)) = (status, self.headers.get("Timestamp")) {
            response.headers.push("Timestamp", timestamp);
        }
        response
    }

    /// Gives it a body.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set("Content-Type", content_type);
        self.body = body.into();
        self
    }

    /// As octets, with a right Content-Length.
    pub fn encode(&self) -> Bytes {
        encode(&format!("{} {} SIP/2.0", self.method, self.uri), &self.headers, &self.body)
    }
}

pub(super) fn encode(start_line: &str, headers: &Headers, body: &Bytes) -> Bytes {
    let length = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
    let mut octets = BytesMut::with_capacity(start_line.len() + length + body.len() + 32);
    octets.put_slice(start_line.as_bytes());
    octets.put_slice(b"\r\n");
    for (name, value) in headers.iter().filter(|(name, _)| *name != "Content-Length") {
        octets.put_slice(name.as_bytes());
        octets.put_slice(b": ");
        octets.put_slice(value.as_bytes());
        octets.put_slice(b"\r\n");
    }
    octets.put_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    octets.put_slice(body);
    octets.freeze()
}
