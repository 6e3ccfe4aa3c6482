//! One binding of an address-of-record to a contact.

use std::sync::Arc;
use std::time::Instant;

use crate::sip::Flow;
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
    /// The path the registration came over: the way back through any translation.
    pub flow: Flow,
    /// What the phone calls itself.
    pub user_agent: Arc<str>,
}

impl Binding {
    /// Seconds left, rounded up.
    pub fn seconds_left(&self, now: Instant) -> u64 {
        let left = self.expires.saturating_duration_since(now);
        left.as_secs() + u64::from(left.subsec_nanos() > 0)
    }
}
