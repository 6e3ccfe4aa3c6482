//! The registrar's SQL: leases, and phones in quarantine. Bindings have their own (`bindings.rs`).

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use sqlx::Row;

use super::RegistrarError;
use super::admission::{Candidate, RETIRED};
use super::number_range::NumberRange;
use crate::db::{Db, DbConnection};
use crate::directory::DirectoryError;
use crate::vocab::{DirectoryNumber, MacAddress, PhoneId, UnixMillis};

/// Numbers of a range that can't be leased: leased or cooling, somebody's extension, or on a line. One that has cooled down stays
/// among them until it is forgotten: only there is it known whether the clock was set.
pub(super) async fn numbers_in_use(
    db: &mut DbConnection,
    range: &NumberRange,
) -> Result<HashSet<String>, RegistrarError> {
    // Longer numbers lie between them too.
    let used: Vec<String> = sqlx::query_scalar(
        "SELECT number FROM leases WHERE number BETWEEN $1 AND $2 \
         UNION SELECT number FROM lines WHERE number BETWEEN $1 AND $2 \
         UNION SELECT primary_extension FROM users WHERE primary_extension BETWEEN $1 AND $2",
    )
    .bind(range.first())
    .bind(range.last())
    .fetch_all(db)
    .await?;
    Ok(used.into_iter().filter(|number| range.contains(number)).collect())
}

/// Temporary numbers of phones that are nobody's, leased or cooling, and the address each phone was first seen at.
pub(super) async fn held_numbers(db: &mut DbConnection) -> Result<Vec<(String, IpAddr)>, RegistrarError> {
    let rows = sqlx::query(
        "SELECT number, source FROM leases JOIN phones ON phones.id = leases.phone WHERE state <> 'enrolled'",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let source: String = row.try_get("source")?;
            let source = source.parse().map_err(|_| DirectoryError::Unreadable { what: "address", fault: source })?;
            Ok((row.try_get("number")?, source))
        })
        .collect()
}

/// Adds a phone in quarantine with its temporary number.
pub(super) async fn insert_quarantined(
    db: &mut DbConnection,
    phone: PhoneId,
    candidate: &Candidate,
    number: &DirectoryNumber,
    now: UnixMillis,
) -> Result<(), RegistrarError> {
    sqlx::query(
        "INSERT INTO phones (id, state, mac, vendor, model, auth_name, sealed_secret, algorithms, token_hash, \
         transport, source, created_at, seen_at) \
         VALUES ($1, 'quarantine', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
    )
    .bind(phone.to_string())
    .bind(candidate.mac.map(|mac| mac.to_string()))
    .bind(&candidate.vendor)
    .bind(&candidate.model)
    .bind(&candidate.auth_name)
    .bind(&candidate.sealed_secret)
    .bind(&candidate.algorithms)
    .bind(&candidate.token_hash)
    .bind(candidate.transport.as_param())
    .bind(candidate.source.to_string())
    .bind(now.get())
    .execute(&mut *db)
    .await?;
    sqlx::query("DELETE FROM leases WHERE number = $1").bind(number.as_str()).execute(&mut *db).await?;
    lease(db, phone, number, now).await
}

/// Leases a number to a phone that has none.
pub(super) async fn lease(
    db: &mut DbConnection,
    phone: PhoneId,
    number: &DirectoryNumber,
    now: UnixMillis,
) -> Result<(), RegistrarError> {
    sqlx::query("INSERT INTO leases (number, phone, leased_at) VALUES ($1, $2, $3)")
        .bind(number.as_str())
        .bind(phone.to_string())
        .bind(now.get())
        .execute(db)
        .await?;
    Ok(())
}

/// The number a phone had while it was nobody's is its own again, if it is only cooling and nobody's extension by now.
pub(super) async fn revive_lease(
    db: &mut DbConnection,
    phone: PhoneId,
    now: UnixMillis,
) -> Result<Option<DirectoryNumber>, RegistrarError> {
    let number: Option<String> = sqlx::query_scalar(
        "UPDATE leases SET cooling_until = NULL, leased_at = $2 WHERE phone = $1 \
         AND number NOT IN (SELECT number FROM lines \
            UNION SELECT primary_extension FROM users WHERE primary_extension IS NOT NULL) RETURNING number",
    )
    .bind(phone.to_string())
    .bind(now.get())
    .fetch_optional(&mut *db)
    .await?;
    let Some(number) = number else {
        sqlx::query("DELETE FROM leases WHERE phone = $1").bind(phone.to_string()).execute(db).await?;
        return Ok(None);
    };
    let unreadable = |_| DirectoryError::Unreadable { what: "temporary number", fault: number.clone() };
    Ok(Some(number.parse().map_err(unreadable)?))
}

/// The phone that is somebody's and has this hardware address.
pub(super) async fn enrolled_with_mac(db: &Db, mac: MacAddress) -> Result<Option<PhoneId>, RegistrarError> {
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM phones WHERE state = 'enrolled' AND mac = $1")
        .bind(mac.to_string())
        .fetch_optional(db.reader())
        .await?;
    let unreadable = |fault| DirectoryError::Unreadable { what: "phone", fault };
    Ok(id.map(|id| id.parse().map_err(|_| unreadable(id))).transpose()?)
}

