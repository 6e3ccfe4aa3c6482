//! Where a conversation is.
//!
//! It must not know how it got there or where it goes.

use std::time::Instant;

use crate::ivr::entry::Entry;
use crate::ivr::{DialogueEnding, Verdict};
use crate::vocab::SelfServiceId;

/// Where a conversation is.
pub(super) enum Stage {
    /// Not answered yet.
    Waiting,
    /// Asked whether it may begin.
    Beginning,
    /// Which language?
    Choosing,
    /// Which self-service ID?
    Identifying(Entry),
    /// Is it this one?
    Confirming(SelfServiceId),
    /// PIN or code?
    Authenticating { id: SelfServiceId, entry: Entry },
    /// The claim is being decided.
    Checking(Claim),
    /// Said goodbye; hangs up when that has been heard.
    Leaving(DialogueEnding),
    /// Hung up.
    Over,
}

/// A claim being decided.
pub(super) struct Claim {
    /// When it counts as failed.
    pub(super) answer_by: Instant,
    /// The verdict, if it came while “one moment, please” was still playing.
    pub(super) held: Option<Verdict>,
}

impl Stage {
    /// Whether keys are wanted.
    pub(super) fn asks(&self) -> bool {
        matches!(self, Self::Choosing | Self::Identifying(_) | Self::Confirming(_) | Self::Authenticating { .. })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Beginning => "beginning",
            Self::Choosing => "choosing",
            Self::Identifying(_) => "identifying",
            Self::Confirming(_) => "confirming",
            Self::Authenticating { .. } => "authenticating",
            Self::Checking(_) => "checking",
            Self::Leaving(_) => "leaving",
            Self::Over => "over",
        }
    }
}
