//! Portal accounts as they log in: sessions, each with a token that is kept as a hash.
//!
//! Nobody who doesn't know a password learns from it whether a login is anybody's: the work is the same. It must not know
//! how often one may try.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::token::new_token;
use super::{Actor, ActorKind, CredentialHash, Directory, DirectoryError, PortalAccounts, TokenHash, portal_store};
use crate::db::DbError;
use crate::vocab::{Language, Secret, TimeZone, UnixMillis};

/// How long a session lasts.
const SESSION: Duration = Duration::from_secs(12 * 3600);

/// How long a reminder's token is good, and the shortest time between two reminders of one account.
const REMINDER: Duration = Duration::from_secs(3600);
const BETWEEN_REMINDERS: Duration = Duration::from_secs(120);

/// What an account is told so that it can set its password anew.
#[derive(Debug)]
pub struct PortalReminder {
    /// Where to.
    pub mail: String,
    /// The name it logs in with.
    pub login: String,
    /// The language it prefers.
    pub locale: Option<Language>,
    /// When the token ends, on the clocks of its time zone.
    pub ends: String,
    /// Good once.
    pub token: Secret,
}

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

    /// A token by which the account with this login can set its password anew; it takes the place of the one before. None
    /// if there is no such account, it has no mail address, or it was reminded a moment ago.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn portal_remind(&self, login: &str, now: UnixMillis) -> Result<Option<PortalReminder>, DirectoryError> {
        let mut transaction = self.db().write().await?;
        let found = portal_store::to_be_reminded(&mut transaction, login, now.before(BETWEEN_REMINDERS)).await?;
        let Some((account, mail)) = found else { return Ok(None) };
        let (token, expires_at) = (new_token(), now.after(REMINDER));
        portal_store::remind(&mut transaction, &TokenHash::of(&token), &account.account, now, expires_at).await?;
        transaction.commit().await?;
        let PortalBearer { login, locale, time_zone, .. } = account;
        Ok(Some(PortalReminder { mail, login, locale, ends: time_zone.clock(expires_at), token }))
    }

    /// Sets the password of the account that was reminded by this token; false if the token is none, or no longer.
    ///
    /// # Errors
    /// If the password can't be taken, or the database fails.
    pub async fn portal_reset(
        &self,
        token: &Secret,
        password: Secret,
        source: &str,
        now: UnixMillis,
    ) -> Result<bool, DirectoryError> {
        // A password that is refused doesn't cost the token.
        self.credential_policy().await?.check_password(&password)?;
        let mut transaction = self.db().write().await?;
        let found = portal_store::take_reminder(&mut transaction, &TokenHash::of(token), now).await?;
        transaction.commit().await?;
        let Some((account, login)) = found else { return Ok(false) };
        let actor = Actor { kind: ActorKind::PortalAccount, name: login, source: source.to_owned() };
        let patch = serde_json::json!({ "password": password.expose_secret() });
        self.change::<PortalAccounts>(&account, &patch, None, |_| Ok(()), &actor, now).await?;
        Ok(true)
    }
}
