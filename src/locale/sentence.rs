//! Reads `spoken.ftl` into recordings and sentences, and refuses what can't be spoken.
//!
//! A sentence comes out as Fluent again, with every recording and every `DIGITS($x)` replaced by a mark. Formatting it
//! leaves the choosing (selectors, plural rules) to Fluent; [`pieces`] then reads the marks back.
//! It must not know of manifests, files or the code's catalogue.

use std::collections::{BTreeMap, BTreeSet};

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Message, Pattern, PatternElement, Resource, Term};
use fluent_syntax::{parser, serializer};

use super::bundle::line_at;
use super::{LocaleError, SpokenFault};
use crate::vocab::{Language, PromptId};

const OPEN: char = '⟦';
const CLOSE: char = '⟧';
const DIGITS_OF: char = '$';

/// What one `spoken.ftl` says.
#[derive(Debug, Default)]
pub(super) struct SpokenText {
    /// Each recording and the text it reads.
    pub(super) recordings: BTreeMap<PromptId, String>,
    /// Each sentence by name.
    pub(super) sentences: BTreeMap<String, SentenceParts>,
    /// The sentences in Fluent, with marks in place of recordings and digits.
    pub(super) marked: String,
}

/// What a sentence may use, whatever its selectors choose.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SentenceParts {
    /// The recordings, but for those of digits.
    pub(super) recordings: BTreeSet<PromptId>,
    /// The variables, read out or selected on.
    pub(super) arguments: BTreeSet<String>,
    /// Whether something is read out digit by digit.
    pub(super) digits: bool,
}

