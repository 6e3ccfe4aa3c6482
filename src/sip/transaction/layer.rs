//! All transactions of one endpoint: finds the one a message belongs to, and gathers what is to be done.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::client::{ClientTransaction, Step as ClientStep};
use super::key::{Key, Merge};
use super::server::{ServerTransaction, Step as ServerStep};
use super::{Timers, TransactionId};
use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Headers, Host, Method, Request, Response, Via};

/// What the layer wants done. Drained with [`Layer::next_output`] after every call.
#[derive(Debug)]
pub enum Output {
    /// Send these octets over this flow.
    Transmit(Flow, Bytes),
    /// A new request for the rooms above, to be answered with [`Layer::respond`].
    Request(TransactionId, Request, Flow),
    /// An ACK for a 2xx: it belongs to a dialog.
    Acknowledged(Request, Flow),
    /// The INVITE of this transaction was cancelled: answer it 487.
    Cancelled(TransactionId),
    /// A response to a request of ours.
    Response(TransactionId, Response),
    /// A request of ours was not answered in time.
    TimedOut(TransactionId),
    /// No further answer to a request of ours is delivered.
    Ended(TransactionId),
}

#[derive(Debug)]
enum Machine {
    Server(Box<Serving>),
    Client(ClientTransaction, Box<Request>),
}

#[derive(Debug)]
struct Serving {
    transaction: ServerTransaction,
    merge: Option<Merge>,
}

#[derive(Debug)]
struct Entry {
    key: Key,
    flow: Flow,
    machine: Machine,
}

/// The transactions of one endpoint.
#[derive(Debug)]
pub struct Layer {
    timers: Timers,
    most: usize,
    next_id: u64,
    entries: HashMap<u64, Entry>,
    by_key: HashMap<Key, u64>,
    by_merge: HashMap<Merge, u64>,
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    outputs: VecDeque<Output>,
}

impl Layer {
    /// A layer that keeps at most `most` transactions; a request beyond that is answered 503 and forgotten.
    pub fn new(timers: Timers, most: usize) -> Self {
        Self {
            timers,
            most,
            next_id: 1,
            entries: HashMap::new(),
            by_key: HashMap::new(),
            by_merge: HashMap::new(),
            deadlines: BinaryHeap::new(),
            outputs: VecDeque::new(),
        }
    }

    /// The next thing to do, oldest first.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// How many transactions are alive.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when none is alive.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A request came over `flow`. Its topmost Via must already carry `received` and `rport` ([`note_source`]).
    pub fn receive_request(&mut self, now: Instant, request: Request, flow: Flow) {
        let Some(key) = Key::of_request(&request) else { return };
        if let Some(&id) = self.by_key.get(&key) {
            return self.repeat(now, id, request, flow);
        }
        match request.method {
            Method::Ack => self.outputs.push_back(Output::Acknowledged(request, flow)),
            Method::Cancel => self.cancel(now, key, &request, flow),
            _ => self.accept(now, key, request, flow),
        }
    }

    fn repeat(&mut self, now: Instant, id: u64, request: Request, flow: Flow) {
        let Some(Entry { machine: Machine::Server(serving), .. }) = self.entries.get_mut(&id) else { return };
        if request.method == Method::Ack {
            if serving.transaction.acknowledged(now, &self.timers) {
                self.schedule(id);
            } else {
                self.outputs.push_back(Output::Acknowledged(request, flow));
            }
        } else if let ServerStep::Send(octets) = serving.transaction.retransmitted() {
            self.outputs.push_back(Output::Transmit(way_back(&request.headers, flow), octets));
        }
    }

    fn accept(&mut self, now: Instant, key: Key, request: Request, flow: Flow) {
        if self.entries.len() >= self.most {
            let answer = request.respond(503).with_header("Retry-After", "5");
            self.outputs.push_back(Output::Transmit(way_back(&answer.headers, flow), answer.encode()));
            return;
        }
        let merge = Merge::of_request(&request.headers, &request.method);
        let is_merged = merge.as_ref().is_some_and(|merge| self.by_merge.contains_key(merge));
        let is_invite = request.method == Method::Invite;
        let transaction = ServerTransaction::new(is_invite, flow.transport.is_reliable());
        let merge = if is_merged { None } else { merge };
        let id = self.insert(key, flow, Machine::Server(Box::new(Serving { transaction, merge })));
        if is_merged {
            return self.respond(now, id, request.respond(482));
        }
        if is_invite {
            self.respond(now, id, request.respond(100));
        }
        self.outputs.push_back(Output::Request(id, request, flow));
    }

