//! The database: SQLite in the data folder, or a PostgreSQL that several nodes share. Opening it, bringing its schema up to
//! date, and news between the nodes. What is in it belongs to the rooms above, and so do the statements, which serve both.
//!
//! Columns are whole numbers (also flags, 1 and 0, and instants, in milliseconds) and texts (also identifiers and JSON):
//! what both databases have, and what [`sqlx::Any`] reads from either alike.

pub mod file;
mod nodes;
mod opening;
mod pages;
mod place;
pub mod server;
mod statement;
mod writing;

use std::path::Path;

use sqlx::postgres::PgPool;
use sqlx::{Any, Row};
use tokio::sync::{broadcast, watch};

use self::nodes::Nodes;
pub use self::nodes::{Alone, News};
pub use self::pages::{Pages, read_server};
pub use self::place::{DatabaseUrl, Place, UrlFault};
pub use self::statement::{Statement, by_rows};
pub use self::writing::Writing;

/// A connection to the database, or a transaction on one.
pub type DbConnection = sqlx::AnyConnection;
/// Connections to the database.
pub type DbPool = sqlx::Pool<Any>;
/// A row of what was found.
pub type DbRow = sqlx::any::AnyRow;

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
    /// The server can't be reached, or doesn't let us in.
    #[error(
        "cannot reach the database {url}: {source}; check database.url, that PostgreSQL runs there and lets this user in"
    )]
    Reach {
        /// The server and the database.
        url: String,
        /// What was said.
        source: sqlx::Error,
    },
    /// A database whose texts could not hold every name.
    #[error("the database {url} is encoded in {encoding}; make one with ENCODING 'UTF8'")]
    Encoding {
        /// The server and the database.
        url: String,
        /// How it is encoded.
        encoding: String,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the database up to date: {0}; it may have been made by a newer version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("database: {0}")]
    Statement(#[from] sqlx::Error),
}

/// SQLite's result codes for what is too big, breaks a rule of a table, or is of another type: `SQLITE_TOOBIG`,
/// `SQLITE_CONSTRAINT` and `SQLITE_MISMATCH`. Those with more to say have them as their lowest octet.
const SQLITE_REFUSALS: [u32; 3] = [18, 19, 20];

impl DbError {
    /// True where the database is there, and will never take what it was given: data it can't hold, or that breaks a rule of a
    /// table (SQLSTATE classes 22 and 23).
    pub fn is_refusal(&self) -> bool {
        let Self::Statement(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| match code.len() {
            5 => code.starts_with("22") || code.starts_with("23"),
            _ => code.parse::<u32>().is_ok_and(|code| SQLITE_REFUSALS.contains(&(code & 0xff))),
        })
    }
}

/// An open database. There is one writer at a time, on whichever node: everybody queues for it.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DbPool,
    readers: DbPool,
    /// Told of every commit, on whichever node.
    commits: watch::Sender<()>,
    /// The other nodes; none where there can be none.
    nodes: Option<std::sync::Arc<Nodes>>,
}

impl Db {
    /// Opens the SQLite file at `path`, making it if it isn't there, and brings its schema up to date.
    ///
    /// # Errors
    /// If the file can't be opened, or was made by a newer version.
    pub async fn open(path: &Path) -> Result<Self, DbError> {
        Self::open_at(&Place::File(path.to_owned())).await
    }

    /// Opens the database and brings its schema up to date. On a server, the other nodes are heard from now on.
    ///
    /// # Errors
    /// If it can't be reached or used.
    pub async fn open_at(place: &Place) -> Result<Self, DbError> {
        let commits = watch::channel(()).0;
        match place {
            Place::File(path) => {
                let (writer, readers) = opening::file(path).await?;
                Ok(Self { writer, readers, commits, nodes: None })
            }
            Place::Server(url) => {
                let node = nodes::name();
                let opening::Server { writer, readers, native } = opening::server(url, &node).await?;
                let nodes = Nodes::join(url, node, native, commits.clone()).await?;
                Ok(Self { writer, readers, commits, nodes: Some(nodes.into()) })
            }
        }
    }

    /// Connections for reading.
    pub fn reader(&self) -> &DbPool {
        &self.readers
    }

    /// A transaction that may write: all of it happens, or none. What it reads nobody changes until it ends, on whichever
    /// node.
    ///
    /// # Errors
    /// If the database doesn't answer, or others write for too long.
    pub async fn write(&self) -> Result<Writing, DbError> {
        Writing::begin(&self.writer, self.nodes.is_some(), self.commits.clone()).await
    }

    /// Connections with PostgreSQL's own types, to what others write too; none where the database is a file.
    pub fn shared(&self) -> Option<&PgPool> {
        self.nodes.as_ref().map(|nodes| nodes.shared())
    }

    /// Changes whenever something was committed, on whichever node.
    pub fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// What other nodes change, for the first who asks from when the database was opened; nothing ever comes where there are none.
    pub fn news(&self) -> Option<broadcast::Receiver<News>> {
        self.nodes.as_ref().map(|nodes| nodes.news())
    }

    /// Tells the other nodes something that is not in the database.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tell_nodes(&self, kind: &str, subject: &str) -> Result<(), DbError> {
        match &self.nodes {
            Some(nodes) => nodes.tell(kind, subject).await,
            None => Ok(()),
        }
    }

    /// True if this node is the one that does what only one may do: looks after what waits, and tidies up.
    pub fn is_on_duty(&self) -> bool {
        self.nodes.as_ref().is_none_or(|nodes| nodes.is_on_duty())
    }

    /// The name of this node; empty where it is the only one.
    pub fn node(&self) -> &str {
        self.nodes.as_ref().map_or("", |nodes| nodes.node())
    }

    /// The names of the nodes that are connected.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn living_nodes(&self) -> Result<Vec<String>, DbError> {
        match &self.nodes {
            Some(nodes) => nodes.living().await,
            None => Ok(vec![String::new()]),
        }
    }

    /// Waits until no other node holds this, and keeps others waiting until it is dropped.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn alone(&self) -> Result<Alone, DbError> {
        match &self.nodes {
            Some(nodes) => nodes.alone().await,
            None => Ok(Alone::only()),
        }
    }

    /// True if it answers.
    pub async fn is_alive(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.readers).await.is_ok()
    }

    /// Waits for running statements and closes.
    pub async fn close(&self) {
        if let Some(nodes) = &self.nodes {
            nodes.leave().await;
        }
        self.writer.close().await;
        self.readers.close().await;
    }
}

/// A column that holds 1 for yes and 0 for no.
///
/// # Errors
/// If there is no such column, or it holds something else.
pub fn flag(row: &DbRow, column: &str) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_breaks_a_rule_of_a_table_is_told_from_a_database_that_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("a.db")).await.unwrap();
        let mut writing = db.write().await.unwrap();
        for made in
            ["CREATE TABLE rules (a INTEGER PRIMARY KEY, b NOT NULL CHECK (b > 0))", "INSERT INTO rules VALUES (1, 1)"]
        {
            sqlx::query(made).execute(&mut *writing).await.unwrap();
        }
        for (statement, is_refusal) in [
            ("INSERT INTO rules VALUES (1, 1)", true),
            ("INSERT INTO rules VALUES (2, 0)", true),
            ("INSERT INTO rules VALUES (3, NULL)", true),
            ("INSERT INTO rules VALUES ('four', 1)", true),
            ("INSERT INTO others VALUES (1)", false),
        ] {
            let error = DbError::from(sqlx::query(statement).execute(&mut *writing).await.unwrap_err());
            assert_eq!(error.is_refusal(), is_refusal, "{statement}: {error}");
        }
    }
}
