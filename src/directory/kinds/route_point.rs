//! CTI route points: numbers that reach an application instead of a phone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Recorded;
use super::application_user::APPLICATION_USERS;
use crate::db::DbConnection;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Directory, DirectoryError, Kind, Listed};
use crate::vocab::{DirectoryNumber, Name, UnixMillis};

/// A route point as it is given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutePoint {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The numbers that reach it, each of one route point only.
    #[serde(default)]
    pub numbers: Vec<DirectoryNumber>,
    /// Codecs, the preferred first; at least one.
    #[serde(default = "CodecName::all")]
    #[schemars(length(min = 1))]
    pub codecs: Vec<CodecName>,
    /// The greatest number of calls at once: 1 to 5000.
    #[serde(default = "most_calls")]
    #[schemars(range(min = 1, max = 5000))]
    pub calls: u32,
    /// The application user that controls it, by name.
    #[serde(default)]
    pub application_user: Option<String>,
}

fn most_calls() -> u32 {
    5000
}

/// A codec as SDP names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum CodecName {
    /// G.711 µ-law.
    #[serde(rename = "PCMU")]
    Pcmu,
    /// G.711 A-law.
    #[serde(rename = "PCMA")]
    Pcma,
    /// G.722 at 64 kbit/s.
    #[serde(rename = "G722")]
    G722,
    /// 16-bit linear at 16 kHz.
    #[serde(rename = "L16")]
    L16,
    /// G.729 at 8 kbit/s.
    #[serde(rename = "G729")]
    G729,
}

impl CodecName {
    /// Every codec, in the usual order.
    pub fn all() -> Vec<Self> {
        vec![Self::Pcmu, Self::Pcma, Self::G722, Self::L16, Self::G729]
    }
}

/// Route points.
#[derive(Debug)]
pub struct RoutePoints;

impl Listed for RoutePoints {
    const TABLE: &'static Table = &ROUTE_POINTS;
    type View = Recorded<RoutePoint>;
}

impl Kind for RoutePoints {
    type Draft = RoutePoint;

    async fn record(
        _directory: &Directory,
        draft: RoutePoint,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let refuse = |field: &str, fault: &str, remedy| {
            let (field, fault) = (field.to_owned(), fault.to_owned());
            Err(DirectoryError::Refused { field, code: "range", fault, remedy })
        };
        if draft.codecs.is_empty() {
            return refuse("codecs", "there is none", "name at least one codec");
        }
        if !(1..=5000).contains(&draft.calls) {
            return refuse("calls", "not from 1 to 5000", "give a number from 1 to 5000");
        }
        as_record(&draft)
    }

    /// A number rings one thing.
    async fn writing(db: &mut DbConnection, id: &str, record: &Record, _now: UnixMillis) -> Result<(), DirectoryError> {
        let numbers = record.get("numbers").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        for number in numbers.iter().filter_map(serde_json::Value::as_str) {
            let taken: Option<String> = sqlx::query_scalar(
                "SELECT 'route point ' || route_points.name FROM route_points, json_each(numbers) \
                 WHERE value = $2 AND route_points.id <> $1 \
                 UNION ALL SELECT 'user ' || user_id FROM users WHERE primary_extension = $2 \
                 UNION ALL SELECT 'phone ' || name FROM lines JOIN phones ON phones.id = phone WHERE number = $2 LIMIT 1",
            )
            .bind(id)
            .bind(number)
            .fetch_optional(&mut *db)
            .await?;
            if let Some(by) = taken {
                return Err(DirectoryError::Refused {
                    field: "numbers".to_owned(),
                    code: "number-taken",
                    fault: format!("{number} already rings {by}"),
                    remedy: "choose another number, or take it away there first",
                });
            }
        }
        Ok(())
    }
}

pub(super) static ROUTE_POINTS: Table = Table {
    name: "route_points",
    what: "route point",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("numbers", ColumnKind::Json),
        Column::new("codecs", ColumnKind::Json),
        Column::new("calls", ColumnKind::Integer),
        Column::new("application_user", ColumnKind::Reference(&APPLICATION_USERS)),
    ],
    usages: &[Usage { what: "service", statement: "SELECT name FROM self_provisioning WHERE route_point = $1" }],
};
