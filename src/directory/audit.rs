//! Who changed what. Written in the transaction of the change itself: neither is there without the other.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::records::{self, Record};
use super::table::{Access, Column, ColumnKind, Table};
use super::{Directory, DirectoryError, Happening, Listed, Phone, event_store};
use crate::db::DbConnection;
use crate::vocab::{RecordId, UnixMillis};

/// Who makes a change.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What they are.
    pub kind: ActorKind,
    /// The name of their token, the user's or the phone's, or the part of the program.
    pub name: String,
    /// Where they are; empty for the program itself.
    pub source: String,
}

/// What somebody is who makes a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// The bearer of a token.
    Token,
    /// Somebody who is logged in at the portal.
    PortalAccount,
    /// A user at a phone, who has shown who they are.
    User,
    /// Somebody at a phone who keyed in the administrators' authentication code.
    AuthenticationCode,
    /// A phone by itself, or somebody at it who had to prove nothing.
    Phone,
    /// The program itself.
    Program,
}

impl ActorKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::PortalAccount => "portal-account",
            Self::User => "user",
            Self::AuthenticationCode => "authentication-code",
            Self::Phone => "phone",
            Self::Program => "program",
        }
    }
}

impl Actor {
    /// The program itself.
    pub fn system(part: &str) -> Self {
        Self { kind: ActorKind::Program, name: part.to_owned(), source: String::new() }
    }

    /// Somebody or something at a phone.
    pub fn at_phone(kind: ActorKind, name: &str, phone: &Phone) -> Self {
        Self { kind, name: name.to_owned(), source: phone.source.to_string() }
    }

    /// A phone by itself.
    pub fn phone(phone: &Phone) -> Self {
        Self::at_phone(ActorKind::Phone, &phone.id.to_string(), phone)
    }
}

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A record was added.
    Create,
    /// It was changed.
    Change,
    /// It was deleted.
    Delete,
    /// Something was done that changes no record: a restart, a push.
    Act,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::Act => "act",
        }
    }
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Names it.
    pub id: RecordId,
    /// When.
    pub created_at: UnixMillis,
    /// What they are who did it.
    pub actor_kind: ActorKind,
    /// Who: the name of a token, of a user, of a phone, or a part of the program.
    pub actor: String,
    /// The address it came from.
    pub source: String,
    /// What was done.
    pub action: Action,
    /// The kind of record.
    pub kind: String,
    /// The record's identifier.
    pub record: String,
    /// The record's name.
    pub name: String,
    /// The record before, its secrets masked.
    pub before: Option<Value>,
    /// The record after, its secrets masked.
    pub after: Option<Value>,
}

static AUDIT: Table = Table {
    name: "audit",
    what: "audit record",
    key: "id",
    sort: "-created_at",
    columns: &[
        Column::read_only("actor_kind", ColumnKind::Text),
        Column::read_only("actor", ColumnKind::Text),
        Column::read_only("source", ColumnKind::Text),
        Column::read_only("action", ColumnKind::Text),
        Column::read_only("kind", ColumnKind::Text),
        Column::read_only("record", ColumnKind::Text),
        Column::read_only("name", ColumnKind::Text),
        Column::read_only("before", ColumnKind::Json),
        Column::read_only("after", ColumnKind::Json),
    ],
    usages: &[],
};

/// The audit as a list.
#[derive(Debug)]
pub struct Audit;

impl Listed for Audit {
    const TABLE: &'static Table = &AUDIT;
    type View = AuditRecord;
}

/// Notes a change of a record.
pub(super) async fn note(
    db: &mut DbConnection,
    table: &Table,
    actor: &Actor,
    action: Action,
    before: Option<&Record>,
    after: Option<&Record>,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let subject = after.or(before);
    let change = Change {
        action,
        kind: table.what,
        record: subject.map(|record| records::text(record, "id")).unwrap_or_default(),
        name: subject.map(|record| records::text(record, table.key)).unwrap_or_default(),
        before: before.map(|record| masked(table, record)),
        after: after.map(|record| masked(table, record)),
    };
    write(db, actor, &change, now).await
}

