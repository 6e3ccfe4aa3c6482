//! How fast phones are told of changes, and how often one that doesn't fetch is told again. Pure.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::vocab::{PhoneId, UnixMillis};

/// The longest wait between two notifications of one phone.
const LONGEST: Duration = Duration::from_secs(3600);

/// A phone that is to fetch, and since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Due {
    pub phone: PhoneId,
    pub since: UnixMillis,
}

/// When each phone that is to fetch was told, and how often.
#[derive(Debug, Default)]
pub(super) struct Pace {
    told: HashMap<PhoneId, Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    since: UnixMillis,
    again_at: Instant,
    wait: Duration,
}

impl Pace {
    /// Whom of those that are `due` to tell now, at most `most`, in their order. One that was told waits `first_wait`, and
    /// twice as long each further time; not one that has fetched and is to fetch something newer.
    pub(super) fn next(
        &mut self,
        due: impl IntoIterator<Item = Due>,
        most: usize,
        first_wait: Duration,
        now: Instant,
    ) -> Vec<PhoneId> {
        let mut next = Vec::new();
        for Due { phone, since } in due {
            if next.len() >= most {
                break;
            }
            let told = self.told.get(&phone).copied().filter(|told| told.since == since);
            if told.is_some_and(|told| told.again_at > now) {
                continue;
            }
            let wait = told.map_or(first_wait, |told| (told.wait * 2).min(LONGEST));
            self.told.insert(phone, Told { since, again_at: now + wait, wait });
            next.push(phone);
        }
        next
    }

    /// Forgets those that are not due any more.
    pub(super) fn keep(&mut self, due: &[Due]) {
        let due: HashSet<PhoneId> = due.iter().map(|due| due.phone).collect();
        self.told.retain(|phone, _| due.contains(phone));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(count: u16) -> Vec<Due> {
        (0..count)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                let phone = PhoneId::new(UnixMillis::new(0), [0, 0, 0, 0, 0, 0, 0, 0, high, low]);
                Due { phone, since: UnixMillis::new(0) }
            })
            .collect()
    }

    const WAIT: Duration = Duration::from_secs(30);

    #[test]
    fn five_thousand_phones_are_told_twenty_a_second_each_once() {
        let (phones, start, mut pace) = (phones(5000), Instant::now(), Pace::default());
        let mut due = phones.clone();
        for second in 0..250 {
            let told = pace.next(due.iter().copied(), 20, WAIT, start + Duration::from_secs(second));
            assert_eq!(told.len(), 20);
            // They fetch at once.
            due.retain(|due| !told.contains(&due.phone));
            pace.keep(&due);
        }
        assert!(due.is_empty() && pace.told.is_empty());
    }

    #[test]
    fn a_phone_that_does_not_fetch_is_told_ever_more_seldom_and_keeps_nobody_waiting() {
        let (phones, start, mut pace) = (phones(2), Instant::now(), Pace::default());
        let mut told = Vec::new();
        for second in 0..1000 {
            let now = start + Duration::from_secs(second);
            if !pace.next(phones[..1].iter().copied(), 1, WAIT, now).is_empty() {
                told.push(second);
            }
        }
        assert_eq!(told, [0, 30, 90, 210, 450, 930]);
        let later = start + Duration::from_secs(1000);
        assert_eq!(pace.next(phones.iter().copied(), 1, WAIT, later), [phones[1].phone]);
        // It has fetched, and the directory has changed again: nothing to wait for.
        let newer = Due { since: UnixMillis::new(1), ..phones[0] };
        assert_eq!(pace.next([newer], 1, WAIT, later), [newer.phone]);
    }
}
