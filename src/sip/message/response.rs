//! Responses.

use bytes::Bytes;

use super::headers::Headers;
use super::request::encode;

/// A response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// For people.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// Adds a header field.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Says why in its own words instead of the RFC's.
    pub fn with_reason(mut self, reason: &str) -> Self {
        self.reason = reason.replace(['\r', '\n'], " ");
        self
    }

    /// Gives it a body.
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set("Content-Type", content_type);
        self.body = body.into();
        self
    }

    /// Puts our tag on To, if it has none.
    pub fn with_to_tag(mut self, tag: &str) -> Self {
        let has_tag = self.headers.to().is_ok_and(|to| to.tag().is_some());
        if let (false, Some(to)) = (has_tag, self.headers.get("To")) {
            let tagged = format!("{to};tag={tag}");
            self.headers.set("To", &tagged);
        }
        self
    }

    /// As octets, with a right Content-Length.
    pub fn encode(&self) -> Bytes {
        encode(&format!("SIP/2.0 {} {}", self.status, self.reason), &self.headers, &self.body)
    }
}
