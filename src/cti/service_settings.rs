//! The settings of self-provisioning as an administrator keeps them (seed 003, table 1). The service runs on those it was
//! started with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::{
    ApplicationUsers, Column, ColumnKind, Directory, DirectoryError, Kind, Listed, Record, RoutePoints, Settings,
    Table, as_record,
};
use crate::enrolment::AuthenticationMode;
use crate::ivr::DialogueSettings;
use crate::vocab::{AuthenticationCode, UnixMillis};

/// The name of the only row.
pub const SELF_PROVISIONING: &str = "self-provisioning";

/// The settings as they are given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelfProvisioningDraft {
    /// Whether the service is to take calls.
    #[serde(default)]
    pub active: bool,
    /// What a caller must prove.
    #[serde(default)]
    pub authentication: AuthenticationMode,
    /// The administrators' authentication code: 1 to 20 digits; not shown again. Left as it is where it isn't given.
    #[serde(default, skip_serializing)]
    #[schemars(with = "Option<String>")]
    pub authentication_code: Option<AuthenticationCode>,
    /// The route point whose numbers reach the service, by name.
    #[serde(default)]
    pub route_point: Option<String>,
    /// The application user the service acts as, by name.
    #[serde(default)]
    pub application_user: Option<String>,
    /// Calls in its conversation at once: 1 to 5000.
    #[serde(default = "usual_ports")]
    #[schemars(range(min = 1, max = 5000))]
    pub ports: u32,
    /// The conversation: its languages in the order of their keys, tries, times.
    #[serde(default)]
    pub dialogue: DialogueSettings,
}

fn usual_ports() -> u32 {
    100
}

/// The settings as they are shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SelfProvisioningSettings {
    /// Grows with every change.
    pub version: u64,
    /// When they were last changed.
    pub updated_at: UnixMillis,
    /// Whether the service is to take calls.
    pub active: bool,
    /// What a caller must prove.
    pub authentication: AuthenticationMode,
    /// When the authentication code was set; none means there is none.
    pub code_set_at: Option<UnixMillis>,
    /// The route point whose numbers reach the service.
    pub route_point: Option<String>,
    /// The application user the service acts as.
    pub application_user: Option<String>,
    /// Calls in its conversation at once.
    pub ports: u32,
    /// The conversation.
    pub dialogue: DialogueSettings,
}

/// The settings as a kind of record with one row.
#[derive(Debug)]
pub struct SelfProvisioningKind;

impl Settings for SelfProvisioningKind {
    const NAME: &'static str = SELF_PROVISIONING;
}

impl Listed for SelfProvisioningKind {
    const TABLE: &'static Table = &TABLE;
    type View = SelfProvisioningSettings;
}

impl Kind for SelfProvisioningKind {
    type Draft = SelfProvisioningDraft;

    async fn record(
        directory: &Directory,
        draft: SelfProvisioningDraft,
        before: Option<&Record>,
        now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let refused = |field: &str, code, fault: &str, remedy| DirectoryError::Refused {
            field: field.to_owned(),
            code,
            fault: fault.to_owned(),
            remedy,
        };
        if !(1..=5000).contains(&draft.ports) {
            return Err(refused("ports", "range", "it is not from 1 to 5000", "give a number from 1 to 5000"));
        }
        let has_code = before.is_some_and(|record| record.get("code_hash").is_some_and(|hash| !hash.is_null()));
        if draft.authentication.takes_code() && draft.authentication_code.is_none() && !has_code {
            let fault = "it is empty, and the authentication mode needs one";
            return Err(refused("authentication_code", "code-missing", fault, "give 1 to 20 digits"));
        }
        let mut record = as_record(&draft)?;
        record.insert("name".to_owned(), SELF_PROVISIONING.into());
        if let Some(code) = draft.authentication_code {
            record.insert("code_hash".to_owned(), directory.hash(code.secret().clone()).await?.as_stored().into());
            record.insert("code_set_at".to_owned(), now.get().into());
        }
        Ok(record)
    }
}

static TABLE: Table = Table {
    name: "self_provisioning",
    what: "self-provisioning",
    key: "name",
    sort: "name",
    columns: &[
        Column::read_only("name", ColumnKind::Text),
        Column::new("active", ColumnKind::Flag),
        Column::new("authentication", ColumnKind::Text),
        Column::hidden("code_hash", ColumnKind::Text),
        Column::read_only("code_set_at", ColumnKind::Instant),
        Column::new("route_point", ColumnKind::Reference(RoutePoints::TABLE)),
        Column::new("application_user", ColumnKind::Reference(ApplicationUsers::TABLE)),
        Column::new("ports", ColumnKind::Integer),
        Column::new("dialogue", ColumnKind::Json),
    ],
    usages: &[],
};

/// A difference between the settings kept and those the service runs on, by field.
pub fn changed_fields(one: &SelfProvisioningSettings, other: &SelfProvisioningSettings) -> Vec<String> {
    let fields = |settings: &SelfProvisioningSettings| {
        let mut record = as_record(settings).unwrap_or_default();
        record.retain(|name, _| !matches!(name.as_str(), "version" | "updated_at"));
        record
    };
    let (one, other) = (fields(one), fields(other));
    one.into_iter().filter(|(name, value)| other.get(name) != Some(value)).map(|(name, _)| name).collect()
}