    fn cancel(&mut self, now: Instant, key: Key, request: &Request, flow: Flow) {
        if self.entries.len() >= self.most {
            return;
        }
        let invite = Key::cancelled_by(request).and_then(|key| self.by_key.get(&key).copied());
        let transaction = ServerTransaction::new(false, flow.transport.is_reliable());
        let id = self.insert(key, flow, Machine::Server(Box::new(Serving { transaction, merge: None })));
        let Some(invite) = invite else { return self.respond(now, id, request.respond(481)) };
        self.respond(now, id, request.respond(200));
        if let Some(Entry { machine: Machine::Server(serving), .. }) = self.entries.get(&invite)
            && serving.transaction.is_open()
        {
            self.outputs.push_back(Output::Cancelled(TransactionId(invite)));
        }
    }

    fn insert(&mut self, key: Key, flow: Flow, machine: Machine) -> TransactionId {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        if let Machine::Server(serving) = &machine
            && let Some(merge) = &serving.merge
        {
            self.by_merge.insert(merge.clone(), id);
        }
        self.by_key.insert(key.clone(), id);
        self.entries.insert(id, Entry { key, flow, machine });
        TransactionId(id)
    }

    /// Answers a request. An answer to a transaction that has ended, or a second final one, is dropped.
    pub fn respond(&mut self, now: Instant, id: TransactionId, response: Response) {
        let Some(entry) = self.entries.get_mut(&id.0) else { return };
        let Machine::Server(serving) = &mut entry.machine else { return };
        let flow = way_back(&response.headers, entry.flow);
        entry.flow = flow;
        match serving.transaction.answer(now, response.status, response.encode(), &self.timers) {
            ServerStep::Send(octets) => self.outputs.push_back(Output::Transmit(flow, octets)),
            ServerStep::Rest | ServerStep::End | ServerStep::Unacknowledged => {}
        }
        self.schedule(id.0);
    }

    /// Sends a request of ours over `flow`: puts our Via on top with `branch`, which must be unique and start with `z9hG4bK`.
    pub fn send_request(&mut self, now: Instant, mut request: Request, flow: Flow, branch: &str) -> TransactionId {
        request.headers.prepend("Via", &own_via(flow, branch));
        let octets = request.encode();
        let is_invite = request.method == Method::Invite;
        let transaction =
            ClientTransaction::new(now, is_invite, flow.transport.is_reliable(), octets.clone(), &self.timers);
        let key = Key::Client { branch: branch.to_owned(), method: request.method.clone() };
        let id = self.insert(key, flow, Machine::Client(transaction, Box::new(request)));
        self.outputs.push_back(Output::Transmit(flow, octets));
        self.schedule(id.0);
        id
    }

    /// Sends an ACK for a 2xx: no transaction, the caller repeats it when the 2xx comes again (RFC 3261 section 13.2.2.4).
    pub fn send_acknowledgement(&mut self, mut request: Request, flow: Flow, branch: &str) {
        request.headers.prepend("Via", &own_via(flow, branch));
        self.outputs.push_back(Output::Transmit(flow, request.encode()));
    }

    /// Cancels an INVITE of ours that was answered provisionally (section 9.1). False if there is nothing to cancel.
    pub fn cancel_request(&mut self, now: Instant, id: TransactionId) -> bool {
        let Some(Entry { flow, machine: Machine::Client(transaction, invite), key: Key::Client { branch, .. } }) =
            self.entries.get(&id.0)
        else {
            return false;
        };
        if !transaction.is_proceeding() {
            return false;
        }
        let mut cancel = Request::new(Method::Cancel, invite.uri.clone());
        copy_headers(invite, &mut cancel, &["Route", "From", "To", "Call-ID", "Max-Forwards"]);
        let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
        cancel.headers.set("CSeq", &format!("{number} CANCEL"));
        let (flow, branch) = (*flow, branch.clone());
        self.send_request(now, cancel, flow, &branch);
        true
    }

