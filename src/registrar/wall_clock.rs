//! Notices that the wall clock was set, by a clock that never jumps. Pure: it is told both.

use std::time::{Duration, Instant};

use crate::vocab::UnixMillis;

/// How far the two clocks may part between two looks. Slewing moves them by milliseconds, setting by more.
const TOLERANCE_MS: i64 = 5000;
/// How long a clock that was set is not believed to be right: the time to notice that it isn't.
const DOUBT: Duration = Duration::from_secs(24 * 3600);

/// The wall clock, as it was when last looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    steady: Instant,
    wall: UnixMillis,
    set_at: Option<Instant>,
}

impl WallClock {
    /// At first the wall clock is believed.
    pub(super) fn new(steady: Instant, wall: UnixMillis) -> Self {
        Self { steady, wall, set_at: None }
    }

    /// True if it was set since the last look, or the machine slept.
    pub(super) fn was_set(&mut self, steady: Instant, wall: UnixMillis) -> bool {
        let was_set = self.is_off(steady, wall);
        (self.steady, self.wall) = (steady, wall);
        if was_set {
            self.set_at = Some(steady);
        }
        was_set
    }

    /// False for a day after it was set: nothing that can't be had again may rest on it.
    pub(super) fn is_believed(&self, steady: Instant, wall: UnixMillis) -> bool {
        !self.is_off(steady, wall) && self.set_at.is_none_or(|at| steady.saturating_duration_since(at) >= DOUBT)
    }

    fn is_off(&self, steady: Instant, wall: UnixMillis) -> bool {
        let expected = self.wall.after(steady.saturating_duration_since(self.steady));
        wall.get().saturating_sub(expected.get()).saturating_abs() > TOLERANCE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_clock_that_runs_is_believed_and_one_that_was_set_is_not_for_a_day() {
        let (start, wall) = (Instant::now(), UnixMillis::new(1_793_521_800_000));
        let mut clock = WallClock::new(start, wall);
        let hours = |n: u32| (start + HOUR * n, wall.after(HOUR * n));
        let (now, right) = hours(1);
        assert!(!clock.was_set(now, right) && clock.is_believed(now, right));
        let (now, right) = hours(2);
        let ahead = |right: UnixMillis| right.after(HOUR * 24 * 365);
        assert!(!clock.is_believed(now, ahead(right)), "at once, before anybody has looked");
        assert!(clock.was_set(now, ahead(right)) && !clock.is_believed(now, ahead(right)));
        let (now, right) = hours(3);
        assert!(!clock.was_set(now, ahead(right)) && !clock.is_believed(now, ahead(right)));
        let (now, right) = hours(4);
        assert!(clock.was_set(now, right.before(HOUR)));
        let (now, right) = hours(28);
        assert!(!clock.was_set(now, right.before(HOUR)) && clock.is_believed(now, right.before(HOUR)));
    }
}
