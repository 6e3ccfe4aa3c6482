//! The directory: end users, their profiles and templates, phones and lines, and the secrets that go with them.
//!
//! It says who and what exists. It does not know how a phone registers, what it is sent, or how its user proves who they are at the phone.

mod account;
mod account_store;
mod audit;
mod bulk;
mod credential;
mod credential_policy;
mod dr_forward;
mod event;
mod event_store;
mod feed;
mod hashing;
mod idempotency;
mod jobs;
mod kind;
mod kinds;
mod listing;
mod phone;
mod portal;
mod portal_store;
mod profile;
mod quick_add;
mod records;
mod seal;
mod sealed;
mod service;
mod settings;
mod store;
mod table;
mod template_variables;
mod token;
mod under_way;
mod user;

pub use account::{Account, Accounts};
pub use audit::{
    Action, Actor, ActorKind, Audit, AuditRecord, Change, note_phone, purge_of_phones, write as write_audit,
};
pub use credential::CredentialHash;
pub use credential_policy::CredentialPolicy;
pub use dr_forward::DrForward;
pub use event::{Event, EventRows, Happening, PoolFill, ServiceGeneration, Severity};
pub use event_store::{tell, tell_all};
pub use feed::{EventFilter, EventPage, Feed};
pub use idempotency::{Repetition, StoredAnswer};
pub use jobs::{
    Fault, ImportFile, ImportMode, ImportOptions, JOB_CANCELLED, Job, JobFields, JobKind, JobPlace, JobRecords,
    JobRunner, JobState, Jobs, LARGEST_FILE, MOST_FAULTS, OnExisting, RowFault, Tally,
};
pub use kind::{Kept, Kind, Listed, Page, Written, as_record, read_draft};
pub use kinds::{
    ApplicationUserDraft, ApplicationUserFields, ApplicationUsers, CodecName, CredentialPolicyKind, DeskTransport,
    DeviceLimit, DeviceTemplate, DeviceTemplates, DeviceType, DirectoryNumberDraft, DirectoryNumbers,
    FeatureGroupTemplate, FeatureGroupTemplates, LineGroup, LineGroups, LinePatch, LineRecord, LineStateName,
    LineTemplate, LineTemplates, Lines, NumberPool, NumberPools, PhoneReservation, PhoneReservations, PhoneRow, Phones,
    PortalAccountDraft, PortalAccountFields, PortalAccounts, Recorded, RoutePoint, RoutePoints, TokenDraft, Tokens,
    UserDraft, UserFields, UserProfileDraft, UserProfiles, UserStatus, Users,
};
pub use listing::{Filter, FilterValue, LARGEST_PAGE, Listing, ListingError, USUAL_PAGE, filterable};
pub use phone::{Line, Phone, PhoneState};
pub use portal::{PortalBearer, PortalReminder, PortalSession};
pub use profile::UserProfile;
pub use quick_add::{QuickAdd, QuickAdded};
pub use records::Record;
pub use seal::Sealer;
pub use sealed::Credential;
pub use service::Directory;
pub use settings::Settings;
pub use store::{insert_line, load_phone, next_phone_secret, set_pin};
pub use table::{Column, ColumnKind, Table};
pub use template_variables::TemplateVariables;
pub use token::{Bearer, Role, TokenHash};
pub use under_way::UnderWay;
pub use user::{Pin, User};

use crate::db::DbError;

/// What can go wrong in the directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A value that must be unique is taken.
    #[error("{field}: \"{value}\" is already used; choose another")]
    Taken {
        /// The field's name in the API.
        field: &'static str,
        /// The value asked for.
        value: String,
    },
    /// A value can't be taken.
    #[error("{field}: {fault}; {remedy}")]
    Refused {
        /// The field's name in the API.
        field: String,
        /// Names the fault for the words of other languages.
        code: &'static str,
        /// What is wrong with it.
        fault: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// There is no such record.
    #[error("there is no such {what}")]
    NotFound {
        /// The kind of record.
        what: &'static str,
    },
    /// It has changed since it was read.
    #[error("the {what} has changed since it was read; read it again")]
    Outdated {
        /// The kind of record.
        what: &'static str,
    },
    /// Something refers to it.
    #[error("the {what} is in use by the {by} {}; take it away there first", names.join(", "))]
    InUse {
        /// The kind of record.
        what: &'static str,
        /// What kind of thing refers to it.
        by: &'static str,
        /// The names of a few of them.
        names: Vec<String>,
    },
    /// A parameter of a list can't be taken.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// The database belongs to another key.
    #[error(
        "the secrets in the database are sealed with another key; put the secret.key they were sealed with into the data folder"
    )]
    OtherKey,
    /// A stored value can't be read: the database was changed by hand, or the key is another one.
    #[error("stored {what} cannot be read: {fault}")]
    Unreadable {
        /// What was being read.
        what: &'static str,
        /// Why not.
        fault: String,
    },
}

impl From<sqlx::Error> for DirectoryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Statement(error))
    }
}
