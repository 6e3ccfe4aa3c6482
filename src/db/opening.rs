//! Opening the database: connections, and the schema brought up to date.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Executor, Row};

use super::{DatabaseUrl, DbError, DbPool};

pub(super) static SQLITE: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");
pub(super) static POSTGRES: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// Connections that only read: SQLite's, and each node's to PostgreSQL.
const READERS: u32 = 4;
const READERS_OF_SERVER: u32 = 16;
/// Each node's connections for what needs PostgreSQL's own types.
const NATIVE: u32 = 4;
/// How long somebody who only reads waits for a database that is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was committed survives a power cut too; group commits make it cheap.
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL";
/// What who reads keeps of it in memory: the tables of 100,000 phones, nearly.
const OF_READERS: &str = "PRAGMA cache_size = -16384";
/// Who writes keeps the bindings of 1,000,000, and what a statement of many rows changed until it is done: in a file, that
/// would cost as much as the rows.
const OF_WRITER: &str = "PRAGMA cache_size = -262144; PRAGMA temp_store = MEMORY";

/// A plan is made for the values and the size a table has now: one made for an empty table would do for the first few
/// rows of an import only.
const PLANS: &str = "SET plan_cache_mode = force_custom_plan";
/// A node that hangs must not keep the others from writing, nor one whose machine is gone.
const SESSION: &str = "SET idle_in_transaction_session_timeout = '60s'; SET tcp_keepalives_idle = 5; \
    SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET client_min_messages = warning";

/// The one who writes, and those who read.
pub(super) async fn file(path: &Path) -> Result<(DbPool, DbPool), DbError> {
    let failed = |source| DbError::Open { path: path.display().to_string(), source };
    sqlx::any::install_default_drivers();
    let options = AnyConnectOptions::from_str(&url_of(path)).map_err(failed)?;
    let pool = |connections, its_own: &'static str| {
        AnyPoolOptions::new().max_connections(connections).after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(PRAGMAS).await?;
                connection.execute(its_own).await.map(drop)
            })
        })
    };
    // Migrations may change whole tables, which need not fit in memory.
    let migrating = pool(1, OF_READERS).connect_with(options.clone()).await.map_err(failed)?;
    SQLITE.run(&migrating).await?;
    migrating.close().await;
    let writer = pool(1, OF_WRITER).connect_with(options.clone()).await.map_err(failed)?;
    let readers = pool(READERS, OF_READERS).connect_with(options).await.map_err(failed)?;
    Ok((writer, readers))
}

/// A file as an address: sqlx takes options of a connection to either database in this form only.
fn url_of(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut url = "sqlite:".to_owned();
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' | b'~' => url.push(char::from(*octet)),
            octet if octet.is_ascii_alphanumeric() => url.push(char::from(*octet)),
            octet => url.push_str(&format!("%{octet:02X}")),
        }
    }
    url.push_str("?mode=rwc");
    url
}

/// A node's connections to PostgreSQL: the one who writes, those who read, and those that need its own types.
pub(super) struct Server {
    pub writer: DbPool,
    pub readers: DbPool,
    pub native: PgPool,
}

/// Connects as `node`, by which the triggers know whose change it is.
pub(super) async fn server(url: &DatabaseUrl, node: &str) -> Result<Server, DbError> {
    let failed = |source| DbError::Reach { url: url.shown(), source };
    sqlx::any::install_default_drivers();
    let options = AnyConnectOptions::from_str(&named(url, node)).map_err(failed)?;
    let pool = |connections| {
        AnyPoolOptions::new().max_connections(connections).after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute(SESSION).await?;
                connection.execute(PLANS).await.map(drop)
            })
        })
    };
    let writer = pool(1).acquire_timeout(PATIENCE).connect_with(options.clone()).await.map_err(failed)?;
    let encoding: String = sqlx::query("SHOW server_encoding").fetch_one(&writer).await.map_err(failed)?.try_get(0)?;
    if encoding != "UTF8" {
        return Err(DbError::Encoding { url: url.shown(), encoding });
    }
    POSTGRES.run(&writer).await?;
    // From now on, whoever writes waits for the others as long as they take.
    writer.close().await;
    let writer = pool(1).connect_lazy_with(options.clone());
    let readers = pool(READERS_OF_SERVER).acquire_timeout(PATIENCE).connect_with(options).await.map_err(failed)?;
    let native = PgPoolOptions::new()
        .max_connections(NATIVE)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(SESSION).await.map(drop) }))
        .connect_lazy_with(native_options(url, node)?);
    Ok(Server { writer, readers, native })
}

/// Options for a connection of one's own.
pub(super) fn native_options(url: &DatabaseUrl, node: &str) -> Result<PgConnectOptions, DbError> {
    PgConnectOptions::from_str(&named(url, node)).map_err(|source| DbError::Reach { url: url.shown(), source })
}

fn named(url: &DatabaseUrl, node: &str) -> String {
    let url = url.expose();
    let join = if url.contains('?') { '&' } else { '?' };
    format!("{url}{join}application_name={node}")
}

#[cfg(test)]
mod tests {
    use crate::db::Db;

    #[tokio::test]
    async fn a_file_may_have_any_name_and_is_made_where_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b%3f?#ü.db");
        let db = Db::open(&path).await.unwrap();
        assert!(path.is_file());
        let mut writing = db.write().await.unwrap();
        let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut *writing).await.unwrap();
        assert_eq!(kept, 0);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(db.reader()).await.unwrap();
        let durability: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut *writing).await.unwrap();
        assert_eq!((mode.as_str(), durability), ("wal", 2));
        drop(writing);
        db.close().await;
    }
}
