//! The registrar as the wire sees it: a REGISTER in, an answer out.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tracing::Instrument;

use super::authentication::{Authenticator, forbidden};
use super::auto_registration::AutoRegistration;
use super::gruu::Gruus;
use super::guess_news::GuessNews;
use super::guessing::{ShutOut, Standing, WrongPasswordSettings};
use super::line_status::{LineStatusSettings, LineWatch, Observed, Reason, is_refresh as refreshes, moved_from};
use super::listing::Listing;
use super::location::{Location, Update};
use super::registration::{Decision, Limits, decide};
use super::service_route::ServiceRoute;
use super::{NewsQueue, RegistrarError, RegistrarEvent, Verdict};
use crate::directory::{Account, Directory, Happening, PhoneState, UnderWay};
use crate::sip::message::{Method, Request, Response};
use crate::sip::{Edges, Flow, Origin};
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
    /// Proxies that requests of phones are to pass (RFC 3608).
    pub service_route: Vec<ServiceRoute>,
    /// How many wrong SIP passwords are taken.
    pub wrong_passwords: WrongPasswordSettings,
    /// Networks of proxies that are believed about where a request came from.
    pub edges: Vec<IpNet>,
    /// What is kept of lines' status.
    pub line_status: LineStatusSettings,
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
            service_route: Vec::new(),
            wrong_passwords: WrongPasswordSettings::default(),
            edges: Vec::new(),
            line_status: LineStatusSettings::default(),
        }
    }
}

/// What the phone of somebody inactive is told.
pub const SUSPENDED: &str = "The user of this phone is inactive";

/// The registrar.
#[derive(Clone, Debug)]
pub struct Registrar {
    pub(super) settings: RegistrarSettings,
    pub(super) directory: Directory,
    location: Location,
    pub(super) authenticator: Authenticator,
    guess_news: GuessNews,
    pub(super) auto_registration: AutoRegistration,
    pub(super) gruus: Gruus,
    pub(super) lines: LineWatch,
    pub(super) news: NewsQueue,
}

impl Registrar {
    /// Reads the bindings that were committed before. News goes to `news`, which somebody must hear.
    pub async fn open(
        settings: RegistrarSettings,
        directory: Directory,
        auto_registration: AutoRegistration,
        news: NewsQueue,
    ) -> Result<Self, RegistrarError> {
        let now = Instant::now();
        let accounts = directory.accounts().clone();
        let known = accounts.clone();
        let whose = move |named: Option<PhoneId>, aor: &str| {
            let of_aor = || known.named(aor).or_else(|| known.of(*known.with_line(aor, 1).first()?));
            let account = named.map_or_else(of_aor, |phone| known.of(phone))?;
            (!account.is_suspended && account.address_of(aor) == Some(aor)).then_some(account.phone)
        };
        let location = Location::open(directory.db(), now, Arc::new(whose), Edges::new(&settings.edges)).await?;
        let authenticator =
            Authenticator::new(&settings.realm, accounts, settings.wrong_passwords, rand::random(), now);
        let (db, accounts) = (directory.db().clone(), directory.accounts().clone());
        let lines = LineWatch::start(settings.line_status, db, location.clone(), accounts, auto_registration.clone());
        let gruus = Gruus::new(directory.sealer());
        let guess_news = GuessNews::open(directory.db());
        Ok(Self { settings, directory, location, authenticator, guess_news, auto_registration, gruus, lines, news })
    }

    /// True if this node is the one that looks after what all share.
    pub fn is_on_duty(&self) -> bool {
        self.directory.db().is_on_duty()
    }

    /// The realm phones show their credentials for.
    pub fn realm(&self) -> &str {
        &self.settings.realm
    }

    /// Where everybody is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// How every line stands.
    pub fn lines(&self) -> &LineWatch {
        &self.lines
    }

    /// Forgets where a phone is that was released in the database.
    pub async fn forget(&self, phone: PhoneId) -> Result<(), RegistrarError> {
        let forgotten = self.location.readdress(phone, Instant::now(), |_| None).await;
        self.lines.note_change(phone);
        forgotten
    }

