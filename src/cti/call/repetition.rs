//! Something repeated until it is acknowledged: a reliable provisional response, or a 2xx. Pure.

use std::time::{Duration, Instant};

/// RFC 3261's estimate of the round-trip time.
pub(super) const T1: Duration = Duration::from_millis(500);
/// The longest interval between two repetitions.
const T2: Duration = Duration::from_secs(4);

/// When the next repetition is due, at doubling intervals, and when it is given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again {
    pub(super) at: Instant,
    interval: Duration,
    pub(super) ends: Instant,
}

impl Again {
    pub(super) fn starting(now: Instant) -> Self {
        Self { at: now + T1, interval: T1, ends: now + T1 * 64 }
    }

    pub(super) fn next(self, now: Instant) -> Self {
        let interval = (self.interval * 2).min(T2);
        Self { at: now + interval, interval, ..self }
    }
}
