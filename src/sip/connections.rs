//! The connections of one endpoint: how many there may be, which one leads where, and which may be used for what a peer
//! says of itself (RFC 5923). Opens and reads none of them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::connection::QUEUE;
use super::flow::{Flow, Transport};
use super::message::{Host, Request};
use super::tls::PeerCertificate;
use crate::vocab::site;

/// The most names a peer may give one connection.
const ALIASES: usize = 4;

/// Connections that we open, at most.
const OURS: usize = 1000;

/// Where a connection leads.
type Way = (Transport, SocketAddr);

fn way(flow: Flow) -> Way {
    (flow.transport, flow.peer)
}

/// The ends of a connection that its task has.
pub(super) struct Ends {
    pub outgoing: mpsc::Receiver<Bytes>,
    pub is_lasting: Arc<AtomicBool>,
}

struct Connection {
    outgoing: mpsc::Sender<Bytes>,
    /// Somebody has registered or called over it.
    is_lasting: Arc<AtomicBool>,
    certificate: Option<PeerCertificate>,
    aliases: Vec<Way>,
    /// We have opened it.
    is_ours: bool,
    /// The domain whose server it was opened to.
    domain: Option<Host>,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TooMany {
    /// Its address has as many as it may.
    FromThere,
    /// There are as many as there may be.
    InAll,
    /// They come too quickly.
    AtOnce,
}

/// Those of one address (or IPv6 network of 64 bits).
#[derive(Default)]
struct Held {
    all: usize,
    /// Over which nobody has registered or called.
    idle: usize,
}

/// The connections of one endpoint.
pub(super) struct Connections {
    open: HashMap<Way, Connection>,
    by_place: HashMap<IpAddr, Held>,
    by_alias: HashMap<Way, Way>,
    most: usize,
    most_per_place: usize,
    ours: usize,
}

impl Connections {
    /// At most `most` that peers opened, of one address (or IPv6 network of 64 bits) half of them, and `most_per_place` over which
    /// nobody has registered or called.
    pub(super) fn new(most: usize, most_per_place: usize) -> Self {
        let (open, by_place, by_alias) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { open, by_place, by_alias, most, most_per_place, ours: 0 }
    }

    /// A peer has connected, unless there are too many already.
    pub(super) fn admit(&mut self, flow: Flow) -> Result<Ends, TooMany> {
        let has_room = self
            .by_place
            .get(&site(flow.peer.ip()))
            .is_none_or(|held| held.idle < self.most_per_place && held.all < self.most.div_ceil(2));
        match has_room {
            true if self.open.len() < self.most => Ok(self.insert(flow, false, None)),
            true => Err(TooMany::InAll),
            false => Err(TooMany::FromThere),
        }
    }

    /// We are opening a connection, to a server of `domain` if that is known; nothing if we have opened too many already.
    pub(super) fn open(&mut self, flow: Flow, domain: Option<Host>) -> Option<Ends> {
        (self.ours < OURS).then(|| self.insert(flow, true, domain))
    }

    fn insert(&mut self, flow: Flow, is_ours: bool, domain: Option<Host>) -> Ends {
        let (outgoing, receiver) = mpsc::channel(QUEUE);
        let is_lasting = Arc::new(AtomicBool::new(false));
        let connection = Connection {
            outgoing,
            is_lasting: is_lasting.clone(),
            certificate: None,
            aliases: Vec::new(),
            is_ours,
            domain,
        };
        self.ours += usize::from(is_ours);
        match self.open.insert(way(flow), connection) {
            Some(former) => {
                self.ours = self.ours.saturating_sub(usize::from(former.is_ours));
                self.unname(&former);
                if former.is_lasting.load(Ordering::Relaxed)
                    && let Some(held) = self.by_place.get_mut(&site(flow.peer.ip()))
                {
                    held.idle += 1;
                }
            }
            None => {
                let held = self.by_place.entry(site(flow.peer.ip())).or_default();
                held.all += 1;
                held.idle += 1;
            }
        }
        Ends { outgoing: receiver, is_lasting }
    }

