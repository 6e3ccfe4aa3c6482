//! User profiles (seed 003, table 2): what a group of users shares.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::template::{DEVICE_TEMPLATES, LINE_TEMPLATES};
use crate::db::DbConnection;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{DirectoryError, Kind, Listed};
use crate::vocab::{Name, UnixMillis, VocabError};

/// A user profile as it is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserProfileDraft {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Make it the one that applies to users without a profile; the one before no longer is.
    #[serde(default)]
    pub is_default: bool,
    /// The universal device template for desk phones, by name. Self-provisioning needs it.
    #[serde(default)]
    pub desk_template: Option<String>,
    /// The universal device template for mobile and desktop devices, by name.
    #[serde(default)]
    pub mobile_template: Option<String>,
    /// The universal device template for remote destinations and device profiles, by name.
    #[serde(default)]
    pub remote_template: Option<String>,
    /// The universal line template, by name. Self-provisioning does without.
    #[serde(default)]
    pub line_template: Option<String>,
    /// "Allow end user to provision their own phones".
    #[serde(default)]
    pub allow_provisioning: bool,
    /// "Limit provisioning once end user has this many phones".
    #[serde(default)]
    pub device_limit: DeviceLimit,
}

/// How many phones a user may have before self-provisioning stops: 0 to 20, usually 10.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct DeviceLimit(u8);

impl DeviceLimit {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for DeviceLimit {
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u32> for DeviceLimit {
    type Error = VocabError;

    fn try_from(limit: u32) -> Result<Self, VocabError> {
        match u8::try_from(limit) {
            Ok(limit @ 0..=20) => Ok(Self(limit)),
            _ => Err(VocabError {
                what: "device limit",
                fault: "it is more than 20",
                remedy: "give a number from 0 to 20",
            }),
        }
    }
}

impl JsonSchema for DeviceLimit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeviceLimit".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": 20 })
    }
}

/// User profiles.
#[derive(Debug)]
pub struct UserProfiles;

impl Listed for UserProfiles {
    const TABLE: &'static Table = &USER_PROFILES;
    type View = Recorded<UserProfileDraft>;
}

impl Kind for UserProfiles {
    type Draft = UserProfileDraft;

    /// There is one default at a time; the schema sees to it.
    async fn writing(db: &mut DbConnection, id: &str, record: &Record, now: UnixMillis) -> Result<(), DirectoryError> {
        if record.get("is_default").and_then(serde_json::Value::as_bool) == Some(true) {
            sqlx::query(
                "UPDATE user_profiles SET is_default = 0, version = version + 1, updated_at = $2 \
                 WHERE is_default = 1 AND id <> $1",
            )
            .bind(id)
            .bind(now.get())
            .execute(db)
            .await?;
        }
        Ok(())
    }
}

pub(super) static USER_PROFILES: Table = Table {
    name: "user_profiles",
    what: "user profile",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("is_default", ColumnKind::Flag),
        Column::new("desk_template", ColumnKind::Reference(&DEVICE_TEMPLATES)),
        Column::new("mobile_template", ColumnKind::Reference(&DEVICE_TEMPLATES)),
        Column::new("remote_template", ColumnKind::Reference(&DEVICE_TEMPLATES)),
        Column::new("line_template", ColumnKind::Reference(&LINE_TEMPLATES)),
        Column::new("allow_provisioning", ColumnKind::Flag),
        Column::new("device_limit", ColumnKind::Integer),
    ],
    usages: &[
        Usage { what: "user", statement: "SELECT user_id FROM users WHERE profile = $1" },
        Usage {
            what: "feature group template",
            statement: "SELECT name FROM feature_group_templates WHERE profile = $1",
        },
    ],
};
