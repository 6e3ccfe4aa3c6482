//! The counters of wrong attempts.

use sqlx::Row;

use crate::db::{DbConnection, DbPool};
use crate::enrolment::EnrolmentError;
use crate::enrolment::lockout::{Counter, Scope};
use crate::vocab::UnixMillis;

/// How a lockout's counter stands.
pub(in crate::enrolment) async fn counter(
    db: &mut DbConnection,
    scope: Scope,
    subject: &str,
) -> Result<Counter, EnrolmentError> {
    let row = sqlx::query("SELECT * FROM lockouts WHERE scope = $1 AND subject = $2")
        .bind(scope.as_str())
        .bind(subject)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(Counter::NEW) };
    let small = |column: &str| -> Result<u32, sqlx::Error> {
        Ok(u32::try_from(row.try_get::<i64, _>(column)?).unwrap_or(u32::MAX))
    };
    Ok(Counter {
        failures: small("failures")?,
        last_at: UnixMillis::new(row.try_get("last_at")?),
        times_locked: small("times_locked")?,
        locked_until: row.try_get::<Option<i64>, _>("locked_until")?.map(UnixMillis::new),
    })
}

/// Keeps a lockout's counter.
pub(in crate::enrolment) async fn set_counter(
    db: &mut DbConnection,
    scope: Scope,
    subject: &str,
    counter: &Counter,
) -> Result<(), EnrolmentError> {
    sqlx::query(
        "INSERT INTO lockouts (scope, subject, failures, last_at, times_locked, locked_until) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, subject) DO UPDATE SET failures = excluded.failures, \
         last_at = excluded.last_at, times_locked = excluded.times_locked, locked_until = excluded.locked_until",
    )
    .bind(scope.as_str())
    .bind(subject)
    .bind(i64::from(counter.failures))
    .bind(counter.last_at.get())
    .bind(i64::from(counter.times_locked))
    .bind(counter.locked_until.map(UnixMillis::get))
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets a lockout's counter.
pub(in crate::enrolment) async fn clear_counter(
    db: &mut DbConnection,
    scope: Scope,
    subject: &str,
) -> Result<(), EnrolmentError> {
    sqlx::query("DELETE FROM lockouts WHERE scope = $1 AND subject = $2")
        .bind(scope.as_str())
        .bind(subject)
        .execute(db)
        .await?;
    Ok(())
}

/// Counters nobody has touched since `then` are forgotten: guessed IDs must not fill the table.
pub(in crate::enrolment) async fn forget_counters(
    db: &mut DbConnection,
    then: UnixMillis,
) -> Result<(), EnrolmentError> {
    sqlx::query("DELETE FROM lockouts WHERE last_at < $1 AND coalesce(locked_until, 0) < $1")
        .bind(then.get())
        .execute(db)
        .await?;
    Ok(())
}

/// What a lockout in force is counted under, by the identifier lists show.
pub(in crate::enrolment) async fn lockout_subject(
    db: &mut DbConnection,
    id: &str,
) -> Result<Option<(Scope, String)>, EnrolmentError> {
    let row =
        sqlx::query("SELECT scope, subject FROM current_lockouts WHERE id = $1").bind(id).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let scope: String = row.try_get("scope")?;
    let scope = [Scope::User, Scope::Phone, Scope::All].into_iter().find(|known| known.as_str() == scope);
    let subject = row.try_get("subject")?;
    Ok(scope.map(|scope| (scope, subject)))
}

/// Every user's user ID and self-service ID.
pub(in crate::enrolment) async fn self_service_ids(db: &DbPool) -> Result<Vec<(String, String)>, EnrolmentError> {
    let rows = sqlx::query("SELECT user_id, self_service_id FROM users").fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get("user_id")?, row.try_get("self_service_id")?))).collect()
}
