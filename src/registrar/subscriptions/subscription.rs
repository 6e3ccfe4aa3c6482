//! One subscription: its dialog, what its subscriber knows, and when there is something to tell (RFC 6665 section 4.2). Pure.

use std::time::{Duration, Instant};

use super::body::{Known, Registrations, messages};
use super::package::{Asked, Package};
use crate::registrar::Binding;
use crate::sip::Flow;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Host, Method, NameAddr, Request, SipUri};
use crate::vocab::PhoneId;

/// The shortest time between two notifications of what changes by itself (RFC 3680 section 4.10).
const AT_MOST_EVERY: Duration = Duration::from_secs(5);

/// One subscription.
pub(super) struct Subscription {
    pub phone: PhoneId,
    /// The address-of-record it is about.
    pub aor: String,
    pub package: Package,
    pub flow: Flow,
    pub dialog: Dialog,
    event: String,
    resource: String,
    /// The host of its resource.
    host: Host,
    expires: Instant,
    version: u32,
    known: Vec<Known>,
    told: Option<Instant>,
    /// Somebody has just subscribed: they are told whatever it is.
    pub is_due: bool,
    /// It has made way for others of its phone; the phone is still to be told.
    pub is_deactivated: bool,
    /// A notification is on its way.
    pub is_telling: bool,
}

/// A notification to be sent.
pub(super) struct Notification {
    /// Who subscribed.
    pub phone: PhoneId,
    pub request: Request,
    pub flow: Flow,
    /// None follows.
    pub is_last: bool,
}

/// What is known of the phone and the address-of-record.
pub(super) struct Surroundings<'a> {
    pub bindings: &'a [Binding],
    /// The address-of-record is the phone's own.
    pub is_own: bool,
}

impl Subscription {
    /// A new one by a dialog, about an address-of-record at `host`.
    pub(super) fn new(
        phone: PhoneId,
        aor: String,
        host: Host,
        dialog: Dialog,
        flow: Flow,
        asked: &Asked,
        now: Instant,
    ) -> Self {
        let resource = SipUri::new(Some(&aor), host.clone(), None).to_string();
        Self {
            phone,
            aor,
            package: asked.package,
            flow,
            dialog,
            event: asked.event.clone(),
            resource,
            host,
            expires: now + Duration::from_secs(asked.seconds.into()),
            version: 0,
            known: Vec::new(),
            told: None,
            is_due: true,
            is_deactivated: false,
            is_telling: false,
        }
    }

    /// The subscriber asks for more time, or for none.
    pub(super) fn refresh(&mut self, asked: &Asked, flow: Flow, now: Instant) {
        self.expires = now + Duration::from_secs(asked.seconds.into());
        self.flow = flow;
        self.is_due = true;
        self.is_deactivated = false;
    }

    /// When it ends, unless more time is asked for.
    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    /// The Contact of our end.
    pub(super) fn contact(&self) -> String {
        let is_secure = self.dialog.target().sip().is_some_and(|uri| uri.secure);
        NameAddr::new(self.flow.own_uri(Some(&self.aor), is_secure)).to_string()
    }

    /// What there is to tell by now, if anything.
    pub(super) fn next(&mut self, now: Instant, surroundings: &Surroundings<'_>) -> Option<Notification> {
        if self.is_telling {
            return None;
        }
        let ends = match (surroundings.is_own, self.expires <= now, self.is_deactivated) {
            (false, ..) => Some("terminated;reason=rejected".to_owned()),
            (true, true, _) => Some("terminated;reason=timeout".to_owned()),
            (true, false, true) => Some("terminated;reason=deactivated".to_owned()),
            (true, false, false) => None,
        };
        let current: Vec<Known> = match (self.package, surroundings.is_own) {
            (Package::Registrations, true) => {
                let host = &self.host;
                surroundings.bindings.iter().map(|binding| Known::of(binding, &self.aor, host)).collect()
            }
            _ => Vec::new(),
        };
        let is_in = |known: &Known, among: &[Known]| among.iter().any(|other| other.is_same(known));
        let has_changed = current.len() != self.known.len() || !current.iter().all(|known| is_in(known, &self.known));
        // How long they last shows when they go.
        for known in &mut self.known {
            if let Some(now) = current.iter().find(|now| now.is_same(known)) {
                known.expires = now.expires;
            }
        }
        let may_tell = self.told.is_none_or(|told| told + AT_MOST_EVERY <= now);
        if ends.is_none() && !self.is_due && !(has_changed && may_tell) {
            return None;
        }
        let gone: Vec<Known> = self.known.iter().filter(|known| !is_in(known, &current)).cloned().collect();
        let body = self.body(&current, &gone, now)?;
        let mut request = self.dialog.request(Method::Notify);
        let left = self.expires.saturating_duration_since(now).as_secs();
        request.headers.set("Contact", &self.contact());
        request.headers.set("Event", &self.event);
        request.headers.set("Subscription-State", ends.as_deref().unwrap_or(&format!("active;expires={left}")));
        let request = request.with_body(self.package.content_type(), body);
        self.version = self.version.saturating_add(1);
        (self.known, self.told, self.is_due, self.is_telling) = (current, Some(now), false, true);
        Some(Notification { phone: self.phone, request, flow: self.flow, is_last: ends.is_some() })
    }

    fn body(&self, now: &[Known], gone: &[Known], at: Instant) -> Option<String> {
        match self.package {
            Package::Messages => Some(messages(&self.resource)),
            Package::Registrations => {
                let (resource, version, was_active) = (self.resource.as_str(), self.version, !self.known.is_empty());
                Registrations { resource, version, now, gone, was_active, at }.document().ok()
            }
        }
    }
}