/// Notes changes of many records, each before (if it was there) and after.
pub(super) async fn note_all(
    db: &mut DbConnection,
    table: &Table,
    actor: &Actor,
    changes: &[(Option<&Record>, &Record)],
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let rows = changes.iter().map(|(before, after)| {
        let action = if before.is_some() { Action::Change } else { Action::Create };
        let shown = |record: Option<&Record>| record.map_or(Value::Null, |record| masked(table, record)).to_string();
        serde_json::json!([
            RecordId::new(now, rand::random()),
            action.as_str(),
            records::text(after, "id"),
            records::text(after, table.key),
            shown(*before),
            shown(Some(after)),
        ])
    });
    sqlx::query(
        "INSERT INTO audit (id, created_at, updated_at, actor, source, action, kind, record, name, before, after) \
         SELECT value ->> 0, $2, $2, $3, $4, value ->> 1, $5, value ->> 2, value ->> 3, value ->> 4, value ->> 5 \
         FROM json_each($1)",
    )
    .bind(Value::Array(rows.collect()).to_string())
    .bind(now.get())
    .bind(&actor.name)
    .bind(&actor.source)
    .bind(table.what)
    .execute(db)
    .await?;
    Ok(())
}

/// A change to be noted. Secrets are masked already.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was done.
    pub action: Action,
    /// The kind of record.
    pub kind: &'static str,
    /// The record's identifier.
    pub record: String,
    /// The record's name.
    pub name: String,
    /// The record before.
    pub before: Option<Value>,
    /// The record after.
    pub after: Option<Value>,
}

/// Notes a change inside the transaction that makes it.
pub async fn write(
    db: &mut DbConnection,
    actor: &Actor,
    change: &Change,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    sqlx::query(
        "INSERT INTO audit (id, created_at, updated_at, actor, source, action, kind, record, name, before, after, \
         actor_kind) VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(RecordId::new(now, rand::random()).to_string())
    .bind(now.get())
    .bind(&actor.name)
    .bind(&actor.source)
    .bind(change.action.as_str())
    .bind(change.kind)
    .bind(&change.record)
    .bind(&change.name)
    .bind(change.before.as_ref().unwrap_or(&Value::Null).to_string())
    .bind(change.after.as_ref().unwrap_or(&Value::Null).to_string())
    .bind(actor.kind.as_str())
    .execute(&mut *db)
    .await?;
    event_store::tell(db, now, &told(actor, change)).await
}

/// What subscribers are told of a change: which fields, and nothing of what is in them.
fn told(actor: &Actor, change: &Change) -> Happening {
    let version = change.after.as_ref().or(change.before.as_ref()).and_then(|record| record.get("version")?.as_i64());
    Happening::DirectoryChanged {
        kind: change.kind.to_owned(),
        record: change.record.clone(),
        name: change.name.clone(),
        version,
        action: change.action,
        fields: changed_fields(change.before.as_ref(), change.after.as_ref()),
        actor: actor.name.clone(),
    }
}

/// The fields that are not the same in both; none where there was or is no record.
fn changed_fields(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (before, after) else { return Vec::new() };
    let kept = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    let own = kept.map(|(name, _)| name.clone());
    own.filter(|name| !matches!(name.as_str(), "version" | "updated_at")).collect()
}

/// Notes what became of a phone, inside the transaction that makes it that.
pub async fn note_phone(
    db: &mut DbConnection,
    actor: &Actor,
    before: Option<&Phone>,
    after: Option<&Phone>,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let Some(subject) = after.or(before) else { return Ok(()) };
    let change = Change {
        action: Action::Change,
        kind: "phone",
        record: subject.id.to_string(),
        name: subject.name.clone(),
        before: before.and_then(|phone| serde_json::to_value(phone).ok()),
        after: after.and_then(|phone| serde_json::to_value(phone).ok()),
    };
    write(db, actor, &change, now).await
}

/// Forgets what phones did by themselves before `then`, at most `most`. Returns how many records went.
pub async fn purge_of_phones(db: &mut DbConnection, then: UnixMillis, most: u32) -> Result<u64, DirectoryError> {
    let purged = sqlx::query(
        "DELETE FROM audit WHERE id IN \
         (SELECT id FROM audit WHERE actor_kind = 'phone' AND created_at < $1 ORDER BY created_at LIMIT $2)",
    )
    .bind(then.get())
    .bind(i64::from(most))
    .execute(db)
    .await?;
    Ok(purged.rows_affected())
}

impl Directory {
    /// Notes something that was done and changed no record.
    pub async fn note(&self, actor: &Actor, change: &Change, now: UnixMillis) -> Result<(), DirectoryError> {
        let mut transaction = self.db().write().await?;
        write(&mut transaction, actor, change, now).await?;
        Ok(transaction.commit().await?)
    }
}

/// A record as the audit keeps it: of a secret, only whether there is one.
fn masked(table: &Table, record: &Record) -> Value {
    let mut shown = record.clone();
    for column in table.columns.iter().filter(|column| column.access == Access::Hidden) {
        if let Some(value) = shown.get_mut(column.name)
            && !value.is_null()
        {
            *value = "•••".into();
        }
    }
    Value::Object(shown)
}
