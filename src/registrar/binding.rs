//! One binding of an address-of-record to a contact.

use std::sync::Arc;
use std::time::Instant;

use crate::sip::message::{Fault, Method, Request};
use crate::sip::{Edges, Endpoint, Flow, Origin, SipError, opening_request};
use crate::vocab::PhoneId;

/// Where one phone is reached for one address-of-record.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The contact URI, as the phone wrote it.
    pub contact: String,
    /// Whose it is.
    pub phone: PhoneId,
    /// The Call-ID of the registration.
    pub call_id: String,
    /// The CSeq of the registration.
    pub cseq: u32,
    /// When it lapses, on a clock that never jumps.
    pub expires: Instant,
    /// When it was made or last refreshed, on the same clock; none where somebody else, or an earlier run, saw that.
    pub refreshed: Option<Instant>,
    /// The path the registration came over: the way back through any translation.
    pub flow: Flow,
    /// What the phone calls itself.
    pub user_agent: Arc<str>,
    /// The proxies a request passes on its way to the phone, as the REGISTER's Path headers have them (RFC 3327); empty for none.
    pub path: Box<str>,
    /// Which phone of all it is, `<urn:uuid:…>` (RFC 5626 section 4.1); empty if it doesn't say.
    pub instance: Box<str>,
    /// Which of the phone's flows this is, counted from 1 (RFC 5626 section 4.2); 0 for a registration without Outbound.
    pub reg_id: u32,
}

impl Binding {
    /// What names it among the bindings of its address-of-record: its contact, or whose flow it is and which.
    pub fn ruid(&self) -> String {
        match self.reg_id {
            0 => self.contact.clone(),
            reg_id => format!("{};{};{reg_id}", self.phone, self.instance),
        }
    }

    /// Where the phone is, as far as these proxies are believed about it.
    pub(super) fn origin(&self, edges: &Edges) -> Origin {
        edges.origin_by_path(&self.path, self.flow)
    }

    /// The instance and number of the flow that such a name stands for; none for a contact.
    pub(super) fn flow_named(ruid: &str) -> Option<(&str, u32)> {
        let (phone, flow) = ruid.split_once(';')?;
        let (instance, reg_id) = flow.rsplit_once(';')?;
        phone.parse::<PhoneId>().ok()?;
        Some((instance, reg_id.parse().ok()?))
    }

    /// The same, as this server reaches it: it may have been made at another.
    ///
    /// # Errors
    /// If nothing here speaks its transport.
    pub fn over(&self, endpoint: &Endpoint) -> Result<Self, SipError> {
        Ok(Self { flow: endpoint.own_flow(self.flow)?, ..self.clone() })
    }

    /// A request to the phone, from a user of this server (or the server itself) to another, to be sent over the binding's flow:
    /// by way of the proxies the phone registered through (RFC 3327 section 5.3).
    pub fn request(&self, method: Method, from: Option<&str>, to: Option<&str>) -> Result<Request, Fault> {
        let mut request = opening_request(method, self.contact.parse()?, self.flow, from, to);
        if !self.path.is_empty() {
            request.headers.set("Route", &self.path);
        }
        Ok(request)
    }

    /// Seconds left, rounded up.
    pub fn seconds_left(&self, now: Instant) -> u64 {
        let left = self.expires.saturating_duration_since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}
