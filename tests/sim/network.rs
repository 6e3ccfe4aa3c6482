//! The network between the two: packets that are lost, come twice, or come late.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What the network does to a packet, each as a share of one.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    pub loss: f64,
    pub duplication: f64,
    pub reordering: f64,
}

/// What is on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    pub towards_server: bool,
    pub octets: Vec<u8>,
    /// True for RTP events, false for SIP.
    pub is_media: bool,
}

/// Packets on their way, and the dice.
pub struct Network {
    dice: StdRng,
    weather: Weather,
    under_way: BinaryHeap<Reverse<(Instant, u64, Packet)>>,
    sent: u64,
}

impl Network {
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self { dice: StdRng::seed_from_u64(seed), weather, under_way: BinaryHeap::new(), sent: 0 }
    }

    /// Sends a packet: perhaps it arrives.
    pub fn send(&mut self, now: Instant, packet: Packet) {
        let copies = if self.dice.random_bool(self.weather.duplication) { 2 } else { 1 };
        for _ in 0..copies {
            if self.dice.random_bool(self.weather.loss) {
                continue;
            }
            let detour = if self.dice.random_bool(self.weather.reordering) { self.dice.random_range(5..60) } else { 0 };
            self.sent += 1;
            let due = now + Duration::from_millis(10 + detour);
            self.under_way.push(Reverse((due, self.sent, packet.clone())));
        }
    }

    /// When the next packet arrives.
    pub fn next_due(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((due, ..))| *due)
    }

    /// A packet that has arrived.
    pub fn take(&mut self, now: Instant) -> Option<Packet> {
        if self.next_due()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, packet))| packet)
    }
}
