//! The kinds of records administrators keep, and what is done with any of them.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::audit::{self, Action, Actor};
use super::listing::Listing;
use super::records::{self, Record};
use super::table::{Access, Table};
use super::{Directory, DirectoryError};
use crate::db::DbConnection;
use crate::vocab::{RecordId, UnixMillis};

/// How often a change is tried again when another came between.
const TRIES: usize = 3;

/// A kind of record that is shown, one by one and in lists.
pub trait Listed: Send + Sync + 'static {
    /// How it is kept.
    const TABLE: &'static Table;
    /// What an administrator sees.
    type View: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;
}

/// A kind of record that administrators keep.
pub trait Kind: Listed {
    /// What an administrator gives.
    type Draft: DeserializeOwned + Serialize + JsonSchema + Send + Sync + 'static;
    /// The columns in which no two records may hold the same, beside the key.
    const UNIQUE: &'static [&'static str] = &[];

    /// The columns to write for a draft; `before` is the record it changes. Secrets are hashed here.
    fn record(
        _directory: &Directory,
        draft: Self::Draft,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<Record, DirectoryError>> + Send {
        async move { as_record(&draft) }
    }

    /// What else changes with it: done before it is written, in the same transaction.
    fn writing(
        _db: &mut DbConnection,
        _id: &str,
        _record: &Record,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send {
        async { Ok(()) }
    }

    /// The same for many at once; an error doesn't say whose.
    fn writing_all(
        db: &mut DbConnection,
        written: &[Written],
        now: UnixMillis,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send {
        async move {
            for Written { id, record } in written {
                Self::writing(db, &id.to_string(), record, now).await?;
            }
            Ok(())
        }
    }

    /// What else goes with it: done before it is deleted, in the same transaction.
    fn removing(
        _db: &mut DbConnection,
        _id: &str,
        _now: UnixMillis,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send {
        async { Ok(()) }
    }
}

/// A record about to be written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Names it.
    pub id: RecordId,
    /// Its columns.
    pub record: Record,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The `cursor` of the next page, if there is one.
    pub next: Option<String>,
    /// How many there are on all pages.
    pub total: u64,
}

/// A record with what names it.
#[derive(Clone, Debug)]
pub struct Kept<T> {
    /// Its identifier.
    pub id: String,
    /// Grows with every change.
    pub version: i64,
    /// What an administrator sees.
    pub view: T,
}

impl Directory {
    /// A page of records of a kind.
    pub async fn list<K: Listed>(&self, listing: &Listing) -> Result<Page<K::View>, DirectoryError> {
        let Page { items, next, total } = records::list(self.db().reader(), K::TABLE, listing).await?;
        let items = items.into_iter().map(view::<K>).collect::<Result<_, _>>()?;
        Ok(Page { items, next, total })
    }

    /// One record, by its identifier or the name people know it by.
    pub async fn find<K: Listed>(&self, name: &str) -> Result<Option<Kept<K::View>>, DirectoryError> {
        let mut connection = self.db().reader().acquire().await?;
        records::find(&mut connection, K::TABLE, name).await?.map(kept::<K>).transpose()
    }

    /// Adds a record.
    pub async fn create<K: Kind>(
        &self,
        draft: K::Draft,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<K::View>, DirectoryError> {
        let record = K::record(self, draft, None, now).await?;
        let mut transaction = self.db().write().await?;
        let id = RecordId::new(now, rand::random());
        let kept = Self::insert::<K>(&mut transaction, Written { id, record }, actor, now).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    /// Adds a record inside somebody else's transaction.
    pub(super) async fn insert<K: Kind>(
        db: &mut DbConnection,
        written: Written,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<K::View>, DirectoryError> {
        let written = [written];
        K::writing_all(db, &written, now).await?;
        let [Written { id, record }] = written;
        records::insert(db, K::TABLE, id, &record, now).await?;
        let after = found(db, K::TABLE, &id.to_string()).await?;
        audit::note(db, K::TABLE, actor, Action::Create, None, Some(&after), now).await?;
        kept::<K>(after)
    }

    /// Changes a record by a JSON merge patch (RFC 7396), if it has the version `expected` and passes `check`.
    pub async fn change<K: Kind>(
        &self,
        name: &str,
        patch: &Value,
        expected: Option<i64>,
        check: fn(&K::Draft) -> Result<(), DirectoryError>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<Kept<K::View>, DirectoryError> {
        self.try_change::<K>(name, patch, expected, check, Some(actor), now).await
    }

    /// What a record would be after a change. Nothing is kept.
    pub async fn preview<K: Kind>(
        &self,
        name: &str,
        patch: &Value,
        expected: Option<i64>,
        now: UnixMillis,
    ) -> Result<Kept<K::View>, DirectoryError> {
        self.try_change::<K>(name, patch, expected, |_| Ok(()), None, now).await
    }

    /// Keeps the change if there is somebody who makes it.
    async fn try_change<K: Kind>(
        &self,
        name: &str,
        patch: &Value,
        expected: Option<i64>,
        check: fn(&K::Draft) -> Result<(), DirectoryError>,
        actor: Option<&Actor>,
        now: UnixMillis,
    ) -> Result<Kept<K::View>, DirectoryError> {
        for _ in 0..TRIES {
            let before = self.read(K::TABLE, name, expected).await?;
            let draft = drafted::<K>(&before, patch)?;
            check(&draft)?;
            let record = K::record(self, draft, Some(&before), now).await?;
            let mut transaction = self.db().write().await?;
            let written = [Written { id: identifier(&before)?, record }];
            K::writing_all(&mut transaction, &written, now).await?;
            let [Written { id, record }] = written;
            if !records::update(&mut transaction, K::TABLE, &before, &record, now).await? {
                continue;
            }
            let after = found(&mut transaction, K::TABLE, &id.to_string()).await?;
            if let Some(actor) = actor {
                audit::note(&mut transaction, K::TABLE, actor, Action::Change, Some(&before), Some(&after), now)
                    .await?;
                transaction.commit().await?;
            }
            return kept::<K>(after);
        }
        Err(DirectoryError::Outdated { what: K::TABLE.what })
    }

    /// Deletes a record nothing refers to, if it has the version `expected`.
    pub async fn remove<K: Kind>(
        &self,
        name: &str,
        expected: Option<i64>,
        actor: &Actor,
        now: UnixMillis,
    ) -> Result<(), DirectoryError> {
        let before = self.read(K::TABLE, name, expected).await?;
        let mut transaction = self.db().write().await?;
        K::removing(&mut transaction, &records::text(&before, "id"), now).await?;
        if !records::delete(&mut transaction, K::TABLE, &before).await? {
            return Err(DirectoryError::Outdated { what: K::TABLE.what });
        }
        audit::note(&mut transaction, K::TABLE, actor, Action::Delete, Some(&before), None, now).await?;
        Ok(transaction.commit().await?)
    }

    async fn read(&self, table: &'static Table, name: &str, expected: Option<i64>) -> Result<Record, DirectoryError> {
        let mut connection = self.db().reader().acquire().await?;
        let record = found(&mut connection, table, name).await?;
        match expected {
            Some(expected) if expected != records::version(&record) => {
                Err(DirectoryError::Outdated { what: table.what })
            }
            _ => Ok(record),
        }
    }
}

async fn found(db: &mut DbConnection, table: &'static Table, name: &str) -> Result<Record, DirectoryError> {
    records::find(db, table, name).await?.ok_or(DirectoryError::NotFound { what: table.what })
}

/// What a draft says, column by column; secrets are not in it.
pub fn as_record(draft: &impl Serialize) -> Result<Record, DirectoryError> {
    match serde_json::to_value(draft) {
        Ok(Value::Object(record)) => Ok(record),
        _ => Err(DirectoryError::Unreadable { what: "draft", fault: "it is no object".to_owned() }),
    }
}

/// What names a record.
pub(super) fn identifier(record: &Record) -> Result<RecordId, DirectoryError> {
    let fault = |fault: crate::vocab::VocabError| DirectoryError::Unreadable { what: "id", fault: fault.to_string() };
    records::text(record, "id").parse().map_err(fault)
}

/// What a record was made from, with a patch on it.
pub(super) fn drafted<K: Kind>(before: &Record, patch: &Value) -> Result<K::Draft, DirectoryError> {
    let mut draft = Record::new();
    for column in K::TABLE.columns.iter().filter(|column| column.access == Access::Writable) {
        draft.insert(column.name.to_owned(), before.get(column.name).cloned().unwrap_or(Value::Null));
    }
    let mut draft = Value::Object(draft);
    merge(&mut draft, patch);
    read_draft(draft)
}

/// Reads a draft; the error names the field.
pub fn read_draft<T: DeserializeOwned>(draft: Value) -> Result<T, DirectoryError> {
    serde_path_to_error::deserialize(draft).map_err(|error| {
        let path = error.path().to_string();
        let fault = error.into_inner().to_string();
        // A missing or unknown field is named in the text and not in the path.
        let named = fault.split('`').nth(1).filter(|_| path == ".");
        DirectoryError::Refused {
            field: named.map_or(path.clone(), str::to_owned),
            code: "form",
            fault,
            remedy: "see the API's document for what it takes",
        }
    })
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Record::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            value => merge(target.entry(name.clone()).or_insert(Value::Null), value),
        }
    }
}

fn view<K: Listed>(record: Record) -> Result<K::View, DirectoryError> {
    serde_json::from_value(Value::Object(record))
        .map_err(|fault| DirectoryError::Unreadable { what: K::TABLE.what, fault: fault.to_string() })
}

fn kept<K: Listed>(record: Record) -> Result<Kept<K::View>, DirectoryError> {
    Ok(Kept { id: records::text(&record, "id"), version: records::version(&record), view: view::<K>(record)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_sets_and_takes_away_and_leaves_the_rest() {
        let mut target = json!({ "name": "a", "label": "b", "settings": { "x": 1, "y": 2 } });
        merge(&mut target, &json!({ "name": "c", "label": null, "settings": { "y": null, "z": 3 } }));
        assert_eq!(target, json!({ "name": "c", "settings": { "x": 1, "z": 3 } }));
    }
}
