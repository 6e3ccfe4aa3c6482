//! How often the API may be asked: the only file that knows the governor crate.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Requests a second of one token, and at once.
const BEARER: (NonZeroU32, NonZeroU32) = (nonzero(200), nonzero(400));
/// Requests a second without a good token from one address, and at once.
const STRANGER: (NonZeroU32, NonZeroU32) = (nonzero(5), nonzero(100));
/// Addresses and tokens remembered before those that have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// How often everybody has asked of late.
#[derive(Debug)]
pub struct Rates {
    bearers: DefaultKeyedRateLimiter<String>,
    strangers: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Default for Rates {
    fn default() -> Self {
        let limiter = |(rate, burst)| RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst));
        Self { bearers: limiter(BEARER), strangers: limiter(STRANGER), clock: DefaultClock::default() }
    }
}

impl Rates {
    /// Counts a request of a token's bearer; the seconds to wait if it was one too many.
    pub fn bearer(&self, token: &str) -> Option<u32> {
        self.check(&self.bearers, token)
    }

    /// Counts a request without a good token; the seconds to wait if it was one too many.
    pub fn stranger(&self, address: &str) -> Option<u32> {
        self.check(&self.strangers, address)
    }

    fn check(&self, limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Option<u32> {
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        let until = limiter.check_key(&key.to_owned()).err()?;
        Some(until.wait_time_from(self.clock.now()).as_secs().try_into().unwrap_or(u32::MAX).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let rates = Rates::default();
        let refused = (0..STRANGER.1.get() * 2).find_map(|_| rates.stranger("192.0.2.1"));
        assert!(refused.is_some_and(|seconds| seconds >= 1));
        assert_eq!(rates.stranger("192.0.2.2"), None);
        assert_eq!(rates.bearer("192.0.2.1"), None);
    }
}
