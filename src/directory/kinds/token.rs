//! Bearer tokens as administrators keep them. The token itself is shown when it is made, and never again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Recorded;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{Directory, DirectoryError, Kind, Listed, Role, TokenHash};
use crate::vocab::{Name, Secret, UnixMillis};

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
