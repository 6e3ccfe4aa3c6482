//! The endpoint: where it listens, and the handle everybody holds of it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::accepting::Gate;
use super::connection::Deadlines;
use super::connections::Connections;
use super::driver::Driver;
use super::exchange::{Exchange, Name};
use super::flood::{Flood, FloodScope, FloodSettings, Flooder};
use super::flood_guard::FloodGuard;
use super::flow::{Flow, Transport};
use super::message::{Host, Request, Response};
use super::resolver::Resolver;
use super::responder::Responder;
use super::sending::{Target, TroubleBook};
use super::stateless::{Answerer, Stateless};
use super::tls::Tls;
use super::tls_client::{TlsClient, TlsTrust};
use super::tls_refusal::CertificateRefusal;
use super::transaction::{Layer, Timers, TransactionId};
use super::udp::OwnAddresses;
use super::{SipError, tcp, udp};

/// Where and how the endpoint listens.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    /// Addresses to take datagrams on.
    pub udp: Vec<SocketAddr>,
    /// Addresses to take connections on.
    pub tcp: Vec<SocketAddr>,
    /// Addresses to take connections within TLS on.
    pub tls: Vec<SocketAddr>,
    /// Addresses to take WebSockets on.
    pub ws: Vec<SocketAddr>,
    /// Addresses to take WebSockets within TLS on.
    pub wss: Vec<SocketAddr>,
    /// The identity shown within TLS.
    pub identity: Option<Tls>,
    /// Origins of pages whose WebSockets are taken; `*` for all. Who is no browser has none and is taken.
    pub origins: Vec<String>,
    /// The address to show to peers instead of the one bound, where this server stands behind a translation.
    pub advertised: Option<IpAddr>,
    /// Greatest number of transactions alive at once.
    pub transactions: usize,
    /// Greatest number of connections.
    pub connections: usize,
    /// Greatest number of connections from one address.
    pub connections_per_address: usize,
    /// How long connections may stay open of which nothing comes.
    pub deadlines: Deadlines,
    /// How many messages are taken.
    pub flood: FloodSettings,
    /// The DNS servers that are asked where a name leads; none for those the system is set up with.
    pub dns: Vec<SocketAddr>,
    /// Which servers' certificates are good, and the one we show them.
    pub trust: TlsTrust,
}

impl EndpointConfig {
    /// Where connections are taken, in the order they are listed in.
    fn streams(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let each = |transport, addresses: &Vec<SocketAddr>| {
            addresses.iter().map(move |address| (transport, *address)).collect::<Vec<_>>()
        };
        let (tcp, tls) = (each(Transport::Tcp, &self.tcp), each(Transport::Tls, &self.tls));
        let (ws, wss) = (each(Transport::Ws, &self.ws), each(Transport::Wss, &self.wss));
        [tcp, tls, ws, wss].into_iter().flatten()
    }
}

/// Something for the rooms above.
#[derive(Debug)]
pub struct Incoming {
    /// Where it came from.
    pub flow: Flow,
    /// What it is.
    pub kind: IncomingKind,
}

/// What came in.
#[derive(Debug)]
pub enum IncomingKind {
    /// A request to be answered.
    Request(Request, Responder),
    /// An ACK of a 2xx.
    Acknowledged(Request),
    /// There is no TLS with a peer, for this certificate: no request will come.
    CertificateRefused(CertificateRefusal),
}

/// What the handles have the driver do.
#[derive(Debug)]
pub(super) enum Command {
    Respond(TransactionId, Response),
    /// It is not answered.
    Abandon(TransactionId),
    Send {
        request: Request,
        flow: Flow,
        domain: Option<Host>,
        replies: mpsc::Sender<Reply>,
        name: Name,
    },
    Acknowledge(Request, Target),
    Cancel(Name, Option<&'static str>),
    /// It is not waited for any longer, unless something was heard.
    GiveUp(Name),
    /// Connections of this address over which nobody has registered or called are closed.
    Vacate(IpAddr),
    /// Is there a connection where this leads?
    IsConnected(Flow, oneshot::Sender<bool>),
}

/// What came of a request of ours.
#[derive(Debug)]
pub enum Reply {
    /// A response, provisional or final.
    Response(Response),
    /// No final answer in the time the RFC gives.
    TimedOut,
    /// The request could not be sent (RFC 3261 section 17.1.4).
    NotSent,
}

/// The handle of a running endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) resolver: Resolver,
    pub(super) troubles: TroubleBook,
    bound: Arc<Vec<(Transport, SocketAddr)>>,
    advertised: Option<IpAddr>,
    stateless: Stateless,
    guard: FloodGuard,
}

