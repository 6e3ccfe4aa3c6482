//! Words on a screen or a terminal: a message's name and its arguments in, text in the reader's language out.
//!
//! It must not know what is said where: names are given by whoever speaks.

use std::sync::Arc;

use super::bundle::Bundle;
use crate::vocab::Language;

/// The words of one language, falling back on less exact ones and at last on English.
#[derive(Debug, Clone)]
pub struct Words {
    language: Language,
    chain: Arc<[Arc<Bundle>]>,
}

/// What a message is given to put into its words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Text, put in as it is.
    Text(&'a str),
    /// A number, written as the language writes numbers, and what plural selectors look at.
    Number(i64),
    /// A number if the text is one, text otherwise.
    Numeral(&'a str),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Value::Number(number.into())
    }
}

impl From<usize> for Value<'_> {
    fn from(number: usize) -> Self {
        Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl Words {
    pub(super) fn new(language: Language, chain: Vec<Arc<Bundle>>) -> Self {
        Self { language, chain: chain.into() }
    }

    /// The language asked for. A message it lacks is said in the next one of its chain.
    pub fn language(&self) -> &Language {
        &self.language
    }

    /// Message `id` in words. A message no language of the chain has is said as its own name, so that a page still comes out.
    pub fn say(&self, id: &str, args: &[(&str, Value<'_>)]) -> String {
        let Some((text, faults)) = self.chain.iter().find_map(|bundle| bundle.format(id, args)) else {
            tracing::debug!(message_id = id, language = %self.language, "no such message");
            return id.to_owned();
        };
        if !faults.is_empty() {
            tracing::debug!(message_id = id, language = %self.language, ?faults, "a message lacks something");
        }
        text
    }

    /// Message `id` in words, if a language of the chain has it.
    pub fn find(&self, id: &str, args: &[(&str, Value<'_>)]) -> Option<String> {
        self.knows(id).then(|| self.say(id, args))
    }

    /// Whether a language of the chain has message `id`.
    pub fn knows(&self, id: &str) -> bool {
        self.chain.iter().any(|bundle| bundle.messages().contains(id))
    }
}
