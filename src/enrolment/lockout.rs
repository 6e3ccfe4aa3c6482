//! Lockouts: wrong credentials are counted by user, by phone and over all; each lockout is twice as long as the one before. Pure.

use std::time::Duration;

use super::settings::LockoutSettings;
use crate::vocab::UnixMillis;

/// Whose attempts are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scope {
    /// The self-service ID keyed in, whether or not anybody has it.
    User,
    /// The phone called from.
    Phone,
    /// Everybody.
    All,
}

impl Scope {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Phone => "phone",
            Self::All => "all",
        }
    }
}

/// What is remembered of one scope's subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Counter {
    pub failures: u32,
    pub last_at: UnixMillis,
    pub times_locked: u32,
    pub locked_until: Option<UnixMillis>,
}

impl Counter {
    pub(super) const NEW: Self = Self { failures: 0, last_at: UnixMillis::new(0), times_locked: 0, locked_until: None };

    /// True if nobody may try now.
    pub(super) fn is_locked(&self, now: UnixMillis) -> bool {
        self.locked_until.is_some_and(|until| until > now)
    }

    /// A day without a wrong attempt, or after the last lockout, and all is forgotten.
    fn after_quiet(self, now: UnixMillis, settings: &LockoutSettings) -> Self {
        let quiet_since = self.locked_until.map_or(self.last_at, |until| until.max(self.last_at));
        match now.since(quiet_since) >= Duration::from_secs(settings.forget_seconds) {
            true => Self::NEW,
            false => self,
        }
    }

    /// Over all, wrong attempts are everyday life: they leak away, so that only a burst of them locks everybody out.
    fn leaked(self, now: UnixMillis, settings: &LockoutSettings) -> Self {
        let limit = u64::from(settings.attempts_over_all.max(1));
        let one = Duration::from_secs(settings.forget_over_all_seconds) / u32::try_from(limit).unwrap_or(u32::MAX);
        let leaked = now.since(self.last_at).as_millis() / one.as_millis().max(1);
        match u32::try_from(leaked) {
            Ok(leaked) if leaked < self.failures => {
                Self { failures: self.failures - leaked, last_at: self.last_at.after(one * leaked), ..self }
            }
            _ => Self { last_at: now, ..Self::NEW },
        }
    }

    /// An attempt was right after all; if it was this one that brought the lockout, the lockout is lifted.
    pub(super) fn taken_back(self, was_brought: bool) -> Self {
        Self {
            failures: self.failures.saturating_sub(u32::from(!was_brought)),
            times_locked: self.times_locked.saturating_sub(u32::from(was_brought)),
            locked_until: self.locked_until.filter(|_| !was_brought),
            ..self
        }
    }

    /// One more attempt. It counts as wrong until shown to be right, so that attempts side by side can't slip past the limit.
    pub(super) fn attempt(self, scope: Scope, now: UnixMillis, settings: &LockoutSettings) -> Self {
        let (limit, first) = match scope {
            Scope::User | Scope::Phone => (settings.attempts, settings.seconds),
            Scope::All => (settings.attempts_over_all, settings.seconds_over_all),
        };
        let counter = match scope {
            Scope::User | Scope::Phone => self.after_quiet(now, settings),
            Scope::All => self.leaked(now, settings),
        };
        let failures = counter.failures.saturating_add(1);
        if failures < limit {
            return Self { failures, last_at: if scope == Scope::All { counter.last_at } else { now }, ..counter };
        }
        let doubled = first.saturating_mul(1 << counter.times_locked.min(32)).min(settings.longest_seconds);
        Self {
            // After a lockout, one more wrong attempt brings the next.
            failures: limit.saturating_sub(1),
            last_at: now,
            times_locked: counter.times_locked.saturating_add(1),
            locked_until: Some(now.after(Duration::from_secs(doubled))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: LockoutSettings = LockoutSettings {
        attempts: 5,
        attempts_over_all: 200,
        seconds: 300,
        seconds_over_all: 60,
        longest_seconds: 86_400,
        forget_seconds: 86_400,
        forget_over_all_seconds: 3600,
    };

    /// Attempts whenever one is let through, once a second for `seconds`; returns how many were.
    fn verdicts(seconds: i64) -> u32 {
        let mut counter = Counter::NEW;
        let mut verdicts = 0;
        for second in 0..seconds {
            let now = UnixMillis::new(1_000_000_000_000 + second * 1000);
            if !counter.is_locked(now) {
                counter = counter.attempt(Scope::Phone, now, &SETTINGS);
                verdicts += 1;
            }
        }
        verdicts
    }

    #[test]
    fn a_phone_gets_at_most_ten_verdicts_an_hour() {
        assert!(verdicts(3600) <= 10, "{}", verdicts(3600));
    }

    #[test]
    fn each_lockout_is_twice_as_long_up_to_the_longest() {
        let mut now = UnixMillis::new(1_000_000_000_000);
        let mut counter = Counter::NEW;
        let mut lengths = Vec::new();
        while lengths.len() < 12 {
            counter = counter.attempt(Scope::User, now, &SETTINGS);
            if let Some(until) = counter.locked_until.filter(|until| *until > now) {
                lengths.push(until.since(now).as_secs());
                now = until;
            }
        }
        assert_eq!(lengths, [300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 76800, 86400, 86400, 86400]);
    }

    #[test]
    fn a_day_without_a_wrong_attempt_forgets_everything() {
        let now = UnixMillis::new(1_000_000_000_000);
        let mut counter = Counter::NEW;
        for _ in 0..4 {
            counter = counter.attempt(Scope::User, now, &SETTINGS);
        }
        let tomorrow = now.after(Duration::from_secs(86_400));
        assert_eq!(counter.attempt(Scope::User, tomorrow, &SETTINGS).failures, 1);
    }

    #[test]
    fn over_all_only_a_burst_locks_everybody_out() {
        let start = UnixMillis::new(1_000_000_000_000);
        let mut counter = Counter::NEW;
        for second in 0..7200 {
            let now = start.after(Duration::from_secs(second * 20));
            counter = counter.attempt(Scope::All, now, &SETTINGS);
            assert!(!counter.is_locked(now), "one attempt in 20 seconds is everyday life");
        }
        let later = start.after(Duration::from_secs(200_000));
        let burst = (0..200).fold(Counter::NEW, |counter, _| counter.attempt(Scope::All, later, &SETTINGS));
        assert!(burst.is_locked(later));
    }

    #[test]
    fn a_right_attempt_takes_itself_back_and_nothing_else() {
        let now = UnixMillis::new(1_000_000_000_000);
        let four = (0..4).fold(Counter::NEW, |counter, _| counter.attempt(Scope::Phone, now, &SETTINGS));
        let fifth = four.attempt(Scope::Phone, now, &SETTINGS);
        assert!(fifth.is_locked(now));
        let back = fifth.taken_back(true);
        assert!(!back.is_locked(now));
        assert_eq!((back.failures, back.times_locked), (four.failures, four.times_locked));
        // A lockout that somebody else's wrong attempt brought in between stays.
        assert!(fifth.taken_back(false).is_locked(now));
    }
}