impl Endpoint {
    /// Binds every address, then serves until the handle and all its clones are gone. Requests go to `incoming`;
    /// when nobody takes them quickly enough they are answered 503.
    pub async fn start(config: EndpointConfig, incoming: mpsc::Sender<Incoming>) -> Result<Self, SipError> {
        let advertised = config.advertised;
        let (commands, command_queue) = mpsc::channel(4096);
        let (events, event_queue) = mpsc::channel(4096);
        let mut bound = Vec::new();
        let mut sockets = Vec::new();
        let mut tasks = tokio::task::JoinSet::new();
        let stateless = Stateless::default();
        let guard = FloodGuard::new(&config.flood);
        for &address in &config.udp {
            let listen = |source| SipError::Listen { transport: Transport::Udp, address, source };
            let socket = udp::bind(address).map_err(listen)?;
            let local = socket.local_addr().map_err(listen)?;
            bound.push((Transport::Udp, local));
            let addresses = OwnAddresses::new(local, config.advertised);
            tasks.spawn(udp::read(socket.clone(), addresses, stateless.clone(), guard.clone(), events.clone()));
            sockets.push((local, socket));
        }
        for (transport, address) in config.streams() {
            let listen = |source| SipError::Listen { transport, address, source };
            let listener = tcp::bind(address).map_err(listen)?;
            bound.push((transport, listener.local_addr().map_err(listen)?));
            tasks.spawn(tcp::accept(listener, transport, events.clone()));
        }
        let driver = Driver {
            layer: Layer::new(Timers::default(), config.transactions),
            incoming,
            commands: commands.downgrade(),
            events,
            sockets,
            connections: Connections::new(config.connections, config.connections_per_address),
            deadlines: config.deadlines,
            replies: HashMap::new(),
            cancellations: HashMap::new(),
            advertised,
            guard: guard.clone(),
            gate: Gate { identity: config.identity, origins: config.origins.into() },
            client: TlsClient::new(config.trust),
        };
        tokio::spawn(driver.run(command_queue, event_queue, tasks));
        let (resolver, troubles) = (Resolver::open(&config.dns), TroubleBook::default());
        Ok(Self { commands, resolver, troubles, bound: Arc::new(bound), advertised, stateless, guard })
    }

    /// The addresses listened on, in the order asked for: UDP first.
    pub fn bound(&self) -> &[(Transport, SocketAddr)] {
        &self.bound
    }

    /// Has requests that come by datagram answered without a transaction where `answerer` can; for the life of the endpoint.
    pub fn answer_at_once(&self, answerer: Box<Answerer>) {
        self.stateless.set(answerer);
    }

    /// Sends a request over `flow`, and nowhere else. The caller sets every header but Via. To where a URI leads:
    /// [`Endpoint::request_to`].
    pub async fn send(&self, request: Request, flow: Flow) -> Result<Exchange, SipError> {
        Exchange::begin(&self.commands, request, flow.into(), None).await
    }

    /// Acknowledges a 2xx over `flow`.
    pub async fn acknowledge(&self, request: Request, flow: Flow) -> Result<(), SipError> {
        self.acknowledge_at(request, flow.into()).await
    }

    pub(super) async fn acknowledge_at(&self, request: Request, target: Target) -> Result<(), SipError> {
        self.commands.send(Command::Acknowledge(request, target)).await.map_err(|_| SipError::Stopped)
    }

    /// Who sends more than they may at this moment, in no order.
    pub fn floods(&self) -> Vec<Flood> {
        self.guard.list()
    }

    /// Takes from somebody as if nothing had come from them before; of an address with too many connections, those are closed
    /// over which nobody has registered or called. False if they don't send too much.
    pub async fn lift_flood(&self, whom: &Flooder) -> bool {
        let is_lifted = self.guard.lift(whom);
        if is_lifted && whom.scope == FloodScope::Connections {
            let _ = self.commands.send(Command::Vacate(whom.address)).await;
        }
        is_lifted
    }

    /// How many messages and connections beyond a limit were refused since this was asked last.
    pub fn take_refused(&self) -> HashMap<FloodScope, u64> {
        self.guard.take_refused()
    }

    /// True if there is a connection where `flow` leads.
    pub async fn is_connected(&self, flow: Flow) -> bool {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::IsConnected(flow, answer)).await.is_ok() && answered.await.unwrap_or(false)
    }

    /// A flow as this endpoint has it: a phone may have registered over another's.
    pub fn own_flow(&self, flow: Flow) -> Result<Flow, SipError> {
        match self.bound.contains(&(flow.transport, flow.local)) {
            true => Ok(flow),
            false => self.flow_to(flow.transport, flow.peer),
        }
    }

    /// The flow on which this endpoint reaches `peer` by `transport`.
    pub fn flow_to(&self, transport: Transport, peer: SocketAddr) -> Result<Flow, SipError> {
        let bound = self.bound.iter().find(|(kind, local)| *kind == transport && local.is_ipv4() == peer.is_ipv4());
        let Some((_, local)) = bound else {
            return Err(SipError::Unresolvable(format!("nothing listens for {transport} in the family of {peer}")));
        };
        let local = OwnAddresses::new(*local, self.advertised).towards(peer);
        Ok(Flow { transport, local, peer })
    }
}
