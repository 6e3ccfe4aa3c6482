//! End users as administrators keep them.

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::user_profile::USER_PROFILES;
use crate::db::DbConnection;
use crate::directory::kind::as_record;
use crate::directory::records::{self, Record};
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Directory, DirectoryError, Kind, Listed, Written};
use crate::vocab::{DirectoryNumber, Language, Name, RecordId, Secret, SelfServiceId, UnixMillis};

/// Digits of a self-service ID that is made for somebody without a number.
const MADE_DIGITS: u32 = 8;

/// An end user as given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDraft {
    /// The name they log in with; unique.
    pub user_id: Name,
    /// What they key in to say who they are; unique. If not given, it is the primary extension, or made.
    #[serde(default)]
    pub self_service_id: Option<SelfServiceId>,
    /// Their name for people; if not given, made of family and given name, or the user ID.
    #[serde(default)]
    pub name: Option<Name>,
    /// Their given name.
    #[serde(default)]
    pub given_name: String,
    /// Their family name.
    #[serde(default)]
    pub family_name: String,
    /// Their mail address.
    #[serde(default)]
    pub mail: String,
    /// The language they prefer.
    #[serde(default)]
    pub locale: Option<Language>,
    /// Whether they may do anything.
    #[serde(default)]
    pub status: UserStatus,
    /// Their PIN, at the phone; not shown again. Left as it is where it isn't given.
    #[serde(default, skip_serializing)]
    #[schemars(regex(pattern = "^[0-9]{4,20}$"))]
    pub pin: Option<Secret>,
    /// They must change their PIN before they use it for anything else.
    #[serde(default)]
    pub pin_must_change: bool,
    /// Their password, at a screen; not shown again. Left as it is where it isn't given.
    #[serde(default, skip_serializing)]
    pub password: Option<Secret>,
    /// They must change their password before they use it for anything else.
    #[serde(default)]
    pub password_must_change: bool,
    /// The number on line 1 of each of their phones.
    #[serde(default)]
    pub primary_extension: Option<DirectoryNumber>,
    /// Their profile's name; none means the system's default.
    #[serde(default)]
    pub profile: Option<String>,
}

/// Whether a user may do anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserStatus {
    /// They may.
    #[default]
    Active,
    /// They may not, and their credentials are worth nothing.
    Inactive,
}

/// An end user as shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UserFields {
    /// The name they log in with.
    pub user_id: String,
    /// What they key in to say who they are.
    pub self_service_id: SelfServiceId,
    /// Their name for people.
    pub name: String,
    /// Their given name.
    pub given_name: String,
    /// Their family name.
    pub family_name: String,
    /// Their mail address.
    pub mail: String,
    /// The language they prefer.
    pub locale: Option<Language>,
    /// Whether they may do anything.
    pub status: UserStatus,
    /// When their PIN was set; none means they have none.
    pub pin_set_at: Option<UnixMillis>,
    /// They must change it.
    pub pin_must_change: bool,
    /// When their password was set; none means they have none.
    pub password_set_at: Option<UnixMillis>,
    /// They must change it.
    pub password_must_change: bool,
    /// The number on line 1 of each of their phones.
    pub primary_extension: Option<DirectoryNumber>,
    /// Their profile's name; none means the system's default.
    pub profile: Option<String>,
}

/// End users.
#[derive(Debug)]
pub struct Users;

impl Listed for Users {
    const TABLE: &'static Table = &USERS;
    type View = Recorded<UserFields>;
}

