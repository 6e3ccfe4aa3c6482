//! The registrar as the wire sees it: a REGISTER in, an answer out.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::authentication::forbidden;
use super::auto_registration::{AutoRegistration, Candidate, Refusal};
use super::binding::Binding;
use super::location::{Location, Update};
use super::registration::{Decision, Limits, decide};
use super::{Authenticator, Identity, RegistrarError, RegistrarEvent, RegistrarNews, Verdict};
use crate::directory::{Account, Directory, PhoneState};
use crate::sip::Flow;
use crate::sip::message::{NameAddr, Request, Response, SipUri};
use crate::vocab::{PhoneId, UnixMillis};

/// Settings of the registrar.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrarSettings {
    /// The digest realm. Changing it makes every phone's stored credentials useless until it is configured again.
    pub realm: String,
    /// The shortest registration taken, in seconds.
    pub shortest_seconds: u32,
    /// The longest registration given, in seconds.
    pub longest_seconds: u32,
    /// The registration given to a phone that asks for none, in seconds.
    pub usual_seconds: u32,
    /// The longest registration of a phone in quarantine, in seconds.
    pub quarantine_seconds: u32,
    /// The most contacts of one address-of-record.
    pub contacts: usize,
}

impl Default for RegistrarSettings {
    fn default() -> Self {
        Self {
            realm: "tsunagu".to_owned(),
            shortest_seconds: 60,
            longest_seconds: 3600,
            usual_seconds: 600,
            quarantine_seconds: 300,
            contacts: 20,
        }
    }
}

/// The registrar.
#[derive(Clone, Debug)]
pub struct Registrar {
    settings: RegistrarSettings,
    directory: Directory,
    location: Location,
    authenticator: Authenticator,
    auto_registration: AutoRegistration,
    events: mpsc::Sender<RegistrarNews>,
}

impl Registrar {
    /// Reads the bindings that were committed before. News goes to `events`, which must be drained.
    pub async fn open(
        settings: RegistrarSettings,
        directory: Directory,
        auto_registration: AutoRegistration,
        events: mpsc::Sender<RegistrarNews>,
    ) -> Result<Self, RegistrarError> {
        let location = Location::open(directory.db().clone(), Instant::now()).await?;
        let authenticator = Authenticator::new(&settings.realm, directory.accounts().clone(), rand::random());
        Ok(Self { settings, directory, location, authenticator, auto_registration, events })
    }

    /// Where everybody is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Forgets where a phone is that was released in the database.
    pub fn forget(&self, phone: PhoneId) {
        self.location.forget(phone);
    }

    /// Who sent a request.
    pub fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// How unknown phones get in.
    pub fn auto_registration(&self) -> &AutoRegistration {
        &self.auto_registration
    }

