//! The switchboard: takes requests in, finds the call they belong to, and lets new calls in.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::Instrument;

use super::call::{Call, CallSettings};
use super::call_record::{CallRecord, CallRecords};
use super::callers::Callers;
use super::dialogs::Dialogs;
use super::ending::CallEnding;
use super::leg::{self, Leg, Surroundings};
use super::media_addresses::MediaAddresses;
use super::phase::Phase;
use super::policy::{Caller, Destination, Permission, permit};
use super::proxy::{self, Lines, Proxy, Requester};
use super::ring_back::{self, RingBackCall};
use super::service::Service;
use super::settings::CtiSettings;
use crate::directory::{Account, Directory, DirectoryError};
use crate::enrolment::Enrolments;
use crate::media::{CodecOrder, LocalMedia, MediaEngine};
use crate::registrar::{Registrar, SUSPENDED, Verdict};
use crate::sip::message::{Contacts, Method, NameAddr, Request, RequestUri, Response};
use crate::sip::{Endpoint, Flow, Responder, SipError, new_tag};
use crate::sites::Sites;
use crate::vocab::{DirectoryNumber, PhoneId};

/// How long calls may take to say goodbye when the service closes.
const FAREWELL: Duration = Duration::from_secs(15);

/// The calls of this server.
#[derive(Clone)]
pub struct Switchboard {
    inner: Arc<Inner>,
}

/// The kind of news that the conversations of a phone are called off.
pub const CALLED_OFF: &str = "call-off";

struct Inner {
    settings: CtiSettings,
    /// The generation that takes new calls.
    service: RwLock<Arc<Service>>,
    /// Generations before it that may have conversations.
    older: Mutex<Vec<Weak<Service>>>,
    endpoint: Endpoint,
    engine: MediaEngine,
    addresses: MediaAddresses,
    enrolments: Enrolments,
    registrar: Registrar,
    dialogs: Dialogs,
    records: CallRecords,
    callers: Callers,
    proxy: Proxy,
    directory: Directory,
    calls: Arc<AtomicUsize>,
    ring_backs: Arc<AtomicUsize>,
    phase: watch::Sender<Phase>,
}

/// What a switchboard rests on.
#[derive(Debug)]
pub struct Foundations {
    /// Where it is told what happens.
    pub directory: Directory,
    /// The way to phones.
    pub endpoint: Endpoint,
    /// Who is who.
    pub registrar: Registrar,
    /// Who may claim what.
    pub enrolments: Enrolments,
    /// This site and its peer.
    pub sites: Sites,
    /// Where it is said from.
    pub addresses: MediaAddresses,
    /// Requests on their way to a phone or a peer at once.
    pub most_proxied: usize,
}

impl Switchboard {
    /// With media of its own and the first generation of the service.
    pub fn new(settings: CtiSettings, service: Arc<Service>, engine: MediaEngine, foundations: Foundations) -> Self {
        let Foundations { directory, endpoint, registrar, enrolments, sites, addresses, most_proxied } = foundations;
        show_limit(&service);
        Self {
            inner: Arc::new(Inner {
                settings,
                service: RwLock::new(service),
                older: Mutex::default(),
                proxy: Proxy::new(endpoint.clone(), registrar.clone(), directory.clone(), sites, most_proxied),
                endpoint,
                engine,
                addresses,
                enrolments,
                registrar,
                dialogs: Dialogs::default(),
                records: CallRecords::new(directory.clone()),
                callers: Callers::default(),
                directory,
                calls: Arc::default(),
                ring_backs: Arc::default(),
                phase: watch::channel(Phase::Open).0,
            }),
        }
    }

    /// Calls at this moment.
    pub fn calls(&self) -> usize {
        self.inner.calls.load(Ordering::Relaxed)
    }

    /// Calls of late and at this moment, the newest first.
    pub fn records(&self) -> Vec<CallRecord> {
        self.inner.records.newest_first()
    }

    /// True if a phone is in a conversation.
    pub fn is_calling(&self, phone: PhoneId) -> bool {
        self.inner.callers.has(phone)
    }

    /// Ends a phone's conversations with an apology.
    pub fn call_off(&self, phone: PhoneId) {
        self.inner.callers.call_off(phone);
    }

    /// The same on every node.
    ///
    /// # Errors
    /// If the other nodes can't be told.
    pub async fn call_off_everywhere(&self, phone: PhoneId) -> Result<(), DirectoryError> {
        self.call_off(phone);
        Ok(self.inner.directory.db().tell_nodes(CALLED_OFF, &phone.to_string()).await?)
    }