    /// Brings where a phone is in line with its account, which has changed: what it registered under a number that is no
    /// longer its own is kept under its name, and a phone that may do nothing is nowhere.
    pub async fn settle(&self, phone: PhoneId) -> Result<(), RegistrarError> {
        let settled = self.readdress(phone).await;
        self.lines.note_change(phone);
        settled
    }

    async fn readdress(&self, phone: PhoneId) -> Result<(), RegistrarError> {
        match self.directory.accounts().of(phone) {
            Some(account) if !account.is_suspended => {
                let now = Instant::now();
                self.location
                    .readdress(phone, now, |aor| Some(account.address_of(aor).unwrap_or(&account.auth_name).to_owned()))
                    .await
            }
            _ => self.forget(phone).await,
        }
    }

    /// Forgets what a phone is registered as under its own name: it is back under its number.
    pub async fn forget_name(&self, phone: PhoneId) -> Result<(), RegistrarError> {
        let Some(account) = self.directory.accounts().of(phone) else { return Ok(()) };
        let keep = |aor: &str| (aor != account.auth_name).then(|| aor.to_owned());
        self.location.readdress(phone, Instant::now(), keep).await
    }

    /// Who is told nothing about their passwords for the time being.
    pub fn shut_outs(&self) -> Vec<ShutOut> {
        self.authenticator.shut_outs(Instant::now())
    }

    /// Has passwords of a name or address judged again; false if they are judged.
    pub fn lift_shut_out(&self, shut_out: &ShutOut) -> bool {
        let is_lifted = self.authenticator.lift(shut_out, Instant::now());
        if is_lifted {
            self.guess_news.let_in(shut_out);
        }
        is_lifted
    }

    /// Where a request came from.
    pub fn origin(&self, request: &Request, flow: Flow) -> Origin {
        self.location.edges().origin(&request.headers, flow)
    }

    /// Who sent a request.
    pub fn identify(&self, request: &Request, flow: Flow) -> Verdict {
        let (origin, now) = (self.origin(request, flow), Instant::now());
        let standing = |account: &Account| self.standing(account, origin, now);
        let verdict = self.authenticator.judge(request, origin, standing, now, rand::random());
        if let Verdict::Answer(_, doubt) = &verdict {
            self.note_doubt(request, flow, doubt);
        }
        verdict
    }

    /// Refuses somebody who did not show who they are, and counts it.
    pub fn refuse(&self, request: &Request, flow: Flow, name: &str) -> Response {
        self.refuse_for(request, flow, name, Reason::UnknownUser)
    }

    /// The same, with the reason noted where nobody has that name.
    pub(super) fn refuse_for(&self, request: &Request, flow: Flow, name: &str, reason: Reason) -> Response {
        self.note_unproven(request, flow, name, reason);
        let origin = self.origin(request, flow);
        self.guess_news.guessed(origin.ip(), name);
        self.authenticator.refuse(request, origin, name, Instant::now())
    }

    /// How well a phone is known where a request comes from.
    fn standing(&self, account: &Account, origin: Origin, now: Instant) -> Standing {
        let known = self.location.origins_of(account.phone, now);
        // Where it fetched its configuration, or was seen first: a new phone is not held up by what others guess there.
        let is_at_home = account.source == origin.ip().to_canonical();
        if known.contains(&origin) {
            Standing::Here
        } else if is_at_home || known.iter().any(|known| known.ip() == origin.ip()) {
            Standing::Near
        } else {
            Standing::Strange
        }
    }

    /// How unknown phones get in.
    pub fn auto_registration(&self) -> &AutoRegistration {
        &self.auto_registration
    }

    /// Answers a request that shows no credentials, or old ones, keeping nothing of it; none if it takes more to answer it.
    pub fn challenge(&self, request: &Request, flow: Flow) -> Option<Response> {
        let origin = self.origin(request, flow);
        let (challenge, doubt) =
            self.authenticator.challenge_stranger(request, origin, Instant::now(), rand::random())?;
        if request.method == Method::Register {
            // Who names nobody is told so.
            request.headers.to().ok()?.uri.user()?;
            count_answer(&challenge);
        }
        self.note_doubt(request, flow, &doubt);
        Some(challenge)
    }

    /// A To tag for a refusal of which nothing is kept: the same for the same request.
    pub fn tag_of(&self, request: &Request) -> String {
        self.authenticator.tag_of(request)
    }

