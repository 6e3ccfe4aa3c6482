//! Carries requests through: from whoever sent them to where they are to go, at this site or its peer, and the answers back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::context::{BranchId, Context, Failure, Output};
use super::forwarding::{self, assert_identity, without_credentials};
use super::side::Side;
use super::targets::{Target, Way, groups};
use crate::directory::{Account, Directory, DrForward, PhoneState};
use crate::registrar::{Binding, GruuHolder, Registrar};
use crate::sip::message::{Host, Method, NameAddr, Request, RequestUri, Response, SipUri};
use crate::sip::{Endpoint, Exchange, Flow, Responder, SipError, new_tag};
use crate::sites::Sites;
use crate::vocab::{DirectoryNumber, PhoneId};

/// Requests on their way at once.
const MOST: usize = 10_000;
/// How long the peer site may say nothing at all: a server answers an INVITE at once, if only with 100.
const SILENCE: Duration = Duration::from_secs(4);
/// News of branches that may wait.
const NEWS: usize = 64;

/// Carries requests through.
#[derive(Clone, Debug)]
pub(in crate::cti) struct Proxy {
    endpoint: Endpoint,
    registrar: Registrar,
    directory: Directory,
    sites: Sites,
    passing: Arc<AtomicUsize>,
}

/// Makes the request that goes to a target over a flow.
type Onward = Arc<dyn Fn(&Target, Flow) -> Request + Send + Sync>;

/// Who begins a call.
#[derive(Debug)]
pub(in crate::cti) enum Requester {
    /// A phone of this server's, which has shown that it is.
    Phone(Arc<Account>),
    /// The peer site: what it says of who calls is believed, and nothing of its goes back to it.
    Peer,
}

/// Whom a call is for.
#[derive(Debug)]
pub(in crate::cti) enum Lines {
    /// The phones a number rings.
    OfNumber(DirectoryNumber, Vec<PhoneId>),
    /// One phone, by a URI that names it and nobody else (RFC 5627): where it is, or what is answered.
    OfPhone(Result<Vec<Binding>, u16>),
}

/// What is heard of a branch.
#[derive(Debug)]
enum Heard {
    Answer(BranchId, Response),
    Failed(BranchId, Failure),
    /// Nothing more will come.
    Ended(BranchId),
}

