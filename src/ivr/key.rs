//! One key of a telephone, as it was pressed.
//!
//! It must not know how presses travel: RFC 4733, INFO and in-band tones all end as a [`Key`].

use std::fmt;

use super::DialogueError;

/// A key. Its `Debug` doesn't say which: most keys pressed here are part of a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(char);

/// What a key means to someone collecting digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyMeaning {
    /// `0` to `9`.
    Digit(char),
    /// `#`: the entry is complete.
    End,
    /// `*`: the entry starts again.
    Again,
    /// `A` to `D`: nothing.
    Nothing,
}

impl Key {
    /// The key of a telephone event (RFC 4733 section 3.2): 0-9, 10 is `*`, 11 is `#`, 12-15 are `A`-`D`. `None` for other events.
    pub fn from_event(code: u8) -> Option<Self> {
        "0123456789*#ABCD".chars().nth(code.into()).map(Self)
    }

    /// What it means.
    pub fn meaning(self) -> KeyMeaning {
        match self.0 {
            '0'..='9' => KeyMeaning::Digit(self.0),
            '#' => KeyMeaning::End,
            '*' => KeyMeaning::Again,
            _ => KeyMeaning::Nothing,
        }
    }

    pub(super) fn as_char(self) -> char {
        self.0
    }
}

impl TryFrom<char> for Key {
    type Error = DialogueError;

    fn try_from(key: char) -> Result<Self, DialogueError> {
        match key.to_ascii_uppercase() {
            key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(Self(key)),
            _ => Err(DialogueError::Key),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_keys_of_rfc_4733() {
        let keys: String = (0..=16).filter_map(Key::from_event).map(Key::as_char).collect();
        assert_eq!(keys, "0123456789*#ABCD");
        assert!(keys.chars().all(|key| Key::try_from(key).is_ok()));
        assert_eq!(Key::try_from('E'), Err(DialogueError::Key));
    }

    #[test]
    fn debug_does_not_say_which_key() {
        assert_eq!(format!("{:?}", Key::try_from('7').unwrap()), "Key(…)");
    }
}
