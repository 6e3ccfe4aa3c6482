//! Requests of ours that belong to no dialog yet (RFC 3261 section 8.1.1).

use super::flow::Flow;
use super::message::{Host, Method, NameAddr, Request, RequestUri, SipUri};

/// A request to `target`, to be sent over `flow`, from a user of this server (or the server itself) to another. From, Contact and
/// Call-ID are this server's and new; there is no Via.
pub fn opening_request(
    method: Method,
    target: RequestUri,
    flow: Flow,
    from: Option<&str>,
    to: Option<&str>,
) -> Request {
    let host = Host::from(flow.local.ip());
    let is_secure = target.sip().is_some_and(|uri| uri.secure);
    let contact = flow.own_uri(from, is_secure);
    let mut from = NameAddr::new(SipUri::new(from, host.clone(), Some(flow.local.port())));
    from.params.set("tag", Some(new_tag()));
    let mut request = Request::new(method.clone(), target);
    request.headers.set("From", &from.to_string());
    request.headers.set("To", &NameAddr::new(SipUri::new(to, host, None)).to_string());
    request.headers.set("Call-ID", &format!("{:032x}", rand::random::<u128>()));
    request.headers.set("CSeq", &format!("1 {method}"));
    request.headers.set("Max-Forwards", "70");
    request.headers.set("Contact", &NameAddr::new(contact).to_string());
    request.headers.set("User-Agent", concat!("Tsunagu/", env!("CARGO_PKG_VERSION")));
    request
}

/// A tag for a From or To of ours: 64 random bits (RFC 3261 section 19.3 asks for 32).
pub fn new_tag() -> String {
    format!("{:016x}", rand::random::<u64>())
}
