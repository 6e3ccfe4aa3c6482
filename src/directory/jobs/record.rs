//! Jobs as records: what is to be done, how far it is, what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::directory::Listed;
use crate::directory::kinds::Recorded;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::vocab::UnixMillis;

/// What happens to an import if a row is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ImportMode {
    /// Nothing is written.
    #[default]
    AllOrNothing,
    /// The other rows are written.
    BestEffort,
}

/// What happens to a row whose record there is already.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnExisting {
    /// It counts as wrong.
    #[default]
    Refuse,
    /// The record is changed; empty cells leave what they stand for as it is.
    Update,
    /// It is passed over.
    Skip,
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Others are before it.
    Waiting,
    /// Its rows are looked at; nothing is written yet.
    Checking,
    /// Its rows are written.
    Writing,
    /// It was carried out.
    Done,
    /// Something was wrong, and nothing was written.
    Refused,
    /// Somebody stopped it.
    Cancelled,
    /// The server stopped before the job was done.
    Interrupted,
    /// The server could not do it; its log says why.
    Failed,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// The rows of a file are to become records.
    Import,
}

/// What an import is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImportOptions {
    /// What happens if a row is wrong.
    pub mode: ImportMode,
    /// What happens to a row whose record there is already.
    pub on_existing: OnExisting,
    /// Only look what would happen.
    pub dry_run: bool,
}

/// What came of the rows looked at so far; of a dry run, what would have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Rows looked at.
    pub done: u64,
    /// Records added.
    pub added: u64,
    /// Records changed.
    pub changed: u64,
    /// Records that were as the row has them already.
    pub unchanged: u64,
    /// Rows passed over because their record was there.
    pub skipped: u64,
    /// Rows that were wrong.
    pub refused: u64,
    /// The line of the file on which the last row looked at begins.
    pub line: u64,
}

/// A job as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct JobFields {
    /// What is to be done.
    pub kind: JobKind,
    /// With which kind of record.
    pub records: String,
    /// Where it stands.
    pub state: JobState,
    /// What happens if a row is wrong.
    pub mode: ImportMode,
    /// What happens to a row whose record there is already.
    pub on_existing: OnExisting,
    /// Only to look what would happen: nothing is written.
    pub dry_run: bool,
    /// Who asked for it.
    pub actor: String,
    /// The address it was asked for from.
    pub source: String,
    /// Rows there are.
    pub total: u64,
    /// What came of them. Nothing of it was written if the job is `refused`, or if its mode is `all-or-nothing` and it is
    /// not `done`.
    #[serde(flatten)]
    pub tally: Tally,
    /// Faults found.
    pub faults: u64,
    /// When it began.
    pub started_at: Option<UnixMillis>,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
}

/// A job as it is shown, with what names it.
pub type Job = Recorded<JobFields>;

/// Jobs.
#[derive(Debug)]
pub struct JobRecords;

impl Listed for JobRecords {
    const TABLE: &'static Table = &JOBS;
    type View = Job;
}

pub(super) static JOBS: Table = Table {
    name: "jobs",
    what: "job",
    key: "id",
    sort: "-created_at",
    columns: &[
        Column::read_only("kind", ColumnKind::Text),
        Column::read_only("records", ColumnKind::Text),
        Column::read_only("state", ColumnKind::Text),
        Column::read_only("mode", ColumnKind::Text),
        Column::read_only("on_existing", ColumnKind::Text),
        Column::read_only("dry_run", ColumnKind::Flag),
        Column::read_only("actor", ColumnKind::Text),
        Column::read_only("source", ColumnKind::Text),
        Column::read_only("total", ColumnKind::Integer),
        Column::read_only("done", ColumnKind::Integer),
        Column::read_only("added", ColumnKind::Integer),
        Column::read_only("changed", ColumnKind::Integer),
        Column::read_only("unchanged", ColumnKind::Integer),
        Column::read_only("skipped", ColumnKind::Integer),
        Column::read_only("refused", ColumnKind::Integer),
        Column::read_only("line", ColumnKind::Integer),
        Column::read_only("faults", ColumnKind::Integer),
        Column::read_only("started_at", ColumnKind::Instant),
        Column::read_only("ended_at", ColumnKind::Instant),
    ],
    usages: &[],
};
