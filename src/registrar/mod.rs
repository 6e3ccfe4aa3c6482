//! The registrar: who is where (RFC 3261 section 10.3), whether they are who they say (RFC 7616, 8760), and temporary numbers
//! for phones nobody knows yet.
//!
//! It answers from memory and acknowledges after the commit. It knows phones and their accounts, not what an enrolment or a call is.

mod admission;
mod admission_settings;
mod authentication;
mod auto_registration;
mod binding;
mod bindings;
mod events;
mod gruu;
mod guess_news;
mod guessing;
mod journal;
mod keeper;
mod learning;
mod line_observations;
mod line_status;
mod listing;
mod location;
mod newcomer;
mod number_range;
mod refused_certificates;
mod registration;
mod service;
mod service_route;
mod store;
mod subscriptions;
mod usrloc;
mod wall_clock;

pub use admission::{Admission, AutoRegistrationSettings, Candidate, PoolLevel, Refusal, generated_name};
pub use admission_settings::AutoRegistrationKind;
pub use authentication::{Unproven, Verdict};
pub use auto_registration::AutoRegistration;
pub use binding::Binding;
pub use events::{NewsQueue, RegistrarEvent, RegistrarNews};
pub use gruu::GruuHolder;
pub use guess_news::{GUESSED, LET_IN};
pub use guessing::{Guesses, Scope as ShutOutScope, ShutOut, Standing as GuessStanding, WrongPasswordSettings};
pub use line_status::{
    Asked, Cause, Failure, LastRegister, Line, LineHistory, LineHistoryEntry, LineState, LineStatusSettings, LineWatch,
    PhoneLines, Reason, Sighting, Standing, StrangerRecord, Strangers,
};
pub use location::Location;
pub use number_range::NumberRange;
pub use service::{Registrar, RegistrarSettings, SUSPENDED};
pub use service_route::{NoServiceRoute, ServiceRoute};
pub use store::purge_released;
pub use subscriptions::Subscriptions;

use crate::db::DbError;
use crate::directory::DirectoryError;

/// The extensions a REGISTER may ask for: Path (RFC 3327), Outbound (RFC 5626), GRUU (RFC 5627).
pub const EXTENSIONS: [&str; 3] = ["path", "outbound", "gruu"];

/// What can go wrong in the registrar.
#[derive(Debug, thiserror::Error)]
pub enum RegistrarError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The table that is shared with the rest of the stack has another form than the one that is understood.
    #[error(
        "the table \"location\" has schema {found} in the table \"version\", and schema {known} is understood; use a database \
         whose usrloc tables are those of Kamailio 5.6"
    )]
    LocationSchema {
        /// What it has; 0 if that isn't said.
        found: i32,
        /// What it should have.
        known: i32,
    },
    /// The database takes too long.
    #[error("the database takes too long")]
    Late,
    /// The database is there and can't hold a registration.
    #[error("the database can't hold the registration")]
    Refused,
    /// The committing task has stopped.
    #[error("the registrar has stopped")]
    Stopped,
}

impl RegistrarError {
    /// True where the database is there, and will never take what it was given.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Db(error) if error.is_refusal())
    }
}

impl From<sqlx::Error> for RegistrarError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Statement(error))
    }
}
