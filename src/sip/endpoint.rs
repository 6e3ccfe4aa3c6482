//! The endpoint: the one task that owns the transaction layer, and the handle everybody else holds.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::accepting::{self, Gate};
use super::connection::{Link, Opened};
use super::connections::{Connections, Ends, TooMany};
use super::exchange::{Exchange, Name};
use super::flood::{Flood, FloodScope, FloodSettings, Flooder};
use super::flood_guard::FloodGuard;
use super::flow::{Flow, Transport};
use super::message::{Host, Malformed, Message, Method, Request, Response};
use super::resolver::Resolver;
use super::sending::{Target, TroubleBook};
use super::stateless::{Answerer, Stateless};
use super::tls::{PeerCertificate, Tls};
use super::tls_client::{TlsClient, TlsTrust};
use super::tls_refusal::CertificateRefusal;
use super::transaction::{Layer, Output, Timers, TransactionId};
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

/// What happens on the sockets; the endpoint's own input.
pub(super) enum Event {
    Message(Flow, Message),
    Malformed(Flow, Malformed),
    Ping(Flow),
    Accepted(TcpStream, Transport),
    /// The peer of this connection has shown a certificate of its own.
    Proven(Flow, PeerCertificate),
    /// There is no TLS with a peer, for this certificate.
    Refused(Flow, CertificateRefusal),
    /// Nothing more is read from this connection; what is queued for it is still written.
    Ended(Flow),
    Closed(Flow),
    /// There was no connection to be had, or it broke: what was queued for it may not have arrived.
    Failed(Flow),
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

/// The duty to answer one request. Dropped without a final answer, the request is answered 500.
#[derive(Debug)]
pub struct Responder {
    id: TransactionId,
    commands: mpsc::Sender<Command>,
    cancelled: Option<oneshot::Receiver<()>>,
    fallback: Option<Response>,
}

impl Responder {
    /// Sends `response`; any number of provisional ones, then one final one.
    pub async fn respond(&mut self, response: Response) {
        if response.status >= 200 {
            self.fallback = None;
        }
        let _ = self.commands.send(Command::Respond(self.id, response)).await;
    }

    /// Leaves the request unanswered: whoever sent it has stopped waiting (RFC 4320 section 4.2).
    pub fn abandon(mut self) {
        self.fallback = None;
        self.tell(Command::Abandon(self.id));
    }

    /// Never waits. What finds no place now is told as soon as there is one: else the transaction would stay for ever.
    fn tell(&self, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.commands.try_send(command)
            && let Ok(runtime) = Handle::try_current()
        {
            let commands = self.commands.clone();
            runtime.spawn(async move { commands.send(command).await });
        }
    }

    /// Waits until the request is cancelled; for ever if it can't be.
    pub async fn cancelled(&mut self) {
        if let Some(cancelled) = &mut self.cancelled {
            let is_cancelled = cancelled.await.is_ok();
            self.cancelled = None;
            if is_cancelled {
                return;
            }
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        if let Some(response) = self.fallback.take() {
            self.tell(Command::Respond(self.id, response));
        }
    }
}

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
            replies: HashMap::new(),
            cancellations: HashMap::new(),
            advertised: config.advertised,
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

/// Most that is looked at before what follows from it is done.
const AT_ONCE: usize = 64;

struct Driver {
    layer: Layer,
    incoming: mpsc::Sender<Incoming>,
    commands: mpsc::WeakSender<Command>,
    events: mpsc::Sender<Event>,
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    connections: Connections,
    /// Where the answers to requests of ours go, and the flow each was sent over.
    replies: HashMap<TransactionId, (Flow, mpsc::Sender<Reply>)>,
    cancellations: HashMap<TransactionId, oneshot::Sender<()>>,
    advertised: Option<IpAddr>,
    guard: FloodGuard,
    gate: Gate,
    client: TlsClient,
}

impl Driver {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<Event>,
        tasks: tokio::task::JoinSet<()>,
    ) {
        let mut shown = 0;
        let (mut asked, mut came) = (Vec::with_capacity(AT_ONCE), Vec::with_capacity(AT_ONCE));
        loop {
            let deadline = self.layer.deadline().map(Instant::from_std);
            tokio::select! {
                taken = commands.recv_many(&mut asked, AT_ONCE) => match taken {
                    0 => break,
                    _ => asked.drain(..).for_each(|command| self.command(command)),
                },
                _ = events.recv_many(&mut came, AT_ONCE) => came.drain(..).for_each(|event| self.event(event)),
                () = sleep_until(deadline) => self.layer.elapsed(std::time::Instant::now()),
            }
            self.carry_out();
            let connections = self.connections.len();
            if connections != shown {
                metrics::gauge!("sip_connections").set(connections as f64);
                shown = connections;
            }
        }
        drop(tasks);
    }

