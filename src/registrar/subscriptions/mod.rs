//! Subscriptions of phones to what is known of their own numbers: where they are registered (RFC 3680), whether messages wait
//! (RFC 3842). Only whose number it is may subscribe. They are not kept over a restart: phones subscribe anew.

mod body;
mod package;
mod subscription;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::package::Asked;
use self::subscription::{Notification, Subscription, Surroundings};
use super::authentication::forbidden;
use super::{GruuHolder, Registrar, Verdict};
use crate::directory::Account;
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{Request, Response};
use crate::sip::{Endpoint, Flow, Responder, new_tag};
use crate::vocab::PhoneId;

/// Subscriptions a phone may have to one of its addresses-of-record.
const MOST_OF_PHONE: usize = 8;
/// Notifications that are begun in one round.
const AT_ONCE: usize = 500;

/// Every subscription there is.
#[derive(Clone)]
pub struct Subscriptions(Arc<Inner>);

struct Inner {
    registrar: Registrar,
    endpoint: Endpoint,
    table: Mutex<HashMap<DialogId, Subscription>>,
    most: usize,
}

impl Subscriptions {
    /// None yet, and at most so many at once. Notifications go out by `endpoint`.
    pub fn new(registrar: Registrar, endpoint: Endpoint, most: usize) -> Self {
        Self(Arc::new(Inner { registrar, endpoint, table: Mutex::default(), most }))
    }

    /// Answers a SUBSCRIBE, and tells whoever has subscribed how things stand.
    pub async fn subscribe(&self, request: &Request, flow: Flow, mut responder: Responder) {
        let (answer, subscribed) = match self.decide(request, flow, Instant::now()) {
            Ok((answer, subscribed)) => (answer, Some(subscribed)),
            Err(refusal) => (refusal.with_to_tag(&new_tag()), None),
        };
        responder.respond(answer).await;
        if let Some(subscribed) = subscribed {
            self.tell(&subscribed);
        }
    }

    /// Tells subscribers of what has changed, and of the end of their time; runs as long as the server does.
    pub async fn run(self) {
        let mut every = tokio::time::interval(Duration::from_secs(1));
        loop {
            every.tick().await;
            let due: Vec<DialogId> = self.table().keys().cloned().collect();
            metrics::gauge!("sip_subscriptions").set(due.len() as f64);
            let mut begun = 0;
            for subscribed in due {
                begun += usize::from(self.tell(&subscribed));
                if begun >= AT_ONCE {
                    break;
                }
            }
        }
    }

    fn decide(&self, request: &Request, flow: Flow, now: Instant) -> Result<(Response, DialogId), Response> {
        let asked = Asked::read(request)?;
        let registrar = &self.0.registrar;
        let account = match registrar.identify(request, flow) {
            Verdict::Known(account) if account.is_suspended => return Err(forbidden(request)),
            Verdict::Known(account) => account,
            Verdict::Unproven(unproven) => return Err(registrar.refuse(request, flow, &unproven.name)),
            Verdict::Answer(answer, _) => return Err(answer),
        };
        if let Some(subscribed) = DialogId::of_request(request) {
            return self.refresh(request, flow, &account, &asked, subscribed, now);
        }
        // Who asks a phone's GRUU asks about the number it is registered by.
        let by_gruu =
            request.uri.sip().and_then(|uri| registrar.gruu_holder(uri, now)).and_then(|holder| match holder {
                GruuHolder::Here { aor, .. } | GruuHolder::Away { aor } => Some(aor),
                GruuHolder::Unknown => None,
            });
        let asked_for = by_gruu.or_else(|| request.uri.user()).or_else(|| request.headers.to().ok()?.uri.user());
        let Some(aor) = asked_for.as_deref().and_then(|user| account.address_of(user)) else {
            return Err(forbidden(request));
        };
        let host = request.headers.to().ok().and_then(|to| to.uri.sip().map(|uri| uri.host.clone()));
        let host = host.unwrap_or_else(|| flow.local.ip().into());
        let dialog = Dialog::answering(request, &new_tag())
            .map_err(|_| request.respond(400).with_reason("From, To or Contact cannot be read"))?;
        let id = dialog.id().clone();
        let subscription = Subscription::new(account.phone, aor.to_owned(), host, dialog, flow, &asked, now);
        let answer = accepted(request, &subscription, &asked).with_to_tag(&id.local_tag);
        let mut table = self.table();
        if asked.seconds > 0 {
            make_room(&mut table, account.phone, aor);
        }
        if table.len() >= self.0.most {
            metrics::counter!("sip_subscriptions_refused_total").increment(1);
            return Err(request.respond(503).with_header("Retry-After", "60"));
        }
        table.insert(id.clone(), subscription);
        Ok((answer, id))
    }

