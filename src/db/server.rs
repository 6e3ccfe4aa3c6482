//! A PostgreSQL database as a whole: whether it can be reached, and how far its schema is. Nothing is changed.

use sqlx::{ConnectOptions, Connection, Row};

use super::opening::{POSTGRES, native_options};
use super::{DatabaseUrl, DbError};

/// A database as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The server's version, as it says it.
    pub version: String,
    /// The version of the schema; 0 if it has none of ours.
    pub schema: i64,
    /// The newest version this program knows.
    pub newest: i64,
}

/// Looks at it.
///
/// # Errors
/// If it can't be reached.
pub async fn check(url: &DatabaseUrl) -> Result<Found, DbError> {
    let failed = |source| DbError::Reach { url: url.shown(), source };
    let mut db = native_options(url, "tsunagu")?.connect().await.map_err(failed)?;
    let row = sqlx::query("SELECT current_setting('server_version'), to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut db)
        .await?;
    let schema = match row.try_get(1)? {
        true => sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(&mut db).await?,
        false => 0,
    };
    let version = row.try_get(0)?;
    db.close().await?;
    let newest = POSTGRES.iter().map(|migration| migration.version).max().unwrap_or_default();
    Ok(Found { version, schema, newest })
}
