//! How much one peer, and one address, may send before what is more is not looked at. Pure: it is told the time, and reads no
//! message.
//!
//! A phone that is registered has a bucket of its own, so that whoever floods from its address takes nothing from it. Everybody
//! else has one for each port, which stops a flood from one socket, and one for their whole address, which stops one from many.
//! Each bucket holds what may come in ten seconds and fills evenly: what a site sends at once after a power cut fits in, and a
//! flood is held to its rate for as long as it lasts.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::vocab::site;

/// So many seconds' messages may come at once.
const AT_ONCE: u32 = 10;
/// Whoever has not sent too much for so long is no longer said to flood.
const QUIET: Duration = Duration::from_secs(30);
/// How long a peer is known after it was let in last: longer than any registration that is refreshed.
const KNOWN: Duration = Duration::from_secs(86_400);
/// Peers in one generation that are known, and that are not; addresses. There are two generations of each, and an entry takes
/// about 70 octets.
const MOST_KNOWN: usize = 524_288;
const MOST_STRANGERS: usize = 16_384;
const MOST_ADDRESSES: usize = 16_384;
/// Of whom it is remembered that they sent too much.
const MOST_OFFENDERS: usize = 1024;

/// How many SIP messages are taken, each second and ten times as many at once.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloodSettings {
    /// From one address and port, or over one connection, from which somebody has registered or called.
    pub per_known_peer: NonZeroU32,
    /// From one from which nobody has yet.
    pub per_stranger: NonZeroU32,
    /// From all of those at one address (IPv6: one network of 64 bits).
    pub per_address: NonZeroU32,
    /// Networks from which as many as come are taken.
    pub trusted: Vec<IpNet>,
}

impl Default for FloodSettings {
    fn default() -> Self {
        let limit = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        Self {
            per_known_peer: limit(1000),
            per_stranger: limit(100),
            per_address: limit(2000),
            trusted: ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok()).collect(),
        }
    }
}

impl FloodSettings {
    /// Whether as much is taken from an address as comes.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|network| network.contains(&address))
    }
}

/// What was more than it may be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FloodScope {
    /// Messages from one address and port.
    Peer,
    /// Messages from all peers of one address nobody knows.
    Address,
    /// Connections of one address.
    Connections,
}

impl FloodScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Peer, Self::Address, Self::Connections];

    /// For a log and a metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Address => "address",
            Self::Connections => "connections",
        }
    }
}

/// Whose messages or connections beyond a limit are refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flooder {
    /// What there is too much of.
    pub scope: FloodScope,
    /// The address; for IPv6 the first of its network, unless it is about one port.
    pub address: IpAddr,
    /// The port, where it is about one.
    pub port: Option<u16>,
}

impl Flooder {
    fn peer(peer: SocketAddr) -> Self {
        Self { scope: FloodScope::Peer, address: peer.ip(), port: Some(peer.port()) }
    }

    fn address(address: IpAddr) -> Self {
        Self { scope: FloodScope::Address, address: site(address), port: None }
    }

    fn connections(address: IpAddr) -> Self {
        Self { scope: FloodScope::Connections, address: site(address), port: None }
    }
}

/// Somebody who sends too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flood {
    /// Who.
    pub whom: Flooder,
    /// How much was refused so far.
    pub refused: u64,
    /// How long it still lasts if no more comes.
    pub wait: Duration,
}

/// How quickly a bucket fills, and how much it holds. A bucket is the instant at which it will be full.
#[derive(Clone, Copy, Debug)]
struct Rate {
    each: Duration,
    room: Duration,
}

impl Rate {
    fn new(per_second: NonZeroU32) -> Self {
        let each = Duration::from_secs(1) / per_second.get();
        Self { each, room: Duration::from_secs(AT_ONCE.into()).saturating_sub(each) }
    }

    /// How long until something may be taken; nothing if it may now.
    fn wait(self, full: Instant, now: Instant) -> Option<Duration> {
        let wait = full.saturating_duration_since(now).saturating_sub(self.room);
        (!wait.is_zero()).then_some(wait)
    }

    fn take(self, full: &mut Instant, now: Instant) {
        *full = (*full).max(now) + self.each;
    }

