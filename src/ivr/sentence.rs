//! Everything the voice can say: the catalogue that each `spoken.ftl` must cover.
//!
//! It must not know any language, nor the recordings.

use crate::locale::SentenceShape;
use crate::vocab::{DirectoryNumber, SelfServiceId};

use super::{NewPinReason, Refusal};

/// What a phone does once it is its user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// It fetches its configuration and may restart.
    Restart,
    /// It works as it is.
    Ready,
}

/// A sentence to say, with what it needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentence {
    /// Greeting.
    Welcome,
    /// “For this language, press …”.
    LanguageChoice {
        /// The key, 1 to 9.
        key: u8,
    },
    /// Asks for the self-service ID.
    AskId,
    /// Asks again, with what the ID is.
    HelpId,
    /// Reads the ID back and asks whether it is right.
    ConfirmId {
        /// The ID entered.
        id: SelfServiceId,
    },
    /// Asks that again.
    HelpConfirm,
    /// Asks for the PIN.
    AskPin,
    /// Asks for the PIN or the administrator's code.
    AskPinOrCode,
    /// Asks for the administrator's code.
    AskCode,
    /// Asks for the PIN again.
    HelpPin,
    /// Asks for the code again.
    HelpCode,
    /// Asks for a new PIN.
    AskNewPin,
    /// Asks for the new PIN again.
    HelpNewPin,
    /// Asks for the new PIN once more, to be sure of it.
    RepeatNewPin,
    /// The two were not the same.
    NewPinsDiffer,
    /// Why another PIN has to be chosen.
    NewPinReason(NewPinReason),
    /// The PIN was changed.
    NewPinSet,
    /// More digits than there can be.
    EntryTooLong,
    /// The answer takes a moment.
    Checking,
    /// ID or PIN wrong; try again.
    WrongCredentials,
    /// ID or PIN wrong; goodbye.
    TooManyTries,
    /// No, why, and what to do; goodbye.
    Refused(Refusal),
    /// Silence; goodbye.
    NoAnswer,
    /// The conversation took too long; goodbye.
    TooLong,
    /// The phone is the caller's; goodbye.
    Bound {
        /// Their extension.
        extension: DirectoryNumber,
        /// What the phone does next.
        next: NextStep,
    },
    /// Said when the enrolled phone is rung back.
    RingBack {
        /// Its extension.
        extension: DirectoryNumber,
    },
}

/// Every sentence there is, with its arguments.
pub const SENTENCES: &[SentenceShape] = &[
    shape("welcome", &[]),
    shape("language-choice", &["key"]),
    shape("ask-id", &[]),
    shape("help-id", &[]),
    shape("confirm-id", &["id"]),
    shape("help-confirm", &[]),
    shape("ask-pin", &[]),
    shape("ask-pin-or-code", &[]),
    shape("ask-code", &[]),
    shape("help-pin", &[]),
    shape("help-code", &[]),
    shape("pin-change", &[]),
    shape("ask-new-pin", &[]),
    shape("help-new-pin", &[]),
    shape("repeat-new-pin", &[]),
    shape("new-pins-differ", &[]),
    shape("new-pin-too-short", &[]),
    shape("new-pin-too-easy", &[]),
    shape("new-pin-is-old", &[]),
    shape("new-pin-set", &[]),
    shape("entry-too-long", &[]),
    shape("checking", &[]),
    shape("wrong-credentials", &[]),
    shape("too-many-tries", &[]),
    shape("not-enabled", &[]),
    shape("no-primary-extension", &[]),
    shape("no-device-template", &[]),
    shape("device-limit", &[]),
    shape("already-provisioned", &[]),
    shape("locked-out", &[]),
    shape("phone-unknown", &[]),
    shape("service-closing", &[]),
    shape("not-now", &[]),
    shape("no-answer", &[]),
    shape("too-long", &[]),
    shape("bound-restart", &["extension"]),
    shape("bound-ready", &["extension"]),
    shape("ring-back", &["extension"]),
];