    /// Packets and lateness of the media.
    pub fn media(&self) -> &MediaEngine {
        &self.inner.engine
    }

    /// Takes no new calls and waits for the running ones; those still there after `patience` are told that the service closes.
    pub async fn drain(&self, patience: Duration) {
        self.inner.phase.send_replace(Phase::Draining);
        if !self.quiet_within(patience).await {
            self.inner.close_older();
            self.service().phase.send_replace(Phase::Closing);
            self.quiet_within(FAREWELL).await;
        }
    }

    /// The generation of the service that takes new calls.
    pub fn service(&self) -> Arc<Service> {
        self.inner.service()
    }

    /// Has `service` take new calls from now on. Conversations finish on the generation they began with; with `close_older`
    /// they are told that the service closes.
    pub fn put(&self, service: Arc<Service>, close_older: bool) {
        show_limit(&service);
        let before =
            std::mem::replace(&mut *self.inner.service.write().unwrap_or_else(PoisonError::into_inner), service);
        let mut older = self.inner.older.lock().unwrap_or_else(PoisonError::into_inner);
        older.retain(|service| service.strong_count() > 0);
        older.push(Arc::downgrade(&before));
        drop(older);
        if close_older {
            self.inner.close_older();
        }
    }

    async fn quiet_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.calls() + self.inner.ring_backs.load(Ordering::Relaxed) > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// An ACK: to its call, or on to where it is for.
    pub async fn acknowledge(&self, ack: Request) {
        if self.inner.proxy.is_within(&ack) {
            self.inner.proxy.acknowledge(&ack).await;
        } else {
            self.inner.dialogs.acknowledge(ack);
        }
    }

    /// Challenges the beginning of a call that shows nothing of who calls, keeping nothing of it; none if it takes more to answer
    /// it.
    pub fn challenge(&self, request: &Request, flow: Flow) -> Option<Response> {
        let inner = &self.inner;
        let is_known = inner.proxy.is_from_peer(request, flow) || inner.known_by_place(request, flow).is_some();
        if is_known { None } else { inner.registrar.challenge(request, flow) }
    }

    /// True for a request that only passes: one for somebody's line, or within a call between lines. What it needs to be understood
    /// is not this server's business.
    pub fn is_passing(&self, request: &Request) -> bool {
        // Most requests are registrations.
        match request.method {
            Method::Register => false,
            _ if is_in_dialog(request) => self.inner.proxy.is_within(request),
            Method::Invite => self.inner.lines_asked_for(request).is_some(),
            _ => false,
        }
    }

    /// A request within a call between lines.
    pub async fn pass(&self, request: Request, responder: Responder) {
        self.inner.proxy.pass(request, responder).await;
    }

    /// A request inside a dialog: to its call, or 481.
    pub async fn in_dialog(&self, request: Request, responder: Responder) {
        self.inner.dialogs.deliver(request, responder).await;
    }

    /// Calls a phone back, says its number and hangs up. It takes none of the places for calls.
    ///
    /// # Errors
    /// If no call can be made to the binding's contact, or it doesn't answer at all.
    pub async fn ring_back(&self, call: RingBackCall<'_>) -> Result<CallEnding, SipError> {
        let inner = &self.inner;
        let _place = Place::take(&inner.ring_backs, usize::MAX);
        ring_back::ring_back(inner.surroundings(&inner.service()), inner.addresses, &inner.dialogs, call).await
    }

    /// An INVITE outside a dialog.
    pub async fn invite(&self, request: Request, flow: Flow, mut responder: Responder) {
        let service = self.inner.service();
        match self.inner.admit(&request, flow, &service) {
            Ok(Admitted::ToRoutePoint(phone, number)) => {
                self.serve(request, flow, responder, phone, number, service).await;
            }
            Ok(Admitted::ToLines(requester, lines)) => {
                self.inner.proxy.call(request, flow, responder, requester, lines).await;
            }
            Err(refusal) => {
                tracing::info!(peer = %flow.peer, status = refusal.status, reason = %refusal.reason, "a call was not let in");
                responder.respond(refusal.with_to_tag(&new_tag())).await;
            }
        }
    }

