//! Carries requests through: from whoever sent them to where they are to go, and the answers back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::context::{BranchId, Context, Failure, Output};
use super::forwarding::{self, assert_identity, without_credentials};
use super::side::Side;
use super::targets::{Target, groups};
use crate::directory::{Account, Directory, PhoneState};
use crate::registrar::{Binding, Registrar};
use crate::sip::message::{Host, Method, NameAddr, Request, Response, SipUri};
use crate::sip::{Endpoint, Flow, Responder, SipError, new_tag};
use crate::vocab::{DirectoryNumber, PhoneId};

/// Requests on their way at once.
const MOST: usize = 10_000;
/// News of branches that may wait.
const NEWS: usize = 64;

/// Carries requests through.
#[derive(Clone, Debug)]
pub(in crate::cti) struct Proxy {
    endpoint: Endpoint,
    registrar: Registrar,
    directory: Directory,
    passing: Arc<AtomicUsize>,
}

/// Who begins a call.
#[derive(Debug)]
pub(in crate::cti) enum Requester {
    /// A phone of this server's, which has shown that it is.
    Phone(Arc<Account>),
}

/// The phones a number rings.
#[derive(Debug)]
pub(in crate::cti) struct Lines {
    number: DirectoryNumber,
    phones: Vec<PhoneId>,
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
    pub(in crate::cti) fn new(endpoint: Endpoint, registrar: Registrar, directory: Directory) -> Self {
        Self { endpoint, registrar, directory, passing: Arc::default() }
    }

    /// The lines of the number an INVITE is for, if it is somebody's.
    pub(in crate::cti) fn lines_of(&self, number: &DirectoryNumber) -> Option<Lines> {
        let accounts = self.directory.accounts();
        let is_in_use = |phone: &PhoneId| accounts.of(*phone).is_some_and(|it| it.state == PhoneState::Enrolled);
        let phones: Vec<PhoneId> = accounts.ringing_on(number).into_iter().filter(is_in_use).collect();
        (!phones.is_empty()).then(|| Lines { number: number.clone(), phones })
    }

    /// Where the lines are registered, the latest first: under their number, or a phone that takes no configuration under its name.
    fn bindings(&self, lines: &Lines, now: Instant) -> Vec<Binding> {
        let accounts = self.directory.accounts();
        let mut bindings = Vec::new();
        for account in lines.phones.iter().filter_map(|phone| accounts.of(*phone)) {
            if account.is_suspended {
                continue;
            }
            let is_on_it = |aor: &str| {
                aor == lines.number.as_str() || (account.secret.is_none() && aor == account.auth_name)
            };
            let all = self.registrar.location().of_phone(account.phone, now);
            bindings.extend(all.into_iter().filter(|(aor, _)| is_on_it(aor)).map(|(_, binding)| self.reached(binding)));
        }
        bindings
    }

    /// A binding that another node took has no way of this node's yet.
    fn reached(&self, mut binding: Binding) -> Binding {
        if binding.flow.local.port() == 0
            && let Ok(flow) = self.endpoint.flow_to(binding.flow.transport, binding.flow.peer)
        {
            binding.flow = flow;
        }
        binding
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
        let Requester::Phone(account) = &requester;
        let identity = match identity(&request, account, flow) {
            Ok(identity) => identity,
            Err(refusal) => return responder.respond(refusal.with_to_tag(&new_tag())).await,
        };
        assert_identity(&mut request.headers, &identity);
        without_credentials(&mut request, self.registrar.realm());
        let phone = account.phone;
        let all = self.bindings(&lines, Instant::now());
        let others: Vec<Binding> = all.iter().filter(|binding| binding.phone != phone).cloned().collect();
        let refusal = match (all.is_empty(), others.is_empty()) {
            (true, _) => Some(request.respond(480).with_reason("Nobody is registered on this number")),
            (false, true) => Some(request.respond(486).with_reason("This is the only phone of this number")),
            (false, false) => None,
        };
        if let Some(refusal) = refusal {
            tracing::info!(number = %lines.number, status = refusal.status, "a call between lines was refused");
            return responder.respond(refusal.with_to_tag(&new_tag())).await;
        }
        let groups = groups(&others);
        tracing::info!(number = %lines.number, %phone, phones = groups.len(), "a call between lines");
        let from = (Side::of(Some(phone), flow), flow);
        let sealer = self.directory.sealer().clone();
        let asked = request.clone();
        let onward = move |target: &Target| forwarding::begun(&asked, from, target, &sealer);
        self.carry(request, responder, Course { groups, last_resort: None, best: None }, onward).await;
    }