    /// True if something was taken.
    fn admit(self, full: &mut Instant, now: Instant) -> bool {
        let is_free = self.wait(*full, now).is_none();
        if is_free {
            self.take(full, now);
        }
        is_free
    }
}

/// A bounded memory that forgets what was not asked for for longest.
#[derive(Debug)]
struct Aged<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    most: usize,
}

impl<K: Copy + Eq + Hash, V> Aged<K, V> {
    fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), most }
    }

    fn get(&mut self, key: K) -> Option<&mut V> {
        if !self.old.is_empty()
            && !self.young.contains_key(&key)
            && let Some(value) = self.old.remove(&key)
        {
            self.make_room();
            self.young.insert(key, value);
        }
        self.young.get_mut(&key)
    }

    fn get_or(&mut self, key: K, new: V) -> &mut V {
        let kept = if self.young.contains_key(&key) { None } else { self.old.remove(&key) };
        if kept.is_some() || !self.young.contains_key(&key) {
            self.make_room();
        }
        self.young.entry(key).or_insert_with(|| kept.unwrap_or(new))
    }

    fn remove(&mut self, key: K) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.most {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

#[derive(Debug)]
struct Known {
    full: Instant,
    until: Instant,
}

#[derive(Debug)]
struct Offence {
    last: Instant,
    refused: u64,
}

/// Every bucket that is not full, and whom they held back.
#[derive(Debug)]
pub(super) struct Floods {
    of_known_peer: Rate,
    of_stranger: Rate,
    of_address: Rate,
    known: Aged<SocketAddr, Known>,
    strangers: Aged<SocketAddr, Instant>,
    /// Connections can't be forged, datagrams can: who sends the ones takes nothing from who opens the others.
    by_datagrams: Aged<IpAddr, Instant>,
    by_connections: Aged<IpAddr, Instant>,
    offences: HashMap<Flooder, Offence>,
    refused: HashMap<FloodScope, u64>,
}

impl Floods {
    pub(super) fn new(settings: &FloodSettings) -> Self {
        Self {
            of_known_peer: Rate::new(settings.per_known_peer),
            of_stranger: Rate::new(settings.per_stranger),
            of_address: Rate::new(settings.per_address),
            known: Aged::new(MOST_KNOWN),
            strangers: Aged::new(MOST_STRANGERS),
            by_datagrams: Aged::new(MOST_ADDRESSES),
            by_connections: Aged::new(MOST_ADDRESSES),
            offences: HashMap::new(),
            refused: HashMap::new(),
        }
    }

    /// Somebody has registered or called from there.
    pub(super) fn welcome(&mut self, peer: SocketAddr, now: Instant) {
        self.known.get_or(peer, Known { full: now, until: now }).until = now + KNOWN;
    }

    /// Whether a datagram is looked at.
    pub(super) fn admit(&mut self, peer: SocketAddr, now: Instant) -> bool {
        let known = self.known.get(peer).filter(|known| known.until > now);
        let is_admitted = match known {
            Some(known) => self.of_known_peer.admit(&mut known.full, now),
            None => {
                let own = self.strangers.get_or(peer, now);
                if !self.of_stranger.admit(own, now) {
                    false
                } else if !self.of_address.admit(self.by_datagrams.get_or(site(peer.ip()), now), now) {
                    self.note(Flooder::address(peer.ip()), now);
                    return false;
                } else {
                    true
                }
            }
        };
        if !is_admitted {
            self.note(Flooder::peer(peer), now);
        }
        is_admitted
    }

    /// Whether a connection of a peer is taken.
    pub(super) fn admit_connection(&mut self, peer: SocketAddr, now: Instant) -> bool {
        let is_admitted = self.of_address.admit(self.by_connections.get_or(site(peer.ip()), now), now);
        if !is_admitted {
            self.note(Flooder::address(peer.ip()), now);
        }
        is_admitted
    }

    /// How long to wait before the next message of a connection is looked at, whose bucket is `own`; nothing if it is now.
    pub(super) fn pace(
        &mut self,
        own: &mut Instant,
        peer: SocketAddr,
        is_known: bool,
        now: Instant,
    ) -> Option<Duration> {
        let rate = if is_known { self.of_known_peer } else { self.of_stranger };
        if let Some(wait) = rate.wait(*own, now) {
            self.note(Flooder::peer(peer), now);
            return Some(wait);
        }
        if !is_known {
            let address = self.by_connections.get_or(site(peer.ip()), now);
            if let Some(wait) = self.of_address.wait(*address, now) {
                self.note(Flooder::address(peer.ip()), now);
                return Some(wait);
            }
            self.of_address.take(address, now);
        }
        rate.take(own, now);
        None
    }

    /// A connection of this address was refused: it has as many as it may.
    pub(super) fn note_full(&mut self, address: IpAddr, now: Instant) {
        self.note(Flooder::connections(address), now);
    }

    fn note(&mut self, whom: Flooder, now: Instant) {
        *self.refused.entry(whom.scope).or_insert(0) += 1;
        if let Some(offence) = self.offences.get_mut(&whom) {
            offence.last = now;
            offence.refused += 1;
        } else if self.offences.len() < MOST_OFFENDERS {
            self.offences.insert(whom, Offence { last: now, refused: 1 });
        }
    }

    /// Who floods at this moment, in no order. Those who have stopped are forgotten.
    pub(super) fn list(&mut self, now: Instant) -> Vec<Flood> {
        self.offences.retain(|_, offence| offence.last + QUIET > now);
        let flood = |(whom, offence): (&Flooder, &Offence)| Flood {
            whom: *whom,
            refused: offence.refused,
            wait: (offence.last + QUIET).saturating_duration_since(now),
        };
        self.offences.iter().map(flood).collect()
    }

    /// Looks at what somebody sends again, as if nothing had come before; false if they don't flood.
    pub(super) fn lift(&mut self, whom: &Flooder, now: Instant) -> bool {
        match (whom.scope, whom.port) {
            (FloodScope::Peer, Some(port)) => {
                let peer = SocketAddr::new(whom.address, port);
                self.strangers.remove(peer);
                if let Some(known) = self.known.get(peer) {
                    known.full = now;
                }
            }
            (FloodScope::Address, _) => {
                self.by_datagrams.remove(whom.address);
                self.by_connections.remove(whom.address);
            }
            (FloodScope::Peer | FloodScope::Connections, _) => {}
        }
        self.offences.remove(whom).is_some()
    }

    /// How much was refused since this was asked last.
    pub(super) fn take_refused(&mut self) -> HashMap<FloodScope, u64> {
        std::mem::take(&mut self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn peer(host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, host)), port)
    }

    fn floods() -> (Floods, Instant) {
        (Floods::new(&FloodSettings::default()), Instant::now())
    }

    /// How many of `count` datagrams, spread evenly over `span`, are looked at.
    fn admitted(
        floods: &mut Floods,
        from: impl Fn(u32) -> SocketAddr,
        count: u32,
        start: Instant,
        span: Duration,
    ) -> u32 {
        (0..count).map(|turn| u32::from(floods.admit(from(turn), start + span * turn / count))).sum()
    }

    #[test]
    fn a_flood_from_one_socket_is_held_and_takes_nothing_from_others_at_its_address() {
        let (mut floods, start) = floods();
        let minute = 60 * SECOND;
        let flood = admitted(&mut floods, |_| peer(1, 5060), 600_000, start, minute);
        assert!((6_900..=7_000).contains(&flood), "{flood}");
        assert_eq!(admitted(&mut floods, |turn| peer(1, 10_000 + turn as u16), 1000, start + minute, SECOND), 1000);
        assert_eq!(admitted(&mut floods, |turn| peer(2, 10_000 + turn as u16), 1000, start + minute, SECOND), 1000);
    }

    #[test]
    fn a_flood_from_all_sockets_of_an_address_leaves_its_registered_phones_alone() {
        let (mut floods, start) = floods();
        let phone = peer(1, 40_000);
        floods.welcome(phone, start);
        let flood = admitted(&mut floods, |turn| peer(1, (turn % 30_000) as u16), 600_000, start, 10 * SECOND);
        assert!((39_900..=40_000).contains(&flood), "{flood}");
        let now = start + 10 * SECOND;
        while floods.admit(peer(1, 40_001), now) {}
        assert!(!floods.admit(peer(1, 40_002), now), "a stranger there");
        assert_eq!(admitted(&mut floods, |_| phone, 500, now, SECOND), 500);
        assert!(floods.admit(peer(2, 40_001), now), "a stranger elsewhere");
    }

    #[test]
    fn ten_thousand_phones_behind_one_address_come_back_at_once() {
        let (mut floods, start) = floods();
        let both = |turn: u32| peer(1, (turn % 10_000) as u16 + 1);
        assert_eq!(admitted(&mut floods, both, 20_000, start, SECOND / 10), 20_000);
        // The same through a proxy nobody has named as trusted: as soon as the first phone has registered it is known.
        let proxy = peer(3, 5060);
        floods.welcome(proxy, start);
        assert_eq!(admitted(&mut floods, |_| proxy, 10_000, start, SECOND / 10), 10_000);
        assert!(admitted(&mut floods, |_| proxy, 40_000, start + SECOND, 20 * SECOND) >= 19_900);
    }

    #[test]
    fn whoever_is_on_this_machine_is_trusted_and_nobody_else_is() {
        let trusts = |address: &str| FloodSettings::default().trusts(address.parse().unwrap());
        assert!(trusts("127.0.0.2") && trusts("::ffff:127.0.0.2") && trusts("::1"));
        assert!(!trusts("192.0.2.1") && !trusts("2001:db8::1"));
    }

    #[test]
    fn a_connection_is_read_no_quicker_than_it_may_and_nothing_is_lost() {
        let (mut floods, start) = floods();
        let (mut own, mut now) = (start, start);
        for _ in 0..3000 {
            while let Some(wait) = floods.pace(&mut own, peer(1, 1), false, now) {
                now += wait;
            }
        }
        let took = now - start;
        assert!((19 * SECOND..=20 * SECOND).contains(&took), "{took:?}");
        assert!(floods.admit(peer(1, 2), now), "datagrams are counted apart");
        // Once somebody has registered over it, it may say more.
        let (mut own, began) = (now, now);
        for _ in 0..12_000 {
            while let Some(wait) = floods.pace(&mut own, peer(1, 3), true, now) {
                now += wait;
            }
        }
        assert!((SECOND..=3 * SECOND).contains(&(now - began)), "{:?}", now - began);
    }

    #[test]
    fn who_floods_is_listed_until_it_has_been_quiet_and_can_be_let_in_at_once() {
        let (mut floods, start) = floods();
        let flood = |floods: &mut Floods, at| admitted(floods, |_| peer(1, 7), 1500, at, SECOND / 1000);
        assert_eq!(flood(&mut floods, start), 1000);
        let whom = Flooder::peer(peer(1, 7));
        let listed = floods.list(start + SECOND);
        assert_eq!((listed.len(), listed[0].whom, listed[0].refused), (1, whom, 500));
        assert!(listed[0].wait > 28 * SECOND && listed[0].wait <= 30 * SECOND);
        assert!(floods.lift(&whom, start + SECOND) && !floods.lift(&whom, start + SECOND));
        assert_eq!(flood(&mut floods, start + SECOND), 1000);
        assert_eq!(floods.take_refused(), HashMap::from([(FloodScope::Peer, 1000)]));
        assert_eq!(floods.list(start + 32 * SECOND), []);
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_and_ports_a_flood_comes_from() {
        let (mut floods, start) = floods();
        let phone = peer(9, 5060);
        floods.welcome(phone, start);
        for turn in 0..200_000_u32 {
            let from = SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + turn).into(), turn as u16);
            floods.admit(from, start);
        }
        assert!(floods.strangers.young.len() <= MOST_STRANGERS && floods.strangers.old.len() <= MOST_STRANGERS);
        assert!(floods.by_datagrams.young.len() <= MOST_ADDRESSES && floods.by_datagrams.old.len() <= MOST_ADDRESSES);
        assert_eq!(floods.known.young.len(), 1);
        for turn in 0..(MOST_KNOWN as u32 + 10) {
            let other = SocketAddr::new(std::net::Ipv4Addr::from_bits(0x0a00_0000 + turn).into(), 1);
            floods.welcome(other, start);
            floods.admit(phone, start);
        }
        assert!(floods.known.young.len() <= MOST_KNOWN && floods.known.get(phone).is_some());
    }
}
