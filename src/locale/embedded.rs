//! The files under `locales/`, carried in the program: the only file that knows the rust-embed crate.
//!
//! It must not know what the messages are for.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_embed::RustEmbed;

use super::bundle::Bundle;
use super::negotiation::chain;
use super::{LocaleError, Spoken, Words};
use crate::vocab::Language;

const SPOKEN: &str = "spoken.ftl";

#[derive(RustEmbed)]
#[folder = "locales/"]
struct Files;

/// Every language there is, on the screen and spoken.
#[derive(Clone, Debug, Default)]
pub struct Locales {
    words: BTreeMap<Language, Arc<Bundle>>,
    spoken: BTreeMap<Language, String>,
}

impl Locales {
    /// Reads the files carried in the program.
    pub fn embedded() -> Result<Self, LocaleError> {
        let files = Files::iter().filter_map(|path| {
            let text = String::from_utf8(Files::get(&path)?.data.into_owned()).ok()?;
            Some((path.into_owned(), text))
        });
        Self::from_files(files)
    }

    /// Reads `<language>/<name>.ftl` files given as (path, text). Other paths are passed over.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, LocaleError> {
        let mut words: BTreeMap<Language, Bundle> = BTreeMap::new();
        let mut spoken = BTreeMap::new();
        for (path, text) in files {
            let Some((folder, file)) = path.split_once('/') else { continue };
            let Ok(language) = folder.parse::<Language>() else { continue };
            if file == SPOKEN {
                spoken.insert(language, text);
            } else if file.ends_with(".ftl") {
                let bundle = words.entry(language.clone()).or_insert_with(|| Bundle::new(&language));
                bundle.add(&language, file, &text)?;
            }
        }
        let words = words.into_iter().map(|(language, bundle)| (language, Arc::new(bundle))).collect();
        Ok(Self { words, spoken })
    }

    /// Adds the words for a screen of languages that have none yet.
    pub fn add_words(&mut self, other: Self) {
        for (language, words) in other.words {
            self.words.entry(language).or_insert(words);
        }
    }

    /// The languages that have words for a screen.
    pub fn languages(&self) -> Vec<Language> {
        self.words.keys().cloned().collect()
    }

    /// The languages that have sentences to speak.
    pub fn spoken_languages(&self) -> Vec<Language> {
        self.spoken.keys().cloned().collect()
    }

    /// The words of a language. It need not be among [`Self::languages`]: what it lacks is said in English.
    pub fn words(&self, language: &Language) -> Words {
        let mut order = chain(language);
        if !order.contains(&Language::ENGLISH) {
            order.push(Language::ENGLISH);
        }
        Words::new(language.clone(), order.iter().filter_map(|language| self.words.get(language).cloned()).collect())
    }

    /// The text of a language's `spoken.ftl`.
    pub fn spoken_text(&self, language: &Language) -> Option<&str> {
        self.spoken.get(language).map(String::as_str)
    }

    /// A language's sentences, compiled.
    pub fn spoken(&self, language: &Language) -> Result<Spoken, LocaleError> {
        let text = self.spoken_text(language);
        Spoken::compile(language, text.ok_or_else(|| LocaleError::NoSuchLanguage { language: language.clone() })?)
    }

    /// The messages some language has for the screen and another lacks, as (the one lacking, message).
    pub fn missing_words(&self) -> Vec<(Language, String)> {
        let all: std::collections::BTreeSet<&String> =
            self.words.values().flat_map(|bundle| bundle.messages()).collect();
        let lacking = self.words.iter().flat_map(|(language, bundle)| {
            let missing = all.iter().filter(|message| !bundle.messages().contains(**message));
            missing.map(|message| (language.clone(), (*message).clone()))
        });
        lacking.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locales(files: &[(&str, &str)]) -> Result<Locales, LocaleError> {
        Locales::from_files(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())))
    }

    #[test]
    fn every_language_carried_has_every_message_and_compiles() {
        let locales = Locales::embedded().unwrap();
        assert_eq!(locales.missing_words(), []);
        assert!(locales.languages().contains(&Language::JAPANESE) && locales.languages().contains(&Language::ENGLISH));
        for language in locales.spoken_languages() {
            locales.spoken(&language).unwrap();
        }
    }

    #[test]
    fn a_message_is_said_in_the_nearest_language_that_has_it() {
        let locales = locales(&[
            (
                "en/console.ftl",
                "phones = { $n ->\n    [one] one phone\n   *[other] { $n } phones\n }\nonly-english = Only { $what }\n",
            ),
            ("ja/console.ftl", "phones = 電話機{ $n }台\n"),
            ("README.md", "not words"),
        ])
        .unwrap();
        let japanese = locales.words(&"ja-JP".parse().unwrap());
        let english = locales.words(&Language::ENGLISH);
        assert_eq!(japanese.say("phones", &[("n", 2_i64.into())]), "電話機2台");
        assert_eq!(english.say("phones", &[("n", 1_i64.into())]), "one phone");
        assert_eq!(english.say("phones", &[("n", 3_usize.into())]), "3 phones");
        assert_eq!(japanese.say("only-english", &[("what", "this".into())]), "Only this");
        assert_eq!(japanese.say("nowhere", &[]), "nowhere");
        assert_eq!(locales.missing_words(), [(Language::JAPANESE, "only-english".to_owned())]);
    }

    #[test]
    fn a_file_that_is_not_fluent_is_named_with_its_line() {
        let error = locales(&[("en/console.ftl", "fine = Fine\n\nbroken\n")]).unwrap_err();
        assert!(error.to_string().starts_with("en/console.ftl line 3:"), "{error}");
        let error = locales(&[("en/a.ftl", "x = 1\n"), ("en/b.ftl", "x = 2\n")]).unwrap_err();
        assert!(matches!(error, LocaleError::Twice { .. }), "{error}");
    }
}
