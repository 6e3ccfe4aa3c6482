//! Which phones' lines are yet to be compared with their registrations, after something of them went unseen or unwritten.
//! Pure: it is told the time, and reads and corrects nothing itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::vocab::PhoneId;

/// Phones compared at once.
pub(super) const GROUP: usize = 1024;

/// What is to be compared now.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Phones with registrations.
    Registered(Vec<PhoneId>),
    /// The next phones, after this one, of which a line is listed as registered: theirs may have gone.
    Listed(Option<PhoneId>),
    /// Those that did not agree: what is wrong this time, too, is corrected.
    Doubtful(Vec<PhoneId>),
}

/// A comparison of all phones there are, a group at a time.
#[derive(Debug)]
pub(super) struct Verification {
    /// How long what makes a phone agree may be on its way.
    doubt: Duration,
    registered: Vec<PhoneId>,
    listed: Option<Option<PhoneId>>,
    doubtful: VecDeque<(Instant, Vec<PhoneId>)>,
}

impl Verification {
    /// With nothing to compare. Who does not agree is looked at again after `doubt`.
    pub fn new(doubt: Duration) -> Self {
        Self { doubt, registered: Vec::new(), listed: None, doubtful: VecDeque::new() }
    }

    /// Everything is to be compared: the phones that have registrations, and those that are listed as if they had.
    pub fn begin(&mut self, mut registered: Vec<PhoneId>) {
        // Neighbours in the database are read together.
        registered.sort_unstable_by(|one, other| other.cmp(one));
        (self.registered, self.listed) = (registered, Some(None));
    }

    /// True until all have been compared once.
    pub fn is_under_way(&self) -> bool {
        !self.registered.is_empty() || self.listed.is_some()
    }

    /// When there is something to compare, if ever.
    pub fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.is_under_way() { Some(now) } else { self.doubtful.front().map(|(at, _)| *at) }
    }

    /// What is to be compared now.
    pub fn next(&mut self, now: Instant) -> Option<Step> {
        if let Some((_, phones)) = self.doubtful.pop_front_if(|(at, _)| *at <= now) {
            return Some(Step::Doubtful(phones));
        }
        let group = self.registered.split_off(self.registered.len().saturating_sub(GROUP));
        if group.is_empty() { self.listed.take().map(Step::Listed) } else { Some(Step::Registered(group)) }
    }

    /// There were listed phones, of which this was the last: it goes on after that one.
    pub fn go_on_after(&mut self, last: PhoneId) {
        self.listed = Some(Some(last));
    }

    /// These did not agree.
    pub fn doubt(&mut self, phones: Vec<PhoneId>, now: Instant) {
        if !phones.is_empty() {
            self.doubtful.push_back((now + self.doubt, phones));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::UnixMillis;

    fn phone(number: i64) -> PhoneId {
        PhoneId::new(UnixMillis::new(number), [0; 10])
    }

    #[test]
    fn the_registered_come_first_then_the_listed_and_the_doubtful_when_it_is_time() {
        let (now, doubt) = (Instant::now(), Duration::from_secs(30));
        let mut verification = Verification::new(doubt);
        assert_eq!((verification.due_at(now), verification.next(now)), (None, None));
        let all: Vec<PhoneId> = (0..1500).map(phone).collect();
        verification.begin(all.clone());
        let steps: Vec<Step> = std::iter::from_fn(|| verification.next(now)).collect();
        let registered = [&all[..GROUP], &all[GROUP..]].map(|some| some.iter().rev().copied().collect());
        let [first, rest] = registered.map(Step::Registered);
        assert_eq!(steps, [first, rest, Step::Listed(None)]);
        verification.go_on_after(phone(7));
        assert_eq!(verification.due_at(now), Some(now));
        assert_eq!(verification.next(now), Some(Step::Listed(Some(phone(7)))));
        verification.doubt(Vec::new(), now);
        verification.doubt(vec![phone(3)], now);
        assert_eq!((verification.due_at(now), verification.next(now)), (Some(now + doubt), None));
        assert_eq!(verification.next(now + doubt), Some(Step::Doubtful(vec![phone(3)])));
        assert_eq!(verification.due_at(now), None);
    }
}
