//! SIP messages as values, and the way between them and octets (RFC 3261 sections 7, 19, 20, 25).
//!
//! Tolerant where RFC 4475 says a message is valid, strict where it says it is not, bounded everywhere.
//! Nothing here keeps state or knows a transport.

mod check;
mod fault;
mod headers;
mod method;
mod name_addr;
mod params;
mod parse;
mod reason;
mod request;
mod response;
mod stream;
mod uri;
mod via;

pub use check::{Understood, check_request};
pub use fault::{Fault, Malformed};
pub(in crate::sip) use headers::split_list;
pub use headers::{CSeq, Contacts, Headers};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::Params;
pub(super) use parse::LARGEST;
pub use parse::parse_datagram;
pub use reason::reason_phrase;
pub use request::Request;
pub use response::Response;
pub use stream::{StreamDecoder, StreamError, StreamItem};
pub use uri::{Host, RequestUri, SipUri, unescape};
pub use via::Via;

/// A request or a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}
