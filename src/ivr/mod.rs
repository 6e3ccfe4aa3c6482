//! The conversation of the self-provisioning service: a pure machine from keys, prompts' ends and ticks to sentences, questions and an ending.
//!
//! It must not know SIP, RTP, audio, files, the database, or the rules for who may claim a phone: it asks
//! ([`Output::Ask`]) and is told ([`Input::Verdict`]). Time is passed in. Sentences become recordings in the room above,
//! with [`crate::locale::Spoken`].

mod dialogue;
mod ending;
mod entry;
mod exchange;
mod key;
mod sentence;
mod settings;

pub use dialogue::Dialogue;
pub use ending::{DialogueEnding, Refusal};
pub use exchange::{Input, Line, NewPinReason, Output, PlayTag, Question, Verdict};
pub use key::{Key, KeyMeaning};
pub use sentence::{NextStep, SENTENCES, Sentence};
pub use settings::{Authentication, DialogueDraft, DialogueSettings, DigitsDuringPrompt};

/// Why a dialogue's settings, or a key, can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogueError {
    /// A number or a time outside its range.
    #[error("{key} is {given}; choose from {least} to {most}")]
    OutOfRange {
        /// The setting.
        key: &'static str,
        /// What it was set to.
        given: String,
        /// The least it may be.
        least: String,
        /// The most it may be.
        most: String,
    },
    /// No language, more than anybody would listen to, or one of them twice.
    #[error("languages: Selected Language should contain at least one language, up to 36, each once")]
    Languages,
    /// A character no telephone key has.
    #[error("not a telephone key; keys are 0-9, *, # and A-D")]
    Key,
}