/// A place among those on their way.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Proxy {
    /// With nothing on its way yet.
    pub(in crate::cti) fn new(endpoint: Endpoint, registrar: Registrar, directory: Directory, sites: Sites) -> Self {
        Self { endpoint, registrar, directory, sites, passing: Arc::default() }
    }

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
    fn bindings(&self, lines: &Lines, now: Instant) -> Vec<Binding> {
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
            let is_on_it = |aor: &str| {
                aor == number.as_str() || (account.secret.is_none() && aor == account.auth_name)
            };
            let all = self.registrar.location().of_phone(account.phone, now);
            let own = all.iter().filter(|(aor, _)| is_on_it(aor));
            bindings.extend(own.filter_map(|(_, binding)| binding.over(&self.endpoint).ok()));
        }
        bindings
    }

    /// Begins a call to these lines; returns when it was answered or refused.
    pub(in crate::cti) async fn call(
        &self,
        mut request: Request,
        flow: Flow,
        mut responder: Responder,
        requester: Requester,
        lines: Lines,
    ) {
        let phone = match &requester {
            Requester::Phone(account) => match identity(&request, account, flow) {
                Ok(identity) => {
                    assert_identity(&mut request.headers, &identity);
                    Some(account.phone)
                }
                Err(refusal) => return responder.respond(refusal.with_to_tag(&new_tag())).await,
            },
            Requester::Peer => None,
        };
        without_credentials(&mut request, self.registrar.realm());
        let all = self.bindings(&lines, Instant::now());
        let others: Vec<Binding> = all.iter().filter(|binding| Some(binding.phone) != phone).cloned().collect();
        let peer = match (&requester, &lines) {
            (Requester::Phone(_), Lines::OfNumber(number, _)) => self.peer_of(number).await,
            _ => None,
        };
        let nobody = match lines {
            Lines::OfPhone(Err(status)) => request.respond(status),
            _ => request.respond(480).with_reason("Nobody is registered on this number"),
        };
        let course = match (all.is_empty(), others.is_empty(), peer) {
            (true, _, Some(peer)) => Course { groups: vec![[peer].into()], last_resort: None, best: Some(nobody) },
            (true, _, None) => Course { groups: Vec::new(), last_resort: None, best: Some(nobody) },
            (false, true, _) => {
                let busy = request.respond(486).with_reason("This is the only phone of this number");
                Course { groups: Vec::new(), last_resort: None, best: Some(busy) }
            }
            (false, false, last_resort) => Course { groups: groups(&others), last_resort, best: None },
        };
        metrics::counter!("calls_between_lines_total").increment(1);
        let phones = others.len();
        tracing::info!(called = %request.uri, ?phone, phones, "a call between lines");
        let from = (Side::of(phone, flow), flow);
        let (asked, sealer) = (request.clone(), self.directory.sealer().clone());
        let onward = move |target: &Target, flow: Flow| forwarding::begun(&asked, from, target, flow, &sealer);
        self.carry(request, responder, course, Arc::new(onward)).await;
    }

    /// Where a call to a number goes that is not live here; none if it stays here.
    async fn peer_of(&self, number: &DirectoryNumber) -> Option<Target> {
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

    /// True for a request that belongs to a call that passed here.
    pub(in crate::cti) fn is_within(&self, request: &Request) -> bool {
        self.within(request).is_some()
    }

    fn within(&self, request: &Request) -> Option<(Request, Side)> {
        let is_own = |side: &Side, uri: &SipUri| {
            let shown = self.endpoint.flow_to(side.transport, side.peer).map(|flow| flow.local.ip()).ok();
            self.endpoint.bound().iter().any(|(transport, local)| {
                let is_address = uri.host.ip() == Some(local.ip()) || uri.host.ip() == shown;
                *transport == side.transport && uri.port == Some(local.port()) && is_address
            })
        };
        forwarding::within(request, self.directory.sealer(), is_own)
    }

    /// Passes a request within a call on, and its answer back.
    pub(in crate::cti) async fn pass(&self, request: Request, mut responder: Responder) {
        if let Err(refusal) = forwarding::check(&request) {
            return responder.respond(refusal).await;
        }
        let Some((onward, target)) = self.onward(&request) else {
            return responder.respond(request.respond(481).with_to_tag(&new_tag())).await;
        };
        let course = Course { groups: vec![[target].into()], last_resort: None, best: None };
        self.carry(request, responder, course, Arc::new(move |_, _| onward.clone())).await;
    }

    /// Passes the ACK of a 2xx on. It has no answer, and is sent again with the 2xx it is for.
    pub(in crate::cti) async fn acknowledge(&self, ack: &Request) {
        if forwarding::check(ack).is_ok()
            && let Some((onward, target)) = self.onward(ack)
        {
            let _ = match target.way {
                Way::Along(flow) => self.endpoint.acknowledge_along(onward, flow).await,
                Way::Flow(flow) => self.endpoint.acknowledge(onward, flow).await,
                Way::Search => Ok(()),
            };
        }
    }

    /// A request within a call as it goes on, and where.
    fn onward(&self, request: &Request) -> Option<(Request, Target)> {
        let (mut onward, side) = self.within(request)?;
        without_credentials(&mut onward, self.registrar.realm());
        onward.headers.remove("P-Asserted-Identity");
        // A phone may have given its GRUU as its contact (RFC 5627 section 4.4).
        let flow = match self.registrar.retarget(&mut onward, Instant::now()) {
            Some(flow) => self.endpoint.own_flow(flow).ok()?,
            None => self.flow_of(&side, &onward)?,
        };
        let way = if side.phone.is_none() { Way::Along(flow) } else { Way::Flow(flow) };
        let target = Target { uri: onward.uri.clone(), routes: Vec::new(), way, phone: side.phone };
        Some((onward, target))
    }

    /// The way to one side: the one it had when the call began, unless its phone has come back by another since.
    fn flow_of(&self, side: &Side, request: &Request) -> Option<Flow> {
        let bindings = side.phone.map(|phone| self.registrar.location().of_phone(phone, Instant::now()));
        let bindings = bindings.into_iter().flatten().filter_map(|(_, binding)| binding.over(&self.endpoint).ok());
        let bindings: Vec<Binding> = bindings.collect();
        let is_same = |binding: &&Binding| (binding.flow.transport, binding.flow.peer) == (side.transport, side.peer);
        let target = request.uri.to_string();
        let found = bindings.iter().find(is_same).or_else(|| {
            // A datagram finds its way as before; a connection that was lost is gone.
            let is_lasting = side.transport.is_reliable();
            let mut others = bindings.iter().filter(|_| is_lasting);
            others.clone().find(|binding| binding.contact == target).or_else(|| others.next())
        });
        match found {
            Some(binding) => Some(binding.flow),
            None => self.endpoint.flow_to(side.transport, side.peer).ok(),
        }
    }

    /// Runs a request's response context until nothing more can come of it.
    async fn carry(&self, request: Request, mut responder: Responder, course: Course, onward: Onward) {
        let one_more = |passing| (passing < MOST).then_some(passing + 1);
        if self.passing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            let refusal = request.respond(503).with_header("Retry-After", "10").with_to_tag(&new_tag());
            return responder.respond(refusal).await;
        }
        let _place = Place(self.passing.clone());
        let is_invite = request.method == Method::Invite;
        let (news, mut heard) = mpsc::channel(NEWS);
        let Course { groups, last_resort, best } = course;
        let (mut context, mut outputs) = Context::new(request, groups, last_resort, best);
        // Those that something may still come of, and how each is cancelled, once.
        let mut branches: HashMap<usize, Option<oneshot::Sender<Option<&'static str>>>> = HashMap::new();
        let mut is_unanswered = false;
        loop {
            for output in outputs {
                match output {
                    Output::Send(id, target) => {
                        let cancel = self.send(target, onward.clone(), id, news.clone());
                        branches.insert(id.0, Some(cancel));
                    }
                    Output::Respond(response) if response.status == 408 && !is_invite => is_unanswered = true,
                    Output::Respond(response) => {
                        let response = if response.status < 200 { response } else { response.with_to_tag(&new_tag()) };
                        responder.respond(response).await;
                    }
                    Output::Cancel(id, why) => {
                        if let Some(cancel) = branches.get_mut(&id.0).and_then(Option::take) {
                            let _ = cancel.send(why);
                        }
                    }
                }
            }
            if branches.is_empty() {
                break;
            }
            let deadline = context.deadline().map(tokio::time::Instant::from_std);
            outputs = tokio::select! {
                Some(news) = heard.recv() => match news {
                    Heard::Answer(id, response) => context.answered(Instant::now(), id, response),
                    Heard::Failed(id, failure) => context.failed(id, failure),
                    Heard::Ended(id) => {
                        branches.remove(&id.0);
                        Vec::new()
                    }
                },
                () = responder.cancelled() => context.cancelled(Instant::now()),
                () = sleep_until(deadline) => context.elapsed(Instant::now()),
            };
        }
        if is_unanswered {
            responder.abandon();
        }
    }

    /// Sends a request as a branch and has what is heard of it told; what comes back cancels it.
    fn send(
        &self,
        target: Target,
        onward: Onward,
        id: BranchId,
        news: mpsc::Sender<Heard>,
    ) -> oneshot::Sender<Option<&'static str>> {
        let (cancel, mut cancelled) = oneshot::channel();
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            let is_search = target.way == Way::Search;
            // Until then something must be heard, if it need be.
            let mut heard_by = is_search.then(|| tokio::time::Instant::now() + SILENCE);
            let mut is_given_up = false;
            let ended = match begin(&endpoint, target, onward).await {
                Ok(mut exchange) => loop {
                    tokio::select! {
                        answer = exchange.next() => match answer {
                            Ok(response) if is_given_up && response.status < 200 => exchange.cancel().await,
                            Ok(response) => {
                                heard_by = None;
                                let is_last = response.status >= 300;
                                let response = if is_search { of_peer(response) } else { response };
                                if news.send(Heard::Answer(id, response)).await.is_err() || is_last {
                                    break None;
                                }
                            }
                            Err(SipError::Stopped) => break None,
                            Err(error) => break Some(error),
                        },
                        () = sleep_until(heard_by), if heard_by.is_some() => {
                            heard_by = None;
                            is_given_up = true;
                            let _ = news.send(Heard::Failed(id, Failure::TimedOut)).await;
                        }
                        Ok(why) = &mut cancelled, if !cancelled.is_terminated() => match why {
                            Some(why) => exchange.cancel_because(why).await,
                            None => exchange.cancel().await,
                        },
                    }
                },
                Err(error) => Some(error),
            };
            if let Some(error) = ended {
                tracing::info!(%error, "a request could not be passed on");
                let failure = if let SipError::Timeout(_) = error { Failure::TimedOut } else { Failure::NotSent };
                let _ = news.send(Heard::Failed(id, failure)).await;
            }
            let _ = news.send(Heard::Ended(id)).await;
        });
        cancel
    }
}

