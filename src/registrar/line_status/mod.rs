//! Why a line is down: how each line stands, what went wrong last, and its history.
//!
//! The registrar tells what it decides ([`Observation`]) to a task of its own ([`LineWatch`]) and never waits for it. What
//! an observation makes of a line is pure ([`Standing`], `board.rs`). It must not know who looks at it, nor in which language.

mod board;
mod history;
mod journal;
mod observation;
mod reason;
mod settings;
mod standing;
mod store;
mod strangers;
mod verification;
mod watch;

pub use board::{Line, PhoneLines};
pub use history::{LineHistory, LineHistoryEntry, StrangerRecord, Strangers};
pub use observation::{Asked, Named, Observation, Observed, Sighting};
pub(super) use observation::{address_asked_for, is_refresh, moved_from, name_kept};
pub use reason::Reason;
pub use settings::LineStatusSettings;
pub use standing::{Cause, Failure, LastRegister, LineNews, LineState, Standing};
pub use watch::LineWatch;
