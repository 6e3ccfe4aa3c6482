//! The 200 to a REGISTER (RFC 3261 section 10.3, step 8): every binding there is, and what extensions add to it.

use std::time::Instant;

use super::EXTENSIONS;
use super::binding::Binding;
use super::gruu::Gruus;
use super::registration::supports;
use super::service_route::ServiceRoute;
use crate::directory::Account;
use crate::sip::Transport;
use crate::sip::message::{Host, NameAddr, Request, Response, SipUri};

/// Seconds within which a phone that does Outbound is to keep its flow alive (RFC 5626 section 5.4): before most translations
/// forget it.
fn flow_timer(transport: Transport) -> &'static str {
    if transport.is_reliable() { "110" } else { "25" }
}

/// What stands in the answer besides the bindings.
pub(super) struct Listing<'a> {
    pub account: &'a Account,
    pub service_route: &'a [ServiceRoute],
    pub transport: Transport,
    pub now: Instant,
    /// The address-of-record, which GRUUs are made of.
    pub aor: &'a str,
    pub gruus: &'a Gruus,
    /// Where nonces come from, each another.
    pub nonces: fn() -> [u8; 12],
}

impl Listing<'_> {
    /// The answer to `request`.
    pub(super) fn answer(&self, request: &Request, bindings: &[Binding]) -> Response {
        let mut response = request.respond(200).with_header("Supported", &EXTENSIONS.join(", "));
        let host = request.headers.to().ok().and_then(|to| to.uri.sip().map(|uri| uri.host.clone()));
        let gruu_host = host.as_ref().filter(|_| supports(request, "gruu"));
        for binding in bindings {
            response = response.with_header("Contact", &self.contact(binding, gruu_host));
        }
        for proxy in request.headers.all("Path") {
            response = response.with_header("Path", proxy);
        }
        for proxy in self.service_route {
            response = response.with_header("Service-Route", proxy.as_str());
        }
        if let Some(host) = host {
            for number in self.account.lines.iter().chain(&self.account.temporary_number) {
                let uri = SipUri::new(Some(number.as_str()), host.clone(), None);
                response = response.with_header("P-Associated-URI", &NameAddr::new(uri).to_string());
            }
        }
        response
    }

    /// The same after bindings were changed: if one of them is a flow now, the phone is told that Outbound is done for it.
    pub(super) fn answer_to_change(&self, request: &Request, bindings: &[Binding], has_flow: bool) -> Response {
        let answer = self.answer(request, bindings);
        match has_flow {
            true => answer.with_header("Require", "outbound").with_header("Flow-Timer", flow_timer(self.transport)),
            false => answer,
        }
    }

    /// A binding; with its GRUUs (RFC 5627 section 5.3) at this host, if the phone understands them.
    fn contact(&self, binding: &Binding, gruu_host: Option<&Host>) -> String {
        let mut contact = format!("<{}>;expires={}", binding.contact, binding.seconds_left(self.now));
        if !binding.instance.is_empty() {
            contact.push_str(&format!(";+sip.instance=\"{}\"", binding.instance));
        }
        if binding.reg_id != 0 {
            contact.push_str(&format!(";reg-id={}", binding.reg_id));
        }
        let public = gruu_host.and_then(|host| Gruus::public(self.aor, host, binding));
        let temporary = gruu_host.and_then(|host| self.gruus.temporary(self.aor, host, binding, (self.nonces)()));
        for (name, gruu) in [("pub-gruu", public), ("temp-gruu", temporary)] {
            if let Some(gruu) = gruu {
                contact.push_str(&format!(";{name}=\"{gruu}\""));
            }
        }
        contact
    }
}
