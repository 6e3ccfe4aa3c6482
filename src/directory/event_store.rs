//! The SQL of events.

use std::borrow::Borrow;

use sqlx::Row;

use super::event::{Event, Happening, Severity};
use super::{DirectoryError, EventFilter};
use crate::db::{DbConnection, DbPool, DbRow, Statement, by_rows};
use crate::vocab::UnixMillis;

/// Events forgotten in one transaction.
const BATCH: i64 = 2000;

/// Events written by one statement.
const ROWS: usize = 64;

/// Writes down what happened, in the transaction that makes it happen.
pub async fn tell(db: &mut DbConnection, at: UnixMillis, happening: &Happening) -> Result<(), DirectoryError> {
    tell_all(db, std::slice::from_ref(&(at, happening))).await
}

/// The same of all that happened, in this order.
pub async fn tell_all<H: Borrow<Happening>>(
    db: &mut DbConnection,
    happened: &[(UnixMillis, H)],
) -> Result<(), DirectoryError> {
    for some in by_rows(happened, ROWS) {
        let stored: Vec<_> = some.iter().map(|(_, it)| it.borrow().stored()).collect::<Result<_, _>>()?;
        let mut query = Statement::of_rows(db, "INSERT INTO events (at, severity, type, subject, data) ");
        query.push_values(some.iter().zip(stored), |mut row, ((at, happening), (kind, data))| {
            let happening = happening.borrow();
            row.push_bind(at.get()).push_bind(happening.severity().as_str()).push_bind(kind);
            row.push_bind(happening.subject()).push_bind(data);
        });
        query.build().execute(&mut *db).await?;
    }
    Ok(())
}

/// The newest event there ever was; 0 if there was none.
pub(super) async fn newest(db: &DbPool) -> Result<i64, DirectoryError> {
    let newest = sqlx::query_scalar("SELECT sequence FROM newest_event").fetch_optional(db).await?;
    Ok(newest.unwrap_or(0))
}

/// The oldest event kept; none if none is.
pub(super) async fn oldest(db: &DbPool) -> Result<Option<i64>, DirectoryError> {
    Ok(sqlx::query_scalar("SELECT min(sequence) FROM events").fetch_one(db).await?)
}

/// The events after one and up to another that pass a filter, at most `most`, the oldest first.
pub(super) async fn between(
    db: &DbPool,
    after: i64,
    newest: i64,
    filter: &EventFilter,
    most: usize,
) -> Result<Vec<(i64, Event)>, DirectoryError> {
    let mut query = Statement::new("SELECT sequence, at, severity, type, subject, data FROM events WHERE sequence > ");
    query.push_bind(after).push(" AND sequence <= ").push_bind(newest);
    for (index, kind) in filter.types.iter().enumerate() {
        query.push(if index == 0 { " AND (" } else { " OR " });
        match kind.strip_suffix('*') {
            Some(start) => query.push("substr(type, 1, length(").push_bind(start).push(")) = ").push_bind(start),
            None => query.push("type = ").push_bind(kind.as_str()),
        };
    }
    if !filter.types.is_empty() {
        query.push(")");
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ").push_bind(subject.as_str());
    }
    query.push(" ORDER BY sequence LIMIT ").push_bind(i64::try_from(most).unwrap_or(i64::MAX));
    query.build().fetch_all(db).await?.iter().map(event).collect()
}

fn event(row: &DbRow) -> Result<(i64, Event), DirectoryError> {
    let sequence: i64 = row.try_get("sequence")?;
    let severity = match row.try_get::<String, _>("severity")?.as_str() {
        "alarm" => Severity::Alarm,
        "warning" => Severity::Warning,
        _ => Severity::Info,
    };
    let happening = Happening::read(&row.try_get::<String, _>("type")?, &row.try_get::<String, _>("data")?)?;
    let (id, at) = (sequence.to_string(), UnixMillis::new(row.try_get("at")?));
    Ok((sequence, Event { id, at, severity, subject: row.try_get("subject")?, happening }))
}

/// Forgets a batch of the oldest events beyond the newest `kept`. Returns how many went.
pub(super) async fn forget(db: &mut DbConnection, kept: u32) -> Result<u64, DirectoryError> {
    let forgotten = sqlx::query(
        "DELETE FROM events WHERE sequence <= (SELECT max(sequence) FROM events) - $1 \
         AND sequence < (SELECT min(sequence) FROM events) + $2",
    )
    .bind(i64::from(kept))
    .bind(BATCH)
    .execute(db)
    .await?;
    Ok(forgotten.rows_affected())
}
