//! The name of one recording.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::VocabError;

/// The name of one recording, for example `ask-id` or `digit-7`: what `spoken.ftl` calls a term and `prompts/<lang>/` a file.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PromptId(Arc<str>);

impl PromptId {
    /// The name, without language or file ending.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PromptId {
    type Err = VocabError;

    fn from_str(text: &str) -> Result<Self, VocabError> {
        let fits = (1..=64).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_lowercase());
        if fits && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            Ok(Self(text.into()))
        } else {
            Err(VocabError {
                what: "prompt id",
                fault: "not a recording's name",
                remedy: "use a-z, 0-9 and -, starting with a letter, at most 64",
            })
        }
    }
}

impl fmt::Display for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PromptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
