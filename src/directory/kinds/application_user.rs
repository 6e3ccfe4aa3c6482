//! Application users: programs that control calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Directory, DirectoryError, Kind, Listed};
use crate::vocab::{Name, Secret, UnixMillis};

/// An application user as it is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationUserDraft {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The role "standard CTI enabled": it may control the route points given to it.
    #[serde(default)]
    pub cti_enabled: bool,
    /// Its password; not shown again. Left as it is where it isn't given.
    #[serde(default, skip_serializing)]
    pub password: Option<Secret>,
}

/// An application user as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApplicationUserFields {
    /// Unique.
    pub name: String,
    /// For people.
    pub description: String,
    /// The role "standard CTI enabled".
    pub cti_enabled: bool,
    /// When its password was set; none means it has none, and can do nothing.
    pub password_set_at: Option<UnixMillis>,
}

/// Application users.
#[derive(Debug)]
pub struct ApplicationUsers;

impl Listed for ApplicationUsers {
    const TABLE: &'static Table = &APPLICATION_USERS;
    type View = Recorded<ApplicationUserFields>;
}

impl Kind for ApplicationUsers {
    type Draft = ApplicationUserDraft;

    async fn record(
        directory: &Directory,
        draft: ApplicationUserDraft,
        _before: Option<&Record>,
        now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let mut record = as_record(&draft)?;
        directory.keep_password(&mut record, draft.password, now).await?;
        Ok(record)
    }
}

pub(super) static APPLICATION_USERS: Table = Table {
    name: "application_users",
    what: "application user",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("cti_enabled", ColumnKind::Flag),
        Column::hidden("password_hash", ColumnKind::Text),
        Column::read_only("password_set_at", ColumnKind::Instant),
    ],
    usages: &[
        Usage { what: "route point", statement: "SELECT name FROM route_points WHERE application_user = $1" },
        Usage { what: "service", statement: "SELECT name FROM self_provisioning WHERE application_user = $1" },
    ],
};
