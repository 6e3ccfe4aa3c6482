//! Portal accounts as they log in: sessions, each with a token that is kept as a hash.
//!
//! Nobody who doesn't know a password learns from it whether a login is anybody's: the work is the same. It must not know
//! how often one may try.

use std::time::Duration;

use super::token::new_token;
use super::{CredentialHash, Directory, DirectoryError, TokenHash, portal_store};
use crate::db::DbError;
use crate::vocab::{Language, Secret, TimeZone, UnixMillis};

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(12 * 3600);

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct PortalBearer {
    /// The account's record.
    pub account: String,
    /// The name it logs in with.
    pub login: String,
    /// The language it prefers.
    pub locale: Option<Language>,
    /// The time zone of its clocks.
    pub time_zone: TimeZone,
}

/// A session that has begun.
#[derive(Debug)]
pub struct PortalSession {
    /// Its token: not shown again.
    pub token: Secret,
    /// When it ends.
    pub expires_at: UnixMillis,
}

impl Directory {
    /// Begins a session of the account with this login and password; none if there is none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn portal_login(
        &self,
        login: &str,
        password: Secret,
        now: UnixMillis,
    ) -> Result<Option<PortalSession>, DirectoryError> {
        let found = portal_store::credential(self.db().reader(), login).await?;
        let (account, hash) = found.unzip();
        let hash = hash.flatten().map(CredentialHash::from_stored);
        let judged = tokio::task::spawn_blocking(move || match hash {
            Some(hash) => hash.matches(&password),
            None => {
                CredentialHash::waste_as_much(&password);
                false
            }
        });
        let is_right = judged.await.map_err(|_| DbError::Statement(sqlx::Error::WorkerCrashed))?;
        let Some(account) = account.filter(|_| is_right) else { return Ok(None) };
        let (token, expires_at) = (new_token(), now.after(SESSION));
        let mut transaction = self.db().write().await?;
        portal_store::begin_session(&mut transaction, &TokenHash::of(&token), &account, now, expires_at).await?;
        transaction.commit().await?;
        Ok(Some(PortalSession { token, expires_at }))
    }

    /// Who bears the token of a session, if it is worth anything.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn portal_bearer(&self, token: &Secret, now: UnixMillis) -> Result<Option<PortalBearer>, DirectoryError> {
        portal_store::bearer(self.db().reader(), &TokenHash::of(token), now).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn portal_logout(&self, token: &Secret) -> Result<(), DirectoryError> {
        let mut transaction = self.db().write().await?;
        portal_store::end_session(&mut transaction, &TokenHash::of(token)).await?;
        Ok(transaction.commit().await?)
    }
}