    /// Answers a REGISTER. A 2xx is given only after what it acknowledges is committed.
    pub async fn register(&self, request: &Request, flow: Flow) -> Response {
        let tag = format!("{:016x}", rand::random::<u64>());
        let answer = match self.decide(request, flow).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, "a registration could not be stored");
                request.respond(503).with_header("Retry-After", "10")
            }
        };
        metrics::counter!("registrations_total", "status" => answer.status.to_string()).increment(1);
        answer.with_to_tag(&tag)
    }

    async fn decide(&self, request: &Request, flow: Flow) -> Result<Response, RegistrarError> {
        let Some(aor) = request.headers.to().ok().and_then(|to| to.uri.user()) else {
            return Ok(request.respond(400).with_reason("To names nobody"));
        };
        let account = match self.authenticator.judge(request, flow, UnixMillis::now(), rand::random()) {
            Verdict::Answer(answer) => return Ok(answer),
            Verdict::Known(Identity::Account(account)) => account,
            Verdict::Known(Identity::Stranger { name }) => match self.admit(request, &name, flow).await? {
                Ok(account) => account,
                Err(answer) => return Ok(answer),
            },
        };
        if !account.may_register(&aor) {
            tracing::info!(phone = %account.phone, "a phone asked to register a number that is not its own");
            return Ok(forbidden(request));
        }
        self.bind(request, flow, &aor, &account).await
    }

    /// A phone nobody knows, which answered the challenge: auto-registration may let it in (a phone that takes no configuration).
    async fn admit(
        &self,
        request: &Request,
        name: &str,
        flow: Flow,
    ) -> Result<Result<std::sync::Arc<Account>, Response>, RegistrarError> {
        let is_name =
            (1..=64).contains(&name.chars().count()) && !name.chars().any(|c| c.is_control() || c.is_whitespace());
        if !is_name {
            return Ok(Err(forbidden(request)));
        }
        let candidate = Candidate {
            mac: None,
            vendor: "generic".to_owned(),
            model: request.headers.get("User-Agent").map(|agent| agent.chars().take(128).collect()),
            auth_name: name.to_owned(),
            sealed_secret: None,
            algorithms: "MD5".to_owned(),
            token_hash: None,
            transport: flow.transport,
            source: flow.peer.ip().to_canonical(),
        };
        let now = UnixMillis::now();
        let admission = match self.auto_registration.knock(candidate.source, now) {
            Ok(()) => self.auto_registration.admit(&candidate, now).await?,
            Err(refusal) => Err(refusal),
        };
        let admission = match admission {
            Ok(admission) => admission,
            // Whether a name exists must not show where auto-registration is not for this asker.
            Err(Refusal::Off | Refusal::Network) => return Ok(Err(forbidden(request))),
            Err(refusal) => return Ok(Err(refused(request, flow, refusal))),
        };
        self.tell(RegistrarEvent::Admitted { phone: admission.phone }).await;
        match self.directory.accounts().of(admission.phone) {
            Some(account) => Ok(Ok(account)),
            None => Ok(Err(request.respond(500))),
        }
    }

    async fn bind(
        &self,
        request: &Request,
        flow: Flow,
        aor: &str,
        account: &Account,
    ) -> Result<Response, RegistrarError> {
        let now = Instant::now();
        let limits = self.limits(account);
        let phone = account.phone;
        let seen = (account.state == PhoneState::Quarantine).then_some(phone);
        let mut was_registered = false;
        let outcome = self
            .location
            .update(aor, now, seen, |existing| {
                was_registered = existing.iter().any(|binding| binding.phone == phone);
                match decide(request, existing, phone, flow, limits, now) {
                    Decision::Change { bindings, put, removed } => Ok(Update { bindings, put, removed }),
                    Decision::Query => Err(self.listing(request, account, existing, now)),
                    Decision::TooBrief => {
                        let shortest = limits.shortest.as_secs().to_string();
                        Err(request.respond(423).with_header("Min-Expires", &shortest))
                    }
                    Decision::Malformed(fault) => Err(request.respond(400).with_reason(fault)),
                    Decision::OutOfOrder => Err(request.respond(500).with_reason("Older than a registration known")),
                    Decision::TooMany => Err(request.respond(403).with_reason("Too many contacts")),
                }
            })
            .await?;
        let bindings = match outcome {
            Ok(bindings) => bindings,
            Err(answer) => return Ok(answer),
        };
        let is_registered = bindings.iter().any(|binding| binding.phone == phone);
        match (was_registered, is_registered) {
            (false, true) => self.tell(RegistrarEvent::Registered { phone, aor: aor.to_owned() }).await,
            (true, false) => self.tell(RegistrarEvent::Unregistered { phone, aor: aor.to_owned() }).await,
            (true, true) | (false, false) => {}
        }
        Ok(self.listing(request, account, &bindings, now))
    }

    fn limits(&self, account: &Account) -> Limits {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let longest = match account.state {
            PhoneState::Quarantine => self.settings.quarantine_seconds.min(self.settings.longest_seconds),
            PhoneState::Enrolled | PhoneState::Released => self.settings.longest_seconds,
        };
        Limits {
            shortest: seconds(self.settings.shortest_seconds),
            longest: seconds(longest),
            usual: seconds(self.settings.usual_seconds),
            bindings: self.settings.contacts,
        }
    }

    /// 200 with every binding there is (section 10.3, step 8), and the numbers the phone is reached by.
    fn listing(&self, request: &Request, account: &Account, bindings: &[Binding], now: Instant) -> Response {
        let mut response = request.respond(200);
        for binding in bindings {
            let contact = format!("<{}>;expires={}", binding.contact, binding.seconds_left(now));
            response = response.with_header("Contact", &contact);
        }
        let host = request.headers.to().ok().and_then(|to| to.uri.sip().map(|uri| uri.host.clone()));
        if let Some(host) = host {
            for number in account.lines.iter().chain(&account.temporary_number) {
                let uri = SipUri::new(Some(number.as_str()), host.clone(), None);
                response = response.with_header("P-Associated-URI", &NameAddr::new(uri).to_string());
            }
        }
        response
    }

    async fn tell(&self, event: RegistrarEvent) {
        let _ = self.events.send(RegistrarNews { at: UnixMillis::now(), event }).await;
    }

    /// Lets bindings lapse and leases end; to be called every second or so.
    pub async fn tidy(&self) {
        let now = Instant::now();
        for (phone, aor) in self.location.expire(now).await {
            let is_gone = !self.location.of_aor(&aor, now).iter().any(|binding| binding.phone == phone);
            if is_gone {
                self.tell(RegistrarEvent::Unregistered { phone, aor }).await;
            }
        }
    }

    /// Gives back the numbers of phones that went away; to be called every half minute or so.
    pub async fn collect_leases(&self) -> Result<(), RegistrarError> {
        for phone in self.auto_registration.collect(UnixMillis::now()).await? {
            self.location.forget(phone);
            self.tell(RegistrarEvent::LeaseEnded { phone }).await;
        }
        Ok(())
    }
}

/// A refusal somebody has to act on: the reason phrase and a Warning (RFC 3261 section 20.43) say what.
fn refused(request: &Request, flow: Flow, refusal: Refusal) -> Response {
    tracing::warn!(peer = %flow.peer, reason = refusal.phrase(), "a new phone was not let in");
    let warning = format!("399 {} \"{}\"", flow.local, refusal.phrase());
    request.respond(403).with_reason(refusal.phrase()).with_header("Warning", &warning)
}
