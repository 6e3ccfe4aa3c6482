//! Enrolment: how a phone becomes its user's phone (seed 003).
//!
//! It decides which file an unknown phone gets, who may claim which phone, binds the two in one transaction, has the phone
//! fetch its new configuration, and calls an enrolment complete only when the phone was seen to be back.
//! It knows nothing of calls or voices: the claim reaches it as digits and leaves as a verdict.

mod adaptation;
mod bind;
mod by_hand;
mod claim;
mod configuration;
mod ended;
mod ending;
mod fetch;
mod judgement;
mod lifting;
mod lockout;
mod new_password;
mod objection;
mod outfit;
mod pace;
mod pin_change;
mod preview;
mod push;
mod record;
mod requests;
mod rules;
mod service;
mod settings;
mod store;
mod turns;

use ended::log_step;

pub use by_hand::{Afterwards, Order};
pub use claim::{Claim, ClaimVerdict, Next};
pub use configuration::check_template;
pub use ending::{EnrolmentEnding, Step};
pub use fetch::{Fetch, FetchRequest};
pub use lifting::{Lockout, LockoutRow, LockoutRows};
pub use objection::Objection;
pub use pin_change::NewPinReason;
pub use preview::{Preview, PreviewRequest};
pub use push::CONNECTED_ELSEWHERE;
pub use record::{Enrolment, EnrolmentRows, TimelineStep};
pub use rules::Refusal;
pub use service::{Completed, Enrolments, Foundations};
pub use settings::{AuthenticationMode, EnrolmentSettings, LockoutSettings, PhoneDefaults, Proof};
pub use turns::{Turn, Turns};

use crate::db::DbError;
use crate::directory::DirectoryError;
use crate::provisioning::ProvisioningError;
use crate::registrar::RegistrarError;

/// What can go wrong in an enrolment. None of it changes anything.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The registrar failed.
    #[error(transparent)]
    Registrar(#[from] RegistrarError),
    /// A configuration could not be written.
    #[error(transparent)]
    Provisioning(#[from] ProvisioningError),
    /// A device template holds a setting no phone has.
    #[error("device template: {0}")]
    Template(String),
    /// A setting can't be used.
    #[error("{setting}: {fault}")]
    Setting {
        /// Its name in the configuration file.
        setting: &'static str,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// The caller has been told already that nothing was changed.
    #[error("a claim could not be decided in time")]
    TooLate,
    /// An administrator has cancelled the enrolment while the caller was heard.
    #[error("the enrolment was cancelled")]
    CalledOff,
    /// Work could not be done in the background.
    #[error("the server is stopping")]
    Stopped,
}

impl From<sqlx::Error> for EnrolmentError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Statement(error))
    }
}
