//! The SQL of many records at once: what [`records`] does with one, in as few statements as will do.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::DirectoryError;
use super::kind::Written;
use super::records::{self, Record};
use super::table::{Column, ColumnKind, Table};
use crate::db::{DbConnection, DbRow, Statement};
use crate::vocab::UnixMillis;

/// The records whose column `by` (`id` or the key) holds one of these, by what it holds.
pub async fn find(
    db: &mut DbConnection,
    table: &Table,
    by: &str,
    wanted: &[&str],
) -> Result<HashMap<String, Record>, DirectoryError> {
    let mut query = Statement::new(records::select(table, &records::fields(table)));
    query.push(format!(" WHERE kept.\"{by}\" IN (SELECT value FROM json_each(")).push_bind(json!(wanted).to_string());
    query.push("))");
    let rows: Vec<DbRow> = query.build().fetch_all(db).await?;
    rows.iter()
        .map(|row| {
            let record = records::record(table, row)?;
            Ok((records::text(&record, by), record))
        })
        .collect()
}

/// Adds records.
pub async fn insert(
    db: &mut DbConnection,
    table: &Table,
    written: &[&Written],
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let names = Names::of(db, table, written).await?;
    // Where it is one record, it can be said which value is taken.
    let Some(Written { record: one, .. }) = written.first() else { return Ok(()) };
    for (columns, rows) in alike(table, written, &names) {
        let mut query = Statement::new(format!("INSERT INTO {} (id, created_at, updated_at", table.name));
        for (column, _) in &columns {
            query.push(format_args!(", \"{column}\""));
        }
        query.push(") SELECT value ->> 0, ").push_bind(now.get()).push(", ").push_bind(now.get());
        for (place, column) in (1..).zip(&columns) {
            query.push(", ").push(cell("value", place, column));
        }
        query.push(" FROM json_each(").push_bind(Value::Array(rows).to_string()).push(")");
        query.build().execute(&mut *db).await.map_err(|error| records::taken(error, table, one))?;
    }
    Ok(())
}

/// Changes records, each if it still has the version it was read with; true if all had.
pub async fn update(
    db: &mut DbConnection,
    table: &Table,
    written: &[(&Record, &Written)],
    now: UnixMillis,
) -> Result<bool, DirectoryError> {
    let records: Vec<&Written> = written.iter().map(|(_, written)| *written).collect();
    let Some((_, Written { record: one, .. })) = written.first() else { return Ok(true) };
    let names = Names::of(db, table, &records).await?;
    let versions: HashMap<String, i64> =
        written.iter().map(|(before, written)| (written.id.to_string(), records::version(before))).collect();
    for (columns, mut rows) in alike(table, &records, &names) {
        let expected = rows.len();
        for row in &mut rows {
            let Value::Array(cells) = row else { continue };
            let version = cells.first().and_then(Value::as_str).and_then(|id| versions.get(id)).copied();
            cells.push(version.into());
        }
        let mut query = Statement::new(format!("UPDATE {} SET version = version + 1", table.name));
        query.push(", updated_at = ").push_bind(now.get());
        for (place, column) in (1..).zip(&columns) {
            query.push(format_args!(", \"{}\" = {}", column.0, cell("given.value", place, column)));
        }
        query.push(" FROM json_each(").push_bind(Value::Array(rows).to_string()).push(") AS given");
        query.push(format!(" WHERE {}.id = given.value ->> 0", table.name));
        query.push(format_args!(" AND {}.version = {}", table.name, whole("given.value", columns.len() + 1)));
        let done = query.build().execute(&mut *db).await;
        let done = done.map_err(|error| records::taken(error, table, one))?;
        if usize::try_from(done.rows_affected()) != Ok(expected) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A column that is written, and whether it holds a whole number.
type Place = (&'static str, bool);

/// What stands at a place of a row.
fn cell(row: &str, place: usize, (_, is_whole): &Place) -> String {
    if *is_whole { whole(row, place) } else { format!("{row} ->> {place}") }
}

fn whole(row: &str, place: usize) -> String {
    format!("CAST({row} ->> {place} AS BIGINT)")
}

/// Records that write the same columns: the columns, and a row of values each, the identifier first.
fn alike(table: &Table, written: &[&Written], names: &Names) -> BTreeMap<Vec<Place>, Vec<Value>> {
    let mut groups: BTreeMap<Vec<Place>, Vec<Value>> = BTreeMap::new();
    for Written { id, record } in written {
        let mut columns = Vec::with_capacity(table.columns.len());
        let mut row = vec![Value::from(id.to_string())];
        for Column { name, kind, .. } in table.columns {
            let Some(value) = record.get(*name) else { continue };
            columns.push((*name, matches!(kind, ColumnKind::Integer | ColumnKind::Flag | ColumnKind::Instant)));
            row.push(match (kind, value) {
                (ColumnKind::Json, value) => value.to_string().into(),
                (ColumnKind::Reference(_), Value::String(key)) => names.get(name, key),
                (_, Value::Bool(flag)) => i64::from(*flag).into(),
                (_, value) => value.clone(),
            });
        }
        groups.entry(columns).or_default().push(Value::Array(row));
    }
    groups
}

/// The identifiers of the records that others refer to, by column and by what they are called there.
struct Names(HashMap<(&'static str, String), String>);

impl Names {
    async fn of(db: &mut DbConnection, table: &Table, written: &[&Written]) -> Result<Self, DirectoryError> {
        let mut names = HashMap::new();
        for column in table.columns {
            let ColumnKind::Reference(target) = column.kind else { continue };
            for key in written.iter().filter_map(|written| written.record.get(column.name)?.as_str()) {
                if let Entry::Vacant(place) = names.entry((column.name, key.to_owned())) {
                    place.insert(records::referred(db, target, column, key).await?);
                }
            }
        }
        Ok(Self(names))
    }

    fn get(&self, column: &'static str, key: &str) -> Value {
        self.0.get(&(column, key.to_owned())).cloned().into()
    }
}
