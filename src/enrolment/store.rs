//! The enrolments' SQL.

use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::lockout::{Counter, Scope};
use super::record::{Enrolment, TimelineStep};
use super::{EnrolmentEnding, EnrolmentError, Step};
use crate::directory::DirectoryError;
use crate::vocab::{EnrolmentId, MacAddress, PhoneId, UnixMillis, UserId};

fn unreadable(what: &'static str) -> EnrolmentError {
    DirectoryError::Unreadable { what, fault: "not an identifier".to_owned() }.into()
}

/// Begins an enrolment of a phone; one already open stays.
pub(super) async fn begin(db: &mut SqliteConnection, phone: PhoneId, now: UnixMillis) -> Result<(), EnrolmentError> {
    sqlx::query("INSERT INTO enrolments (id, phone, started_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
        .bind(EnrolmentId::new(now, rand::random()).to_string())
        .bind(phone.to_string())
        .bind(now.get())
        .execute(db)
        .await?;
    Ok(())
}

/// Adds a step to a phone's open enrolment; nothing if there is none.
pub(super) async fn step(
    db: &mut SqliteConnection,
    phone: PhoneId,
    now: UnixMillis,
    step: Step,
    detail: &str,
) -> Result<(), EnrolmentError> {
    sqlx::query(
        "INSERT INTO enrolment_steps (enrolment, sequence, at, step, detail) \
         SELECT id, (SELECT count(*) FROM enrolment_steps WHERE enrolment = enrolments.id), $2, $3, $4 \
         FROM enrolments WHERE phone = $1 AND ended_at IS NULL",
    )
    .bind(phone.to_string())
    .bind(now.get())
    .bind(step.as_str())
    .bind(detail)
    .execute(db)
    .await?;
    Ok(())
}

/// Ends a phone's open enrolment. False if there is none.
pub(super) async fn end(
    db: &mut SqliteConnection,
    phone: PhoneId,
    now: UnixMillis,
    ending: EnrolmentEnding,
) -> Result<bool, EnrolmentError> {
    let last = if ending == EnrolmentEnding::Complete { Step::Complete } else { Step::Ended };
    step(db, phone, now, last, if last == Step::Ended { ending.as_str() } else { "" }).await?;
    let ended = sqlx::query("UPDATE enrolments SET ended_at = $2, ending = $3 WHERE phone = $1 AND ended_at IS NULL")
        .bind(phone.to_string())
        .bind(now.get())
        .bind(ending.as_str())
        .execute(db)
        .await?;
    Ok(ended.rows_affected() > 0)
}

/// The steps of a phone's open enrolment, oldest first.
pub(super) async fn open_steps(db: &mut SqliteConnection, phone: PhoneId) -> Result<Vec<Step>, EnrolmentError> {
    let steps: Vec<String> = sqlx::query_scalar(
        "SELECT step FROM enrolment_steps JOIN enrolments ON enrolments.id = enrolment \
         WHERE phone = $1 AND ended_at IS NULL ORDER BY sequence",
    )
    .bind(phone.to_string())
    .fetch_all(db)
    .await?;
    Ok(steps.iter().filter_map(|step| step.parse().ok()).collect())
}

/// What a bind writes.
pub(super) struct Bind<'a> {
    pub phone: PhoneId,
    pub user: UserId,
    pub name: &'a str,
    pub device_template: &'a str,
    /// The phone's next password, sealed; none for one that takes no configuration.
    pub sealed_secret: Option<&'a str>,
    pub language: &'a str,
    /// Digest algorithms to offer it from now on; none leaves those it has.
    pub algorithms: Option<&'a str>,
    pub cooling: Duration,
}

