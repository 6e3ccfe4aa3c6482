//! End users as the other rooms know them.

use super::Credential;
use crate::vocab::{DirectoryNumber, Language, SelfServiceId, UnixMillis, UserId};

/// An end user.
#[derive(Clone, Debug)]
pub struct User {
    /// Names the record.
    pub id: UserId,
    /// The name they log in with.
    pub user_id: String,
    /// What they key in to say who they are.
    pub self_service_id: SelfServiceId,
    /// Their name for people.
    pub name: String,
    /// The language they prefer.
    pub locale: Option<Language>,
    /// The number on line 1 of each of their phones.
    pub primary_extension: Option<DirectoryNumber>,
    /// Their profile's name; none means the system's default.
    pub profile: Option<String>,
    /// False for somebody who may do nothing.
    pub is_active: bool,
}

/// A user's PIN.
#[derive(Clone, Debug)]
pub struct Pin {
    /// What a PIN is compared with.
    pub kept: Credential,
    /// When it was set.
    pub set_at: UnixMillis,
    /// Whether it has to be changed before it is good for anything else.
    pub must_change: bool,
}
