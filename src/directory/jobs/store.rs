//! The SQL of jobs.

use serde::Serialize;
use serde_json::Value;
use sqlx::Row;

use super::fault::{Fault, RowFault};
use super::record::{ImportOptions, JobKind, JobState, Tally};
use crate::db::{DbConnection, DbPool};
use crate::directory::{Actor, DirectoryError, Happening, event_store};
use crate::vocab::{RecordId, UnixMillis};

/// Faults kept of a job; beyond that they are only counted.
pub const MOST_FAULTS: u64 = 1000;
/// Jobs that have ended and are kept.
const MOST_ENDED: i64 = 1000;

fn word(value: impl Serialize) -> Result<String, DirectoryError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        _ => Err(DirectoryError::Unreadable { what: "job", fault: "it is no word".to_owned() }),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Adds a job that waits, and forgets the oldest that have ended.
pub(super) async fn add(
    db: &mut DbConnection,
    id: RecordId,
    (records, node): (&str, &str),
    options: ImportOptions,
    actor: &Actor,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE ended_at IS NOT NULL \
         ORDER BY ended_at DESC LIMIT 1000000 OFFSET $1)",
    )
    .bind(MOST_ENDED)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO jobs (id, created_at, updated_at, kind, records, state, mode, on_existing, dry_run, actor, source, node) \
         VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(id.to_string())
    .bind(now.get())
    .bind(word(JobKind::Import)?)
    .bind(records)
    .bind(word(JobState::Waiting)?)
    .bind(word(options.mode)?)
    .bind(word(options.on_existing)?)
    .bind(i64::from(options.dry_run))
    .bind(&actor.name)
    .bind(&actor.source)
    .bind(node)
    .execute(&mut *db)
    .await?;
    tell(db, id, now).await
}

/// Tells those who follow the events where a job stands.
async fn tell(db: &mut DbConnection, id: RecordId, now: UnixMillis) -> Result<(), DirectoryError> {
    let row = sqlx::query("SELECT kind, state, done, total, faults FROM jobs WHERE id = $1").bind(id.to_string());
    let Some(row) = row.fetch_optional(&mut *db).await? else { return Ok(()) };
    let number = |column: &str| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
    let progress = Happening::JobProgress {
        job: id.to_string(),
        kind: row.try_get("kind")?,
        state: row.try_get("state")?,
        done: number("done")?,
        total: Some(number("total")?).filter(|total| *total > 0),
        faults: number("faults")?,
    };
    event_store::tell(db, now, &progress).await
}

/// A job goes on to another state; `total` is the number of its rows, once known.
pub(super) async fn enter(
    db: &mut DbConnection,
    id: RecordId,
    state: JobState,
    total: Option<u64>,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "UPDATE jobs SET state = $2, total = COALESCE($3, total), started_at = COALESCE(started_at, $4), \
         updated_at = $4, version = version + 1 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(word(state)?)
    .bind(total.map(count))
    .bind(now.get())
    .execute(&mut *db)
    .await?;
    tell(db, id, now).await
}

/// How far a job is, and more faults of it.
pub(super) async fn progress(
    db: &mut DbConnection,
    id: RecordId,
    tally: &Tally,
    faults: &[RowFault],
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let known: i64 =
        sqlx::query_scalar("SELECT faults FROM jobs WHERE id = $1").bind(id.to_string()).fetch_one(&mut *db).await?;
    let room = usize::try_from(count(MOST_FAULTS) - known).unwrap_or(0);
    for (number, RowFault { line, column, fault }) in (known..).zip(faults.iter().take(room)) {
        let arguments: serde_json::Map<String, Value> =
            fault.arguments.iter().map(|(name, value)| (name.to_string(), value.as_str().into())).collect();
        sqlx::query(
            "INSERT INTO job_faults (job, number, line, column_number, field, code, detail, arguments) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(id.to_string())
        .bind(number)
        .bind(count(*line))
        .bind(column.map(count))
        .bind(&fault.field)
        .bind(fault.code.as_ref())
        .bind(&fault.detail)
        .bind(Value::Object(arguments).to_string())
        .execute(&mut *db)
        .await?;
    }
    sqlx::query(
        "UPDATE jobs SET done = $2, added = $3, changed = $4, unchanged = $5, skipped = $6, refused = $7, line = $8, \
         faults = faults + $9, updated_at = $10, version = version + 1 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(count(tally.done))
    .bind(count(tally.added))
    .bind(count(tally.changed))
    .bind(count(tally.unchanged))
    .bind(count(tally.skipped))
    .bind(count(tally.refused))
    .bind(count(tally.line))
    .bind(i64::try_from(faults.len()).unwrap_or(i64::MAX))
    .bind(now.get())
    .execute(&mut *db)
    .await?;
    tell(db, id, now).await
}

/// A job has ended.
pub(super) async fn end(
    db: &mut DbConnection,
    id: RecordId,
    state: JobState,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    enter(db, id, state, None, now).await?;
    sqlx::query("UPDATE jobs SET ended_at = $2 WHERE id = $1").bind(id.to_string()).bind(now.get()).execute(db).await?;
    Ok(())
}

/// The node that has a job which has not ended.
pub(super) async fn node_of_open(db: &DbPool, id: RecordId) -> Result<Option<String>, DirectoryError> {
    let node = sqlx::query_scalar("SELECT node FROM jobs WHERE id = $1 AND ended_at IS NULL");
    Ok(node.bind(id.to_string()).fetch_optional(db).await?)
}

/// The nodes of the jobs that have not ended.
pub(super) async fn nodes_at_work(db: &DbPool) -> Result<Vec<String>, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT DISTINCT node FROM jobs WHERE ended_at IS NULL").fetch_all(db).await?)
}

/// Whatever had not ended on a node was cut off when it stopped.
pub(super) async fn interrupt_all(db: &mut DbConnection, node: &str, now: UnixMillis) -> Result<(), DirectoryError> {
    let interrupted: Vec<String> = sqlx::query_scalar(
        "UPDATE jobs SET state = 'interrupted', ended_at = $1, updated_at = $1, version = version + 1 \
         WHERE ended_at IS NULL AND node = $2 RETURNING id",
    )
    .bind(now.get())
    .bind(node)
    .fetch_all(&mut *db)
    .await?;
    for id in interrupted.iter().filter_map(|id| id.parse().ok()) {
        tell(db, id, now).await?;
    }
    Ok(())
}

/// The faults kept of a job, in the order of its rows.
pub(super) async fn faults(db: &DbPool, id: RecordId) -> Result<Vec<RowFault>, DirectoryError> {
    let rows = sqlx::query(
        "SELECT line, column_number, field, code, detail, arguments FROM job_faults WHERE job = $1 ORDER BY number",
    )
    .bind(id.to_string())
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let arguments: String = row.try_get("arguments")?;
            let arguments: std::collections::BTreeMap<String, String> = serde_json::from_str(&arguments)
                .map_err(|fault| DirectoryError::Unreadable { what: "job", fault: fault.to_string() })?;
            let column: Option<i64> = row.try_get("column_number")?;
            Ok(RowFault {
                line: row.try_get::<i64, _>("line")?.unsigned_abs(),
                column: column.map(i64::unsigned_abs),
                fault: Fault {
                    code: row.try_get::<String, _>("code")?.into(),
                    field: row.try_get("field")?,
                    detail: row.try_get("detail")?,
                    arguments: arguments.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                },
            })
        })
        .collect()
}
