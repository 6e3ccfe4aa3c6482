//! A database file as a whole: copied while others use it, and checked. Its schema is left as it is.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::DbError;
use super::opening::SQLITE;

/// The newest version of the schema this program knows.
pub fn newest_schema() -> i64 {
    SQLITE.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// A database as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// The version of its schema; 0 if it has none of ours.
    pub schema: i64,
    /// What is wrong with it, as SQLite says; empty if nothing is.
    pub faults: Vec<String>,
}

/// Writes what is in `source` at one moment to `copy`, which must be empty or not there. Others may use `source` meanwhile.
pub async fn copy(source: &Path, copy: &Path) -> Result<(), DbError> {
    let mut db = open(source, false).await?;
    sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(&mut db).await?;
    Ok(db.close().await?)
}

/// Checks the file, changing nothing.
pub async fn check(file: &Path) -> Result<Checked, DbError> {
    let mut db = open(file, true).await?;
    let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(5)").fetch_all(&mut db).await?;
    let is_ours: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations')")
            .fetch_one(&mut db)
            .await?;
    let schema = match is_ours {
        true => sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(&mut db).await?,
        false => 0,
    };
    db.close().await?;
    Ok(Checked { schema, faults: said.into_iter().filter(|line| line != "ok").collect() })
}

async fn open(file: &Path, is_read_only: bool) -> Result<SqliteConnection, DbError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(is_read_only);
    let opened = options.busy_timeout(Duration::from_secs(10)).connect().await;
    opened.map_err(|source| DbError::Open { path: file.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Db;

    #[tokio::test]
    async fn a_copy_has_what_was_committed_and_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let (original, copied) = (folder.path().join("original.db"), folder.path().join("copy.db"));
        let db = Db::open(&original).await.unwrap();
        let mut writing = db.write().await.unwrap();
        // Not committed, so not in the copy; and the copy doesn't wait for it.
        sqlx::query("CREATE TABLE unfinished (a)").execute(&mut *writing).await.unwrap();
        copy(&original, &copied).await.unwrap();
        assert_eq!(check(&copied).await.unwrap(), Checked { schema: newest_schema(), faults: Vec::new() });
        assert!(copy(&original, &copied).await.is_err(), "a copy is never overwritten");
    }

    #[tokio::test]
    async fn a_damaged_file_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        Db::open(&file).await.unwrap().close().await;
        let mut octets = std::fs::read(&file).unwrap();
        octets.iter_mut().skip(4096).step_by(7).for_each(|octet| *octet ^= 0x55);
        std::fs::write(&file, octets).unwrap();
        assert!(check(&file).await.map_or(true, |checked| !checked.faults.is_empty()));
    }
}
