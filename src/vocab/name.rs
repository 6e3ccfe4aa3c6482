//! What people call things.

use std::fmt;
use std::str::FromStr;

use super::VocabError;

/// A name for people: 1 to 128 characters, none of them a control character, not blank.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name(String);

impl Name {
    /// The longest name, in characters.
    pub const LONGEST: usize = 128;

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let fault = match text {
            text if text.trim().is_empty() => "it is empty",
            text if text.chars().count() > Self::LONGEST => "it is longer than 128 characters",
            text if text.chars().any(char::is_control) => "it has control characters",
            _ => return Ok(Self(text.to_owned())),
        };
        Err(VocabError { what: "name", fault, remedy: "give 1 to 128 printable characters" })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_people_can_read() {
        for text in ["a", "佐藤 花子", "x".repeat(128).as_str()] {
            assert_eq!(text.parse::<Name>().unwrap().as_str(), text);
        }
        for text in ["", "  ", "a\nb", "x".repeat(129).as_str()] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }
}
