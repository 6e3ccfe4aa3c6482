//! Portal accounts: people who look after groups of lines and see no others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::user::UserStatus;
use crate::db::DbConnection;
use crate::directory::kind::as_record;
use crate::directory::records::{self, Record};
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Directory, DirectoryError, Kind, Listed};
use crate::vocab::{Language, Name, Secret, TimeZone, UnixMillis};

/// A portal account as it is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortalAccountDraft {
    /// The name it logs in with; unique.
    pub login: Name,
    /// Whose it is, for people.
    #[serde(default)]
    pub description: String,
    /// Its mail address.
    #[serde(default)]
    pub mail: String,
    /// The language it prefers.
    #[serde(default)]
    pub locale: Option<Language>,
    /// The time zone of its clocks.
    #[serde(default)]
    pub time_zone: TimeZone,
    /// Whether it may do anything.
    #[serde(default)]
    pub status: UserStatus,
    /// Its password; not shown again. Left as it is where it isn't given. A new one ends its sessions.
    #[serde(default, skip_serializing)]
    pub password: Option<Secret>,
}

/// A portal account as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PortalAccountFields {
    /// The name it logs in with.
    pub login: String,
    /// Whose it is, for people.
    pub description: String,
    /// Its mail address.
    pub mail: String,
    /// The language it prefers.
    pub locale: Option<Language>,
    /// The time zone of its clocks.
    pub time_zone: TimeZone,
    /// Whether it may do anything.
    pub status: UserStatus,
    /// When its password was set; none means it has none, and can't log in.
    pub password_set_at: Option<UnixMillis>,
}

/// Portal accounts.
#[derive(Debug)]
pub struct PortalAccounts;

impl Listed for PortalAccounts {
    const TABLE: &'static Table = &PORTAL_ACCOUNTS;
    type View = Recorded<PortalAccountFields>;
}

impl Kind for PortalAccounts {
    type Draft = PortalAccountDraft;

    async fn record(
        directory: &Directory,
        draft: PortalAccountDraft,
        _before: Option<&Record>,
        now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let mut record = as_record(&draft)?;
        directory.keep_password(&mut record, draft.password, now).await?;
        Ok(record)
    }

    /// Who had the old password has nothing any more.
    async fn writing(db: &mut DbConnection, id: &str, record: &Record, _now: UnixMillis) -> Result<(), DirectoryError> {
        if record.contains_key("password_hash") || records::text(record, "status") == "inactive" {
            sqlx::query("DELETE FROM portal_sessions WHERE account = $1").bind(id).execute(db).await?;
        }
        Ok(())
    }
}

pub(super) static PORTAL_ACCOUNTS: Table = Table {
    name: "portal_accounts",
    what: "portal account",
    key: "login",
    sort: "login",
    columns: &[
        Column::new("login", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("mail", ColumnKind::Text),
        Column::new("locale", ColumnKind::Text),
        Column::new("time_zone", ColumnKind::Text),
        Column::new("status", ColumnKind::Text),
        Column::hidden("password_hash", ColumnKind::Text),
        Column::read_only("password_set_at", ColumnKind::Instant),
    ],
    usages: &[Usage { what: "line group", statement: "SELECT name FROM line_groups WHERE account = $1" }],
};
