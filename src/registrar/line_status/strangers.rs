//! Names nobody has that somebody tried: kept apart from lines, counted by name, as many as are allowed. Pure.

use std::collections::HashMap;

use super::{Reason, Sighting};
use crate::vocab::UnixMillis;

/// New names between two writes; beyond that they are not remembered.
const MOST_WAITING: usize = 1000;

/// What somebody tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stranger {
    /// The number that was asked for last.
    pub number: Option<String>,
    /// Why it came to nothing, the last time.
    pub reason: Reason,
    /// The first time since it was last written.
    pub first_at: UnixMillis,
    /// The last time.
    pub at: UnixMillis,
    /// How often since it was last written.
    pub count: u32,
    /// Where the last one came from.
    pub seen: Option<Sighting>,
}

/// Those that wait to be written, by name.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    waiting: HashMap<String, Stranger>,
}

impl Strangers {
    /// Somebody tried a name. False if there is no room to remember it.
    pub fn note(&mut self, name: &str, tried: Stranger) -> bool {
        if let Some(known) = self.waiting.get_mut(name) {
            *known = Stranger { first_at: known.first_at, count: known.count.saturating_add(tried.count), ..tried };
            return true;
        }
        let has_room = self.waiting.len() < MOST_WAITING;
        if has_room {
            self.waiting.insert(name.to_owned(), tried);
        }
        has_room
    }

    /// What is to be written.
    pub fn waiting(&self) -> &HashMap<String, Stranger> {
        &self.waiting
    }

    /// All of it was written.
    pub fn saved(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(at: i64) -> Stranger {
        let at = UnixMillis::new(at);
        Stranger { number: None, reason: Reason::UnknownUser, first_at: at, at, count: 1, seen: None }
    }

    #[test]
    fn a_name_is_counted_and_names_are_bounded() {
        let mut strangers = Strangers::default();
        assert!((1..=3).all(|at| strangers.note("1234", tried(at))));
        let known = &strangers.waiting()["1234"];
        assert_eq!((known.count, known.first_at.get(), known.at.get()), (3, 1, 3));
        let remembered = (0..5000).filter(|turn| strangers.note(&format!("x{turn}"), tried(1))).count();
        assert_eq!(remembered, MOST_WAITING - 1);
        assert!(strangers.note("1234", tried(4)));
        strangers.saved();
        assert!(strangers.note("y", tried(5)) && strangers.waiting().len() == 1);
    }
}
