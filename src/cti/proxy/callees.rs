//! Whom a call is for, where they are, and who calls.

use std::time::Instant;

use super::passing::Proxy;
use super::targets::{Target, Way};
use crate::directory::{Account, DrForward, PhoneState};
use crate::registrar::{Binding, GruuHolder};
use crate::sip::Flow;
use crate::sip::message::{Host, NameAddr, Request, RequestUri, Response, SipUri};
use crate::vocab::{DirectoryNumber, PhoneId};

/// Whom a call is for.
#[derive(Debug)]
pub(in crate::cti) enum Lines {
    /// The phones a number rings.
    OfNumber(DirectoryNumber, Vec<PhoneId>),
    /// One phone, by a URI that names it and nobody else (RFC 5627): where it is, or what is answered.
    OfPhone(Result<Vec<Binding>, u16>),
}

impl Proxy {
    /// Whom a URI names, if it is a phone's own or that of somebody's line.
    pub(in crate::cti) fn lines_of(&self, uri: &RequestUri) -> Option<Lines> {
        let holder = uri.sip().and_then(|uri| self.registrar.gruu_holder(uri, Instant::now()));
        match holder {
            Some(GruuHolder::Here { bindings, .. }) => return Some(Lines::OfPhone(Ok(bindings))),
            Some(GruuHolder::Away { .. }) => return Some(Lines::OfPhone(Err(480))),
            Some(GruuHolder::Unknown) => return Some(Lines::OfPhone(Err(404))),
            None => {}
        }
        let number = uri.user()?.parse::<DirectoryNumber>().ok()?;
        let accounts = self.directory.accounts();
        let is_in_use = |phone: &PhoneId| accounts.of(*phone).is_some_and(|it| it.state == PhoneState::Enrolled);
        let phones: Vec<PhoneId> = accounts.ringing_on(&number).into_iter().filter(is_in_use).collect();
        (!phones.is_empty()).then_some(Lines::OfNumber(number, phones))
    }

    /// Where the lines are registered, the latest first: under their number, or a phone that takes no configuration under its name.
    pub(super) fn bindings(&self, lines: &Lines, now: Instant) -> Vec<Binding> {
        let accounts = self.directory.accounts();
        let mut bindings = Vec::new();
        let (number, phones) = match lines {
            Lines::OfNumber(number, phones) => (number, phones),
            Lines::OfPhone(bindings) => {
                let is_in_use = |binding: &&Binding| {
                    accounts.of(binding.phone).is_some_and(|it| it.state == PhoneState::Enrolled && !it.is_suspended)
                };
                let there = bindings.iter().flatten().filter(is_in_use);
                return there.filter_map(|binding| binding.over(&self.endpoint).ok()).collect();
            }
        };
        for account in phones.iter().filter_map(|phone| accounts.of(*phone)) {
            if account.is_suspended {
                continue;
            }
            let is_on_it = |aor: &str| aor == number.as_str() || (account.secret.is_none() && aor == account.auth_name);
            let all = self.registrar.location().of_phone(account.phone, now);
            let own = all.iter().filter(|(aor, _)| is_on_it(aor));
            bindings.extend(own.filter_map(|(_, binding)| binding.over(&self.endpoint).ok()));
        }
        bindings
    }

    /// Where a call to a number goes that is not live here; none if it stays here.
    pub(super) async fn peer_of(&self, number: &DirectoryNumber) -> Option<Target> {
        match self.sites.dr_forward(number).await {
            DrForward::Off => return None,
            // Nobody logs in on lines here: whoever is registered counts as logged in.
            DrForward::NoAgent | DrForward::Oos => {}
        }
        let site = self.sites.site();
        let peer = site.peer.as_ref()?;
        let mut uri = SipUri::new(Some(number.as_str()), peer.host.clone(), Some(peer.port));
        uri.params.set("transport", Some(peer.transport.as_uri_param().to_owned()));
        Some(Target { uri: uri.into(), routes: Vec::new(), way: Way::Search, phone: None })
    }

    /// True for a call that comes from the peer site, and not from a phone that registered from the same address.
    pub(in crate::cti) fn is_from_peer(&self, request: &Request, flow: Flow) -> bool {
        if !self.sites.is_peer(flow.peer.ip()) {
            return false;
        }
        let from = request.headers.from().ok().and_then(|from| from.uri.user()).unwrap_or_default();
        let bindings = self.registrar.location().of_aor(&from, Instant::now());
        let is_there = |binding: &Binding| (binding.flow.transport, binding.flow.peer) == (flow.transport, flow.peer);
        !bindings.iter().any(is_there)
    }
}

/// Who calls, as others are told: the line in From if it is the phone's, else its first. From may not name anybody else.
pub(super) fn identity(request: &Request, account: &Account, flow: Flow) -> Result<NameAddr, Response> {
    let from = request.headers.from().map_err(|_| request.respond(400))?;
    let host = from.uri.sip().map(|uri| uri.host.clone());
    let is_anonymous = matches!(&host, Some(Host::Name(name)) if name == "anonymous.invalid");
    let user = from.uri.user().filter(|_| !is_anonymous);
    if user.as_deref().is_some_and(|user| account.address_of(user).is_none()) {
        let refusal = request.respond(403).with_reason("From names somebody else's number");
        return Err(refusal);
    }
    let own = account.lines.iter().find(|number| user.as_deref() == Some(number.as_str()));
    let number = own.or_else(|| account.lines.first()).map_or(account.auth_name.as_str(), DirectoryNumber::as_str);
    let host = match host {
        Some(host) if !is_anonymous => host,
        _ => Host::from(flow.local.ip()),
    };
    Ok(NameAddr::new(SipUri::new(Some(number), host, None)))
}