    /// Queues octets for the connection that leads where `flow` does, or that its peer has given for that; false if there is
    /// none. What finds the queue full is lost: the peer does not take what it is sent.
    pub(super) fn send(&self, flow: Flow, octets: &Bytes) -> bool {
        let Some(connection) = self.leading(flow) else { return false };
        let _ = connection.outgoing.try_send(octets.clone());
        true
    }

    fn leading(&self, flow: Flow) -> Option<&Connection> {
        let direct = self.open.get(&way(flow));
        let by_alias = || self.open.get(self.by_alias.get(&way(flow))?);
        let is_alive = |connection: &&Connection| !connection.outgoing.is_closed();
        direct.filter(is_alive).or_else(|| by_alias().filter(is_alive))
    }

    /// True if what is sent over `flow` finds a connection.
    pub(super) fn leads(&self, flow: Flow) -> bool {
        self.leading(flow).is_some()
    }

    /// True if the connection where `flow` leads is one to `domain`: opened as such, or by a peer with a certificate for it.
    pub(super) fn is_of(&self, flow: Flow, domain: &Host) -> bool {
        self.leading(flow).is_some_and(|connection| {
            let shown = connection.certificate.as_ref();
            connection.domain.as_ref() == Some(domain) || shown.is_some_and(|certificate| certificate.names(domain))
        })
    }

