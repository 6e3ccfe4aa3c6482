//! The directory: end users, their profiles and templates, phones and lines, and the secrets that go with them.
//!
//! It says who and what exists. It does not know how a phone registers, what it is sent, or how its user proves who they are at the phone.

mod account;
mod credential;
mod event;
mod hashing;
mod phone;
mod profile;
mod seal;
mod service;
mod store;
mod token;
mod user;

pub use account::{Account, Accounts};
pub use credential::CredentialHash;
pub use event::Event;
pub use phone::{Line, Phone, PhoneState};
pub use profile::{DeviceTemplate, LineTemplate, NewProfile, TemplateVariables, UserProfile};
pub use seal::Sealer;
pub use service::Directory;
pub use store::{insert_line, load_phone, next_phone_secret, record_event};
pub use token::{Role, TokenHash};
pub use user::{NewUser, User};

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
        field: &'static str,
        /// What is wrong with it.
        fault: String,
        /// What to do instead.
        remedy: &'static str,
    },
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
