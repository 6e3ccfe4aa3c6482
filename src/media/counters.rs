//! Figures that the pacers write and anybody reads, without a lock. Must not know what is done with them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the lateness buckets, in milliseconds; one more bucket takes all above.
pub const LATENESS_BOUNDS: [u64; 11] = [1, 2, 3, 5, 10, 20, 40, 60, 100, 200, 500];

/// What one pacer, or one stream, has done.
#[derive(Default)]
pub(super) struct Traffic {
    pub sent: AtomicU64,
    pub send_errors: AtomicU64,
    pub received: AtomicU64,
    pub dropped: AtomicU64,
    pub events_lost: AtomicU64,
}

impl Traffic {
    /// The figures now.
    pub(super) fn stats(&self) -> StreamStats {
        StreamStats {
            sent: self.sent.load(Relaxed),
            send_errors: self.send_errors.load(Relaxed),
            received: self.received.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            events_lost: self.events_lost.load(Relaxed),
        }
    }
}

/// The figures of a pacer, which outlive its streams.
#[derive(Default)]
pub(super) struct PacerCounters {
    pub traffic: Traffic,
    pub lateness: Lateness,
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Adds. Every counter has a single writer, so that it need not be one step for the processor, which would cost more.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// How far behind the schedule packets were sent: how many by bucket, and all of it together in microseconds.
#[derive(Default)]
pub(super) struct Lateness {
    buckets: [AtomicU64; LATENESS_BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Lateness {
    /// So many packets were sent that much after they should have been.
    pub(super) fn record(&self, late: Duration, packets: u64) {
        let millis = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        // A whole millisecond of 1 means up to 2 ms late.
        let bucket = LATENESS_BOUNDS.iter().take_while(|bound| **bound <= millis).count();
        if let Some(counter) = self.buckets.get(bucket) {
            add(counter, packets);
        }
        add(&self.micros, u64::try_from(late.as_micros()).unwrap_or(u64::MAX).wrapping_mul(packets));
    }

    pub(super) fn add_to(&self, stats: &mut EngineStats) {
        for (total, counter) in stats.lateness.iter_mut().zip(&self.buckets) {
            *total += counter.load(Relaxed);
        }
        stats.late = stats.late.saturating_add(Duration::from_micros(self.micros.load(Relaxed)));
    }
}

/// What one stream has done, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StreamStats {
    /// RTP packets sent.
    pub sent: u64,
    /// Packets the system would not send.
    pub send_errors: u64,
    /// Datagrams taken. Audio that a socket filter keeps in the kernel is not among them.
    pub received: u64,
    /// Datagrams refused: no RTP, or not from where the signalling says. Once a stream has its source, the kernel keeps others
    /// out, and they are not among these.
    pub dropped: u64,
    /// Events that found their channel full.
    pub events_lost: u64,
}

impl std::ops::AddAssign for StreamStats {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.send_errors += other.send_errors;
        self.received += other.received;
        self.dropped += other.dropped;
        self.events_lost += other.events_lost;
    }
}

/// What the engine has done since it was started, all streams together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EngineStats {
    /// Streams open now.
    pub streams: usize,
    /// Their packets, and those of streams that have ended.
    pub traffic: StreamStats,
    /// Packets sent less than so many milliseconds after they should have been, by [`LATENESS_BOUNDS`]; the last bucket has
    /// no bound. Each packet is in one bucket only.
    pub lateness: [u64; LATENESS_BOUNDS.len() + 1],
    /// How late all packets were together.
    pub late: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lateness_falls_below_the_bound_of_its_bucket() {
        let lateness = Lateness::default();
        for micros in [0, 999, 1000, 4999, 5000, 59_999, 60_000, 10_000_000] {
            lateness.record(Duration::from_micros(micros), 1);
        }
        let mut stats = EngineStats::default();
        lateness.add_to(&mut stats);
        assert_eq!(stats.lateness, [2, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1]);
        assert_eq!(stats.late, Duration::from_micros(10_131_997));
    }
}
