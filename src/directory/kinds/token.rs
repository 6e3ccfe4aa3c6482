//! Bearer tokens as administrators keep them. The token itself is shown when it is made, and never again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Recorded;
use crate::db::DbConnection;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{Directory, DirectoryError, Kind, Listed, Role, TokenHash};
use crate::vocab::{Name, Secret, UnixMillis};

/// The role that may do everything, as it is kept.
const ADMINISTER: &str = "administer";

/// A token as given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenDraft {
    /// Unique; the audit names its bearer by it.
    pub name: Name,
    /// What its bearer may do.
    pub role: Role,
    /// When it stops being worth anything; none means never.
    #[serde(default)]
    pub expires_at: Option<UnixMillis>,
    /// The token itself, made by the directory.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

/// Tokens.
#[derive(Debug)]
pub struct Tokens;

impl Listed for Tokens {
    const TABLE: &'static Table = &TOKENS;
    type View = Recorded<TokenDraft>;
}

impl Kind for Tokens {
    type Draft = TokenDraft;

    async fn record(
        _directory: &Directory,
        draft: TokenDraft,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        let mut record = as_record(&draft)?;
        record.insert("expires_at".to_owned(), draft.expires_at.map_or(Value::Null, |at| at.get().into()));
        if let Some(secret) = &draft.secret {
            record.insert("hash".to_owned(), TokenHash::of(secret).as_str().into());
        }
        Ok(record)
    }

    async fn writing(db: &mut DbConnection, id: &str, record: &Record, now: UnixMillis) -> Result<(), DirectoryError> {
        let administers = record.get("role").and_then(Value::as_str) == Some(ADMINISTER);
        let has_expired = record.get("expires_at").and_then(Value::as_i64).is_some_and(|at| at <= now.get());
        match (administers, has_expired) {
            (true, false) => Ok(()),
            (false, _) => keep_an_administrator(db, id, "role", now).await,
            (true, true) => keep_an_administrator(db, id, "expires_at", now).await,
        }
    }

    async fn removing(db: &mut DbConnection, id: &str, now: UnixMillis) -> Result<(), DirectoryError> {
        keep_an_administrator(db, id, "name", now).await
    }
}

/// Refuses to take away the only token that administers: nobody could make another.
async fn keep_an_administrator(
    db: &mut DbConnection,
    id: &str,
    field: &str,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let administrators: Vec<String> =
        sqlx::query_scalar("SELECT id FROM tokens WHERE role = $1 AND (expires_at IS NULL OR expires_at > $2) LIMIT 2")
            .bind(ADMINISTER)
            .bind(now.get())
            .fetch_all(db)
            .await?;
    if administrators.iter().map(String::as_str).eq([id]) {
        return Err(DirectoryError::Refused {
            field: field.to_owned(),
            code: "last-administrator",
            fault: "it is the only token that administers".to_owned(),
            remedy: "make another one first",
        });
    }
    Ok(())
}

static TOKENS: Table = Table {
    name: "tokens",
    what: "token",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("role", ColumnKind::Text),
        Column::new("expires_at", ColumnKind::Instant),
        Column::hidden("hash", ColumnKind::Text),
    ],
    usages: &[],
};
