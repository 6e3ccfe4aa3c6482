//! What the registrar tells of lines where it decides: whom a request named, as far as it showed.
//!
//! Somebody who has shown nothing is told of as a line's only where the request named that line, by its phone's name or by its
//! number. Nothing here waits, asks the database or holds a lock for longer than a look.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Registrar;
use super::authentication::Doubt;
use super::line_status::{Named, Observation, Observed, Reason, Sighting, Standing, address_asked_for, name_kept};
use crate::directory::Account;
use crate::sip::Flow;
use crate::sip::message::{Method, Request};
use crate::vocab::{PhoneId, UnixMillis};

/// Phones of one number that are told of.
const MOST_PHONES: usize = 16;

impl Registrar {
    /// Nobody is known yet, for this reason.
    pub(super) fn note_doubt(&self, request: &Request, flow: Flow, doubt: &Doubt) {
        let (phone, what) = match doubt {
            Doubt::AskedAgain | Doubt::Stale(None) | Doubt::ShutOut(None) => return,
            // A call begins so too; who is to be registered is of interest.
            Doubt::Unasked if request.method == Method::Register => {
                return self.note_unasked(request, flow, Observed::Challenged);
            }
            Doubt::Unasked => return,
            // A nonce grows old between two registrations: that is of interest where none is in force.
            Doubt::Stale(Some(phone)) if !self.location().of_phone(*phone, Instant::now()).is_empty() => return,
            Doubt::Stale(Some(phone)) => (*phone, Observed::Stale),
            Doubt::ShutOut(Some(phone)) => (*phone, Observed::Failed(Reason::ShutOut)),
            Doubt::OtherAlgorithm(phone) => (*phone, Observed::Failed(Reason::WrongAlgorithm)),
        };
        let Some(seen) = self.sighting(request, flow).filter(|_| self.has_lines(phone)) else { return };
        self.note_stranger(Named::Phone { phone, aor: address_asked_for(request) }, seen, what);
    }

    /// Who asks, as far as a request says.
    fn sighting(&self, request: &Request, flow: Flow) -> Option<Sighting> {
        Sighting::of(request, self.origin(request, flow))
    }

    fn has_lines(&self, phone: PhoneId) -> bool {
        self.directory.accounts().of(phone).is_some_and(|account| has_lines(&account))
    }

    /// A REGISTER requires an extension that is not understood: it is refused before anybody asks whose it is.
    pub fn note_unsupported(&self, request: &Request, flow: Flow) {
        self.note_unasked(request, flow, Observed::Failed(Reason::UnsupportedExtension));
    }

    /// What became of a REGISTER of which nothing is known but the number it asks for.
    fn note_unasked(&self, request: &Request, flow: Flow, what: Observed) {
        let Some(asked) = address_asked_for(request) else { return };
        let (accounts, now) = (self.directory.accounts(), Instant::now());
        let is_awaited = |phone: &PhoneId| !self.location().has(*phone, &asked, now);
        let named = match (self.location().phone_at(&asked, self.origin(request, flow), now), accounts.named(&asked)) {
            // Where a phone of the number is registered, it is that phone, and none of the others that have the number. It is
            // challenged with every refresh: that says nothing of the line.
            (Some(phone), _) if what == Observed::Challenged || !self.has_lines(phone) => return,
            (Some(phone), _) => Named::Phone { phone, aor: Some(asked) },
            // A phone that takes no configuration registers as what it authenticates as.
            (None, Some(account)) if !has_lines(&account) || !is_awaited(&account.phone) => return,
            (None, Some(account)) => Named::Phone { phone: account.phone, aor: Some(asked) },
            (None, None) => {
                let phones = accounts.with_line(&asked, MOST_PHONES);
                if !phones.iter().any(is_awaited) {
                    return;
                }
                Named::Number { phones, number: asked }
            }
        };
        if let Some(seen) = self.sighting(request, flow) {
            self.note_stranger(named, seen, what);
        }
    }

    /// Somebody answered a challenge, and not as a phone of that name does; `reason` is why where no phone has it.
    pub(super) fn note_unproven(&self, request: &Request, flow: Flow, name: &str, reason: Reason) {
        let Some(seen) = self.sighting(request, flow) else { return };
        let asked = address_asked_for(request);
        let accounts = self.directory.accounts();
        let Some(account) = accounts.named(name) else {
            let phones = asked.as_deref().map(|number| accounts.with_line(number, MOST_PHONES)).unwrap_or_default();
            let named = Named::Stranger { name: name_kept(name), number: asked, phones };
            return self.note_stranger(named, seen, Observed::Failed(reason));
        };
        if !has_lines(&account) {
            return;
        }
        let reason = match &account.secret {
            Some(_) => Reason::WrongPassword,
            None => Reason::OtherAddress,
        };
        self.note_stranger(Named::Phone { phone: account.phone, aor: asked }, seen, Observed::Failed(reason));
    }

    /// A phone whose user is inactive asked for something.
    pub fn note_suspended(&self, request: &Request, flow: Flow, account: &Account) {
        self.note_failure(request, flow, account, None, Reason::Suspended);
    }

    /// A phone that has shown who it is was refused. Without an address, that is so for all of its lines.
    pub(super) fn note_failure(
        &self,
        request: &Request,
        flow: Flow,
        account: &Account,
        aor: Option<&str>,
        reason: Reason,
    ) {
        self.note_shown(request, flow, account, aor, Observed::Failed(reason));
    }

    /// What became of the request of a phone that has shown who it is.
    pub(super) fn note_shown(
        &self,
        request: &Request,
        flow: Flow,
        account: &Account,
        aor: Option<&str>,
        what: Observed,
    ) {
        let Some(seen) = self.sighting(request, flow).filter(|_| has_lines(account)) else { return };
        let named = Named::Phone { phone: account.phone, aor: aor.map(str::to_owned) };
        let at = UnixMillis::now();
        self.lines.note(Observation { at, named, seen: Some(seen), what });
    }

    /// A REGISTER was carried out: the phone is registered for so long, or no longer.
    pub(super) fn note_registered(
        &self,
        request: &Request,
        flow: Flow,
        account: &Account,
        aor: &str,
        left: Option<Duration>,
        moved_from: Option<SocketAddr>,
    ) {
        if !has_lines(account) {
            return;
        }
        let at = UnixMillis::now();
        let what = match left {
            Some(left) => Observed::Registered { until: at.after(left), moved_from },
            None => Observed::Unregistered,
        };
        let named = Named::Phone { phone: account.phone, aor: Some(aor.to_owned()) };
        self.lines.note(Observation { at, named, seen: self.sighting(request, flow), what });
    }

    /// A registration has gone without its phone's doing.
    pub(super) fn note_lost(&self, phone: PhoneId, aor: &str, reason: Reason) {
        if !self.has_lines(phone) {
            return;
        }
        let named = Named::Phone { phone, aor: Some(aor.to_owned()) };
        let (at, what) = (UnixMillis::now(), Observed::Lost(reason));
        self.lines.note(Observation { at, named, seen: None, what });
    }

    /// How often a line's state changed within the window in which changes count as flapping.
    pub fn changes_of_late(&self, standing: &Standing, now: UnixMillis) -> usize {
        standing.changes_within(now, &self.settings.line_status)
    }

    fn note_stranger(&self, named: Named, seen: Sighting, what: Observed) {
        self.lines.note_stranger(Observation { at: UnixMillis::now(), named, seen: Some(seen), what });
    }
}

/// A phone that waits to be claimed has none.
fn has_lines(account: &Account) -> bool {
    !account.lines.is_empty()
}
