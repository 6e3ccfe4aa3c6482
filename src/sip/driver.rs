//! The one task that owns the transaction layer, the sockets' sending side and the connections: what comes from them and what the
//! handles command goes through it, in order and without a lock.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::accepting::{self, Gate};
use super::connection::{Deadlines, Link};
use super::connections::{Connections, Ends, TooMany};
use super::endpoint::{Command, Incoming, IncomingKind, Reply};
use super::flood_guard::FloodGuard;
use super::flow::{Flow, Transport};
use super::message::{Host, Malformed, Message, Method, Request, Response};
use super::responder::Responder;
use super::sending::Target;
use super::tcp;
use super::tls::PeerCertificate;
use super::tls_client::TlsClient;
use super::tls_refusal::CertificateRefusal;
use super::transaction::{Layer, Output, TransactionId};
use super::udp::shown_to;

/// What happens on the sockets; the driver's own input.
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

/// Most that is looked at before what follows from it is done.
const AT_ONCE: usize = 64;

/// The task's state.
pub(super) struct Driver {
    pub layer: Layer,
    pub incoming: mpsc::Sender<Incoming>,
    pub commands: mpsc::WeakSender<Command>,
    pub events: mpsc::Sender<Event>,
    pub sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    pub connections: Connections,
    pub deadlines: Deadlines,
    /// Where the answers to requests of ours go, and the flow each was sent over.
    pub replies: HashMap<TransactionId, (Flow, mpsc::Sender<Reply>)>,
    pub cancellations: HashMap<TransactionId, oneshot::Sender<()>>,
    pub advertised: Option<IpAddr>,
    pub guard: FloodGuard,
    pub gate: Gate,
    pub client: TlsClient,
}

impl Driver {
    /// Runs until all handles are gone; `tasks` read the sockets meanwhile.
    pub async fn run(
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
            Command::IsConnected(flow, answer) => {
                let _ = answer.send(self.connections.leads(flow));
            }
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
                if let Some(mut answer) = malformed.answer {
                    super::transaction::note_source(&mut answer.headers, flow);
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
        if let Some(ip) = shown_to(flow.peer, self.advertised) {
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
        let link = self.link(flow, ends, self.deadlines.of_peer());
        tokio::spawn(accepting::serve(stream, link, self.gate.clone()));
    }

    fn link(&self, flow: Flow, ends: Ends, opening: Instant) -> Link {
        let Ends { outgoing, is_lasting } = ends;
        let pace = self.guard.pace(flow.peer);
        Link { flow, outgoing, is_lasting, events: self.events.clone(), opening, deadlines: self.deadlines, pace }
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
                Output::Ask(flow, octets) => self.ask(flow, octets),
                Output::Answer(flow, octets) => self.answer(flow, octets),
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
        let responder = Responder::new(id, &request, commands, is_invite.then_some(cancelled));
        match self.incoming.try_send(Incoming { flow, kind: IncomingKind::Request(request, responder) }) {
            Ok(()) => {
                if is_invite {
                    self.cancellations.insert(id, cancel);
                }
            }
            Err(error) => {
                let (mpsc::error::TrySendError::Full(incoming) | mpsc::error::TrySendError::Closed(incoming)) = error;
                if let IncomingKind::Request(request, mut responder) = incoming.kind {
                    responder.disarm();
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
            self.send_datagram(flow, &octets);
        }
    }

    /// Who is asked is connected to anew where the connection is gone.
    fn ask(&mut self, flow: Flow, octets: Bytes) {
        if !flow.transport.is_reliable() {
            self.send_datagram(flow, &octets);
        } else if !self.connections.send(flow, &octets) {
            if self.lead(flow, None) {
                self.connections.send(flow, &octets);
            } else {
                self.failed(flow);
            }
        }
    }

    fn send_datagram(&self, flow: Flow, octets: &[u8]) {
        let same_family = || self.sockets.iter().filter(|(local, _)| local.is_ipv4() == flow.peer.is_ipv4());
        let bound = same_family().find(|(local, _)| is_same_way(local, &flow));
        // One bound to an address of its own shows the advertised one.
        let shown = || same_family().find(|(local, _)| local.port() == flow.local.port());
        if let Some((_, socket)) = bound.or_else(shown).or_else(|| same_family().next()) {
            // A full send buffer loses the datagram, as the network may; the timers repeat it.
            let _ = socket.try_send_to(octets, flow.peer);
        }
    }

    /// Sees to it that there is a connection where `flow` leads, opened to a server of this domain if it is not there yet. False
    /// where there can be none, or the one there is leads to somebody who is not of that domain (RFC 5922 section 4).
    fn lead(&mut self, flow: Flow, domain: Option<&Host>) -> bool {
        if !flow.transport.is_reliable() {
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
        let link = self.link(flow, ends, self.deadlines.of_ours());
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
    local.port() == flow.local.port() && (local.ip().is_unspecified() || local.ip() == flow.local.ip())
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