const fn shape(id: &'static str, arguments: &'static [&'static str]) -> SentenceShape {
    SentenceShape { id, arguments }
}

impl Sentence {
    /// Its name in `spoken.ftl`.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::LanguageChoice { .. } => "language-choice",
            Self::AskId => "ask-id",
            Self::HelpId => "help-id",
            Self::ConfirmId { .. } => "confirm-id",
            Self::HelpConfirm => "help-confirm",
            Self::AskPin => "ask-pin",
            Self::AskPinOrCode => "ask-pin-or-code",
            Self::AskCode => "ask-code",
            Self::HelpPin => "help-pin",
            Self::HelpCode => "help-code",
            Self::AskNewPin => "ask-new-pin",
            Self::HelpNewPin => "help-new-pin",
            Self::RepeatNewPin => "repeat-new-pin",
            Self::NewPinsDiffer => "new-pins-differ",
            Self::NewPinReason(NewPinReason::Due) => "pin-change",
            Self::NewPinReason(NewPinReason::TooShort) => "new-pin-too-short",
            Self::NewPinReason(NewPinReason::TooEasy) => "new-pin-too-easy",
            Self::NewPinReason(NewPinReason::NotNew) => "new-pin-is-old",
            Self::NewPinSet => "new-pin-set",
            Self::EntryTooLong => "entry-too-long",
            Self::Checking => "checking",
            Self::WrongCredentials => "wrong-credentials",
            Self::TooManyTries => "too-many-tries",
            Self::Refused(refusal) => refusal.code(),
            Self::NoAnswer => "no-answer",
            Self::TooLong => "too-long",
            Self::Bound { next: NextStep::Restart, .. } => "bound-restart",
            Self::Bound { next: NextStep::Ready, .. } => "bound-ready",
            Self::RingBack { .. } => "ring-back",
        }
    }

    /// Its arguments by name, as [`crate::locale::Spoken::sentence`] takes them.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::LanguageChoice { key } => vec![("key", key.to_string())],
            Self::ConfirmId { id } => vec![("id", id.to_string())],
            Self::Bound { extension, .. } | Self::RingBack { extension } => vec![("extension", extension.to_string())],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::{Locales, SpokenFiles, check_prompts};

    fn one_of_each() -> Vec<Sentence> {
        use Sentence::*;
        let extension: DirectoryNumber = "2001".parse().unwrap();
        let mut sentences = vec![
            Welcome,
            LanguageChoice { key: 2 },
            AskId,
            HelpId,
            ConfirmId { id: "1001".parse().unwrap() },
            HelpConfirm,
            AskPin,
            AskPinOrCode,
            AskCode,
            HelpPin,
            HelpCode,
            AskNewPin,
            HelpNewPin,
            RepeatNewPin,
            NewPinsDiffer,
            NewPinReason(super::NewPinReason::Due),
            NewPinReason(super::NewPinReason::TooShort),
            NewPinReason(super::NewPinReason::TooEasy),
            NewPinReason(super::NewPinReason::NotNew),
            NewPinSet,
            EntryTooLong,
            Checking,
            WrongCredentials,
            TooManyTries,
            NoAnswer,
            TooLong,
            Bound { extension: extension.clone(), next: NextStep::Restart },
            Bound { extension: extension.clone(), next: NextStep::Ready },
            RingBack { extension },
        ];
        sentences.extend(Refusal::ALL.map(Refused));
        sentences
    }

    #[test]
    fn the_catalogue_has_every_sentence_with_the_arguments_it_gives() {
        let sentences = one_of_each();
        assert_eq!(sentences.len(), SENTENCES.len());
        for sentence in sentences {
            let shape = SENTENCES.iter().find(|shape| shape.id == sentence.id()).unwrap();
            let given: Vec<_> = sentence.arguments().iter().map(|(name, _)| *name).collect();
            assert_eq!(given, shape.arguments, "{}", sentence.id());
        }
    }

    #[test]
    fn every_language_can_say_the_whole_catalogue_and_nothing_else() {
        let locales = Locales::embedded().unwrap();
        for language in &locales.spoken_languages() {
            let spoken = locales.spoken_text(language).unwrap();
            let files = SpokenFiles { language, spoken, manifest: None, files: None };
            let faults: Vec<_> = check_prompts(SENTENCES, &[files]).iter().map(ToString::to_string).collect();
            assert_eq!(faults, [""; 0]);
        }
    }
}
