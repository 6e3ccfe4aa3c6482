//! The SQL of portal sessions.

use sqlx::Row;

use super::{DirectoryError, PortalBearer, TokenHash};
use crate::db::{DbConnection, DbPool, DbRow};
use crate::vocab::{TimeZone, UnixMillis};

/// Sessions one account may have; the oldest goes when one more begins.
const MOST_SESSIONS: i64 = 20;

/// The record of an active account and the hash of its password.
pub(super) async fn credential(db: &DbPool, login: &str) -> Result<Option<(String, Option<String>)>, DirectoryError> {
    let found = "SELECT id, password_hash FROM portal_accounts WHERE login = $1 AND status = 'active'";
    let row = sqlx::query(found).bind(login).fetch_optional(db).await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get("password_hash")?))).transpose()
}

/// A session begins; what has ended, and the oldest beyond as many as may be, is forgotten.
pub(super) async fn begin_session(
    db: &mut DbConnection,
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
    db: &DbPool,
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
    row.as_ref().map(account).transpose()
}

fn account(row: &DbRow) -> Result<PortalBearer, DirectoryError> {
    let time_zone: String = row.try_get("time_zone")?;
    let locale: Option<String> = row.try_get("locale")?;
    Ok(PortalBearer {
        account: row.try_get("id")?,
        login: row.try_get("login")?,
        locale: locale.and_then(|locale| locale.parse().ok()),
        time_zone: time_zone.parse().unwrap_or(TimeZone::UTC),
    })
}

/// A session ends.
pub(super) async fn end_session(db: &mut DbConnection, token: &TokenHash) -> Result<(), DirectoryError> {
    sqlx::query("DELETE FROM portal_sessions WHERE hash = $1").bind(token.as_str()).execute(db).await?;
    Ok(())
}

/// An active account with a mail address that was not reminded since `then`.
pub(super) async fn to_be_reminded(
    db: &mut DbConnection,
    login: &str,
    then: UnixMillis,
) -> Result<Option<(PortalBearer, String)>, DirectoryError> {
    let row = sqlx::query(
        "SELECT id, login, locale, time_zone, mail FROM portal_accounts \
         WHERE login = $1 AND status = 'active' AND mail <> '' AND NOT EXISTS \
         (SELECT 1 FROM portal_reminders WHERE account = portal_accounts.id AND created_at > $2)",
    )
    .bind(login)
    .bind(then.get())
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((account(&row)?, row.try_get("mail")?))).transpose()
}

/// The token of an account's reminder, in place of the one before.
pub(super) async fn remind(
    db: &mut DbConnection,
    token: &TokenHash,
    account: &str,
    now: UnixMillis,
    expires_at: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO portal_reminders (hash, account, created_at, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account) DO UPDATE SET hash = excluded.hash, created_at = excluded.created_at, \
         expires_at = excluded.expires_at",
    )
    .bind(token.as_str())
    .bind(account)
    .bind(now.get())
    .bind(expires_at.get())
    .execute(db)
    .await?;
    Ok(())
}

/// The active account, and its login, that was reminded by a token, which is worth nothing from now on.
pub(super) async fn take_reminder(
    db: &mut DbConnection,
    token: &TokenHash,
    now: UnixMillis,
) -> Result<Option<(String, String)>, DirectoryError> {
    let row = sqlx::query(
        "SELECT portal_accounts.id, login FROM portal_reminders \
         JOIN portal_accounts ON portal_accounts.id = portal_reminders.account \
         WHERE hash = $1 AND expires_at > $2 AND status = 'active'",
    )
    .bind(token.as_str())
    .bind(now.get())
    .fetch_optional(&mut *db)
    .await?;
    sqlx::query("DELETE FROM portal_reminders WHERE hash = $1 OR expires_at <= $2")
        .bind(token.as_str())
        .bind(now.get())
        .execute(db)
        .await?;
    row.map(|row| Ok((row.try_get("id")?, row.try_get("login")?))).transpose()
}
