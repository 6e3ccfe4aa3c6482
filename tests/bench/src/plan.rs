//! What callers do in their calls: how long they stay and what they key in when. Pure.

use std::time::{Duration, Instant};

use crate::talker::{KeyPress, typed};

/// How long a call is, as in the measurement of Asterisk: 16 s of prompt and 14 s more.
const CALL: Duration = Duration::from_secs(30);

/// The shape of the calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Shape {
    /// Keys the ID (five keys) after 13 s, stays and hears prompts until 30 s, hangs up, calls again: what Asterisk was given.
    Stay,
    /// Keys ID and confirmation early on, and some, by --claims, a PIN too, every other a right one.
    Claim,
}

/// A user callers say they are.
#[derive(Clone, Debug)]
pub struct User {
    /// Keyed in to say who one is.
    pub id: String,
    /// Keyed in to prove it.
    pub pin: String,
}

/// One call as it is to go.
#[derive(Debug)]
pub struct Call {
    /// After how long the caller hangs up, unless the server does before.
    pub length: Duration,
    /// What is keyed in.
    pub keys: Vec<KeyPress>,
    /// Whether the phone becomes the user's, so that another has to take its place.
    pub binds: bool,
}

/// What all callers do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number called.
    pub number: String,
    /// The time in which the first calls begin, one after another.
    pub ramp: Duration,
    shape: Shape,
    users: Vec<User>,
    /// The least time between two claims, and when the next may be.
    claims: Option<(Duration, Option<Instant>)>,
    calls: usize,
    claimed: usize,
}

impl Plan {
    /// Calls to `number` by `users`, at most so many of them claiming a phone in a second.
    pub fn new(number: &str, ramp: Duration, shape: Shape, users: Vec<User>, claims_a_second: f64) -> Self {
        let claims = (claims_a_second > 0.0).then(|| (Duration::from_secs_f64(1.0 / claims_a_second), None));
        Self { number: number.to_owned(), ramp, shape, users, claims, calls: 0, claimed: 0 }
    }

    /// The call that is up from `now` on.
    pub fn next_call(&mut self, now: Instant) -> Call {
        self.calls += 1;
        let mut call = Call { length: CALL, keys: Vec::new(), binds: false };
        let seconds = Duration::from_secs;
        let Some(user) = self.users.get(self.calls % self.users.len().max(1)) else { return call };
        let (id, pin) = (format!("{}#", user.id), format!("{}#", user.pin));
        match self.shape {
            Shape::Stay => call.keys.extend(typed(seconds(13), &id)),
            Shape::Claim => {
                call.keys.extend(typed(seconds(3), &id));
                call.keys.extend(typed(seconds(7), "#"));
                if self.may_claim(now) {
                    self.claimed += 1;
                    call.binds = self.claimed.is_multiple_of(2);
                    let pin = if call.binds { &pin } else { "000000#" };
                    call.keys.extend(typed(seconds(10), pin));
                }
            }
        }
        call
    }

    fn may_claim(&mut self, now: Instant) -> bool {
        let Some((interval, next)) = &mut self.claims else { return false };
        let at = next.unwrap_or(now);
        if at > now {
            return false;
        }
        // Missed claims are made up for, but not all at once.
        *next = Some((at + *interval).max(now.checked_sub(*interval).unwrap_or(now)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(shape: Shape, claims: f64) -> Plan {
        let users = (0..3).map(|n| User { id: format!("100{n}"), pin: "246810".to_owned() }).collect();
        Plan::new("2000", Duration::ZERO, shape, users, claims)
    }

    fn keys(call: &Call) -> String {
        call.keys.iter().map(|press| press.key).collect()
    }

    #[test]
    fn who_stays_keys_five_digits_at_thirteen_seconds() {
        let call = plan(Shape::Stay, 9.0).next_call(Instant::now());
        assert_eq!((keys(&call).as_str(), call.keys[0].at), ("1001#", Duration::from_secs(13)));
    }

    #[test]
    fn claims_are_spread_and_every_other_is_right() {
        let mut plan = plan(Shape::Claim, 2.0);
        let begun = Instant::now();
        let calls: Vec<Call> = (0..100).map(|n| plan.next_call(begun + Duration::from_millis(33) * n)).collect();
        let claims: Vec<&Call> = calls.iter().filter(|call| keys(call).len() > 6).collect();
        assert!((6..=8).contains(&claims.len()), "{} claims in 3.3 s", claims.len());
        assert!(keys(claims[0]).ends_with("#000000#") && keys(claims[1]).ends_with("#246810#"));
        assert!(!claims[0].binds && claims[1].binds);
    }

    #[test]
    fn nobody_claims_when_no_claims_are_wanted() {
        let mut plan = plan(Shape::Claim, 0.0);
        assert!((0..10).all(|_| keys(&plan.next_call(Instant::now())).len() == 6));
    }
}
