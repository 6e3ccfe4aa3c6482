//! One key of a telephone keypad. Must not know how it arrived.
//!
//! A digit may be part of a PIN: its `Debug` shows nothing of it, and it has no `Display`. [`Digit::as_char`] is the only way out.

use std::fmt;

/// A DTMF digit: `0`-`9`, `*`, `#`, `A`-`D`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

/// The keypad in the order of the RFC 4733 event codes (section 3.2).
const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

impl Digit {
    /// `*`, which starts an entry again.
    pub const STAR: Self = Self(10);
    /// `#`, which ends an entry.
    pub const POUND: Self = Self(11);

    /// The digit of an RFC 4733 event code; `None` for events that are no DTMF digit (flash, tones).
    pub const fn from_event(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The RFC 4733 event code, 0 to 15.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// The digit written as `key`; letters in either case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        let code = KEYS.iter().position(|k| *k == key)?;
        u8::try_from(code).ok().map(Self)
    }

    /// The key's label.
    pub fn as_char(self) -> char {
        KEYS.get(usize::from(self.0)).copied().unwrap_or('?')
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digit(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_event_code() {
        for (code, key) in KEYS.into_iter().enumerate() {
            let digit = Digit::from_char(key).unwrap();
            assert_eq!((usize::from(digit.event()), digit.as_char()), (code, key));
            assert_eq!(Digit::from_event(digit.event()), Some(digit));
        }
        assert_eq!(Digit::from_char('a'), Digit::from_char('A'));
        assert_eq!((Digit::STAR.as_char(), Digit::POUND.as_char()), ('*', '#'));
        assert!(Digit::from_event(16).is_none() && Digit::from_char('x').is_none() && Digit::from_char('٣').is_none());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", Digit::from_char('7')), "Some(Digit(…))");
    }
}
