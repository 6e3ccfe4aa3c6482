//! One language's messages, ready to format: the only file that knows the fluent-bundle crate.
//!
//! It must not know whether the words are read or spoken.

use std::collections::BTreeSet;
use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentError, FluentResource, FluentValue};

use super::{LocaleError, Value};
use crate::vocab::Language;

/// Messages of one language, gathered from one file or several.
pub(super) struct Bundle {
    bundle: FluentBundle<FluentResource>,
    messages: BTreeSet<String>,
}

impl Bundle {
    /// A bundle without messages.
    pub(super) fn new(language: &Language) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![language.identifier().clone()]);
        // Bidirectional isolation marks would show up in terminals and between recordings.
        bundle.set_use_isolating(false);
        Self { bundle, messages: BTreeSet::new() }
    }

    /// Adds a file's messages.
    pub(super) fn add(&mut self, language: &Language, file: &str, text: &str) -> Result<(), LocaleError> {
        let resource = FluentResource::try_new(text.to_owned()).map_err(|(_, errors)| {
            let (at, fault) = errors.first().map_or((0, String::new()), |error| (error.pos.start, error.to_string()));
            LocaleError::Syntax { language: language.clone(), file: file.to_owned(), line: line_at(text, at), fault }
        })?;
        self.messages.extend(message_names(&resource));
        self.bundle.add_resource(resource).map_err(|errors| LocaleError::Twice {
            language: language.clone(),
            file: file.to_owned(),
            fault: errors.first().map(ToString::to_string).unwrap_or_default(),
        })
    }

    /// The names of the messages.
    pub(super) fn messages(&self) -> &BTreeSet<String> {
        &self.messages
    }

    /// A message in words; `None` if there is no such message. What couldn't be filled in is named in the second part.
    pub(super) fn format(&self, message: &str, args: &[(&str, Value<'_>)]) -> Option<(String, Vec<String>)> {
        let pattern = self.bundle.get_message(message)?.value()?;
        let args: FluentArgs<'_> = args.iter().map(|(name, value)| (*name, FluentValue::from(value))).collect();
        let mut errors: Vec<FluentError> = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        Some((text, errors.iter().map(ToString::to_string).collect()))
    }
}

impl<'a> From<&Value<'a>> for FluentValue<'a> {
    fn from(value: &Value<'a>) -> Self {
        match *value {
            Value::Text(text) => FluentValue::from(text),
            Value::Number(number) => FluentValue::from(number),
            Value::Numeral(text) => FluentValue::try_number(text),
        }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("messages", &self.messages.len()).finish()
    }
}

/// The line of the byte at `at`, counted from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn message_names(resource: &FluentResource) -> Vec<String> {
    let names = resource.entries().filter_map(|entry| match entry {
        fluent_syntax::ast::Entry::Message(message) => Some(message.id.name.to_owned()),
        _ => None,
    });
    names.collect()
}
