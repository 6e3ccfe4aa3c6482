//! Settings: a kind of record with one row, made at the first start and changed ever after.

use serde_json::Value;

use super::{Actor, Directory, DirectoryError, Kept, Kind, records};
use crate::vocab::{Secret, UnixMillis};

/// A kind with one record.
pub trait Settings: Kind {
    /// The key of the only row.
    const NAME: &'static str;
}

impl Directory {
    /// The settings as they are kept.
    ///
    /// # Errors
    /// If the database fails, or the first start has not made them yet.
    pub async fn settings<S: Settings>(&self) -> Result<Kept<S::View>, DirectoryError> {
        self.find::<S>(S::NAME).await?.ok_or(DirectoryError::NotFound { what: S::TABLE.what })
    }

    /// True if the first start has made them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_settings<S: Settings>(&self) -> Result<bool, DirectoryError> {
        Ok(self.find::<S>(S::NAME).await?.is_some())
    }

    /// What one of their hidden columns has sealed, if anything.
    ///
    /// # Errors
    /// If the database fails, or the secret was sealed with another key.
    pub async fn settings_secret<S: Settings>(&self, column: &str) -> Result<Option<Secret>, DirectoryError> {
        let mut connection = self.db().reader().acquire().await?;
        let record = records::find(&mut connection, S::TABLE, S::NAME).await?;
        let sealed = record.as_ref().map(|record| records::text(record, column)).filter(|sealed| !sealed.is_empty());
        sealed.map(|sealed| self.sealer().open(&sealed)).transpose()
    }

    /// Changes them by a JSON merge patch (RFC 7396), if they have the version `expected`.
    ///
    /// # Errors
    /// What can't be taken.
    pub async fn change_settings<S: Settings>(
        &self,
        patch: &Value,
        expected: Option<i64>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<S::View>, DirectoryError> {
        self.change::<S>(S::NAME, patch, expected, |_| Ok(()), actor, now).await
    }

    /// What they would be after a change, checked and not kept.
    ///
    /// # Errors
    /// What can't be taken.
    pub async fn preview_settings<S: Settings>(
        &self,
        patch: &Value,
        expected: Option<i64>,
        now: UnixMillis,
    ) -> Result<Kept<S::View>, DirectoryError> {
        self.preview::<S>(S::NAME, patch, expected, now).await
    }
}