    /// A response came. One that belongs to no request of ours is dropped.
    pub fn receive_response(&mut self, now: Instant, response: Response) {
        let Some(&id) = Key::of_response(&response).and_then(|key| self.by_key.get(&key)) else { return };
        let Some(Entry { flow, machine: Machine::Client(transaction, request), key: Key::Client { branch, .. } }) =
            self.entries.get_mut(&id)
        else {
            return;
        };
        match transaction.answered(now, response.status, &self.timers) {
            ClientStep::Deliver => self.outputs.push_back(Output::Response(TransactionId(id), response)),
            ClientStep::DeliverAndAcknowledge => {
                let octets = acknowledgement(request, &response, &own_via(*flow, branch)).encode();
                transaction.acknowledge_with(octets.clone());
                self.outputs.push_back(Output::Transmit(*flow, octets));
                self.outputs.push_back(Output::Response(TransactionId(id), response));
            }
            ClientStep::Send(octets) => self.outputs.push_back(Output::Transmit(*flow, octets)),
            ClientStep::Rest | ClientStep::End | ClientStep::TimedOut => {}
        }
        self.schedule(id);
    }

    /// When [`Layer::elapsed`] wants to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Time has passed: whatever is due at `now` happens.
    pub fn elapsed(&mut self, now: Instant) {
        while let Some(&Reverse((at, id))) = self.deadlines.peek() {
            if at > now {
                return;
            }
            self.deadlines.pop();
            self.expire(now, id);
        }
    }

    fn expire(&mut self, now: Instant, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let flow = entry.flow;
        let ended = match &mut entry.machine {
            Machine::Server(serving) => match serving.transaction.elapsed(now, &self.timers) {
                ServerStep::Send(octets) => {
                    self.outputs.push_back(Output::Transmit(flow, octets));
                    false
                }
                ServerStep::Rest => false,
                ServerStep::End | ServerStep::Unacknowledged => true,
            },
            Machine::Client(transaction, _) => match transaction.elapsed(now, &self.timers) {
                ClientStep::Send(octets) => {
                    self.outputs.push_back(Output::Transmit(flow, octets));
                    false
                }
                ClientStep::TimedOut => {
                    self.outputs.push_back(Output::TimedOut(TransactionId(id)));
                    true
                }
                ClientStep::End => {
                    self.outputs.push_back(Output::Ended(TransactionId(id)));
                    true
                }
                ClientStep::Rest | ClientStep::Deliver | ClientStep::DeliverAndAcknowledge => false,
            },
        };
        if ended { self.forget(id) } else { self.schedule(id) }
    }

    fn forget(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.by_key.remove(&entry.key);
        if let Machine::Server(serving) = entry.machine
            && let Some(merge) = serving.merge
        {
            self.by_merge.remove(&merge);
        }
    }

    /// Deadlines are only ever added: one that is out of date finds nothing due and asks again.
    fn schedule(&mut self, id: u64) {
        let deadline = self.entries.get(&id).and_then(|entry| match &entry.machine {
            Machine::Server(serving) => serving.transaction.deadline(),
            Machine::Client(transaction, _) => transaction.deadline(),
        });
        if let Some(at) = deadline {
            self.deadlines.push(Reverse((at, id)));
        }
    }
}

fn own_via(flow: Flow, branch: &str) -> String {
    format!("SIP/2.0/{} {};branch={branch};rport", flow.transport, flow.local)
}

/// The ACK of a 300-699 answer: inside the transaction, so with the INVITE's own Via (section 17.1.1.3).
fn acknowledgement(invite: &Request, response: &Response, via: &str) -> Request {
    let mut ack = Request::new(Method::Ack, invite.uri.clone());
    ack.headers.push("Via", via);
    copy_headers(invite, &mut ack, &["Route", "From", "Call-ID", "Max-Forwards"]);
    ack.headers.set("To", response.headers.get("To").unwrap_or_default());
    let number = invite.headers.cseq().map_or(1, |cseq| cseq.number);
    ack.headers.set("CSeq", &format!("{number} ACK"));
    ack
}

fn copy_headers(from: &Request, to: &mut Request, names: &[&str]) {
    for name in names {
        for value in from.headers.all(name) {
            to.headers.push(name, value);
        }
    }
}

/// Writes into the topmost Via where the request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4).
pub(in crate::sip) fn note_source(request: &mut Request, flow: Flow) {
    let Ok(mut via) = request.headers.top_via() else { return };
    let wants_port = via.rport().is_some();
    if wants_port {
        via.params.set("rport", Some(flow.peer.port().to_string()));
    }
    if wants_port || via.host != Host::from(flow.peer.ip()) {
        via.params.set("received", Some(flow.peer.ip().to_string()));
    }
    request.headers.replace_top_via(&via);
}

