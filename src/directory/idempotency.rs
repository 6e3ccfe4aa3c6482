//! Requests that may come twice: the first answer to each key is kept, sealed, for a day.

use std::time::Duration;

use sqlx::Row;

use super::{Directory, DirectoryError};
use crate::vocab::UnixMillis;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// An answer as it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The entity tag, if it had one.
    pub tag: Option<String>,
    /// The body. It may hold a secret that is shown once.
    pub body: String,
}

/// Whether a request with a key was seen before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Repetition {
    /// It was not; it is now.
    First,
    /// It was, and this was the answer.
    Answered(StoredAnswer),
    /// It is being carried out, or was cut off.
    Unknown,
    /// The key came with another request.
    Another,
}

impl Directory {
    /// Notes that a request with this key begins. `fingerprint` tells requests apart.
    pub async fn begin_request(
        &self,
        token: &str,
        key: &str,
        fingerprint: &str,
        now: UnixMillis,
    ) -> Result<Repetition, DirectoryError> {
        let mut transaction = self.db().write().await?;
        sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
            .bind(now.before(KEPT).get())
            .execute(&mut *transaction)
            .await?;
        let inserted = sqlx::query(
            "INSERT INTO idempotency_keys (token, key, fingerprint, created_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT DO NOTHING",
        )
        .bind(token)
        .bind(key)
        .bind(fingerprint)
        .bind(now.get())
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() == 1 {
            transaction.commit().await?;
            return Ok(Repetition::First);
        }
        let row = sqlx::query(
            "SELECT fingerprint, status, version, body FROM idempotency_keys WHERE token = $1 AND key = $2",
        )
        .bind(token)
        .bind(key)
        .fetch_one(&mut *transaction)
        .await?;
        if row.try_get::<String, _>("fingerprint")? != fingerprint {
            return Ok(Repetition::Another);
        }
        let Some(status) = row.try_get::<Option<i64>, _>("status")? else { return Ok(Repetition::Unknown) };
        let status = u16::try_from(status).unwrap_or_default();
        let sealed: Option<String> = row.try_get("body")?;
        let body = match sealed {
            Some(sealed) => secrecy::ExposeSecret::expose_secret(&self.sealer().open(&sealed)?).to_owned(),
            None => String::new(),
        };
        Ok(Repetition::Answered(StoredAnswer { status, tag: row.try_get("version")?, body }))
    }

    /// Keeps the answer to a request with a key; with none, the key is free again.
    pub async fn end_request(
        &self,
        token: &str,
        key: &str,
        answer: Option<&StoredAnswer>,
    ) -> Result<(), DirectoryError> {
        let mut transaction = self.db().write().await?;
        let query = match answer {
            Some(answer) => sqlx::query(
                "UPDATE idempotency_keys SET status = $3, version = $4, body = $5 WHERE token = $1 AND key = $2",
            )
            .bind(token)
            .bind(key)
            .bind(i64::from(answer.status))
            .bind(&answer.tag)
            .bind(self.sealer().seal(&answer.body.clone().into(), rand::random())?),
            None => sqlx::query("DELETE FROM idempotency_keys WHERE token = $1 AND key = $2").bind(token).bind(key),
        };
        query.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }
}
