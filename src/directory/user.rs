//! End users.

use serde::{Deserialize, Serialize};

use crate::vocab::{DirectoryNumber, Language, Secret, SelfServiceId, UserId};

/// An end user.
#[derive(Clone, Debug, Serialize)]
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
}

/// A user to add.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// 1 to 128 characters, unique.
    pub user_id: String,
    /// Unique; the primary extension if not given.
    #[serde(default)]
    pub self_service_id: Option<SelfServiceId>,
    /// The user ID if not given.
    #[serde(default)]
    pub name: Option<String>,
    /// A language tag.
    #[serde(default)]
    pub locale: Option<Language>,
    /// 4 to 20 digits.
    #[serde(default)]
    pub pin: Option<Secret>,
    /// The number on line 1 of their phones.
    #[serde(default)]
    pub primary_extension: Option<DirectoryNumber>,
    /// A profile's name; the system's default if not given.
    #[serde(default)]
    pub profile: Option<String>,
}
