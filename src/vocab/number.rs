//! Numbers people dial.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::{Secret, VocabError};

macro_rules! serde_as_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $name {
            /// The number as dialled.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// A directory number: what rings a line or a route point. One to 24 of the digits 0-9, `*` and `#`, with an optional leading `+`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirectoryNumber(CompactString);
serde_as_text!(DirectoryNumber);

impl Borrow<str> for DirectoryNumber {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for DirectoryNumber {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let dialled = text.strip_prefix('+').unwrap_or(text);
        let fits = (1..=24).contains(&dialled.len());
        if fits && dialled.bytes().all(|b| matches!(b, b'0'..=b'9' | b'*' | b'#')) {
            Ok(Self(text.into()))
        } else {
            Err(VocabError {
                what: "directory number",
                fault: "not 1 to 24 digits",
                remedy: "use 0-9, * and #, with an optional leading +",
            })
        }
    }
}

/// The number a user keys in to say who they are: 1 to 20 digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SelfServiceId(String);
serde_as_text!(SelfServiceId);

impl SelfServiceId {
    /// The longest self-service ID, in digits.
    pub const MAX_DIGITS: usize = 20;
}

impl FromStr for SelfServiceId {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let fits = (1..=Self::MAX_DIGITS).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(VocabError { what: "self-service ID", fault: "not 1 to 20 digits", remedy: "use the digits 0-9 only" })
        }
    }
}

/// The administrators' authentication code: 1 to 20 digits (the seed's "0 to 20, not empty"). Never printed.
#[derive(Clone, Debug)]
pub struct AuthenticationCode(Secret);

impl AuthenticationCode {
    /// The digits, for hashing.
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl PartialEq for AuthenticationCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(other.0.expose_secret().as_bytes()).into()
    }
}

impl<'de> serde::Deserialize<'de> for AuthenticationCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for AuthenticationCode {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        if (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(Secret::from(text.to_owned())))
        } else {
            Err(VocabError {
                what: "authentication code",
                fault: "not 1 to 20 digits",
                remedy: "use the digits 0-9 only",
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_numbers_hold_what_a_keypad_can_dial() {
        for text in ["0", "2000", "*77", "#31#", "+81312345678", "123456789012345678901234"] {
            assert_eq!(text.parse::<DirectoryNumber>().unwrap().as_str(), text);
        }
        for text in ["", "+", "20 00", "abc", "2000;ext=1", "1234567890123456789012345", "１２"] {
            assert!(text.parse::<DirectoryNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn self_service_ids_are_digits() {
        assert!("12345678901234567890".parse::<SelfServiceId>().is_ok());
        for text in ["", "1*", "123456789012345678901"] {
            assert!(text.parse::<SelfServiceId>().is_err(), "{text}");
        }
    }
}
