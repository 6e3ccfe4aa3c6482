//! The switchboard: takes requests in, finds the call they belong to, and lets new calls in.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{mpsc, watch};

use super::call::{Call, CallSettings};
use super::ending::CallEnding;
use super::leg::{self, ForLeg, Leg, Surroundings};
use super::phase::Phase;
use super::policy::{Caller, Destination, Permission, permit};
use super::settings::{CtiSettings, RoutePointSettings};
use super::voice::Voice;
use crate::enrolment::Enrolments;
use crate::ivr::DialogueSettings;
use crate::media::{CodecOrder, LocalMedia, MediaEngine};
use crate::registrar::{Identity, Registrar, Verdict};
use crate::sip::dialog::DialogId;
use crate::sip::message::{Method, Request, Response};
use crate::sip::{Endpoint, Flow, Responder, new_tag};
use crate::vocab::{CallId, DirectoryNumber, PhoneId, UnixMillis};

/// Requests that may wait for one call.
const INBOX: usize = 32;
/// Ended calls that are remembered.
const REMEMBERED: usize = 1000;

/// How long calls may take to say goodbye when the service closes.
const FAREWELL: Duration = Duration::from_secs(15);

/// A call as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// Names it.
    pub id: CallId,
    /// The number called.
    pub number: DirectoryNumber,
    /// The phone it came from.
    pub phone: PhoneId,
    /// When it came in.
    pub started_at: UnixMillis,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
    /// Why it ended.
    pub ending: Option<&'static str>,
    /// Who ended it.
    pub ended_by: Option<super::EndedBy>,
}

/// The calls of this server.
#[derive(Clone)]
pub struct Switchboard {
    inner: Arc<Inner>,
}

struct Inner {
    settings: CtiSettings,
    route_point: RoutePointSettings,
    dialogue: DialogueSettings,
    endpoint: Endpoint,
    engine: MediaEngine,
    addresses: MediaAddresses,
    voice: Voice,
    enrolments: Enrolments,
    registrar: Registrar,
    legs: Mutex<HashMap<DialogId, mpsc::Sender<ForLeg>>>,
    records: Mutex<Vec<CallRecord>>,
    calls: AtomicUsize,
    phase: watch::Sender<Phase>,
}

/// What a switchboard rests on.
#[derive(Debug)]
pub struct Foundations {
    /// The way to phones.
    pub endpoint: Endpoint,
    /// Who is who.
    pub registrar: Registrar,
    /// Who may claim what.
    pub enrolments: Enrolments,
    /// What is said.
    pub voice: Voice,
    /// Where it is said from.
    pub addresses: MediaAddresses,
}

/// Where media is bound and what callers are told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct MediaAddresses {
    /// The address of the voice by settings.
    pub chosen: Option<IpAddr>,
    /// What peers are shown where this server stands behind a translation.
    pub advertised: Option<IpAddr>,
}

impl MediaAddresses {
    /// The address to bind for a caller. The one peers are shown may be none of this machine's.
    pub fn bound(&self, flow: &Flow) -> IpAddr {
        match (self.chosen, self.advertised) {
            (Some(chosen), _) => chosen,
            (None, Some(_)) if flow.peer.is_ipv6() => std::net::Ipv6Addr::UNSPECIFIED.into(),
            (None, Some(_)) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            (None, None) => flow.local.ip(),
        }
    }

    /// The address to tell a caller.
    pub fn shown(&self, flow: &Flow) -> IpAddr {
        self.advertised.or(self.chosen).unwrap_or(flow.local.ip())
    }
}