    /// Answers a REGISTER. A 2xx is given only after what it acknowledges is committed.
    pub async fn register(&self, request: &Request, flow: Flow) -> Response {
        let tag = format!("{:016x}", rand::random::<u64>());
        let decided = self.decide(request, flow).instrument(UnderWay::unnamed());
        let answer = match decided.await {
            Ok(answer) => answer,
            // Said by who writes, with why.
            Err(RegistrarError::Refused) => request.respond(500).with_reason("The database can't hold it"),
            Err(error) => {
                tracing::error!(%error, "a registration could not be stored");
                request.respond(503).with_header("Retry-After", "10")
            }
        };
        count_answer(&answer);
        answer.with_to_tag(&tag)
    }

    async fn decide(&self, request: &Request, flow: Flow) -> Result<Response, RegistrarError> {
        let Some(aor) = request.headers.to().ok().and_then(|to| to.uri.user()) else {
            return Ok(request.respond(400).with_reason("To names nobody"));
        };
        let account = match self.identify(request, flow) {
            Verdict::Answer(answer, _) => return Ok(answer),
            Verdict::Known(account) => account,
            // Boxed: it takes much room, and hardly any REGISTER needs it.
            Verdict::Unproven(unproven) => match Box::pin(self.admit(request, &unproven, flow)).await? {
                Ok(account) => account,
                Err(answer) => return Ok(answer),
            },
        };
        self.directory.under_way().name(account.phone);
        if account.is_suspended {
            self.note_suspended(request, flow, &account);
            return Ok(forbidden(request).with_reason(SUSPENDED));
        }
        let Some(aor) = account.address_of(&aor) else {
            self.note_failure(request, flow, &account, None, Reason::WrongNumber);
            tracing::info!("a phone asked to register a number that is not its own");
            return Ok(forbidden(request));
        };
        self.bind(request, flow, aor, &account).await
    }