async fn begin(endpoint: &Endpoint, target: Target, onward: Onward) -> Result<Exchange, SipError> {
    if target.way == Way::Search {
        metrics::counter!("calls_to_peer_total").increment(1);
    }
    match target.way {
        Way::Flow(flow) => endpoint.send(onward(&target, flow), flow).await,
        Way::Along(flow) => endpoint.request_along(onward(&target, flow), flow).await,
        Way::Search => {
            let Some(uri) = target.uri.sip().cloned() else {
                return Err(SipError::Unresolvable(target.uri.to_string()));
            };
            endpoint.request_to(&uri, move |flow| onward(&target, flow)).await
        }
    }
}

/// An answer of the peer site. That it doesn't know this site is nothing the caller can do anything about.
fn of_peer(mut response: Response) -> Response {
    if matches!(response.status, 401 | 403 | 407) {
        tracing::warn!(status = response.status, "the peer site does not take calls from here: is this site in its peer_networks?");
        response.status = 480;
        response.reason = "The other site does not take calls from here".to_owned();
        response.headers.remove("WWW-Authenticate");
        response.headers.remove("Proxy-Authenticate");
    }
    response
}

/// Where a request goes: at once, and when nothing is heard from there; and what is answered unless something better comes.
struct Course {
    groups: Vec<VecDeque<Target>>,
    last_resort: Option<Target>,
    best: Option<Response>,
}

/// Who calls, as others are told: the line in From if it is the phone's, else its first. From may not name anybody else.
fn identity(request: &Request, account: &Account, flow: Flow) -> Result<NameAddr, Response> {
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

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