    async fn serve(
        &self,
        request: Request,
        flow: Flow,
        mut responder: Responder,
        phone: PhoneId,
        number: DirectoryNumber,
        service: Arc<Service>,
    ) {
        let came_in = Instant::now();
        let place = match self.inner.take_place(&request, &service) {
            Ok(place) => place,
            Err(refusal) => return responder.respond(refusal.with_to_tag(&new_tag())).await,
        };
        let inner = self.inner.clone();
        let port = match inner.engine.open(inner.addresses.bound(&flow)) {
            Ok(port) => port,
            Err(error) => {
                tracing::error!(%error, "no RTP port");
                let refusal = request.respond(503).with_header("Retry-After", "10");
                return responder.respond(refusal.with_to_tag(&new_tag())).await;
            }
        };
        let local = LocalMedia {
            addr: SocketAddr::new(inner.addresses.shown(&flow), port.local_addr().port()),
            codecs: service.route.codecs.iter().map(|name| (*name).into()).collect(),
            order: CodecOrder::Ours,
            session_id: rand::random::<u32>().into(),
            version: 1,
            previous: None,
        };
        let is_secure = must_be_secure(&request);
        let contact = NameAddr::new(flow.own_uri(Some(number.as_str()), is_secure)).to_string();
        let signalling_ip = inner.registrar.origin(&request, flow).ip();
        let settings = CallSettings { contact, tag: new_tag(), session_seconds: inner.settings.session_seconds };
        let (call, outputs) = match Call::answer(request, local, settings, Instant::now()) {
            Ok(answered) => answered,
            Err(refusal) => return responder.respond(refusal.with_to_tag(&new_tag())).await,
        };
        let (entry, inbox) = inner.dialogs.enter(call.id().clone());
        let record = inner.records.begin(number.clone(), phone);
        let surroundings = inner.surroundings(&service);
        let (calling, call_off) = inner.callers.enter(record, phone);
        let span = inner.directory.under_way().span_of_call(phone, record);
        span.in_scope(|| tracing::info!(%number, "a call came in"));
        let leg = Leg { call, flow, signalling_ip, phone: Some(phone), port, responder, inbox, call_off, surroundings };
        metrics::histogram!("call_setup_seconds").record(came_in.elapsed());
        let served = async move {
            let ending = leg.run(outputs).await;
            drop((entry, place, service, calling));
            inner.records.end(record, &ending);
            leg::after(&inner.enrolments, phone).await;
        };
        tokio::spawn(served.instrument(span));
    }
}

/// Who was let in, and to what.
enum Admitted {
    ToRoutePoint(PhoneId, DirectoryNumber),
    ToLines(Requester, Lines),
}

