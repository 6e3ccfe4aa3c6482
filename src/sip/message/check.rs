//! What can be said of a request without knowing any state (RFC 3261 section 8.2).

use super::method::Method;
use super::request::Request;
use super::response::Response;
use super::uri::RequestUri;

/// What a server understands.
#[derive(Clone, Copy, Debug)]
pub struct Understood<'a> {
    /// Methods it serves.
    pub methods: &'a [Method],
    /// Option tags it supports.
    pub extensions: &'a [&'a str],
    /// Body types it takes in an INVITE.
    pub session_bodies: &'a [&'a str],
}

impl Understood<'_> {
    /// The Allow header's value.
    pub fn allow(&self) -> String {
        self.methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// The refusal a request earns by its form alone, if it earns one.
pub fn check_request(request: &Request, understood: &Understood<'_>) -> Result<(), Response> {
    if !understood.methods.contains(&request.method) {
        let status = if matches!(request.method, Method::Other(_)) { 501 } else { 405 };
        return Err(request.respond(status).with_header("Allow", &understood.allow()));
    }
    if let RequestUri::Other { .. } = request.uri {
        return Err(request.respond(416));
    }
    if request.method == Method::Register && !matches!(request.headers.to().map(|to| to.uri), Ok(RequestUri::Sip(_))) {
        return Err(request.respond(400).with_reason("To is not a SIP address"));
    }
    // An ACK can't be answered, and CANCEL never needs an extension.
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Ok(());
    }
    let required = request.headers.list("Require").into_iter().chain(request.headers.list("Proxy-Require"));
    let is_known = |tag: &&str| understood.extensions.iter().any(|known| known.eq_ignore_ascii_case(tag));
    let unknown: Vec<&str> = required.filter(|tag| !is_known(tag)).collect();
    if !unknown.is_empty() {
        return Err(request.respond(420).with_header("Unsupported", &unknown.join(", ")));
    }
    if request.method == Method::Invite {
        check_session(request, understood)?;
    }
    Ok(())
}

fn check_session(request: &Request, understood: &Understood<'_>) -> Result<(), Response> {
    let accepts_sdp = |accept: &&str| {
        let kind = accept.split(';').next().unwrap_or(accept).trim().to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
    };
    let accept = request.headers.list("Accept");
    if request.headers.contains("Accept") && !accept.iter().any(accepts_sdp) {
        return Err(request.respond(406).with_header("Accept", "application/sdp"));
    }
    let encoding = request.headers.get("Content-Encoding").map(str::trim);
    let is_coded = encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    let kind = request.headers.content_type();
    let is_known = kind.as_deref().is_none_or(|kind| understood.session_bodies.contains(&kind));
    if !request.body.is_empty() && (!is_known || is_coded) {
        return Err(request
            .respond(415)
            .with_header("Accept", &understood.session_bodies.join(", "))
            .with_header("Accept-Encoding", "identity"));
    }
    Ok(())
}
