//! Collecting digits: one entry, and the keys typed ahead of a question.
//!
//! It must not know what is being entered, nor the time. Digits are wiped when they are no longer needed, and never printed.

use std::fmt;

use zeroize::Zeroizing;

use super::key::{Key, KeyMeaning};

/// The most keys kept for a question not yet asked.
const MOST_AHEAD: usize = 64;

/// The digits of one answer so far.
pub(super) struct Entry {
    digits: Zeroizing<String>,
    most: usize,
    too_long: bool,
}

/// What a key did to an entry.
#[derive(Debug)]
pub(super) enum Keyed {
    /// It became part of the entry.
    Part,
    /// The entry was emptied.
    Again,
    /// The entry is complete.
    Done(Entered),
    /// Nothing.
    Nothing,
}

/// A complete entry.
pub(super) enum Entered {
    /// No digit at all.
    Nothing,
    /// Digits, within the length allowed.
    Digits(Zeroizing<String>),
    /// More digits than allowed.
    TooLong,
}

impl Entry {
    /// An empty entry of at most `most` digits.
    pub(super) fn new(most: u8) -> Self {
        let most = usize::from(most);
        // Full size from the start: growing would leave copies of the digits behind.
        Self { digits: Zeroizing::new(String::with_capacity(most)), most, too_long: false }
    }

    /// Takes a key. Digits past the length allowed are swallowed, or they would be taken for the next answer.
    pub(super) fn key(&mut self, key: Key) -> Keyed {
        match key.meaning() {
            KeyMeaning::Digit(digit) if self.digits.len() < self.most => {
                self.digits.push(digit);
                Keyed::Part
            }
            KeyMeaning::Digit(_) => {
                self.too_long = true;
                Keyed::Part
            }
            KeyMeaning::Again => {
                *self = Self::new(u8::try_from(self.most).unwrap_or(u8::MAX));
                Keyed::Again
            }
            KeyMeaning::End => Keyed::Done(self.complete()),
            KeyMeaning::Nothing => Keyed::Nothing,
        }
    }

    /// Ends the entry, as `#` does, and empties it.
    pub(super) fn complete(&mut self) -> Entered {
        let empty = Self::new(u8::try_from(self.most).unwrap_or(u8::MAX));
        let entry = std::mem::replace(self, empty);
        match (entry.too_long, entry.digits.is_empty()) {
            (true, _) => Entered::TooLong,
            (false, true) => Entered::Nothing,
            (false, false) => Entered::Digits(entry.digits),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entry(…)")
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entered(…)")
    }
}

/// Keys pressed before anyone could listen, oldest first.
pub(super) struct TypedAhead(Zeroizing<String>);

impl TypedAhead {
    pub(super) fn new() -> Self {
        Self(Zeroizing::new(String::with_capacity(MOST_AHEAD)))
    }

    /// Keeps a key. Past the most there is room for, keys are dropped.
    pub(super) fn push(&mut self, key: Key) {
        if self.0.len() < MOST_AHEAD {
            self.0.push(key.as_char());
        }
    }

    /// Takes the oldest key.
    pub(super) fn pop(&mut self) -> Option<Key> {
        if self.0.is_empty() { None } else { Key::try_from(self.0.remove(0)).ok() }
    }

    /// Forgets every key.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(most: u8, keys: &str) -> Option<Entered> {
        let mut entry = Entry::new(most);
        keys.chars().find_map(|key| match entry.key(Key::try_from(key).unwrap()) {
            Keyed::Done(entered) => Some(entered),
            Keyed::Part | Keyed::Again | Keyed::Nothing => None,
        })
    }

    #[test]
    fn pound_ends_star_restarts_and_letters_are_nothing() {
        assert!(matches!(entered(4, "12#"), Some(Entered::Digits(digits)) if *digits == "12"));
        assert!(matches!(entered(4, "9*1A2#"), Some(Entered::Digits(digits)) if *digits == "12"));
        assert!(matches!(entered(4, "#"), Some(Entered::Nothing)));
        assert!(matches!(entered(4, "12*#"), Some(Entered::Nothing)));
        assert!(entered(4, "1234").is_none());
    }

    #[test]
    fn one_digit_too_many_spoils_the_entry_until_it_ends() {
        assert!(matches!(entered(4, "1234#"), Some(Entered::Digits(_))));
        assert!(matches!(entered(4, "12345#"), Some(Entered::TooLong)));
        assert!(matches!(entered(4, "12345*1#"), Some(Entered::Digits(digits)) if *digits == "1"));
    }

    #[test]
    fn keys_typed_ahead_come_back_in_order_and_are_bounded() {
        let mut ahead = TypedAhead::new();
        for key in "1*#".chars().chain(std::iter::repeat_n('7', 200)) {
            ahead.push(Key::try_from(key).unwrap());
        }
        let back: String = std::iter::from_fn(|| ahead.pop()).map(Key::as_char).collect();
        assert!(back.starts_with("1*#777"));
        assert_eq!(back.len(), MOST_AHEAD);
    }
}
