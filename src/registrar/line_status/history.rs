//! A line's history and the names nobody has, as lists show them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::{Column, ColumnKind, Listed, Table};
use crate::vocab::{RecordId, UnixMillis};

/// An entry of a line's history.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LineHistoryEntry {
    /// Names it.
    pub id: RecordId,
    /// A change of `state`, or an `error`.
    pub kind: String,
    /// Which: `registered`, `unregistered`, `expired`, `wrong-password`, `flapping`, `steady`, …
    pub code: String,
    /// When it happened first.
    pub first_at: UnixMillis,
    /// When it happened last.
    pub last_at: UnixMillis,
    /// How often. An error that repeats is one entry until the line's state changes.
    pub count: u32,
    /// The address the last one came from.
    pub source: Option<String>,
    /// How that travelled.
    pub transport: Option<String>,
    /// What its sender calls itself.
    pub user_agent: Option<String>,
    /// `REGISTER` or `INVITE`.
    pub method: Option<String>,
}

/// Lines' history.
#[derive(Debug)]
pub struct LineHistory;

impl Listed for LineHistory {
    const TABLE: &'static Table = &HISTORY;
    type View = LineHistoryEntry;
}

static HISTORY: Table = Table {
    name: "line_history",
    what: "entry of a line's history",
    key: "id",
    sort: "-last_at",
    columns: &[
        Column::hidden("phone", ColumnKind::Text),
        Column::hidden("position", ColumnKind::Integer),
        Column::read_only("last_at", ColumnKind::Instant),
        Column::read_only("kind", ColumnKind::Text),
        Column::read_only("code", ColumnKind::Text),
        Column::read_only("count", ColumnKind::Integer),
        Column::read_only("first_at", ColumnKind::Instant),
        Column::read_only("source", ColumnKind::Text),
        Column::read_only("transport", ColumnKind::Text),
        Column::read_only("user_agent", ColumnKind::Text),
        Column::read_only("method", ColumnKind::Text),
    ],
    usages: &[],
};

/// A name nobody has that somebody tried.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StrangerRecord {
    /// Names the record.
    pub id: RecordId,
    /// The name that was given to authenticate with; of a handshake that failed for a certificate, the name in that, or the address
    /// it came from.
    pub name: String,
    /// The number that was asked for last.
    pub number: Option<String>,
    /// Why it came to nothing: `unknown-user`, `wrong-network`, `not-admitted`, `certificate-refused` (the phone's) or
    /// `server-certificate-refused` (ours, by the phone).
    pub reason: String,
    /// How often it was tried.
    pub count: u64,
    /// When it was tried first.
    pub first_at: UnixMillis,
    /// When it was tried last.
    pub last_at: UnixMillis,
    /// The address the last one came from.
    pub source: Option<String>,
    /// How that travelled.
    pub transport: Option<String>,
    /// What its sender calls itself.
    pub user_agent: Option<String>,
    /// `REGISTER` or `INVITE`.
    pub method: Option<String>,
}

/// Names nobody has that somebody tried.
#[derive(Debug)]
pub struct Strangers;

impl Listed for Strangers {
    const TABLE: &'static Table = &STRANGERS;
    type View = StrangerRecord;
}

static STRANGERS: Table = Table {
    name: "line_strangers",
    what: "stranger",
    key: "name",
    sort: "-last_at",
    columns: &[
        Column::read_only("name", ColumnKind::Text),
        Column::read_only("number", ColumnKind::Text),
        Column::read_only("reason", ColumnKind::Text),
        Column::read_only("count", ColumnKind::Integer),
        Column::read_only("first_at", ColumnKind::Instant),
        Column::read_only("last_at", ColumnKind::Instant),
        Column::read_only("source", ColumnKind::Text),
        Column::read_only("transport", ColumnKind::Text),
        Column::read_only("user_agent", ColumnKind::Text),
        Column::read_only("method", ColumnKind::Text),
    ],
    usages: &[],
};
