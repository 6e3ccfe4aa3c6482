//! Carries requests through: from whoever sent them to where they are to go, at this site or its peer, and the answers back.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::branch::{self, Heard, Onward};
use super::callees::{Lines, identity};
use super::context::{Context, Output};
use super::forwarding::{self, assert_identity, without_credentials};
use super::side::Side;
use super::targets::{Target, Way, groups};
use crate::directory::{Account, Directory};
use crate::registrar::{Binding, Registrar};
use crate::sip::message::{Method, Request, Response, SipUri};
use crate::sip::{Endpoint, Flow, Responder, new_tag};
use crate::sites::Sites;

/// News of branches that may wait.
const NEWS: usize = 64;

/// Carries requests through.
#[derive(Clone, Debug)]
pub(in crate::cti) struct Proxy {
    pub(super) endpoint: Endpoint,
    pub(super) registrar: Registrar,
    pub(super) directory: Directory,
    pub(super) sites: Sites,
    passing: Arc<AtomicUsize>,
    most: usize,
}

/// Who begins a call.
#[derive(Debug)]
pub(in crate::cti) enum Requester {
    /// A phone of this server's, which has shown that it is.
    Phone(Arc<Account>),
    /// The peer site: what it says of who calls is believed, and nothing of its goes back to it.
    Peer,
}

/// A place among those on their way.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Proxy {
    /// With nothing on its way yet, and at most so many requests at once.
    pub(in crate::cti) fn new(
        endpoint: Endpoint,
        registrar: Registrar,
        directory: Directory,
        sites: Sites,
        most: usize,
    ) -> Self {
        Self { endpoint, registrar, directory, sites, passing: Arc::default(), most }
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
            return responder.respond(refusal.with_to_tag(&new_tag())).await;
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
        let own = side.phone.and_then(|phone| self.registrar.retarget(&mut onward, phone, Instant::now()));
        let flow = match own {
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
            // It has come back by another way; by whichever, if the connection it had is gone.
            let is_gone = side.transport.is_reliable();
            let mut any = bindings.iter().filter(|_| is_gone);
            bindings.iter().find(|binding| binding.contact == target).or_else(|| any.next())
        });
        match found {
            Some(binding) => Some(binding.flow),
            None => self.endpoint.flow_to(side.transport, side.peer).ok(),
        }
    }

    /// Runs a request's response context until nothing more can come of it.
    async fn carry(&self, request: Request, mut responder: Responder, course: Course, onward: Onward) {
        let one_more = |passing| (passing < self.most).then_some(passing + 1);
        if self.passing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            metrics::counter!("proxied_requests_refused_total").increment(1);
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
                        let cancel = branch::send(self.endpoint.clone(), target, onward.clone(), id, news.clone());
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
}

/// Where a request goes: at once, and when nothing is heard from there; and what is answered unless something better comes.
struct Course {
    groups: Vec<VecDeque<Target>>,
    last_resort: Option<Target>,
    best: Option<Response>,
}

/// Waits until then; for ever if there is no such time.
pub(super) async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
