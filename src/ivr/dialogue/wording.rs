//! Which sentence asks a question, helps with it, or says goodbye.
//!
//! It must not know when: that is the dialogue's.

use super::stage::Stage;
use crate::ivr::{Authentication, DialogueEnding, Line, Refusal, Sentence};
use crate::vocab::Language;

/// The sentence that asks what this stage wants to know; `None` where a stage asks nothing, or asks in several languages.
pub(super) fn question(stage: &Stage, authentication: Authentication) -> Option<Sentence> {
    match stage {
        Stage::Identifying(_) => Some(Sentence::AskId),
        Stage::Confirming(id) => Some(Sentence::ConfirmId { id: id.clone() }),
        Stage::Authenticating { .. } => match authentication {
            Authentication::Users => Some(Sentence::AskPin),
            Authentication::UsersAndAdministrators => Some(Sentence::AskPinOrCode),
            Authentication::Administrators => Some(Sentence::AskCode),
            Authentication::None => None,
        },
        Stage::ChoosingPin { .. } => Some(Sentence::AskNewPin),
        Stage::RepeatingPin { .. } => Some(Sentence::RepeatNewPin),
        Stage::Waiting
        | Stage::Beginning
        | Stage::Choosing { .. }
        | Stage::Checking(_)
        | Stage::Leaving(_)
        | Stage::Over => None,
    }
}

/// The sentence that asks it again of someone who was silent.
pub(super) fn help(stage: &Stage, authentication: Authentication) -> Option<Sentence> {
    match stage {
        Stage::Identifying(_) => Some(Sentence::HelpId),
        Stage::Confirming(_) => Some(Sentence::HelpConfirm),
        Stage::Authenticating { .. } => match authentication {
            Authentication::Users | Authentication::UsersAndAdministrators => Some(Sentence::HelpPin),
            Authentication::Administrators => Some(Sentence::HelpCode),
            Authentication::None => None,
        },
        Stage::ChoosingPin { .. } => Some(Sentence::HelpNewPin),
        Stage::RepeatingPin { .. } => Some(Sentence::RepeatNewPin),
        Stage::Waiting
        | Stage::Beginning
        | Stage::Choosing { .. }
        | Stage::Checking(_)
        | Stage::Leaving(_)
        | Stage::Over => None,
    }
}

/// The sentence said before hanging up. A bound phone's has the extension in it and is made elsewhere; who hung up hears nothing.
pub(super) fn farewell(ending: DialogueEnding) -> Option<Sentence> {
    match ending {
        DialogueEnding::Refused(refusal) => Some(Sentence::Refused(refusal)),
        DialogueEnding::TooManyTries => Some(Sentence::TooManyTries),
        DialogueEnding::NoAnswer => Some(Sentence::NoAnswer),
        DialogueEnding::ServiceClosed => Some(Sentence::Refused(Refusal::ServiceClosing)),
        DialogueEnding::TooLong => Some(Sentence::TooLong),
        DialogueEnding::Bound | DialogueEnding::CallerHungUp => None,
    }
}

/// The choice of languages: each offered in itself, on the key of its place.
pub(super) fn language_menu<'a>(languages: impl Iterator<Item = &'a Language>) -> Vec<Line> {
    let offers = (1..)
        .zip(languages)
        .map(|(key, language)| Line { language: language.clone(), sentence: Sentence::LanguageChoice { key } });
    offers.collect()
}
