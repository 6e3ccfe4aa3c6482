//! Where a conversation is.
//!
//! It must not know how it got there or where it goes.

use std::time::Instant;

use crate::ivr::entry::Entry;
use crate::ivr::{DialogueEnding, Verdict};
use crate::vocab::{Secret, SelfServiceId};

/// Where a conversation is.
pub(super) enum Stage {
    /// Not answered yet.
    Waiting,
    /// Asked whether it may begin.
    Beginning,
    /// Which language? Those from this place on are on the keys.
    Choosing { from: usize },
    /// Which self-service ID?
    Identifying(Entry),
    /// Is it this one?
    Confirming(SelfServiceId),
    /// PIN or code?
    Authenticating { id: SelfServiceId, entry: Entry },
    /// Which PIN from now on?
    ChoosingPin { claimant: Claimant, entry: Entry },
    /// That one once more?
    RepeatingPin { claimant: Claimant, chosen: Secret, entry: Entry },
    /// The claim is being decided.
    Checking(Claim),
    /// Said goodbye; hangs up when that has been heard.
    Leaving(DialogueEnding),
    /// Hung up.
    Over,
}

/// Who the caller says they are, and how they prove it.
#[derive(Clone)]
pub(super) struct Claimant {
    /// Their self-service ID.
    pub(super) id: SelfServiceId,
    /// Their PIN or code; `None` where nothing has to be proven.
    pub(super) credential: Option<Secret>,
}

/// A claim being decided.
pub(super) struct Claim {
    /// Who claims.
    pub(super) claimant: Claimant,
    /// Whether their PIN changes with it.
    pub(super) changes_pin: bool,
    /// When it counts as failed.
    pub(super) answer_by: Instant,
    /// The verdict, if it came while “one moment, please” was still playing.
    pub(super) held: Option<Verdict>,
}

impl Stage {
    /// Whether keys are wanted.
    pub(super) fn asks(&self) -> bool {
        matches!(
            self,
            Self::Choosing { .. }
                | Self::Identifying(_)
                | Self::Confirming(_)
                | Self::Authenticating { .. }
                | Self::ChoosingPin { .. }
                | Self::RepeatingPin { .. }
        )
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Beginning => "beginning",
            Self::Choosing { .. } => "choosing",
            Self::Identifying(_) => "identifying",
            Self::Confirming(_) => "confirming",
            Self::Authenticating { .. } => "authenticating",
            Self::ChoosingPin { .. } => "choosing PIN",
            Self::RepeatingPin { .. } => "repeating PIN",
            Self::Checking(_) => "checking",
            Self::Leaving(_) => "leaving",
            Self::Over => "over",
        }
    }
}
