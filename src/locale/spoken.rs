//! Sentences spoken in one language: a sentence's name and arguments in, the recordings to play in order out.
//!
//! It must not know where recordings are kept or how they are played. A secret's digits are never given to it.

use super::bundle::Bundle;
use super::sentence::{Piece, SentenceParts, SpokenText, digit_name, pieces};
use super::{LocaleError, Value};
use crate::vocab::{Language, PromptId};

/// One language's `spoken.ftl`, compiled.
#[derive(Debug)]
pub struct Spoken {
    language: Language,
    text: SpokenText,
    bundle: Bundle,
}

impl Spoken {
    /// Compiles a language's `spoken.ftl`.
    ///
    /// # Errors
    /// Names the line that isn't Fluent, or holds something no recording says.
    pub fn compile(language: &Language, text: &str) -> Result<Self, LocaleError> {
        let text = SpokenText::read(language, text)?;
        let mut bundle = Bundle::new(language);
        bundle.add(language, "spoken.ftl", &text.marked)?;
        Ok(Self { language: language.clone(), text, bundle })
    }

    /// The language spoken.
    pub fn language(&self) -> &Language {
        &self.language
    }

    /// The recordings that say a sentence, in the order this language wants them.
    ///
    /// An argument read out may hold `0`-`9`, `*` and `#`; a leading `+` isn't spoken.
    ///
    /// # Errors
    /// An unknown sentence, or an argument that is missing or can't be read out.
    pub fn sentence(&self, id: &str, args: &[(&str, &str)]) -> Result<Vec<PromptId>, LocaleError> {
        let formatted = self.format(id, args)?;
        let mut recordings = Vec::new();
        for piece in pieces(&formatted) {
            match piece {
                Piece::Silent(_) => {}
                Piece::Recording(name) => recordings.extend(name.parse::<PromptId>()),
                Piece::Digits(argument) => recordings.extend(self.digits(id, argument, args)?),
            }
        }
        Ok(recordings)
    }

    /// A sentence as a person would read it.
    ///
    /// # Errors
    /// As [`Self::sentence`].
    pub fn caption(&self, id: &str, args: &[(&str, &str)]) -> Result<String, LocaleError> {
        let formatted = self.format(id, args)?;
        let mut caption = String::new();
        for piece in pieces(&formatted) {
            match piece {
                Piece::Silent(text) => caption.push_str(text),
                Piece::Recording(name) => caption.push_str(self.recording(name).unwrap_or_default()),
                Piece::Digits(argument) => caption.push_str(value_of(args, argument).unwrap_or_default()),
            }
        }
        Ok(caption)
    }

    /// Every recording and the text it reads.
    pub fn recordings(&self) -> impl Iterator<Item = (&PromptId, &str)> {
        self.text.recordings.iter().map(|(name, text)| (name, text.as_str()))
    }

    /// The names of the sentences.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.text.sentences.keys().map(String::as_str)
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, &SentenceParts)> {
        self.text.sentences.iter().map(|(id, parts)| (id.as_str(), parts))
    }

    fn recording(&self, name: &str) -> Option<&str> {
        self.recordings().find(|(recording, _)| recording.as_str() == name).map(|(_, text)| text)
    }

    fn format(&self, id: &str, args: &[(&str, &str)]) -> Result<String, LocaleError> {
        let unknown = || LocaleError::UnknownSentence { language: self.language.clone(), sentence: id.to_owned() };
        let parts = self.text.sentences.get(id).ok_or_else(unknown)?;
        if let Some(missing) = parts.arguments.iter().find(|argument| value_of(args, argument).is_none()) {
            return Err(self.argument_error(id, missing));
        }
        let values: Vec<_> = args.iter().map(|(name, value)| (*name, Value::Numeral(value))).collect();
        let (text, _) = self.bundle.format(id, &values).ok_or_else(unknown)?;
        Ok(text)
    }

    fn digits(&self, id: &str, argument: &str, args: &[(&str, &str)]) -> Result<Vec<PromptId>, LocaleError> {
        let dialled = value_of(args, argument).unwrap_or_default();
        let dialled = dialled.strip_prefix('+').unwrap_or(dialled);
        let names = dialled.chars().map(|key| digit_name(key)?.parse().ok()).collect::<Option<Vec<PromptId>>>();
        names.filter(|names| !names.is_empty()).ok_or_else(|| self.argument_error(id, argument))
    }

    fn argument_error(&self, id: &str, argument: &str) -> LocaleError {
        let (language, sentence) = (self.language.clone(), id.to_owned());
        LocaleError::Argument { language, sentence, argument: argument.to_owned() }
    }
}

