//! A transaction that writes. SQLite has one writer at a time, and so has every node of a PostgreSQL: a lock of the
//! transaction's keeps the others out, so that what is read in it is true until it ends.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, Transaction};
use tokio::sync::watch;

use super::{DbConnection, DbError, DbPool};

/// Takes the write lock with the first word, before anything is read.
const ON_FILE: &str = "BEGIN IMMEDIATE";
/// The number is this program's, of what it locks; nobody else need know it.
const ON_SERVER: &str = "BEGIN; SELECT pg_advisory_xact_lock(8391179647662388481)";

/// A transaction that may write. Dropped without a commit, nothing of it happened.
#[derive(Debug)]
pub struct Writing {
    transaction: Transaction<'static, Any>,
    commits: watch::Sender<()>,
}

impl Writing {
    pub(super) async fn begin(
        writer: &DbPool,
        is_on_server: bool,
        commits: watch::Sender<()>,
    ) -> Result<Self, DbError> {
        let transaction = writer.begin_with(if is_on_server { ON_SERVER } else { ON_FILE }).await?;
        Ok(Self { transaction, commits })
    }

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
    type Target = DbConnection;

    fn deref(&self) -> &DbConnection {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut DbConnection {
        &mut self.transaction
    }
}