/// Where an answer goes (RFC 3261 section 18.2.2): the connection it came over, or by datagram to the source,
/// at the source's port if `rport` was asked for, else at the port of the Via.
pub(in crate::sip) fn way_back(headers: &Headers, flow: Flow) -> Flow {
    if flow.transport != Transport::Udp {
        return flow;
    }
    let Ok(via) = headers.top_via() else { return flow };
    let port = if via.rport().is_some() { flow.peer.port() } else { default_port(&via) };
    Flow { peer: std::net::SocketAddr::new(flow.peer.ip(), port), ..flow }
}

fn default_port(via: &Via) -> u16 {
    via.port.unwrap_or(5060)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, parse_datagram};

    const FLOW: Flow = Flow {
        transport: Transport::Udp,
        local: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5060),
        peer: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40000),
    };

    fn request(method: &str, branch: &str) -> Request {
        let text = format!(
            "{method} sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:40000;branch={branch}\r\n\
             From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:2000@127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    fn drain(layer: &mut Layer) -> Vec<Output> {
        std::iter::from_fn(|| layer.next_output()).collect()
    }

    fn statuses(outputs: &[Output]) -> Vec<u16> {
        let sent = outputs.iter().filter_map(|output| match output {
            Output::Transmit(_, octets) => parse_datagram(octets).ok(),
            _ => None,
        });
        sent.filter_map(|message| match message {
            Message::Response(response) => Some(response.status),
            Message::Request(_) => None,
        })
        .collect()
    }

    #[test]
    fn a_retransmitted_request_is_answered_again_and_not_delivered_twice() {
        let now = Instant::now();
        let mut layer = Layer::new(Timers::default(), 10);
        let register = request("REGISTER", "z9hG4bKa");
        layer.receive_request(now, register.clone(), FLOW);
        let Some(Output::Request(id, ..)) = layer.next_output() else { panic!("delivered") };
        layer.receive_request(now, register.clone(), FLOW);
        assert!(drain(&mut layer).is_empty());
        layer.respond(now, id, register.respond(200));
        layer.receive_request(now, register, FLOW);
        assert_eq!(statuses(&drain(&mut layer)), [200, 200]);
        layer.elapsed(now + Timers::default().patience());
        assert!(layer.is_empty());
    }

    #[test]
    fn a_cancel_ends_an_open_invite_and_nothing_else() {
        let now = Instant::now();
        let mut layer = Layer::new(Timers::default(), 10);
        let invite = request("INVITE", "z9hG4bKb");
        layer.receive_request(now, invite, FLOW);
        layer.receive_request(now, request("CANCEL", "z9hG4bKb"), FLOW);
        let outputs = drain(&mut layer);
        assert_eq!(statuses(&outputs), [100, 200]);
        assert!(outputs.iter().any(|output| matches!(output, Output::Cancelled(_))));
        layer.receive_request(now, request("CANCEL", "z9hG4bKother"), FLOW);
        assert_eq!(statuses(&drain(&mut layer)), [481]);
    }

    #[test]
    fn the_same_request_by_another_path_is_a_loop() {
        let now = Instant::now();
        let mut layer = Layer::new(Timers::default(), 10);
        layer.receive_request(now, request("OPTIONS", "z9hG4bKone"), FLOW);
        layer.receive_request(now, request("OPTIONS", "z9hG4bKtwo"), FLOW);
        assert_eq!(statuses(&drain(&mut layer)), [482]);
    }

    #[test]
    fn a_full_layer_answers_503_and_keeps_nothing() {
        let now = Instant::now();
        let mut layer = Layer::new(Timers::default(), 0);
        layer.receive_request(now, request("OPTIONS", "z9hG4bKone"), FLOW);
        assert_eq!(statuses(&drain(&mut layer)), [503]);
        assert!(layer.is_empty());
    }

    #[test]
    fn a_request_of_ours_gets_its_answer_once() {
        let now = Instant::now();
        let mut layer = Layer::new(Timers::default(), 10);
        let mut notify = request("NOTIFY", "x");
        notify.headers.remove("Via");
        let id = layer.send_request(now, notify, FLOW, "z9hG4bKours");
        let Some(Output::Transmit(_, octets)) = layer.next_output() else { panic!("sent") };
        let Ok(Message::Request(sent)) = parse_datagram(&octets) else { panic!("a request") };
        layer.receive_response(now, sent.respond(200));
        layer.receive_response(now, sent.respond(200));
        let outputs = drain(&mut layer);
        assert!(matches!(outputs.as_slice(), [Output::Response(answered, _)] if *answered == id));
    }
}