/// A stretch of a formatted sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Punctuation and spaces: silent.
    Silent(&'a str),
    /// A recording.
    Recording(&'a str),
    /// An argument to be read out digit by digit.
    Digits(&'a str),
}

impl SpokenText {
    /// Reads a language's `spoken.ftl`.
    pub(super) fn read(language: &Language, text: &str) -> Result<Self, LocaleError> {
        let resource = parser::parse(text.to_owned()).map_err(|(_, errors)| {
            let (at, fault) = errors.first().map_or((0, String::new()), |error| (error.pos.start, error.to_string()));
            LocaleError::Syntax {
                language: language.clone(),
                file: "spoken.ftl".to_owned(),
                line: line_at(text, at),
                fault,
            }
        })?;
        let refuse = |entry: String, fault| LocaleError::Unspeakable {
            language: language.clone(),
            line: text.lines().position(|line| line.split([' ', '=']).next() == Some(entry.as_str())).unwrap_or(0) + 1,
            entry,
            fault,
        };
        let mut spoken = Self::default();
        let mut messages = Vec::new();
        for entry in resource.body {
            match entry {
                Entry::Term(term) => {
                    let name = format!("-{}", term.id.name);
                    spoken.add_recording(term).map_err(|fault| refuse(name, fault))?;
                }
                Entry::Message(message) => messages.push(message),
                Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) | Entry::Junk { .. } => {}
            }
        }
        let mut marked = Vec::new();
        for message in messages {
            let name = message.id.name.clone();
            marked.push(Entry::Message(spoken.add_sentence(message).map_err(|fault| refuse(name, fault))?));
        }
        spoken.marked = serializer::serialize(&Resource { body: marked });
        Ok(spoken)
    }

    fn add_recording(&mut self, term: Term<String>) -> Result<(), SpokenFault> {
        if !term.attributes.is_empty() {
            return Err(SpokenFault::Attribute);
        }
        let name: PromptId = term.id.name.parse().map_err(|_| SpokenFault::Name)?;
        let [PatternElement::TextElement { value }] = term.value.elements.as_slice() else {
            return Err(SpokenFault::NotPlain);
        };
        let text = value.trim();
        if text.is_empty() || text.contains([OPEN, CLOSE]) {
            return Err(SpokenFault::NotPlain);
        }
        match self.recordings.insert(name, text.to_owned()) {
            None => Ok(()),
            Some(_) => Err(SpokenFault::Twice),
        }
    }

    fn add_sentence(&mut self, message: Message<String>) -> Result<Message<String>, SpokenFault> {
        if !message.attributes.is_empty() {
            return Err(SpokenFault::Attribute);
        }
        let mut parts = SentenceParts::default();
        let value = self.marked_pattern(message.value.ok_or(SpokenFault::Placeable)?, &mut parts)?;
        if parts.digits {
            let lacking = "0123456789*#".chars().filter_map(digit_name).find(|name| self.recording(name).is_none());
            if let Some(name) = lacking {
                return Err(SpokenFault::NoRecording(name));
            }
        }
        match self.sentences.insert(message.id.name.clone(), parts) {
            None => Ok(Message { value: Some(value), ..message }),
            Some(_) => Err(SpokenFault::Twice),
        }
    }

    fn recording(&self, name: &str) -> Option<PromptId> {
        self.recordings.keys().find(|recording| recording.as_str() == name).cloned()
    }

    fn marked_pattern(
        &self,
        pattern: Pattern<String>,
        parts: &mut SentenceParts,
    ) -> Result<Pattern<String>, SpokenFault> {
        let elements = pattern.elements.into_iter().map(|element| match element {
            PatternElement::TextElement { value } => {
                if value.contains(|c: char| c.is_alphanumeric() || c == OPEN || c == CLOSE) {
                    return Err(SpokenFault::Letters(value.trim().to_owned()));
                }
                Ok(PatternElement::TextElement { value })
            }
            PatternElement::Placeable { expression } => self.marked_expression(expression, parts),
        });
        Ok(Pattern { elements: elements.collect::<Result<_, _>>()? })
    }

    fn marked_expression(
        &self,
        expression: Expression<String>,
        parts: &mut SentenceParts,
    ) -> Result<PatternElement<String>, SpokenFault> {
        let value = match expression {
            Expression::Inline(InlineExpression::TermReference { id, attribute: None, arguments: None }) => {
                let recording = self.recording(&id.name);
                let recording = recording.ok_or_else(|| SpokenFault::NoRecording(id.name.clone()))?;
                parts.recordings.insert(recording);
                format!("{OPEN}{}{CLOSE}", id.name)
            }
            Expression::Inline(InlineExpression::FunctionReference { id, arguments })
                if id.name == "DIGITS" && arguments.named.is_empty() =>
            {
                let [InlineExpression::VariableReference { id }] = arguments.positional.as_slice() else {
                    return Err(SpokenFault::Placeable);
                };
                parts.digits = true;
                parts.arguments.insert(id.name.clone());
                format!("{OPEN}{DIGITS_OF}{}{CLOSE}", id.name)
            }
            Expression::Inline(InlineExpression::Placeable { expression }) => {
                return self.marked_expression(*expression, parts);
            }
            Expression::Select { selector: InlineExpression::VariableReference { id }, mut variants } => {
                parts.arguments.insert(id.name.clone());
                for variant in &mut variants {
                    let value = std::mem::replace(&mut variant.value, Pattern { elements: Vec::new() });
                    variant.value = self.marked_pattern(value, parts)?;
                }
                let selector = InlineExpression::VariableReference { id };
                return Ok(PatternElement::Placeable { expression: Expression::Select { selector, variants } });
            }
            Expression::Inline(_) | Expression::Select { .. } => return Err(SpokenFault::Placeable),
        };
        Ok(PatternElement::TextElement { value })
    }
}

/// The recording that reads a key; `None` for what no key dials.
pub(super) fn digit_name(key: char) -> Option<String> {
    match key {
        '0'..='9' => Some(format!("digit-{key}")),
        '*' => Some("digit-star".to_owned()),
        '#' => Some("digit-pound".to_owned()),
        _ => None,
    }
}

/// Reads back the marks of a formatted sentence.
pub(super) fn pieces(formatted: &str) -> impl Iterator<Item = Piece<'_>> {
    formatted.split_inclusive(CLOSE).flat_map(|stretch| {
        let (silent, mark) = stretch.split_once(OPEN).unwrap_or((stretch, ""));
        let mark = mark.trim_end_matches(CLOSE);
        let mark = match mark.strip_prefix(DIGITS_OF) {
            Some(argument) => Some(Piece::Digits(argument)),
            None => (!mark.is_empty()).then_some(Piece::Recording(mark)),
        };
        (!silent.is_empty()).then_some(Piece::Silent(silent)).into_iter().chain(mark)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        SpokenText::read(&Language::ENGLISH, text).unwrap_err().to_string()
    }

    #[test]
    fn what_nobody_recorded_is_refused_with_its_line() {
        let line = |text: &str| fault(text).split(':').next().unwrap().to_owned();
        assert_eq!(line("-a = A\n\nsay = { -a } and more\n"), "en/spoken.ftl line 3, say");
        assert!(fault("-a = A\nsay = { -a } and more\n").contains("“and more” is in no recording"));
        assert!(fault("say = { -b }\n").contains("no recording -b"));
        assert!(fault("-a = A\nsay = { $x ->\n    [one] { -a }\n   *[other] { -b }\n }\n").contains("no recording -b"));
        assert!(fault("say = { DIGITS($x) }\n").contains("no recording -digit-0"));
        for text in [
            "say = { $x }\n",
            "say = { \"words\" }\n",
            "-a = A\nother = { -a }\nsay = { other }\n",
            "say = { NUMBER($x) }\n",
            "say = { DIGITS(3) }\n",
            "-a = A\nsay = { -a(case: \"x\") }\n",
            "-a = A\nsay = { -a }\n    .title = { -a }\n",
            "-a = { $x }\n",
            "-a = A\n    .title = B\n",
            "-a = A\n-a = B\n",
            "-a = A\nsay = { -a }\nsay = { -a }\n",
            "-A = A\n",
            "-a = ⟦b⟧\n",
            "-a = A\nsay = ⟦a⟧\n",
        ] {
            let error = SpokenText::read(&Language::ENGLISH, text).unwrap_err();
            assert!(matches!(error, LocaleError::Unspeakable { .. }), "{text}{error}");
        }
        assert!(fault("-a = A\nsay\n").starts_with("en/spoken.ftl line 2:"));
    }

    #[test]
    fn marks_are_read_back_in_order() {
        let read: Vec<_> = pieces("⟦a⟧ ⟦$id⟧。⟦b⟧!").collect();
        let expected = [
            Piece::Recording("a"),
            Piece::Silent(" "),
            Piece::Digits("id"),
            Piece::Silent("。"),
            Piece::Recording("b"),
            Piece::Silent("!"),
        ];
        assert_eq!(read, expected);
    }
}
