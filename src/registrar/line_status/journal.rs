//! A line's history as it grows: what is still counted up, and what is not written yet. Pure.
//!
//! An error that repeats is counted in one entry until the line's state changes, so that neither a phone with a wrong
//! password nor somebody who guesses fills the history.

use super::{Reason, Sighting};
use crate::vocab::{RecordId, UnixMillis};

/// Entries that wait to be written, of one line; beyond that the oldest are lost.
const MOST: usize = 64;

/// An entry of a line's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Names it.
    pub id: RecordId,
    /// What it tells of.
    pub told: Told,
    /// When it happened first.
    pub first_at: UnixMillis,
    /// When it happened last.
    pub at: UnixMillis,
    /// How often.
    pub count: u32,
    /// Where the last one came from.
    pub seen: Option<Sighting>,
    is_open: bool,
    is_unsaved: bool,
}

/// What an entry tells of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// The line was registered.
    Registered,
    /// The phone took its registration back.
    Unregistered,
    /// The registration went.
    Lost(Reason),
    /// An error.
    Failed(Reason),
    /// The line changes again and again; its count is how often while it did.
    Flapping,
    /// It no longer does.
    Steady,
}

impl Told {
    /// Whether it is a `state` or an `error`, for the database and the API.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Failed(_) => "error",
            _ => "state",
        }
    }

    /// Which one.
    pub fn code(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Unregistered => "unregistered",
            Self::Lost(reason) | Self::Failed(reason) => reason.code(),
            Self::Flapping => "flapping",
            Self::Steady => "steady",
        }
    }
}

/// The end of a line's history.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    entries: Vec<Entry>,
}

impl Journal {
    /// Notes something: counts it in the entry that is open for it, or begins one. True if it is new.
    pub fn note(&mut self, told: Told, at: UnixMillis, seen: Option<&Sighting>, id: impl FnOnce() -> RecordId) -> bool {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.is_open && entry.told == told) {
            entry.count = entry.count.saturating_add(1);
            entry.at = at;
            entry.seen = seen.cloned().or_else(|| entry.seen.take());
            entry.is_unsaved = true;
            return false;
        }
        if self.entries.len() >= MOST {
            let closed = self.entries.iter().position(|entry| !entry.is_open).unwrap_or_default();
            self.entries.remove(closed);
        }
        let is_open = matches!(told, Told::Failed(_) | Told::Flapping);
        let seen = seen.cloned();
        self.entries.push(Entry { id: id(), told, first_at: at, at, count: 1, seen, is_open, is_unsaved: true });
        true
    }

    /// Nothing is counted up any more.
    pub fn close(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.is_open = false);
        self.entries.retain(|entry| entry.is_unsaved);
    }

    /// What is to be written.
    pub fn unsaved(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_unsaved)
    }

    /// True if nothing is counted up or waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of it was written.
    pub fn saved(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.is_unsaved = false);
        self.entries.retain(|entry| entry.is_open);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> RecordId {
        RecordId::new(UnixMillis::new(0), [number; 10])
    }

    #[test]
    fn what_repeats_is_counted_until_the_state_changes() {
        let mut journal = Journal::default();
        let wrong = Told::Failed(Reason::WrongPassword);
        for at in 1..=3 {
            assert_eq!(journal.note(wrong, UnixMillis::new(at), None, || id(1)), at == 1);
        }
        journal.saved();
        assert!(!journal.note(wrong, UnixMillis::new(4), None, || id(2)));
        let [entry] = &journal.unsaved().collect::<Vec<_>>()[..] else { panic!("{journal:?}") };
        assert_eq!((entry.id, entry.count, entry.first_at.get(), entry.at.get()), (id(1), 4, 1, 4));
        journal.close();
        assert!(journal.note(wrong, UnixMillis::new(5), None, || id(3)));
    }

    #[test]
    fn what_can_not_be_written_does_not_grow_without_end() {
        let mut journal = Journal::default();
        for at in 0..1000 {
            journal.note(Told::Registered, UnixMillis::new(at), None, || id(1));
        }
        assert_eq!(journal.unsaved().count(), MOST);
        assert_eq!(journal.unsaved().last().unwrap().at.get(), 999);
    }
}