/// Phones in quarantine that share a hardware address and source and have never registered, and their numbers: a newer
/// fetch replaces them.
pub(super) async fn unclaimed_twins(
    db: &mut DbConnection,
    candidate: &Candidate,
) -> Result<Vec<(PhoneId, String)>, RegistrarError> {
    let Some(mac) = candidate.mac else { return Ok(Vec::new()) };
    let rows = sqlx::query(
        "SELECT phones.id, number FROM phones JOIN leases ON leases.phone = phones.id \
         WHERE state = 'quarantine' AND mac = $1 AND source = $2 \
         AND seen_at = created_at ORDER BY leased_at",
    )
    .bind(mac.to_string())
    .bind(candidate.source.to_string())
    .fetch_all(db)
    .await?;
    let unreadable = |fault| DirectoryError::Unreadable { what: "phone", fault };
    rows.iter()
        .map(|row| {
            let id: String = row.try_get("id")?;
            Ok((id.parse().map_err(|_| unreadable(id))?, row.try_get("number")?))
        })
        .collect()
}

/// Phones in quarantine whose lease is up: never registered for `unregistered`, or not seen for `unseen`.
pub(super) async fn lapsed_leases(
    db: &mut DbConnection,
    now: UnixMillis,
    unregistered: Duration,
    unseen: Duration,
) -> Result<Vec<PhoneId>, RegistrarError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT phones.id FROM phones JOIN leases ON leases.phone = phones.id \
         WHERE state = 'quarantine' AND ((seen_at < $1 AND leased_at < $1) OR (seen_at = created_at AND leased_at < $2))",
    )
    .bind(now.before(unseen).get())
    .bind(now.before(unregistered).get())
    .fetch_all(db)
    .await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Every lease begins at `now`, and every number given back cools until `cooling_until`.
pub(super) async fn renew_leases(
    db: &mut DbConnection,
    now: UnixMillis,
    cooling_until: UnixMillis,
) -> Result<(), RegistrarError> {
    sqlx::query(
        "UPDATE leases SET leased_at = $1, cooling_until = CASE WHEN cooling_until IS NULL THEN NULL ELSE $2 END",
    )
    .bind(now.get())
    .bind(cooling_until.get())
    .execute(&mut *db)
    .await?;
    // A time to come would make a lease endless. Whether a phone was ever seen after it was let in must still show.
    sqlx::query(
        "UPDATE phones SET seen_at = $1, created_at = CASE WHEN seen_at <= created_at THEN $1 \
            WHEN created_at < $1 - 1 THEN created_at ELSE $1 - 1 END \
         WHERE state = 'quarantine' AND seen_at > $1",
    )
    .bind(now.get())
    .execute(db)
    .await?;
    Ok(())
}

/// Takes a phone out of quarantine without a user, or from its user: its secrets and URL are worth nothing any more, and its
/// temporary number cools, like that of a phone that was bound.
pub(super) async fn release(
    db: &mut DbConnection,
    phone: PhoneId,
    now: UnixMillis,
    cooling_until: UnixMillis,
) -> Result<(), RegistrarError> {
    sqlx::query("UPDATE leases SET cooling_until = $2 WHERE phone = $1 AND cooling_until IS NULL")
        .bind(phone.to_string())
        .bind(cooling_until.get())
        .execute(&mut *db)
        .await?;
    sqlx::query("DELETE FROM lines WHERE phone = $1").bind(phone.to_string()).execute(&mut *db).await?;
    sqlx::query(
        "UPDATE phones SET state = 'released', released_at = $2, \"user\" = NULL, push_pending = 0, push_due = NULL, outdated = 0, \
         former_numbers = '', token_hash = NULL, old_token_hash = NULL, sealed_secret = NULL, sealed_old_secret = NULL, auth_name = $3 || id WHERE id = $1",
    )
    .bind(phone.to_string())
    .bind(now.get())
    .bind(RETIRED)
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets phones released before `then` whose enrolments are forgotten too, at most `most`. Returns how many went.
pub async fn purge_released(db: &mut DbConnection, then: UnixMillis, most: u32) -> Result<u64, RegistrarError> {
    let purged = sqlx::query(
        "DELETE FROM phones WHERE id IN (SELECT id FROM phones WHERE state = 'released' AND released_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM enrolments WHERE phone = phones.id AND ended_at >= $1) LIMIT $2)",
    )
    .bind(then.get())
    .bind(i64::from(most))
    .execute(db)
    .await?;
    Ok(purged.rows_affected())
}

/// Numbers that have cooled down are free again.
pub(super) async fn forget_cooled(db: &mut DbConnection, now: UnixMillis) -> Result<Vec<PhoneId>, RegistrarError> {
    let phones: Vec<String> = sqlx::query_scalar("DELETE FROM leases WHERE cooling_until <= $1 RETURNING phone")
        .bind(now.get())
        .fetch_all(db)
        .await?;
    Ok(phones.iter().filter_map(|id| id.parse().ok()).collect())
}