impl Switchboard {
    /// With media of its own.
    pub fn new(
        settings: CtiSettings,
        route_point: RoutePointSettings,
        dialogue: DialogueSettings,
        engine: MediaEngine,
        foundations: Foundations,
    ) -> Self {
        let Foundations { endpoint, registrar, enrolments, voice, addresses } = foundations;
        Self {
            inner: Arc::new(Inner {
                settings,
                route_point,
                dialogue,
                endpoint,
                engine,
                addresses,
                voice,
                enrolments,
                registrar,
                legs: Mutex::default(),
                records: Mutex::default(),
                calls: AtomicUsize::new(0),
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
        self.inner.records().iter().rev().cloned().collect()
    }

    /// Packets and lateness of the media.
    pub fn media(&self) -> &MediaEngine {
        &self.inner.engine
    }

    /// Takes no new calls and waits for the running ones; those still there after `patience` are told that the service closes.
    pub async fn drain(&self, patience: Duration) {
        self.inner.phase.send_replace(Phase::Draining);
        if !self.quiet_within(patience).await {
            self.inner.phase.send_replace(Phase::Closing);
            self.quiet_within(FAREWELL).await;
        }
    }

    async fn quiet_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.calls() > 0 {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// An ACK: to its call.
    pub async fn acknowledge(&self, ack: Request) {
        let leg = DialogId::of_request(&ack).and_then(|id| self.inner.legs().get(&id).cloned());
        if let Some(leg) = leg {
            let _ = leg.send(ForLeg::Acknowledged(ack)).await;
        }
    }

    /// A request inside a dialog: to its call, or 481.
    pub async fn in_dialog(&self, request: Request, mut responder: Responder) {
        let leg = DialogId::of_request(&request).and_then(|id| self.inner.legs().get(&id).cloned());
        match leg {
            Some(leg) => {
                let _ = leg.send(ForLeg::Request(request, responder)).await;
            }
            None => responder.respond(request.respond(481)).await,
        }
    }

    /// An INVITE outside a dialog.
    pub async fn invite(&self, request: Request, flow: Flow, mut responder: Responder) {
        match self.inner.admit(&request, flow) {
            Ok((phone, number)) => self.serve(request, flow, responder, phone, number).await,
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
    ) {
        let place = match self.inner.take_place(&request) {
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
            codecs: inner.route_point.codecs.iter().map(|name| (*name).into()).collect(),
            order: CodecOrder::Ours,
            session_id: rand::random::<u32>().into(),
            version: 1,
            previous: None,
        };
        let contact = format!("<sip:{number}@{};transport={}>", flow.local, flow.transport.as_param());
        let settings = CallSettings { contact, tag: new_tag(), session_seconds: inner.settings.session_seconds };
        let (call, outputs) = match Call::answer(request, local, settings, Instant::now()) {
            Ok(answered) => answered,
            Err(refusal) => return responder.respond(refusal.with_to_tag(&new_tag())).await,
        };
        let (inbox_sender, inbox) = mpsc::channel(INBOX);
        let id = call.id().clone();
        inner.legs().insert(id.clone(), inbox_sender);
        let record = inner.begin_record(number, phone);
        let leg = Leg {
            call,
            flow,
            phone: Some(phone),
            port: Some(port),
            responder,
            inbox,
            surroundings: Surroundings {
                endpoint: inner.endpoint.clone(),
                engine: inner.engine.clone(),
                voice: inner.voice.clone(),
                enrolments: inner.enrolments.clone(),
                dialogue: inner.dialogue.clone(),
                phase: inner.phase.subscribe(),
            },
        };
        tokio::spawn(async move {
            let ending = leg.run(outputs).await;
            inner.legs().remove(&id);
            drop(place);
            inner.end_record(record, &ending);
            leg::after(&inner.enrolments, phone).await;
        });
    }
}

/// A place among the calls at once; given back when dropped.
struct Place(Arc<Inner>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    /// Who calls what, and whether they may.
    fn admit(&self, request: &Request, flow: Flow) -> Result<(PhoneId, DirectoryNumber), Response> {
        if *self.phase.borrow() != Phase::Open {
            return Err(request.respond(503).with_header("Retry-After", "30").with_reason("The service is closing"));
        }
        let account = match self.caller(request, flow) {
            Verdict::Answer(answer) => return Err(answer),
            Verdict::Known(Identity::Account(account)) => account,
            Verdict::Known(Identity::Stranger { .. }) => return Err(request.respond(403)),
        };
        let number = request.uri.user().and_then(|user| user.parse::<DirectoryNumber>().ok());
        let destination = match &number {
            Some(number) if self.route_point.numbers.contains(number) => Destination::RoutePoint,
            _ => Destination::Elsewhere,
        };
        let caller = Caller::of(account.state).ok_or_else(|| request.respond(403))?;
        match (permit(caller, destination), number) {
            (Permission::Allowed, Some(number)) => Ok((account.phone, number)),
            (Permission::Forbidden, _) => {
                Err(request.respond(403).with_reason("This phone can only call the set-up number until it is assigned"))
            }
            (Permission::NotFound | Permission::Allowed, _) => Err(request.respond(404)),
        }
    }

    /// A phone without a password of ours is known by the place it registered from; everybody else by digest.
    fn caller(&self, request: &Request, flow: Flow) -> Verdict {
        let from = request.headers.from().ok().and_then(|from| from.uri.user());
        let registered = from.and_then(|from| {
            let bindings = self.registrar.location().of_aor(&from, Instant::now());
            let here = bindings.into_iter().find(|binding| binding.flow.peer.ip() == flow.peer.ip())?;
            self.enrolments.account_of(here.phone)
        });
        match registered {
            Some(account) if account.secret.is_none() => Verdict::Known(Identity::Account(account)),
            _ => self.registrar.authenticator().judge(request, flow, UnixMillis::now(), rand::random()),
        }
    }

    /// 486 when as many calls are up as may be.
    fn take_place(self: &Arc<Self>, request: &Request) -> Result<Place, Response> {
        let most = self.route_point.calls.min(self.route_point.ports);
        let taken =
            self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| (calls < most).then_some(calls + 1));
        if taken.is_ok() {
            return Ok(Place(self.clone()));
        }
        metrics::counter!("calls_refused_total", "reason" => "limit").increment(1);
        let reason = format!("All {most} ports are in use");
        let warning = format!("399 tsunagu \"{reason}\"");
        Err(request.respond(486).with_reason(&reason).with_header("Warning", &warning).with_header("Retry-After", "30"))
    }

    fn begin_record(&self, number: DirectoryNumber, phone: PhoneId) -> CallId {
        let now = UnixMillis::now();
        let id = CallId::new(now, rand::random());
        tracing::info!(call = %id, %phone, %number, "a call came in");
        metrics::counter!("calls_total").increment(1);
        let mut records = self.records();
        if records.len() >= REMEMBERED {
            let oldest = records.iter().position(|record| record.ended_at.is_some()).unwrap_or(0);
            records.remove(oldest);
        }
        records.push(CallRecord { id, number, phone, started_at: now, ended_at: None, ending: None, ended_by: None });
        id
    }

    fn end_record(&self, id: CallId, ending: &CallEnding) {
        tracing::info!(call = %id, ending = ending.code(), by = ?ending.by(), "a call ended");
        metrics::counter!("calls_ended_total", "ending" => ending.code()).increment(1);
        if let Some(record) = self.records().iter_mut().find(|record| record.id == id) {
            record.ended_at = Some(UnixMillis::now());
            record.ending = Some(ending.code());
            record.ended_by = Some(ending.by());
        }
    }

    fn legs(&self) -> MutexGuard<'_, HashMap<DialogId, mpsc::Sender<ForLeg>>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
