//! SIP over UDP: one socket an address, one reading task each. Keep-alives of phones, STUN among them, are answered here.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::driver::{Event, count};
use super::flood_guard::FloodGuard;
use super::flow::{Flow, Transport};
use super::message::{Message, parse_datagram};
use super::stateless::Stateless;
use super::stun;
use super::transaction::way_back;

/// The kernel's default loses bursts of registrations.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The largest datagram IP can carry.
const LARGEST: usize = 65_535;
/// How many peers' own-address answers are remembered.
const REMEMBERED_PEERS: usize = 4096;

/// Binds a listening socket.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<Arc<UdpSocket>> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A smaller buffer than asked for still works.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(Arc::new(UdpSocket::from_std(socket.into())?))
}

/// Reads datagrams until the endpoint stops.
pub(super) async fn read(
    socket: Arc<UdpSocket>,
    mut addresses: OwnAddresses,
    stateless: Stateless,
    guard: FloodGuard,
    events: mpsc::Sender<Event>,
) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An ICMP error of an earlier datagram is reported here; it says nothing about the next one.
            Err(_) => continue,
        };
        // Before anything else: what is too much must cost next to nothing.
        if !guard.admits(peer) {
            continue;
        }
        let octets = buffer.get(..length).unwrap_or_default();
        // Keep-alives (RFC 5626 section 4.4.1, and the lone NULs some phones send).
        if octets.iter().all(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            continue;
        }
        if stun::is_stun(octets) {
            if let Some(answer) = stun::answer(octets, peer) {
                // Whoever asked asks again if this is lost.
                let _ = socket.try_send_to(&answer, peer);
            }
            continue;
        }
        let flow = Flow { transport: Transport::Udp, local: addresses.towards(peer), peer };
        let event = match parse_datagram(octets) {
            Ok(Message::Request(request)) => match stateless.answer(&request, flow) {
                Some(answer) => {
                    count(&request);
                    let way = way_back(&answer.headers, flow);
                    // A full send buffer loses the datagram, as the network may; whoever asked asks again.
                    let _ = socket.try_send_to(&answer.encode(), way.peer);
                    continue;
                }
                None => Event::Message(flow, Message::Request(request)),
            },
            Ok(message) => Event::Message(flow, message),
            Err(malformed) => Event::Malformed(flow, malformed),
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

/// Which address of this machine a peer reaches, for sockets bound to all of them.
#[derive(Debug)]
pub(super) struct OwnAddresses {
    bound: SocketAddr,
    advertised: Option<IpAddr>,
    known: HashMap<IpAddr, IpAddr>,
}

impl OwnAddresses {
    pub(super) fn new(bound: SocketAddr, advertised: Option<IpAddr>) -> Self {
        Self { bound, advertised, known: HashMap::new() }
    }

    /// The address to show to `peer`.
    pub(super) fn towards(&mut self, peer: SocketAddr) -> SocketAddr {
        if let Some(ip) = shown_to(peer, self.advertised) {
            return SocketAddr::new(ip, self.bound.port());
        }
        if !self.bound.ip().is_unspecified() {
            return self.bound;
        }
        if self.known.len() >= REMEMBERED_PEERS {
            self.known.clear();
        }
        let bound = self.bound.ip();
        let ip = *self.known.entry(peer.ip()).or_insert_with(|| address_towards(peer).unwrap_or(bound));
        SocketAddr::new(ip, self.bound.port())
    }
}

/// The address to show to `peer` in place of this machine's own, if it is one that a peer of its family can use.
pub(super) fn shown_to(peer: SocketAddr, advertised: Option<IpAddr>) -> Option<IpAddr> {
    advertised.filter(|ip| ip.is_ipv4() == peer.is_ipv4())
}

/// The address of this machine that `peer` reaches: what the kernel's routing table says. Nothing is sent: connecting a datagram
/// socket only asks. `None` where no route leads there.
pub fn address_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if peer.is_ipv4() { std::net::Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() };
    let socket = StdUdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