    fn refresh(
        &self,
        request: &Request,
        flow: Flow,
        account: &Account,
        asked: &Asked,
        id: DialogId,
        now: Instant,
    ) -> Result<(Response, DialogId), Response> {
        let mut table = self.table();
        let Some(subscription) = table.get_mut(&id) else { return Err(request.respond(481)) };
        if subscription.phone != account.phone || subscription.package != asked.package {
            return Err(request.respond(481));
        }
        if subscription.dialog.receive(request).is_err() {
            return Err(request.respond(500).with_reason("CSeq out of order"));
        }
        subscription.refresh(asked, flow, now);
        Ok((accepted(request, subscription, asked), id))
    }

    /// Sends what there is to tell one subscriber, in the background; true if there is something.
    fn tell(&self, id: &DialogId) -> bool {
        let now = Instant::now();
        let Some(notification) = self.due(id, now) else { return false };
        let (this, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            let is_taken = this.send(notification).await;
            let mut table = this.table();
            match table.get_mut(&id) {
                // What was on its way when it was refreshed went where the phone was before.
                Some(subscription) if is_taken || subscription.is_due => subscription.is_telling = false,
                // Who doesn't take what they have asked for doesn't want it (RFC 6665 section 4.2.2).
                _ => drop(table.remove(&id)),
            }
        });
        true
    }

    fn due(&self, id: &DialogId, now: Instant) -> Option<Notification> {
        let mut table = self.table();
        let subscription = table.get_mut(id)?;
        let bindings = self.0.registrar.location().of_aor(&subscription.aor, now);
        let account = self.0.registrar.directory.accounts().of(subscription.phone);
        let is_own = account.is_some_and(|account| {
            !account.is_suspended && account.address_of(&subscription.aor) == Some(subscription.aor.as_str())
        });
        let notification = subscription.next(now, &Surroundings { bindings: &bindings, is_own })?;
        if notification.is_last {
            table.remove(id);
        }
        Some(notification)
    }

    async fn send(&self, notification: Notification) -> bool {
        let Notification { phone, mut request, mut flow, is_last: _ } = notification;
        if let Some(to) = self.0.registrar.retarget(&mut request, phone, Instant::now()) {
            // What a GRUU leads to may have registered with another node.
            let Ok(own) = self.0.endpoint.own_flow(to) else { return false };
            flow = own;
        }
        let Ok(mut exchange) = self.0.endpoint.request_along(request, flow).await else { return false };
        matches!(exchange.answer().await, Ok(answer) if answer.status < 300)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<DialogId, Subscription>> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A phone that has restarted knows nothing of the subscriptions it had: the one that ends first makes way, and its end is told.
fn make_room(table: &mut HashMap<DialogId, Subscription>, phone: PhoneId, aor: &str) {
    let of_phone = table.iter_mut().filter(|(_, other)| other.phone == phone && other.aor == aor);
    let (ending, mut going): (Vec<_>, Vec<_>) = of_phone.partition(|(_, other)| other.is_deactivated);
    let waits_too_long = (ending.len() >= MOST_OF_PHONE).then(|| ending.first().map(|(id, _)| (*id).clone())).flatten();
    if going.len() >= MOST_OF_PHONE {
        going.sort_by_key(|(_, other)| other.expires());
        if let Some((_, first)) = going.first_mut() {
            first.is_deactivated = true;
        }
    }
    if let Some(id) = waits_too_long {
        table.remove(&id);
    }
}

fn accepted(request: &Request, subscription: &Subscription, asked: &Asked) -> Response {
    request
        .respond(200)
        .with_header("Contact", &subscription.contact())
        .with_header("Expires", &asked.seconds.to_string())
}

impl std::fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriptions").field("count", &self.table().len()).finish_non_exhaustive()
    }
}