    fn command(&mut self, command: Command) {
        let now = std::time::Instant::now();
        match command {
            Command::Respond(id, response) => {
                if response.status >= 200 {
                    self.cancellations.remove(&id);
                }
                if is_welcome(&response)
                    && let Some(flow) = self.layer.flow_of(id)
                {
                    match flow.transport {
                        Transport::Udp => self.guard.welcome(flow.peer),
                        _ => self.connections.keep(flow),
                    }
                }
                self.layer.respond(now, id, response);
            }
            Command::Abandon(id) => {
                self.cancellations.remove(&id);
                self.layer.abandon(id);
            }
            Command::Send { request, flow, domain, replies, name } => {
                if !self.lead(flow, domain.as_ref()) {
                    let _ = replies.try_send(Reply::NotSent);
                    return;
                }
                let transaction = self.layer.send_request(now, request, flow, &new_branch());
                self.replies.insert(transaction, (flow, replies));
                let _ = name.set(transaction);
            }
            Command::Acknowledge(request, Target { flow, domain }) => {
                if self.lead(flow, domain.as_ref()) {
                    self.layer.send_acknowledgement(request, flow, &new_branch());
                }
            }
            Command::Cancel(name, reason) => {
                if let Some(id) = name.get() {
                    self.layer.cancel_request(now, *id, reason);
                }
            }
            Command::GiveUp(name) => {
                if let Some(id) = name.get() {
                    self.layer.transport_failed(*id);
                }
            }
            Command::Vacate(address) => self.connections.vacate(address),
        }
    }

    fn event(&mut self, event: Event) {
        let now = std::time::Instant::now();
        match event {
            Event::Message(flow, Message::Request(mut request)) => {
                super::transaction::note_source(&mut request.headers, flow);
                self.connections.note_alias(flow, &request);
                count(&request);
                self.layer.receive_request(now, request, flow);
            }
            Event::Message(_, Message::Response(response)) => self.layer.receive_response(now, response),
            Event::Malformed(flow, malformed) => {
                metrics::counter!("sip_malformed_total").increment(1);
                tracing::debug!(peer = %flow.peer, fault = %malformed.fault, "malformed SIP message");
                if let Some(answer) = malformed.answer {
                    self.answer(super::transaction::way_back(&answer.headers, flow), answer.encode());
                }
            }
            Event::Ping(flow) => self.answer(flow, Bytes::from_static(b"\r\n")),
            Event::Accepted(stream, transport) => self.accepted(stream, transport),
            Event::Proven(flow, certificate) => self.connections.note_certificate(flow, certificate),
            Event::Refused(flow, refusal) => {
                let kind = IncomingKind::CertificateRefused(refusal);
                // Where much waits already, it is only told in the log.
                let _ = self.incoming.try_send(Incoming { flow, kind });
            }
            Event::Ended(flow) => self.connections.forget(flow),
            Event::Closed(flow) => self.connections.closed(flow),
            Event::Failed(flow) => self.failed(flow),
        }
    }

    fn accepted(&mut self, stream: TcpStream, transport: Transport) {
        let Ok(mut flow) = tcp::flow_of(&stream, transport) else { return };
        if let Some(ip) = self.advertised {
            flow.local.set_ip(ip);
        }
        let ends = match self.guard.admits_connection(flow.peer) {
            true => self.connections.admit(flow),
            false => Err(TooMany::AtOnce),
        };
        let ends = match ends {
            Ok(ends) => ends,
            Err(too_many) => {
                metrics::counter!("sip_connections_refused_total").increment(1);
                if too_many == TooMany::FromThere {
                    self.guard.note_full(flow.peer.ip());
                }
                return;
            }
        };
        let link = self.link(flow, ends, Opened::ByPeer(Instant::now()));
        tokio::spawn(accepting::serve(stream, link, self.gate.clone()));
    }

    fn link(&self, flow: Flow, ends: Ends, opened: Opened) -> Link {
        let Ends { outgoing, is_lasting } = ends;
        let pace = self.guard.pace(flow.peer);
        Link { flow, outgoing, is_lasting, events: self.events.clone(), opened, pace }
    }