/// Makes the phone its user's: all but the line, inside the caller's transaction.
pub(super) async fn bind(db: &mut SqliteConnection, bind: &Bind<'_>, now: UnixMillis) -> Result<(), EnrolmentError> {
    let phone = bind.phone.to_string();
    sqlx::query(
        "UPDATE phones SET state = 'enrolled', user = $2, name = $3, device_template = $4, \
         push_pending = $5, algorithms = coalesce($6, algorithms) WHERE id = $1",
    )
    .bind(&phone)
    .bind(bind.user.to_string())
    .bind(bind.name)
    .bind(bind.device_template)
    .bind(bind.sealed_secret.is_some())
    .bind(bind.algorithms)
    .execute(&mut *db)
    .await?;
    if let Some(sealed) = bind.sealed_secret {
        crate::directory::next_phone_secret(db, bind.phone, sealed).await?;
    }
    sqlx::query("UPDATE leases SET cooling_until = $2 WHERE phone = $1")
        .bind(&phone)
        .bind(now.after(bind.cooling).get())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE enrolments SET user = $2, bound_at = $3, language = $4 WHERE phone = $1 AND ended_at IS NULL")
        .bind(&phone)
        .bind(bind.user.to_string())
        .bind(now.get())
        .bind(bind.language)
        .execute(&mut *db)
        .await?;
    step(db, bind.phone, now, Step::Bound, "").await
}

/// Other phones in quarantine that showed the same hardware address: only the one that was claimed was the phone.
pub(super) async fn other_candidates(
    db: &mut SqliteConnection,
    phone: PhoneId,
    mac: MacAddress,
) -> Result<Vec<PhoneId>, EnrolmentError> {
    let ids: Vec<String> =
        sqlx::query_scalar("SELECT id FROM phones WHERE mac = $1 AND id <> $2 AND state = 'quarantine'")
            .bind(mac.to_string())
            .bind(phone.to_string())
            .fetch_all(db)
            .await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// True if a phone with this hardware address belongs to somebody.
pub(super) async fn is_enrolled(db: &SqlitePool, mac: MacAddress) -> Result<bool, EnrolmentError> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM phones WHERE mac = $1 AND state = 'enrolled'")
        .bind(mac.to_string())
        .fetch_one(db)
        .await?;
    Ok(count > 0)
}

/// The phone a private URL belongs to, and whether its secrets may be fetched.
pub(super) async fn phone_by_token(
    db: &mut SqliteConnection,
    hash: &str,
) -> Result<Option<(PhoneId, bool)>, EnrolmentError> {
    let row = sqlx::query(
        "SELECT id, push_pending FROM phones WHERE (token_hash = $1 OR old_token_hash = $1) AND state <> 'released'",
    )
    .bind(hash)
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        let id: String = row.try_get("id")?;
        Ok((id.parse().map_err(|_| unreadable("phone"))?, row.try_get("push_pending")?))
    })
    .transpose()
}

/// The secrets of a push have been fetched: they are withheld from now on, and the next URL is in force.
pub(super) async fn push_fetched(
    db: &mut SqliteConnection,
    phone: PhoneId,
    next_token_hash: &str,
) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET push_pending = 0, old_token_hash = token_hash, token_hash = $2 WHERE id = $1")
        .bind(phone.to_string())
        .bind(next_token_hash)
        .execute(db)
        .await?;
    Ok(())
}

/// The phone is back as its user's: what it had before is worth nothing any more.
pub(super) async fn forget_the_past(db: &mut SqliteConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    sqlx::query("UPDATE phones SET sealed_old_secret = NULL, old_token_hash = NULL WHERE id = $1")
        .bind(phone.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// True while a phone's secrets wait to be fetched.
pub(super) async fn is_push_pending(db: &mut SqliteConnection, phone: PhoneId) -> Result<bool, EnrolmentError> {
    let pending: Option<bool> = sqlx::query_scalar("SELECT push_pending FROM phones WHERE id = $1")
        .bind(phone.to_string())
        .fetch_optional(db)
        .await?;
    Ok(pending.unwrap_or(false))
}

/// A new push: an enrolled phone's secrets may be fetched once more.
pub(super) async fn rearm(db: &mut SqliteConnection, phone: PhoneId) -> Result<(), EnrolmentError> {
    sqlx::query(
        "UPDATE phones SET push_pending = 1 WHERE id = $1 AND state = 'enrolled' AND sealed_secret IS NOT NULL",
    )
    .bind(phone.to_string())
    .execute(db)
    .await?;
    Ok(())
}

/// Phones that were bound and whose enrolment is still open, and since when.
pub(super) async fn bound_and_open(db: &SqlitePool) -> Result<Vec<(PhoneId, UnixMillis)>, EnrolmentError> {
    let rows = sqlx::query("SELECT phone, bound_at FROM enrolments WHERE ended_at IS NULL AND bound_at IS NOT NULL")
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("phone")?;
            let bound_at = UnixMillis::new(row.try_get("bound_at")?);
            Ok((id.parse().map_err(|_| unreadable("phone"))?, bound_at))
        })
        .collect()
}

