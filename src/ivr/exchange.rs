//! What goes into a dialogue and what comes out of it.
//!
//! It must not know who delivers these, nor how.

use super::{DialogueEnding, Key, NextStep, Refusal, Sentence};
use crate::vocab::{DirectoryNumber, Language, Secret, SelfServiceId};

/// Something happened to the call.
#[derive(Debug, Clone)]
pub enum Input {
    /// The call is up and can be spoken on.
    Answered,
    /// The caller pressed a key.
    Digit(Key),
    /// What [`Output::Play`] asked for has been played to its end.
    PromptDone {
        /// The tag it was asked for with.
        tag: PlayTag,
    },
    /// [`super::Dialogue::deadline`] has come.
    Elapsed,
    /// The answer to [`Output::Ask`].
    Verdict(Verdict),
    /// The service stops soon: say so and leave.
    ServiceClosing,
    /// The call is gone.
    HungUp,
}

/// Something to do for the call, in the order given.
#[derive(Debug, Clone)]
pub enum Output {
    /// Play these lines one after the other and report [`Input::PromptDone`] with the tag. Nothing else is playing then.
    Play {
        /// Tells this playing from every other of the conversation.
        tag: PlayTag,
        /// What to say; at least one line.
        lines: Vec<Line>,
    },
    /// Stop what is playing at once. Its end isn't reported (if it is, it is passed over).
    StopPlaying,
    /// Decide this, and give the answer as [`Input::Verdict`] within [`super::DialogueDraft::answer_within`].
    ///
    /// A claim that can't be decided in that time must be undone: the caller is told that nothing was changed.
    Ask(Question),
    /// End the call; the conversation is over, and nothing comes out of it any more.
    HangUp(DialogueEnding),
}

/// Tells one [`Output::Play`] of a conversation from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayTag(pub u32);

/// One sentence in one language. A menu of languages says each line in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The language to say it in.
    pub language: Language,
    /// What to say.
    pub sentence: Sentence,
}

/// What the dialogue can't decide itself.
#[derive(Debug, Clone)]
pub enum Question {
    /// May a conversation begin at all on this call? Answered by [`Verdict::Proceed`] or [`Verdict::Refused`].
    Begin,
    /// Give the phone to this user. Answered by every verdict but [`Verdict::Proceed`].
    Claim {
        /// Who the caller says they are; it may be nobody's.
        id: SelfServiceId,
        /// What they keyed in to prove it; `None` where the settings ask for nothing.
        credential: Option<Secret>,
        /// The PIN they want from now on, keyed in twice, after [`Verdict::NewPin`].
        new_pin: Option<Secret>,
    },
}

/// Why a caller has to choose another PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPinReason {
    /// The one they have is due.
    Due,
    /// The one they chose has too few digits.
    TooShort,
    /// Anybody would guess it.
    TooEasy,
    /// It is the one they have.
    NotNew,
}

/// The answer to a [`Question`]. One that doesn't fit the question is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The conversation may begin.
    Proceed,
    /// The phone is the caller's now.
    Bound {
        /// Their primary extension, to be read out.
        extension: DirectoryNumber,
        /// What the phone does next.
        next: NextStep,
    },
    /// The caller is who they say, and has to choose another PIN first: claim again with it. Nothing was changed.
    NewPin(NewPinReason),
    /// The ID is nobody's, or the credential is not theirs: the caller isn't told which.
    WrongCredentials,
    /// No, and why.
    Refused(Refusal),
}
