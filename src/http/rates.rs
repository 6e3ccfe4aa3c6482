//! How often the API may be asked: the only file that knows the governor crate.

use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Requests of a stranger that may come at once, for each that may come in a second.
const STRANGERS_BURST: u32 = 20;
/// The same of a bearer.
const BEARERS_BURST: u32 = 2;
/// Addresses and tokens remembered before those that have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

const fn nonzero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// How often the API may be asked, in requests a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateSettings {
    /// By the bearer of one token; twice as many may come at once.
    pub of_token: NonZeroU32,
    /// Without a good token, from one address; twenty times as many may come at once.
    pub of_strangers_address: NonZeroU32,
}

impl Default for RateSettings {
    fn default() -> Self {
        Self { of_token: nonzero(200), of_strangers_address: nonzero(5) }
    }
}

/// How often everybody has asked of late.
#[derive(Debug)]
pub struct Rates {
    bearers: DefaultKeyedRateLimiter<String>,
    strangers: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl Rates {
    /// Nobody has asked yet.
    pub fn new(settings: RateSettings) -> Self {
        let limiter = |rate: NonZeroU32, burst| {
            RateLimiter::keyed(Quota::per_second(rate).allow_burst(rate.saturating_mul(nonzero(burst))))
        };
        Self {
            bearers: limiter(settings.of_token, BEARERS_BURST),
            strangers: limiter(settings.of_strangers_address, STRANGERS_BURST),
            clock: DefaultClock::default(),
        }
    }

    /// Counts a request of a token's bearer; the seconds to wait if it was one too many.
    pub fn bearer(&self, token: &str) -> Option<u32> {
        counted("token", self.check(&self.bearers, token))
    }

    /// Counts a request without a good token; the seconds to wait if it was one too many.
    pub fn stranger(&self, address: &str) -> Option<u32> {
        counted("address", self.check(&self.strangers, address))
    }

    fn check(&self, limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Option<u32> {
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        let until = limiter.check_key(&key.to_owned()).err()?;
        Some(until.wait_time_from(self.clock.now()).as_secs().try_into().unwrap_or(u32::MAX).saturating_add(1))
    }
}

fn counted(of: &'static str, wait: Option<u32>) -> Option<u32> {
    if wait.is_some() {
        metrics::counter!("api_requests_refused_total", "of" => of).increment(1);
    }
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_waits_and_nobody_else_does() {
        let rates = Rates::new(RateSettings::default());
        let refused = (0..STRANGERS_BURST * 10).find_map(|_| rates.stranger("192.0.2.1"));
        assert!(refused.is_some_and(|seconds| seconds >= 1));
        assert_eq!(rates.stranger("192.0.2.2"), None);
        assert_eq!(rates.bearer("192.0.2.1"), None);
    }
}
