//! The SQL of portal sessions.

use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::{DirectoryError, PortalBearer, TokenHash};
use crate::vocab::{TimeZone, UnixMillis};

/// Sessions one account may have; the oldest goes when one more begins.
const MOST_SESSIONS: i64 = 20;

/// The record of an active account and the hash of its password.
pub(super) async fn credential(
    db: &SqlitePool,
    login: &str,
) -> Result<Option<(String, Option<String>)>, DirectoryError> {
    let found = "SELECT id, password_hash FROM portal_accounts WHERE login = $1 AND status = 'active'";
    let row = sqlx::query(found).bind(login).fetch_optional(db).await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get("password_hash")?))).transpose()
}

/// A session begins; what has ended, and the oldest beyond as many as may be, is forgotten.
pub(super) async fn begin_session(
    db: &mut SqliteConnection,
    token: &TokenHash,
    account: &str,
    now: UnixMillis,
    expires_at: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query("DELETE FROM portal_sessions WHERE expires_at <= $1").bind(now.get()).execute(&mut *db).await?;
    sqlx::query("INSERT INTO portal_sessions (hash, account, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(token.as_str())
        .bind(account)
        .bind(now.get())
        .bind(expires_at.get())
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "DELETE FROM portal_sessions WHERE account = $1 AND hash NOT IN \
         (SELECT hash FROM portal_sessions WHERE account = $1 ORDER BY created_at DESC, hash LIMIT $2)",
    )
    .bind(account)
    .bind(MOST_SESSIONS)
    .execute(db)
    .await?;
    Ok(())
}

/// Who bears the token of a session that lasts.
pub(super) async fn bearer(
    db: &SqlitePool,
    token: &TokenHash,
    now: UnixMillis,
) -> Result<Option<PortalBearer>, DirectoryError> {
    let row = sqlx::query(
        "SELECT portal_accounts.id, login, locale, time_zone FROM portal_sessions \
         JOIN portal_accounts ON portal_accounts.id = portal_sessions.account \
         WHERE hash = $1 AND expires_at > $2 AND status = 'active'",
    )
    .bind(token.as_str())
    .bind(now.get())
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let time_zone: String = row.try_get("time_zone")?;
    let locale: Option<String> = row.try_get("locale")?;
    Ok(Some(PortalBearer {
        account: row.try_get("id")?,
        login: row.try_get("login")?,
        locale: locale.and_then(|locale| locale.parse().ok()),
        time_zone: time_zone.parse().unwrap_or(TimeZone::UTC),
    }))
}

/// A session ends.
pub(super) async fn end_session(db: &mut SqliteConnection, token: &TokenHash) -> Result<(), DirectoryError> {
    sqlx::query("DELETE FROM portal_sessions WHERE hash = $1").bind(token.as_str()).execute(db).await?;
    Ok(())
}