    /// True while there is a connection where `flow` leads.
    pub(super) fn has(&self, flow: Flow) -> bool {
        self.open.contains_key(&way(flow))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Somebody has registered or called over it: it may stay silent for long.
    pub(super) fn keep(&mut self, flow: Flow) {
        let Some(connection) = self.open.get(&way(flow)) else { return };
        if !connection.is_lasting.swap(true, Ordering::Relaxed)
            && let Some(held) = self.by_place.get_mut(&site(flow.peer.ip()))
        {
            held.idle = held.idle.saturating_sub(1);
        }
    }

    /// The peer has shown this certificate to be its own.
    pub(super) fn note_certificate(&mut self, flow: Flow, certificate: PeerCertificate) {
        if let Some(connection) = self.open.get_mut(&way(flow)) {
            connection.certificate = Some(certificate);
        }
    }

    /// A request came over it whose Via may ask that requests to its sender go the same way (RFC 5923 section 4): within TLS
    /// alone, and if the sender has shown a certificate for the name it gives. Several may share an address.
    pub(super) fn note_alias(&mut self, flow: Flow, request: &Request) {
        let Ok(via) = request.headers.top_via() else { return };
        if !via.params.contains("alias") {
            return;
        }
        let Some(connection) = self.open.get_mut(&way(flow)) else { return };
        let is_proven = flow.transport == Transport::Tls
            && connection.certificate.as_ref().is_some_and(|certificate| certificate.names(&via.host));
        let port = via.port.unwrap_or_else(|| flow.transport.default_port());
        let alias = (flow.transport, SocketAddr::new(flow.peer.ip(), port));
        if !is_proven || connection.aliases.len() >= ALIASES || connection.aliases.contains(&alias) {
            return;
        }
        connection.aliases.push(alias);
        self.by_alias.insert(alias, way(flow));
    }

    /// A connection's task has ended. A newer connection with the same peer may have taken the place.
    pub(super) fn closed(&mut self, flow: Flow) {
        if self.open.get(&way(flow)).is_some_and(|connection| connection.outgoing.is_closed()) {
            self.forget(flow);
        }
    }

    /// Nothing more is sent over it.
    pub(super) fn forget(&mut self, flow: Flow) {
        let Some(connection) = self.open.remove(&way(flow)) else { return };
        self.ours = self.ours.saturating_sub(usize::from(connection.is_ours));
        self.unname(&connection);
        let site = site(flow.peer.ip());
        if let Some(held) = self.by_place.get_mut(&site) {
            held.all = held.all.saturating_sub(1);
            held.idle = held.idle.saturating_sub(usize::from(!connection.is_lasting.load(Ordering::Relaxed)));
            if held.all == 0 {
                self.by_place.remove(&site);
            }
        }
    }

    /// Gives up the connections of an address over which nobody has registered or called.
    pub(super) fn vacate(&mut self, address: IpAddr) {
        let place = site(address);
        let is_idle = |((_, peer), connection): &(&Way, &Connection)| {
            site(peer.ip()) == place && !connection.is_lasting.load(Ordering::Relaxed)
        };
        let idle: Vec<Way> = self.open.iter().filter(is_idle).map(|(way, _)| *way).collect();
        for (transport, peer) in idle {
            self.forget(Flow { transport, local: peer, peer });
        }
    }

    fn unname(&mut self, connection: &Connection) {
        for alias in &connection.aliases {
            // A newer connection of the peer may have the name now.
            let leads_to = self.by_alias.get(alias).and_then(|way| self.open.get(way));
            if !leads_to.is_some_and(|other| other.aliases.contains(alias)) {
                self.by_alias.remove(alias);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::{Message, parse_datagram};

    fn flow(transport: Transport, peer: &str) -> Flow {
        Flow { transport, local: "127.0.0.1:5060".parse().unwrap(), peer: peer.parse().unwrap() }
    }

    fn options(sent_by: &str) -> Request {
        let text = format!(
            "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP {sent_by};branch=z9hG4bK1;alias\r\n\
             From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 OPTIONS\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    #[test]
    fn a_place_has_no_more_connections_than_it_may_and_gets_them_back() {
        let mut connections = Connections::new(5, 2);
        let one = connections.admit(flow(Transport::Tcp, "[2001:db8::1]:1")).unwrap();
        let _two = connections.admit(flow(Transport::Tls, "[2001:db8::2]:1")).unwrap();
        assert!(connections.admit(flow(Transport::Tcp, "[2001:db8::3]:1")).is_err_and(|too| too == TooMany::FromThere));
        let others = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"];
        let _others = others.map(|peer| connections.admit(flow(Transport::Tcp, peer)).unwrap());
        assert!(connections.admit(flow(Transport::Tcp, "10.0.0.4:1")).is_err_and(|too| too == TooMany::InAll));
        drop(one);
        connections.closed(flow(Transport::Tcp, "[2001:db8::1]:1"));
        assert!(connections.admit(flow(Transport::Tcp, "[2001:db8::3]:1")).is_ok());
    }

    #[test]
    fn phones_take_no_place_of_those_that_only_stand_about_and_leave_half_to_others() {
        let mut connections = Connections::new(8, 1);
        let of = |port: u16| flow(Transport::Tcp, &format!("10.0.0.1:{port}"));
        let mut phones = Vec::new();
        for port in 1..=4 {
            phones.push(connections.admit(of(port)).unwrap());
            connections.keep(of(port));
            connections.keep(of(port));
        }
        assert!(connections.admit(of(5)).is_err_and(|too| too == TooMany::FromThere));
        drop(phones.pop());
        connections.closed(of(4));
        let _idle = connections.admit(of(6)).unwrap();
        assert!(connections.admit(of(7)).is_err_and(|too| too == TooMany::FromThere));
        assert!(connections.admit(flow(Transport::Tcp, "10.0.0.2:1")).is_ok());
    }

    #[test]
    fn an_address_gets_the_places_back_that_nobody_registered_over() {
        let mut connections = Connections::new(9, 2);
        let phone = flow(Transport::Tls, "10.0.0.1:1");
        let _phone = connections.admit(phone).unwrap();
        let mut idle = connections.admit(flow(Transport::Tcp, "10.0.0.1:2")).unwrap();
        let _other = connections.admit(flow(Transport::Tcp, "10.0.0.2:2")).unwrap();
        connections.keep(phone);
        connections.vacate(phone.peer.ip());
        assert!(idle.outgoing.try_recv().is_err_and(|end| end == mpsc::error::TryRecvError::Disconnected));
        assert!(connections.has(phone) && connections.len() == 2);
        assert!(connections.admit(flow(Transport::Tcp, "10.0.0.1:3")).is_ok());
    }

    #[test]
    fn a_name_without_a_certificate_is_worth_nothing() {
        let mut connections = Connections::new(10, 10);
        for transport in [Transport::Tls, Transport::Tcp] {
            let over = flow(transport, "127.0.0.9:40000");
            let _ends = connections.admit(over).unwrap();
            connections.note_alias(over, &options("127.0.0.9:5071"));
            assert!(!connections.send(flow(transport, "127.0.0.9:5071"), &Bytes::from_static(b"1")));
        }
    }
}