    async fn bind(
        &self,
        request: &Request,
        flow: Flow,
        aor: &str,
        account: &Account,
    ) -> Result<Response, RegistrarError> {
        if self.gruus.is_contact_of_itself(request, aor) {
            self.note_failure(request, flow, account, Some(aor), Reason::Malformed);
            return Ok(forbidden(request).with_reason("A GRUU of the number can't be its contact"));
        }
        let now = Instant::now();
        let limits = self.limits(account);
        let phone = account.phone;
        let seen = (account.state == PhoneState::Quarantine).then_some(phone);
        let (mut was_registered, mut has_flow) = (false, false);
        let (mut moved, mut noted, mut is_refresh) = (None, None, false);
        let mut displaced = HashSet::new();
        let outcome = self
            .location
            .update(aor, now, seen, |existing| {
                was_registered = existing.iter().any(|binding| binding.phone == phone);
                match decide(request, existing, phone, flow, limits, now) {
                    Decision::Change { bindings, put, removed } => {
                        moved = moved_from(existing, &put, self.location.edges());
                        is_refresh = removed.is_empty() && refreshes(existing, &put);
                        has_flow = put.iter().any(|binding| binding.reg_id != 0);
                        let is_left =
                            |before: &super::Binding| bindings.iter().any(|binding| binding.phone == before.phone);
                        let gone = existing.iter().filter(|before| before.phone != phone && !is_left(before));
                        displaced = gone.map(|before| before.phone).collect::<HashSet<PhoneId>>();
                        Ok(Update { bindings, put, removed })
                    }
                    Decision::Query => {
                        noted = Some(Observed::Queried);
                        Err(self.listing(account, aor, flow, now).answer(request, existing))
                    }
                    Decision::TooBrief => {
                        noted = Some(Observed::TooBrief);
                        let shortest = limits.shortest.as_secs().to_string();
                        Err(request.respond(423).with_header("Min-Expires", &shortest))
                    }
                    Decision::Malformed(fault) => {
                        noted = Some(Observed::Failed(Reason::Malformed));
                        Err(request.respond(400).with_reason(fault))
                    }
                    Decision::OutOfOrder => {
                        noted = Some(Observed::Failed(Reason::OutOfOrder));
                        Err(request.respond(500).with_reason("Older than a registration known"))
                    }
                    Decision::TooMany => {
                        noted = Some(Observed::Failed(Reason::TooManyContacts));
                        Err(request.respond(403).with_reason("Too many contacts"))
                    }
                    Decision::FirstHopLacksOutbound => {
                        noted = Some(Observed::Failed(Reason::FirstHopLacksOutbound));
                        Err(request.respond(439))
                    }
                }
            })
            .await;
        if let Err(RegistrarError::Refused) = outcome {
            self.note_failure(request, flow, account, Some(aor), Reason::Malformed);
        }
        let bindings = match outcome? {
            Ok(bindings) => bindings,
            Err(answer) => {
                if let Some(what) = noted {
                    self.note_shown(request, flow, account, Some(aor), what);
                }
                return Ok(answer);
            }
        };
        let ends = bindings.iter().filter(|binding| binding.phone == phone).map(|binding| binding.expires).max();
        // What goes on as it was is looked up where somebody asks for it.
        if !is_refresh {
            let left = ends.map(|ends| ends.saturating_duration_since(now));
            self.note_registered(request, flow, account, aor, left, moved);
        }
        for other in displaced {
            // It may have come back while this one was written.
            if self.location.has(other, aor, Instant::now()) {
                continue;
            }
            self.note_lost(other, aor, Reason::Displaced);
            self.tell_lost(other, aor.to_owned());
        }
        let is_registered = ends.is_some();
        match (was_registered, is_registered) {
            (false, true) => self.tell_registered(phone, aor.to_owned()),
            (true, false) => self.tell_lost(phone, aor.to_owned()),
            (true, true) | (false, false) => {}
        }
        Ok(self.listing(account, aor, flow, now).answer_to_change(request, &bindings, has_flow))
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

    fn listing<'a>(&'a self, account: &'a Account, aor: &'a str, flow: Flow, now: Instant) -> Listing<'a> {
        let (service_route, transport) = (&self.settings.service_route, flow.transport);
        Listing { account, service_route, transport, now, aor, gruus: &self.gruus, nonces: rand::random }
    }

    /// A phone is registered under an address-of-record it was not registered under before.
    pub(super) fn tell_registered(&self, phone: PhoneId, aor: String) {
        tracing::info!(aor, "a phone registered");
        self.directory.feed().tell(Happening::PhoneRegistered { phone, aor: aor.clone() });
        self.news.tell(RegistrarEvent::Registered { phone, aor });
    }

    /// A phone's last binding for an address-of-record is gone.
    pub(super) fn tell_lost(&self, phone: PhoneId, aor: String) {
        tracing::info!(%phone, aor, "a phone's registration has gone");
        self.directory.feed().tell(Happening::PhoneLost { phone, aor });
    }

    /// Lets bindings lapse and leases end; to be called every second or so.
    pub async fn tidy(&self) {
        let now = Instant::now();
        if self.location.is_shared() {
            let ended = self.location.ended(now);
            if !ended.is_empty() {
                self.note_ended(ended);
            }
            return;
        }
        for (phone, aor) in self.location.expire(now).await {
            let is_gone = !self.location.of_aor(&aor, now).iter().any(|binding| binding.phone == phone);
            if is_gone {
                self.note_lost(phone, &aor, Reason::Expired);
                self.tell_lost(phone, aor);
            }
        }
    }

    /// Gives back the numbers of phones that went away, and forgets what lapsed; to be called every half minute or so.
    pub async fn collect_leases(&self) -> Result<(), RegistrarError> {
        let now = Instant::now();
        let is_registered = |phone| !self.location.of_phone(phone, now).is_empty();
        for phone in self.auto_registration.collect(UnixMillis::now(), now, is_registered).await? {
            self.forget(phone).await?;
            self.news.tell(RegistrarEvent::LeaseEnded { phone });
        }
        self.location.forget_lapsed().await
    }

    /// Whether the wall clock may be believed where nothing can be undone: not within a day after it was set.
    pub fn believes_wall_clock(&self) -> bool {
        self.auto_registration.believes_wall_clock(Instant::now(), UnixMillis::now())
    }
}

fn count_answer(answer: &Response) {
    let status: Cow<'static, str> = match answer.status {
        200 => "200".into(),
        401 => "401".into(),
        other => other.to_string().into(),
    };
    metrics::counter!("registrations_total", "status" => status).increment(1);
}
