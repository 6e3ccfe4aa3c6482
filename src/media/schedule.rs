//! The absolute schedule of a pacer: a tick every few milliseconds, a round of slots every 20. Pure; must not know threads
//! or streams.
//!
//! Ticks are counted from the beginning, so a late one makes none of the others late: what was missed is caught up.

use std::time::{Duration, Instant};

use super::codec::PACKET_MILLIS;

/// Milliseconds from one tick to the next. To wake up costs as much as some packets, so not more often than hearing keys
/// and spreading the packets calls for.
const TICK_MILLIS: u32 = 4;
const TICK: Duration = Duration::from_millis(TICK_MILLIS as u64);

// Every slot's turn comes after exactly a packet's time.
const _: () = assert!(PACKET_MILLIS.is_multiple_of(TICK_MILLIS));

/// Slots in a round. Every stream is in one and sends when its turn comes: every 20 ms.
pub(super) const SLOTS: usize = (PACKET_MILLIS / TICK_MILLIS) as usize;

/// The longest time that is caught up. After a longer standstill (a suspended machine) audio goes on from where it was:
/// a burst of it would be thrown away by every listener.
const CATCH_UP: Duration = Duration::from_secs(1);

/// One tick that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Tick {
    /// Whose turn it is.
    pub slot: usize,
    /// When it should have been.
    pub at: Instant,
}

/// A schedule under way.
pub(super) struct Schedule {
    start: Instant,
    /// Ticks taken so far.
    taken: u64,
}

impl Schedule {
    /// A schedule whose first tick is due at `now`.
    pub(super) fn starting(now: Instant) -> Self {
        Self { start: now, taken: 0 }
    }

    /// The next tick if it is due at `now`.
    pub(super) fn due(&mut self, now: Instant) -> Option<Tick> {
        let mut at = self.next();
        let late = now.checked_duration_since(at)?;
        if late > CATCH_UP {
            self.start += late;
            at += late;
        }
        let slot = (self.taken % SLOTS as u64) as usize;
        self.taken += 1;
        Some(Tick { slot, at })
    }

    /// How long after `now` the next tick is due.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.next().saturating_duration_since(now)
    }

    fn next(&self) -> Instant {
        self.start + Duration::from_micros(self.taken.saturating_mul(TICK.as_micros() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When so many ticks have passed.
    fn ticks(count: usize) -> Duration {
        TICK * count as u32
    }

    fn slots_due(schedule: &mut Schedule, now: Instant) -> Vec<usize> {
        std::iter::from_fn(|| schedule.due(now)).map(|tick| tick.slot).collect()
    }

    #[test]
    fn a_round_of_slots_takes_as_long_as_a_packet_plays() {
        assert_eq!(ticks(SLOTS), Duration::from_millis(PACKET_MILLIS.into()));
    }

    #[test]
    fn slots_come_in_turn_and_missed_ones_are_caught_up() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(start);
        assert_eq!(slots_due(&mut schedule, start), [0]);
        assert_eq!(slots_due(&mut schedule, start + TICK - Duration::from_micros(1)), Vec::<usize>::new());
        assert_eq!(slots_due(&mut schedule, start + ticks(4)), [1, 2, 3, 4]);
        assert_eq!(schedule.wait(start + ticks(4)), TICK);
        assert_eq!(slots_due(&mut schedule, start + ticks(4 + 2 * SLOTS)).len(), 2 * SLOTS);
        let next = 5 + 2 * SLOTS;
        let tick = Tick { slot: next % SLOTS, at: start + ticks(next) };
        assert_eq!(schedule.due(start + ticks(next)), Some(tick));
    }

    #[test]
    fn ticks_keep_to_the_beginning_however_late_each_one_is_taken() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(start);
        for n in 0..100_000 {
            let late = Duration::from_micros(n as u64 % 900);
            let tick = schedule.due(start + ticks(n) + late).unwrap();
            assert_eq!(tick, Tick { slot: n % SLOTS, at: start + ticks(n) });
        }
    }

    #[test]
    fn a_standstill_is_not_caught_up() {
        let start = Instant::now();
        let mut schedule = Schedule::starting(start);
        slots_due(&mut schedule, start + ticks(7));
        let after = start + Duration::from_secs(3600);
        assert_eq!(slots_due(&mut schedule, after), [8 % SLOTS]);
        assert_eq!(schedule.wait(after), TICK);
    }
}