impl Kind for Users {
    type Draft = UserDraft;
    const UNIQUE: &'static [&'static str] = &["self_service_id"];

    async fn record(
        directory: &Directory,
        draft: UserDraft,
        _before: Option<&Record>,
        now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let policy = directory.credential_policy().await?;
        let mut record = as_record(&draft)?;
        if draft.name.is_none() {
            let made = format!("{} {}", draft.family_name.trim(), draft.given_name.trim());
            let name = if made.trim().is_empty() { draft.user_id.as_str() } else { made.trim() };
            record.insert("name".to_owned(), name.into());
        }
        let extension = draft.primary_extension.as_ref().map(DirectoryNumber::as_str).unwrap_or_default();
        let self_service_id = match &draft.self_service_id {
            Some(id) => id.as_str().to_owned(),
            None if extension.parse::<SelfServiceId>().is_ok() => extension.to_owned(),
            None => made_id(),
        };
        if let Some(pin) = draft.pin {
            policy.check_pin(&pin, &[extension, &self_service_id])?;
            directory.keep(&mut record, "pin", pin, now).await?;
        }
        if let Some(password) = draft.password {
            policy.check_password(&password)?;
            directory.keep(&mut record, "password", password, now).await?;
        }
        record.insert("self_service_id".to_owned(), self_service_id.into());
        Ok(record)
    }

    /// Somebody's extension is a directory number, and reaches no application.
    async fn writing_all(db: &mut DbConnection, written: &[Written], now: UnixMillis) -> Result<(), DirectoryError> {
        let extensions: Vec<[String; 2]> = written
            .iter()
            .map(|user| records::text(&user.record, "primary_extension"))
            .filter(|extension| !extension.is_empty())
            .map(|extension| [extension, RecordId::new(now, rand::random()).to_string()])
            .collect();
        let extensions = serde_json::json!(extensions).to_string();
        let reached: Option<(String, String)> = sqlx::query_as(
            "SELECT given.value ->> 0, route_points.name FROM route_points, json_each(numbers) AS number \
             JOIN json_each($1) AS given ON given.value ->> 0 = number.value LIMIT 1",
        )
        .bind(&extensions)
        .fetch_optional(&mut *db)
        .await?;
        if let Some((extension, route_point)) = reached {
            return Err(DirectoryError::Refused {
                field: "primary_extension".to_owned(),
                code: "number-taken",
                fault: format!("{extension} reaches the route point \"{route_point}\""),
                remedy: "choose another number",
            });
        }
        sqlx::query(
            "INSERT INTO directory_numbers (id, created_at, updated_at, number) \
             SELECT value ->> 1, $2, $2, value ->> 0 FROM json_each($1) WHERE true ON CONFLICT (number) DO NOTHING",
        )
        .bind(&extensions)
        .bind(now.get())
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Random digits, the first not 0.
fn made_id() -> String {
    let first = 10_u64.pow(MADE_DIGITS - 1);
    rand::rng().random_range(first..first * 10).to_string()
}

pub(super) static USERS: Table = Table {
    name: "users",
    what: "user",
    key: "user_id",
    sort: "user_id",
    columns: &[
        Column::new("user_id", ColumnKind::Text),
        Column::new("self_service_id", ColumnKind::Text),
        Column::new("name", ColumnKind::Text),
        Column::new("given_name", ColumnKind::Text),
        Column::new("family_name", ColumnKind::Text),
        Column::new("mail", ColumnKind::Text),
        Column::new("locale", ColumnKind::Text),
        Column::new("status", ColumnKind::Text),
        Column::hidden("pin_hash", ColumnKind::Text),
        Column::hidden("sealed_pin", ColumnKind::Text),
        Column::read_only("pin_set_at", ColumnKind::Instant),
        Column::new("pin_must_change", ColumnKind::Flag),
        Column::hidden("password_hash", ColumnKind::Text),
        Column::hidden("sealed_password", ColumnKind::Text),
        Column::read_only("password_set_at", ColumnKind::Instant),
        Column::new("password_must_change", ColumnKind::Flag),
        Column::new("primary_extension", ColumnKind::Text),
        Column::new("profile", ColumnKind::Reference(&USER_PROFILES)),
    ],
    usages: &[Usage { what: "phone", statement: "SELECT name FROM phones WHERE \"user\" = $1 AND state = 'enrolled'" }],
};