    /// True for a request that belongs to a call that passed here.
    pub(in crate::cti) fn is_within(&self, request: &Request) -> bool {
        forwarding::within(request, self.directory.sealer()).is_some()
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
        self.carry(request, responder, course, move |_| onward.clone()).await;
    }

    /// Passes the ACK of a 2xx on. It has no answer, and is sent again with the 2xx it is for.
    pub(in crate::cti) async fn acknowledge(&self, ack: &Request) {
        if forwarding::check(ack).is_ok()
            && let Some((onward, target)) = self.onward(ack)
        {
            let _ = self.endpoint.acknowledge(onward, target.flow).await;
        }
    }

    /// A request within a call as it goes on, and where.
    fn onward(&self, request: &Request) -> Option<(Request, Target)> {
        let (mut onward, side) = forwarding::within(request, self.directory.sealer())?;
        without_credentials(&mut onward, self.registrar.realm());
        onward.headers.remove("P-Asserted-Identity");
        let flow = self.flow_of(&side, &onward)?;
        let target = Target { uri: onward.uri.clone(), routes: Vec::new(), flow, phone: side.phone };
        Some((onward, target))
    }

    /// The way to one side: the one it had when the call began, unless its phone has come back by another since.
    fn flow_of(&self, side: &Side, request: &Request) -> Option<Flow> {
        let bindings = side.phone.map(|phone| self.registrar.location().of_phone(phone, Instant::now()));
        let bindings: Vec<Binding> = bindings.into_iter().flatten().map(|(_, binding)| self.reached(binding)).collect();
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
    async fn carry(
        &self,
        request: Request,
        mut responder: Responder,
        course: Course,
        onward: impl Fn(&Target) -> Request + Send,
    ) {
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
                        let cancel = self.send(onward(&target), target.flow, id, news.clone()).await;
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
    async fn send(
        &self,
        request: Request,
        flow: Flow,
        id: BranchId,
        news: mpsc::Sender<Heard>,
    ) -> oneshot::Sender<Option<&'static str>> {
        let (cancel, mut cancelled) = oneshot::channel();
        let endpoint = self.endpoint.clone();
        tokio::spawn(async move {
            let ended = match endpoint.send(request, flow).await {
                Ok(mut exchange) => loop {
                    tokio::select! {
                        answer = exchange.next() => match answer {
                            Ok(response) => {
                                let is_last = response.status >= 300;
                                if news.send(Heard::Answer(id, response)).await.is_err() || is_last {
                                    break None;
                                }
                            }
                            Err(SipError::Stopped) => break None,
                            Err(error) => break Some(error),
                        },
                        Ok(why) = &mut cancelled, if !cancelled.is_terminated() => match why {
                            Some(why) => exchange.cancel_because(why).await,
                            None => exchange.cancel().await,
                        },
                    }
                },
                Err(error) => Some(error),
            };
            if let Some(error) = ended {
                tracing::info!(%error, %flow, "a request could not be passed on");
                let failure = if let SipError::Timeout(_) = error { Failure::TimedOut } else { Failure::NotSent };
                let _ = news.send(Heard::Failed(id, failure)).await;
            }
            let _ = news.send(Heard::Ended(id)).await;
        });
        cancel
    }
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
