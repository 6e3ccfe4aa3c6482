//! The transaction layer (RFC 3261 section 17, RFC 6026): matches messages to transactions, retransmits, absorbs
//! retransmissions, and times out. Pure: instants and entropy are passed in, octets come out.

mod client;
mod key;
mod layer;
mod server;
mod via;

pub use layer::{Layer, Output};
pub(in crate::sip) use via::{note_source, way_back};

use std::time::Duration;

/// Names one transaction for as long as it lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TransactionId(pub(super) u64);

/// The RFC's timer values (RFC 3261 table 4).
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// Estimate of the round-trip time.
    pub t1: Duration,
    /// Longest interval between retransmissions of a non-INVITE request or an INVITE response.
    pub t2: Duration,
    /// How long a message may stay in the network.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4), t4: Duration::from_secs(5) }
    }
}

impl Timers {
    /// 64 * T1: how long a request is worth waiting for (timers B, F, H, J, L, M).
    pub fn patience(&self) -> Duration {
        self.t1 * 64
    }
}

/// A datagram or a piece of stream that is sent again until it is answered, at doubling intervals.
#[derive(Clone, Copy, Debug)]
struct Retransmission {
    at: std::time::Instant,
    interval: Duration,
}

impl Retransmission {
    fn starting(now: std::time::Instant, interval: Duration) -> Self {
        Self { at: now + interval, interval }
    }

    /// The next one: twice as late, but no later than `cap` after `now`.
    fn next(self, now: std::time::Instant, cap: Option<Duration>) -> Self {
        let doubled = self.interval * 2;
        let interval = cap.map_or(doubled, |cap| doubled.min(cap));
        Self { at: now + interval, interval }
    }
}