fn value_of<'a>(args: &[(&str, &'a str)], argument: &str) -> Option<&'a str> {
    args.iter().find(|(name, _)| *name == argument).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "-digit-0 = o\n-digit-1 = one\n-digit-2 = two\n-digit-3 = three\n-digit-4 = four\n-digit-5 = five\n\
        -digit-6 = six\n-digit-7 = seven\n-digit-8 = eight\n-digit-9 = nine\n-digit-star = star\n-digit-pound = pound\n";

    fn spoken(text: &str) -> Spoken {
        Spoken::compile(&Language::ENGLISH, &format!("{DIGITS}{text}")).unwrap()
    }

    fn played(spoken: &Spoken, id: &str, args: &[(&str, &str)]) -> String {
        let names = spoken.sentence(id, args).unwrap();
        names.iter().map(|name| name.as_str().trim_start_matches("digit-")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_order_is_the_languages_and_digits_keep_their_zeros() {
        let english = spoken("-lead = Your number is\n-bye = Goodbye.\nsay = { -lead } { DIGITS($id) }. { -bye }\n");
        let other = spoken("-tail = です。\n-lead = 番号は、\nsay = { -lead }{ DIGITS($id) }{ -tail }\n");
        assert_eq!(played(&english, "say", &[("id", "0021")]), "lead 0 0 2 1 bye");
        assert_eq!(english.caption("say", &[("id", "0021")]).unwrap(), "Your number is 0021. Goodbye.");
        assert_eq!(played(&other, "say", &[("id", "+1*#")]), "lead 1 star pound tail");
        assert_eq!(other.caption("say", &[("id", "12")]).unwrap(), "番号は、12です。");
    }

    #[test]
    fn selectors_choose_by_word_by_number_and_by_plural() {
        let spoken = spoken(
            "-restart = It restarts.\n-ready = It is ready.\n-none = None\n-phone = phone\n-phones = phones\n\
             next = { $next ->\n    [restart] { -restart }\n   *[ready] { -ready }\n }\n\
             count = { $n ->\n    [0] { -none }\n    [one] { DIGITS($n) } { -phone }\n   *[other] { DIGITS($n) } { -phones }\n }\n",
        );
        assert_eq!(played(&spoken, "next", &[("next", "restart")]), "restart");
        assert_eq!(played(&spoken, "next", &[("next", "anything")]), "ready");
        assert_eq!(played(&spoken, "count", &[("n", "0")]), "none");
        assert_eq!(played(&spoken, "count", &[("n", "1")]), "1 phone");
        assert_eq!(played(&spoken, "count", &[("n", "12")]), "1 2 phones");
        assert_eq!(spoken.caption("count", &[("n", "12")]).unwrap(), "12 phones");
    }

    #[test]
    fn what_cannot_be_read_out_is_an_error_not_silence() {
        let spoken = spoken("-lead = Number\nsay = { -lead } { DIGITS($id) }\n");
        assert!(matches!(spoken.sentence("say", &[]), Err(LocaleError::Argument { .. })));
        for id in ["", "+", "12a", "1 2", "１"] {
            assert!(matches!(spoken.sentence("say", &[("id", id)]), Err(LocaleError::Argument { .. })), "{id}");
        }
        assert!(matches!(spoken.sentence("shout", &[]), Err(LocaleError::UnknownSentence { .. })));
    }
}
