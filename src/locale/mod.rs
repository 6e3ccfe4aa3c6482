//! Words: those on a screen ([`Words`]) and those the voice speaks ([`Spoken`]), both written in Fluent under `locales/<language>/`.
//!
//! It must not know who asks: no call, no page, no setting. `spoken.ftl` is the voice's; every other `.ftl` file is the screen's.

mod bundle;
mod embedded;
mod negotiation;
mod prompt_check;
mod sentence;
mod spoken;
mod words;

pub use embedded::Locales;
pub use negotiation::negotiate;
pub use prompt_check::{PromptFault, PromptManifest, Recording, SentenceShape, SpokenFiles, check_prompts};
pub use spoken::Spoken;
pub use words::{Value, Words};

use crate::vocab::Language;

/// Why a locale file can't be used, or a sentence can't be spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocaleError {
    /// A file isn't Fluent.
    #[error("{language}/{file} line {line}: {fault}; mend the Fluent syntax there")]
    Syntax {
        /// The file's language.
        language: Language,
        /// The file's name.
        file: String,
        /// Where, counted from 1.
        line: usize,
        /// What the parser says.
        fault: String,
    },
    /// Two messages of one language have the same name.
    #[error("{language}/{file}: {fault}; keep one of them")]
    Twice {
        /// The file's language.
        language: Language,
        /// The file that has the second one.
        file: String,
        /// Which one.
        fault: String,
    },
    /// A line of `spoken.ftl` can't be spoken.
    #[error("{language}/spoken.ftl line {line}, {entry}: {fault}")]
    Unspeakable {
        /// The file's language.
        language: Language,
        /// Where the entry starts, counted from 1.
        line: usize,
        /// The term (with its `-`) or message.
        entry: String,
        /// What is wrong and what to write.
        fault: SpokenFault,
    },
    /// The language has no such sentence.
    #[error("{language}/spoken.ftl has no sentence {sentence}; add it")]
    UnknownSentence {
        /// The language.
        language: Language,
        /// The sentence asked for.
        sentence: String,
    },
    /// A sentence needs an argument that wasn't given, or one that can't be read out.
    #[error("{language}/spoken.ftl, {sentence}: ${argument} is missing, or is not digits, * and #")]
    Argument {
        /// The language.
        language: Language,
        /// The sentence asked for.
        sentence: String,
        /// The argument's name.
        argument: String,
    },
    /// The language isn't among the files.
    #[error("there are no words in {language}; add locales/{language}/spoken.ftl")]
    NoSuchLanguage {
        /// The language asked for.
        language: Language,
    },
    /// `prompts/<language>/manifest.toml` can't be read.
    #[error("prompts/{language}/manifest.toml: {fault}; make the recordings again")]
    Manifest {
        /// The manifest's language.
        language: Language,
        /// What the parser says.
        fault: String,
    },
}

/// What keeps an entry of `spoken.ftl` from being spoken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpokenFault {
    /// Letters or digits outside a recording: nobody recorded them.
    #[error("“{0}” is in no recording; put the words into a term of their own")]
    Letters(String),
    /// A term that isn't there.
    #[error("there is no recording -{0}; add the term, or name another")]
    NoRecording(String),
    /// A placeable that is neither a recording nor `DIGITS($x)` nor a choice between them.
    #[error("a sentence holds only recordings, DIGITS($x) and selectors on a $variable")]
    Placeable,
    /// A term with something besides plain text, or with no text.
    #[error("a recording is one line of plain text")]
    NotPlain,
    /// A name no recording's file can have.
    #[error("a recording's name is a-z, 0-9 and -, starting with a letter, at most 64")]
    Name,
    /// The same name twice.
    #[error("it is there twice; keep one")]
    Twice,
    /// An attribute (`.name =`), which nothing reads.
    #[error("attributes mean nothing here; take them out")]
    Attribute,
}