    /// Requests of ours that were not answered at all are not waited for any longer.
    fn failed(&mut self, flow: Flow) {
        self.connections.closed(flow);
        if self.connections.has(flow) {
            // What is waited for may have gone over the newer connection.
            return;
        }
        let over_it = |way: &Flow| way.transport == flow.transport && way.peer == flow.peer;
        let asked = self.replies.iter().filter(|(_, (way, _))| over_it(way)).map(|(id, _)| *id);
        for id in asked.collect::<Vec<_>>() {
            self.layer.transport_failed(id);
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.layer.next_output() {
            match output {
                Output::Transmit(flow, octets) if octets.starts_with(b"SIP/2.0 ") => self.answer(flow, octets),
                Output::Transmit(flow, octets) => self.transmit(flow, octets),
                Output::Request(id, request, flow) => self.deliver(id, request, flow),
                Output::Acknowledged(request, flow) => {
                    let _ = self.incoming.try_send(Incoming { flow, kind: IncomingKind::Acknowledged(request) });
                }
                Output::Cancelled(id) => {
                    if let Some(cancelled) = self.cancellations.remove(&id) {
                        let _ = cancelled.send(());
                    }
                }
                Output::Response(id, response) => self.reply(id, Reply::Response(response)),
                Output::TimedOut(id) => {
                    self.reply(id, Reply::TimedOut);
                    self.replies.remove(&id);
                }
                Output::NotSent(id) => {
                    self.reply(id, Reply::NotSent);
                    self.replies.remove(&id);
                }
                Output::Ended(id) => {
                    self.replies.remove(&id);
                }
            }
        }
    }

    fn deliver(&mut self, id: TransactionId, request: Request, flow: Flow) {
        let Some(commands) = self.commands.upgrade() else { return };
        let is_invite = request.method == Method::Invite;
        let (cancel, cancelled) = oneshot::channel();
        let fallback = Some(request.respond(500));
        let responder = Responder { id, commands, cancelled: is_invite.then_some(cancelled), fallback };
        match self.incoming.try_send(Incoming { flow, kind: IncomingKind::Request(request, responder) }) {
            Ok(()) => {
                if is_invite {
                    self.cancellations.insert(id, cancel);
                }
            }
            Err(error) => {
                let (mpsc::error::TrySendError::Full(incoming) | mpsc::error::TrySendError::Closed(incoming)) = error;
                if let IncomingKind::Request(request, mut responder) = incoming.kind {
                    responder.fallback = None;
                    metrics::counter!("sip_overload_total").increment(1);
                    let answer = request.respond(503).with_header("Retry-After", "5");
                    self.layer.respond(std::time::Instant::now(), id, answer);
                }
            }
        }
    }

    fn reply(&mut self, id: TransactionId, reply: Reply) {
        if let Some((_, replies)) = self.replies.get(&id) {
            // Whoever asked may have lost interest.
            let _ = replies.try_send(reply);
        }
    }

    /// Whoever asked over a connection and has gone is not called back: the port they came from was for that connection only.
    fn answer(&mut self, flow: Flow, octets: Bytes) {
        if flow.transport.is_reliable() {
            self.connections.send(flow, &octets);
        } else {
            self.transmit(flow, octets);
        }
    }

    fn transmit(&mut self, flow: Flow, octets: Bytes) {
        match flow.transport {
            Transport::Udp => {
                let socket = self.sockets.iter().find(|(local, _)| is_same_way(local, &flow));
                if let Some((_, socket)) = socket.or_else(|| self.sockets.first()) {
                    // A full send buffer loses the datagram, as the network may; the timers repeat it.
                    let _ = socket.try_send_to(&octets, flow.peer);
                }
            }
            Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                if self.connections.send(flow, &octets) {
                    return;
                }
                if self.lead(flow, None) {
                    self.connections.send(flow, &octets);
                } else {
                    self.failed(flow);
                }
            }
        }
    }

    /// Sees to it that there is a connection where `flow` leads, opened to a server of this domain if it is not there yet. False
    /// where there can be none, or the one there is leads to somebody who is not of that domain (RFC 5922 section 4).
    fn lead(&mut self, flow: Flow, domain: Option<&Host>) -> bool {
        if flow.transport == Transport::Udp {
            return true;
        }
        if self.connections.leads(flow) {
            let is_right = domain.is_none_or(|domain| self.connections.is_of(flow, domain));
            if !is_right {
                tracing::info!(%flow, ?domain, "the connection that is there has no certificate for this domain");
            }
            return is_right;
        }
        let Some(ends) = self.connections.open(flow, domain.cloned()) else {
            metrics::counter!("sip_connections_refused_total").increment(1);
            tracing::warn!(%flow, "no connection is opened: too many of our own are open");
            return false;
        };
        self.connections.keep(flow);
        let link = self.link(flow, ends, Opened::ByUs(Instant::now()));
        tokio::spawn(accepting::reach(link, domain.cloned(), self.client.clone()));
        true
    }
}

/// True for an answer that lets somebody in: who has got one may keep a connection open.
fn is_welcome(response: &Response) -> bool {
    let is_lasting = |method: Method| matches!(method, Method::Register | Method::Invite | Method::Subscribe);
    (200..300).contains(&response.status) && response.headers.cseq().is_ok_and(|cseq| is_lasting(cseq.method))
}

/// True if a socket bound to `local` is the one `flow` uses.
fn is_same_way(local: &SocketAddr, flow: &Flow) -> bool {
    let is_same_port = local.port() == flow.local.port() && local.is_ipv4() == flow.peer.is_ipv4();
    is_same_port && (local.ip().is_unspecified() || local.ip() == flow.local.ip())
}

/// Counts a request that came in.
pub(super) fn count(request: &Request) {
    let method = match request.method {
        Method::Register => "REGISTER",
        Method::Invite => "INVITE",
        Method::Ack => "ACK",
        Method::Bye => "BYE",
        Method::Cancel => "CANCEL",
        Method::Options => "OPTIONS",
        _ => "other",
    };
    metrics::counter!("sip_requests_total", "method" => method).increment(1);
}

fn new_branch() -> String {
    format!("z9hG4bK{:032x}", rand::random::<u128>())
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => tokio::time::sleep(Duration::from_secs(3600)).await,
    }
}
