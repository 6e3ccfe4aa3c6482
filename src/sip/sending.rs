//! Requests of ours to where a URI leads (RFC 3263): its targets in order, the first that answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::SipError;
use super::endpoint::Endpoint;
use super::exchange::{Exchange, Make, Onward};
use super::flow::{Flow, Transport};
use super::message::{Host, Request, SipUri};
use super::next_hop::{NextHop, is_same_way, may_lead, next_hop};
use super::targets::Place;
use super::troubles::Troubles;
use super::udp::address_towards;

/// Octets of a request from which on a datagram is too small for it where the network is unknown (RFC 3261 section 18.1.1), less
/// the Via that comes on top.
const LARGE: usize = 1300 - 130;
/// How long a request within a dialog waits for DNS; its flow does as well.
const SEARCH: Duration = Duration::from_secs(2);

/// One place to send a request to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The way there.
    pub flow: Flow,
    /// Within TLS, the name its certificate must be for: the domain that was asked for (RFC 5922 section 4). None for a flow that
    /// is there already.
    pub(super) domain: Option<Host>,
}

impl From<Flow> for Target {
    fn from(flow: Flow) -> Self {
        Self { flow, domain: None }
    }
}

fn place(target: &Target) -> Place {
    Place { transport: target.flow.transport, address: target.flow.peer }
}

/// The targets that failed of late.
#[derive(Clone, Debug, Default)]
pub(super) struct TroubleBook(Arc<Mutex<Troubles>>);

impl TroubleBook {
    pub(super) fn note(&self, target: &Target, wants: Option<Duration>) {
        self.troubles().note(place(target), wants, Instant::now());
    }

    pub(super) fn forget(&self, target: &Target) {
        self.troubles().forget(place(target));
    }

    fn last(&self, targets: Vec<Target>) -> Vec<Target> {
        self.troubles().last(targets, place, Instant::now())
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint {
    /// The targets of a request to `uri`, the one to be tried first in front; at least one. Asks DNS where a name is in the URI,
    /// for five seconds at most.
    pub async fn targets_of(&self, uri: &SipUri) -> Result<Vec<Target>, SipError> {
        let places = self.resolver.places(uri, &self.spoken()).await.map_err(SipError::Unresolvable)?;
        let domain = |transport: Transport| transport.is_secure().then(|| uri.host.clone());
        let reachable = |place: &Place| address_towards(place.address).is_some();
        let targets = places.iter().filter(|place| reachable(place)).filter_map(|place| {
            let flow = self.flow_to(place.transport, place.address).ok()?;
            Some(Target { flow, domain: domain(place.transport) })
        });
        let targets = self.troubles.last(targets.collect());
        match targets.is_empty() {
            true => Err(SipError::Unresolvable(format!("{uri}: no network of this machine leads there"))),
            false => Ok(targets),
        }
    }

    /// Sends a request to where `uri` leads: to the next target where one can't be reached, says nothing or answers 503. `make`
    /// makes the same request for each: all of its headers but Via, and the Contact of the flow it is given.
    pub async fn request_to(
        &self,
        uri: &SipUri,
        make: impl Fn(Flow) -> Request + Send + Sync + 'static,
    ) -> Result<Exchange, SipError> {
        let targets = self.targets_of(uri).await?;
        let is_datagram_asked = uri.params.get("transport").is_some_and(|it| it.eq_ignore_ascii_case("udp"));
        let make: Make = Box::new(make);
        let mut targets: VecDeque<Target> = targets.into();
        let Some(target) = targets.pop_front() else {
            return Err(SipError::Unresolvable(format!("{uri}: there is nobody to ask")));
        };
        let request = make(target.flow);
        if is_datagram_asked || request.encode().len() <= LARGE {
            return self.begin(request, target, make, targets).await;
        }
        let all = std::iter::once(target).chain(targets);
        let mut targets: VecDeque<Target> =
            all.flat_map(|target| [self.by_stream(&target), Some(target)]).flatten().collect();
        match targets.pop_front() {
            Some(target) => self.begin(make(target.flow), target, make, targets).await,
            None => Err(SipError::Unresolvable(format!("{uri}: there is nobody to ask"))),
        }
    }

    async fn begin(
        &self,
        request: Request,
        target: Target,
        make: Make,
        left: VecDeque<Target>,
    ) -> Result<Exchange, SipError> {
        let onward = Onward::new(make, left, self.troubles.clone());
        Exchange::begin(&self.commands, request, target, Some(onward)).await
    }

    /// Sends a request of a dialog, or one to a phone behind proxies: along its Route, else to its URI, where those lead elsewhere
    /// than `flow`; over `flow` where that can't be found out or nobody is there.
    pub async fn request_along(&self, request: Request, flow: Flow) -> Result<Exchange, SipError> {
        let mut targets: VecDeque<Target> = self.targets_along(&request, flow).await.into();
        let target = targets.pop_front().unwrap_or_else(|| flow.into());
        if targets.is_empty() {
            return Exchange::begin(&self.commands, request, target, None).await;
        }
        let again = request.clone();
        self.begin(request, target, Box::new(move |_| again.clone()), targets).await
    }

    /// Acknowledges a 2xx the way [`Endpoint::request_along`] sends requests.
    pub async fn acknowledge_along(&self, request: Request, flow: Flow) -> Result<(), SipError> {
        let targets = self.targets_along(&request, flow).await;
        let target = targets.into_iter().next().unwrap_or_else(|| flow.into());
        self.acknowledge_at(request, target).await
    }

    async fn targets_along(&self, request: &Request, flow: Flow) -> Vec<Target> {
        let NextHop::Uri(uri) = next_hop(request, flow) else { return vec![flow.into()] };
        let found = match timeout(SEARCH, self.targets_of(&uri)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::debug!(%error, %flow, "a request goes over the flow its peer is known by");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let is_known = found.iter().any(|target| is_same_way(flow, target.flow));
        // What leads back here is a phone's GRUU, say: whose it is, its flow knows.
        let is_other = |to: &Target| !is_same_way(flow, to.flow) && may_lead(flow, to.flow) && !self.is_own(to.flow);
        let other = found.into_iter().filter(is_other);
        let known = std::iter::once(Target::from(flow));
        if is_known { known.chain(other).collect() } else { other.chain(known).collect() }
    }

    /// The same place by a connection, for what is too large for a datagram.
    fn by_stream(&self, target: &Target) -> Option<Target> {
        let is_datagram = target.flow.transport == Transport::Udp;
        is_datagram.then(|| self.flow_to(Transport::Tcp, target.flow.peer).ok()).flatten().map(Target::from)
    }

    /// True if it leads to this endpoint itself.
    fn is_own(&self, flow: Flow) -> bool {
        flow.local.ip() == flow.peer.ip()
            && self
                .bound()
                .iter()
                .any(|(transport, local)| (*transport, local.port()) == (flow.transport, flow.peer.port()))
    }

    /// The transports by which we can open a way to somebody.
    fn spoken(&self) -> Vec<Transport> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
        all.into_iter().filter(|transport| self.bound().iter().any(|(bound, _)| bound == transport)).collect()
    }
}
