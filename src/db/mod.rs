//! The database: opening it, bringing its schema up to date. What is in it belongs to the rooms above.

pub mod file;

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use tokio::sync::watch;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Connections that only read.
const READERS: u32 = 4;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The file could not be opened.
    #[error("cannot open the database {path}: {source}; check that its folder exists and can be written")]
    Open {
        /// The file.
        path: String,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database up to date: {0}; it may have been made by a newer version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("database: {0}")]
    Statement(#[from] sqlx::Error),
}

/// An open database. SQLite has one writer at a time, so there is one writing connection and everybody queues for it.
#[derive(Clone, Debug)]
pub struct Db {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Told of every commit.
    commits: watch::Sender<()>,
}

impl Db {
    /// Opens the file at `path`, making it if it isn't there, and brings its schema up to date.
    pub async fn open(path: &Path) -> Result<Self, DbError> {
        let shown = path.display().to_string();
        let failed = |source| DbError::Open { path: shown.clone(), source };
        let options = SqliteConnectOptions::from_str(&format!("sqlite://{shown}"))
            .map_err(failed)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // What was acknowledged survives a power cut too; group commits make it cheap.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(failed)?;
        MIGRATIONS.run(&writer).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await.map_err(failed)?;
        Ok(Self { writer, readers, commits: watch::channel(()).0 })
    }

    /// Connections for reading.
    pub fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// A transaction that may write: all of it happens, or none.
    pub async fn write(&self) -> Result<Writing, DbError> {
        Ok(Writing { transaction: self.writer.begin_with("BEGIN IMMEDIATE").await?, commits: self.commits.clone() })
    }

    /// Changes whenever something was committed.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// True if it answers.
    pub async fn is_alive(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.readers).await.is_ok()
    }

    /// Waits for running statements and closes.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A transaction that may write. Dropped without a commit, nothing of it happened.
#[derive(Debug)]
pub struct Writing {
    transaction: Transaction<'static, Sqlite>,
    commits: watch::Sender<()>,
}

impl Writing {
    /// All of it happens, and whoever waits for commits is told.
    ///
    /// # Errors
    /// If the database fails; then nothing of it happened.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        self.transaction.commit().await?;
        self.commits.send_replace(());
        Ok(())
    }

    /// None of it happens, and the next one need not wait for that.
    ///
    /// # Errors
    /// If the database fails; nothing of it happened then either.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.transaction.rollback().await
    }
}

impl Deref for Writing {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}