/// A place among the calls at once; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    /// One more, if there are fewer than `most`.
    fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let one_more = |calls| (calls < most).then_some(calls + 1);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(taken.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn service(&self) -> Arc<Service> {
        self.service.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn close_older(&self) {
        let older = self.older.lock().unwrap_or_else(PoisonError::into_inner);
        for service in older.iter().filter_map(Weak::upgrade) {
            service.phase.send_replace(Phase::Closing);
        }
    }

    fn surroundings(&self, service: &Service) -> Surroundings {
        Surroundings {
            endpoint: self.endpoint.clone(),
            engine: self.engine.clone(),
            voice: service.voice.clone(),
            enrolments: self.enrolments.clone(),
            dialogue: service.dialogue.clone(),
            proof: service.proof.clone(),
            session_seconds: self.settings.session_seconds,
            phase: service.phase.subscribe(),
        }
    }

    /// The lines a request asks for, if it asks for somebody's.
    fn lines_asked_for(&self, request: &Request) -> Option<Lines> {
        let number = request.uri.user().and_then(|user| user.parse::<DirectoryNumber>().ok());
        if number.is_some_and(|number| self.service().route.numbers.contains(&number)) {
            return None;
        }
        self.proxy.lines_of(&request.uri)
    }

    /// Who calls what, and whether they may.
    fn admit(&self, request: &Request, flow: Flow, service: &Service) -> Result<Admitted, Response> {
        let lines = self.lines_asked_for(request);
        if lines.is_some() {
            proxy::check(request)?;
        }
        if *self.phase.borrow() != Phase::Open {
            return Err(request.respond(503).with_header("Retry-After", "30").with_reason("The service is closing"));
        }
        if let Some(lines) = lines {
            if self.proxy.is_from_peer(request, flow) {
                return Ok(Admitted::ToLines(Requester::Peer, lines));
            }
            let account = self.known_caller(request, flow)?;
            return match Caller::of(account.state).map(|caller| permit(caller, Destination::Line)) {
                Some(Permission::Allowed) => Ok(Admitted::ToLines(Requester::Phone(account), lines)),
                Some(Permission::Forbidden) => Err(only_to_set_up(request)),
                Some(Permission::NotFound) => Err(request.respond(404)),
                None => Err(request.respond(403)),
            };
        }
        let account = self.known_caller(request, flow)?;
        let number = request.uri.user().and_then(|user| user.parse::<DirectoryNumber>().ok());
        let destination = match &number {
            Some(number) if service.route.numbers.contains(number) => Destination::RoutePoint,
            _ => Destination::Elsewhere,
        };
        let caller = Caller::of(account.state).ok_or_else(|| request.respond(403))?;
        match (permit(caller, destination), number) {
            (Permission::Allowed, Some(_)) if !service.is_active => Err(request
                .respond(480)
                .with_reason("Self-provisioning is not active")
                .with_header("Retry-After", "60")),
            (Permission::Allowed, Some(number)) => Ok(Admitted::ToRoutePoint(account.phone, number)),
            (Permission::Forbidden, _) => Err(only_to_set_up(request)),
            (Permission::NotFound | Permission::Allowed, _) => Err(request.respond(404)),
        }
    }

    /// The account of whoever sent a request, if it may do anything.
    fn known_caller(&self, request: &Request, flow: Flow) -> Result<Arc<Account>, Response> {
        let account = match self.caller(request, flow) {
            Verdict::Answer(answer, _) => return Err(answer),
            Verdict::Known(account) => account,
            Verdict::Unproven(unproven) => return Err(self.registrar.refuse(request, flow, &unproven.name)),
        };
        if account.is_suspended {
            self.registrar.note_suspended(request, flow, &account);
            return Err(request.respond(403).with_reason(SUSPENDED));
        }
        Ok(account)
    }

    /// A phone without a password of ours is known by the place it registered from; everybody else by digest.
    fn caller(&self, request: &Request, flow: Flow) -> Verdict {
        match self.known_by_place(request, flow) {
            Some(account) => Verdict::Known(account),
            None => self.registrar.identify(request, flow),
        }
    }

    fn known_by_place(&self, request: &Request, flow: Flow) -> Option<Arc<Account>> {
        let from = request.headers.from().ok().and_then(|from| from.uri.user());
        let origin = self.registrar.origin(request, flow);
        let registered = from.and_then(|from| {
            let bindings = self.registrar.location().of_aor(&from, Instant::now());
            let here = bindings
                .into_iter()
                .find(|binding| self.registrar.location().origin_of(binding).ip() == origin.ip())?;
            self.enrolments.account_of(here.phone)
        });
        registered.filter(|account| account.secret.is_none())
    }

    /// 486 when as many calls are up as may be.
    fn take_place(&self, request: &Request, service: &Service) -> Result<Place, Response> {
        let most = service.route.most_calls;
        if let Some(place) = Place::take(&self.calls, most) {
            return Ok(place);
        }
        metrics::counter!("calls_refused_total", "reason" => "limit").increment(1);
        let reason = format!("All {most} ports are in use");
        let warning = format!("399 tsunagu \"{reason}\"");
        Err(request.respond(486).with_reason(&reason).with_header("Warning", &warning).with_header("Retry-After", "30"))
    }
}

fn only_to_set_up(request: &Request) -> Response {
    request.respond(403).with_reason("This phone can only call the set-up number until it is assigned")
}

/// Whether our Contact has to be a `sips:` URI (RFC 3261 section 12.1.1).
fn must_be_secure(invite: &Request) -> bool {
    let is_secure = |uri: &RequestUri| uri.sip().is_some_and(|uri| uri.secure);
    let nearest = match invite.headers.list("Record-Route").first() {
        Some(route) => route.parse::<NameAddr>().ok(),
        None => match invite.headers.contacts() {
            Ok(Contacts::List(contacts)) => contacts.into_iter().next(),
            Ok(Contacts::Star) | Err(_) => None,
        },
    };
    is_secure(&invite.uri) || nearest.is_some_and(|nearest| is_secure(&nearest.uri))
}

/// True for a request that belongs to a dialog.
pub fn is_in_dialog(request: &Request) -> bool {
    request.method != Method::Cancel && request.headers.to().is_ok_and(|to| to.tag().is_some())
}

impl std::fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switchboard").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

fn show_limit(service: &Service) {
    let most = u32::try_from(service.route.most_calls).unwrap_or(u32::MAX);
    metrics::gauge!("limits", "setting" => "self-provisioning.ports").set(f64::from(most));
}
