//! Lines: numbers on the keys of phones. What is on one is the template's, unless an administrator gave it a label or name
//! of its own.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::directory::audit::{self, Action, Actor};
use crate::directory::kind::{Kept, read_draft};
use crate::directory::records;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{DeviceType, Directory, DirectoryError, Listed};
use crate::vocab::{DirectoryNumber, Name, PhoneId, UnixMillis};

/// A line as shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LineRecord {
    /// Names the record: the phone and the key.
    pub id: String,
    /// Grows with every change.
    pub version: u64,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
    /// The phone it is on.
    pub phone: PhoneId,
    /// The name of that phone.
    pub phone_name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// The name the phone's user logs in with.
    pub user: Option<String>,
    /// The key, from 1.
    pub position: u8,
    /// The number that rings it.
    pub number: DirectoryNumber,
    /// What the phone shows beside the key.
    pub label: String,
    /// The name callers see.
    pub display: String,
    /// True if the label is not the template's.
    pub has_own_label: bool,
    /// True if the name is not the template's.
    pub has_own_display: bool,
    /// What its phone is, as its device template says.
    pub r#type: DeviceType,
    /// The group of its number.
    pub line_group: Option<String>,
    /// Where that group's phones are.
    pub site: String,
    /// The portal account that looks after that group.
    pub account: Option<String>,
    /// Whether it is registered.
    pub state: LineStateName,
    /// Why, in a word: `registered`, `not-supported`, `never-received`, `expired`, `wrong-password`, …
    pub code: String,
    /// Since when; none if it never was registered.
    pub state_since: Option<UnixMillis>,
    /// True while it is registered and lost again and again.
    pub is_flapping: bool,
    /// When the last REGISTER came that named it. In lists up to a minute old while it is registered; its `status` says it
    /// exactly.
    pub last_register_at: Option<UnixMillis>,
    /// The latest error.
    pub last_error: Option<String>,
    /// When that happened last.
    pub last_error_at: Option<UnixMillis>,
}

/// Whether a line is registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineStateName {
    /// It is.
    Registered,
    /// It is not.
    NotRegistered,
    /// Lines of its type don't register.
    NotSupported,
}

impl LineStateName {
    /// As the database and the API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::NotRegistered => "not-registered",
            Self::NotSupported => "not-supported",
        }
    }
}

/// What can be changed of a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinePatch {
    /// What the phone shows beside the key; `null` makes it the template's again.
    #[serde(default, deserialize_with = "given")]
    pub label: Option<Option<Name>>,
    /// The name callers see; `null` makes it the template's again.
    #[serde(default, deserialize_with = "given")]
    pub display: Option<Option<Name>>,
}

/// Tells `null` from a field that isn't there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Name>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Lines.
#[derive(Debug)]
pub struct Lines;

impl Listed for Lines {
    const TABLE: &'static Table = &LINES;
    type View = LineRecord;
}

static LINES: Table = Table {
    name: "line_records",
    what: "line",
    key: "id",
    sort: "number",
    columns: &[
        Column::read_only("number", ColumnKind::Text),
        Column::read_only("user", ColumnKind::Text),
        Column::read_only("state", ColumnKind::Text),
        Column::read_only("code", ColumnKind::Text),
        Column::read_only("type", ColumnKind::Text),
        Column::read_only("line_group", ColumnKind::Text),
        Column::read_only("site", ColumnKind::Text),
        Column::read_only("account", ColumnKind::Text),
        Column::read_only("phone_name", ColumnKind::Text),
        Column::read_only("is_flapping", ColumnKind::Flag),
        Column::read_only("state_since", ColumnKind::Instant),
        Column::read_only("last_register_at", ColumnKind::Instant),
        Column::read_only("last_error", ColumnKind::Text),
        Column::read_only("last_error_at", ColumnKind::Instant),
        Column::read_only("phone", ColumnKind::Text),
        Column::read_only("mac", ColumnKind::Text),
        Column::read_only("position", ColumnKind::Integer),
        Column::read_only("label", ColumnKind::Text),
        Column::read_only("display", ColumnKind::Text),
        Column::read_only("has_own_label", ColumnKind::Flag),
        Column::read_only("has_own_display", ColumnKind::Flag),
    ],
    usages: &[],
};

impl Directory {
    /// Gives a line a label or name of its own, or the template's again, if it has the version `expected`. The phone is
    /// marked: what the template says is filled in when it is brought up to date.
    pub async fn change_line(
        &self,
        id: &str,
        patch: Value,
        expected: Option<i64>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<LineRecord>, DirectoryError> {
        let patch: LinePatch = read_draft(patch)?;
        let not_found = || DirectoryError::NotFound { what: LINES.what };
        let mut transaction = self.db().write().await?;
        let before = records::find(&mut transaction, &LINES, id).await?.ok_or_else(not_found)?;
        if expected.is_some_and(|expected| expected != records::version(&before)) {
            return Err(DirectoryError::Outdated { what: LINES.what });
        }
        let phone = records::text(&before, "phone");
        let position = before.get("position").and_then(Value::as_i64);
        for (own, shown, value) in [("own_label", "label", patch.label), ("own_display", "display", patch.display)] {
            let Some(value) = value else { continue };
            let text = value.map(|name| name.to_string());
            let statement = format!(
                "UPDATE lines SET {own} = $3, {shown} = coalesce($3, {shown}) WHERE phone = $1 AND position = $2"
            );
            sqlx::query(sqlx::AssertSqlSafe(statement))
                .bind(&phone)
                .bind(position)
                .bind(text)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE lines SET version = version + 1, updated_at = $3 WHERE phone = $1 AND position = $2")
            .bind(&phone)
            .bind(position)
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        // What it says is new whether or not the template would say the same.
        sqlx::query("UPDATE phones SET outdated = 2 WHERE id = $1 AND state = 'enrolled'")
            .bind(&phone)
            .execute(&mut *transaction)
            .await?;
        let after = records::find(&mut transaction, &LINES, id).await?.ok_or_else(not_found)?;
        audit::note(&mut transaction, &LINES, actor, Action::Change, Some(&before), Some(&after), now).await?;
        transaction.commit().await?;
        let version = records::version(&after);
        let view = serde_json::from_value(Value::Object(after))
            .map_err(|fault| DirectoryError::Unreadable { what: LINES.what, fault: fault.to_string() })?;
        Ok(Kept { id: id.to_owned(), version, view })
    }
}
