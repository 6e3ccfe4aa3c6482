//! Places that failed of late: they are tried after others for a time (RFC 3263 section 4.3, RFC 3261 section 21.5.4). Pure.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::targets::Place;

/// How long a place that did not answer is tried last.
const SPELL: Duration = Duration::from_secs(60);
/// The longest a place may ask to be left alone.
const LONGEST: Duration = Duration::from_secs(600);
/// Places remembered.
const MOST: usize = 1024;

/// What failed, and until when that counts.
#[derive(Debug, Default)]
pub(super) struct Troubles(HashMap<Place, Instant>);

impl Troubles {
    /// A place could not be reached, did not answer, or wants to be left alone for so long.
    pub(super) fn note(&mut self, place: Place, wants: Option<Duration>, now: Instant) {
        if self.0.len() >= MOST {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() < MOST || self.0.contains_key(&place) {
            self.0.insert(place, now + wants.unwrap_or(SPELL).min(LONGEST));
        }
    }

    /// It has answered.
    pub(super) fn forget(&mut self, place: Place) {
        self.0.remove(&place);
    }

    /// The same places, those in trouble last.
    pub(super) fn last<T>(&self, mut places: Vec<T>, place: impl Fn(&T) -> Place, now: Instant) -> Vec<T> {
        places.sort_by_key(|it| self.0.get(&place(it)).is_some_and(|until| *until > now));
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;

    #[test]
    fn what_failed_comes_last_until_it_answers_or_time_has_passed() {
        let place = |port| Place { transport: Transport::Udp, address: ([192, 0, 2, 1], port).into() };
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        let order = |troubles: &Troubles, after| {
            let places = vec![place(1), place(2), place(3)];
            let ordered = troubles.last(places, |place| *place, now + Duration::from_secs(after));
            ordered.iter().map(|place| place.address.port()).collect::<Vec<_>>()
        };
        troubles.note(place(1), None, now);
        troubles.note(place(2), Some(Duration::from_secs(5)), now);
        assert_eq!(order(&troubles, 0), [3, 1, 2]);
        assert_eq!(order(&troubles, 6), [2, 3, 1]);
        troubles.forget(place(1));
        assert_eq!(order(&troubles, 6), [1, 2, 3]);
        for port in 0..5000 {
            troubles.note(place(port), None, now);
        }
        assert!(troubles.0.len() <= MOST);
    }
}
