//! A language as BCP 47 names it.

use std::fmt;
use std::str::FromStr;

use unic_langid::LanguageIdentifier;

use super::VocabError;

/// A language tag (BCP 47), for example `ja`, `en` or `pt-BR`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language(LanguageIdentifier);

impl Language {
    /// Japanese, the default of the voice service.
    pub const JAPANESE: Self = Self(unic_langid::langid!("ja"));
    /// English, which every message has.
    pub const ENGLISH: Self = Self(unic_langid::langid!("en"));

    /// The tag as the libraries take it.
    pub fn identifier(&self) -> &LanguageIdentifier {
        &self.0
    }
}

impl FromStr for Language {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        text.parse().map(Self).map_err(|_| VocabError {
            what: "language",
            fault: "not a language tag",
            remedy: "write a BCP 47 tag such as ja, en or pt-BR",
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl serde::Serialize for Language {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Language {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