/// The language chosen in a phone's open enrolment.
pub(super) async fn open_language(db: &mut SqliteConnection, phone: PhoneId) -> Result<Option<String>, EnrolmentError> {
    let language = sqlx::query_scalar("SELECT language FROM enrolments WHERE phone = $1 AND ended_at IS NULL")
        .bind(phone.to_string())
        .fetch_optional(db)
        .await?;
    Ok(language.flatten())
}

/// How a lockout's counter stands.
pub(super) async fn counter(db: &mut SqliteConnection, scope: Scope, subject: &str) -> Result<Counter, EnrolmentError> {
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
pub(super) async fn set_counter(
    db: &mut SqliteConnection,
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
pub(super) async fn clear_counter(
    db: &mut SqliteConnection,
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
pub(super) async fn forget_counters(db: &mut SqliteConnection, then: UnixMillis) -> Result<(), EnrolmentError> {
    sqlx::query("DELETE FROM lockouts WHERE max(last_at, coalesce(locked_until, 0)) < $1")
        .bind(then.get())
        .execute(db)
        .await?;
    Ok(())
}

fn enrolment(row: &SqliteRow, steps: Vec<TimelineStep>) -> Result<Enrolment, EnrolmentError> {
    let id: String = row.try_get("id")?;
    let phone: String = row.try_get("phone")?;
    let user: Option<String> = row.try_get("user")?;
    let instant = |column: &str| -> Result<Option<UnixMillis>, sqlx::Error> {
        Ok(row.try_get::<Option<i64>, _>(column)?.map(UnixMillis::new))
    };
    Ok(Enrolment {
        id: id.parse().map_err(|_| unreadable("enrolment"))?,
        phone: phone.parse().map_err(|_| unreadable("phone"))?,
        user: user.map(|user| user.parse().map_err(|_| unreadable("user"))).transpose()?,
        language: row.try_get("language")?,
        started_at: UnixMillis::new(row.try_get("started_at")?),
        bound_at: instant("bound_at")?,
        ended_at: instant("ended_at")?,
        ending: row.try_get("ending")?,
        steps,
    })
}

async fn steps_of(db: &SqlitePool, enrolment: &str) -> Result<Vec<TimelineStep>, EnrolmentError> {
    let rows = sqlx::query("SELECT at, step, detail FROM enrolment_steps WHERE enrolment = $1 ORDER BY sequence")
        .bind(enrolment)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TimelineStep {
                at: UnixMillis::new(row.try_get("at")?),
                step: row.try_get("step")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}

/// Enrolments, the newest first, at most `most`.
pub(super) async fn enrolments(db: &SqlitePool, most: u32) -> Result<Vec<Enrolment>, EnrolmentError> {
    let rows = sqlx::query("SELECT * FROM enrolments ORDER BY started_at DESC, id DESC LIMIT $1")
        .bind(i64::from(most))
        .fetch_all(db)
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get("id")?;
        found.push(enrolment(row, steps_of(db, &id).await?)?);
    }
    Ok(found)
}

/// One enrolment.
pub(super) async fn enrolment_by_id(db: &SqlitePool, id: EnrolmentId) -> Result<Option<Enrolment>, EnrolmentError> {
    let row = sqlx::query("SELECT * FROM enrolments WHERE id = $1").bind(id.to_string()).fetch_optional(db).await?;
    match row {
        Some(row) => Ok(Some(enrolment(&row, steps_of(db, &id.to_string()).await?)?)),
        None => Ok(None),
    }
}
