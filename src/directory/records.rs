//! The SQL of records kept by a [`Table`]: list, find, insert, change, delete.

use serde_json::{Map, Value};
use sqlx::Row;

use super::listing::{FilterValue, Listing};
use super::table::{Access, Column, ColumnKind, Table};
use super::{DirectoryError, Page};
use crate::db::{DbConnection, DbPool, DbRow, Statement, flag};
use crate::vocab::{RecordId, UnixMillis};

/// A record's fields as the API names them.
pub type Record = Map<String, Value>;

/// The columns every table has.
const OWN: [&str; 4] = ["id", "version", "created_at", "updated_at"];

/// A column's value as it is sorted and filtered by.
fn expression(table: &Table, name: &str) -> String {
    match table.column(name).map(|column| column.kind) {
        Some(ColumnKind::Reference(target)) => format!("COALESCE(of_{name}.\"{}\", '')", target.key),
        Some(ColumnKind::Text) => format!("COALESCE(kept.\"{name}\", '')"),
        _ => format!("COALESCE(kept.\"{name}\", 0)"),
    }
}

pub(super) fn select(table: &Table, what: &str) -> String {
    let mut statement = format!("SELECT {what} FROM {} AS kept", table.name);
    for column in table.columns {
        if let (ColumnKind::Reference(target), name) = (column.kind, column.name) {
            statement.push_str(&format!(" LEFT JOIN {} AS of_{name} ON of_{name}.id = kept.\"{name}\"", target.name));
        }
    }
    statement
}

pub(super) fn fields(table: &Table) -> String {
    let own = OWN.iter().map(|name| format!("kept.{name}"));
    let others = table.columns.iter().map(|column| match (column.kind, column.name) {
        (ColumnKind::Reference(target), name) => format!("of_{name}.\"{}\" AS \"{name}\"", target.key),
        (_, name) => format!("kept.\"{name}\""),
    });
    own.chain(others).collect::<Vec<_>>().join(", ")
}

pub(super) fn record(table: &Table, row: &DbRow) -> Result<Record, DirectoryError> {
    let mut record = Record::new();
    record.insert("id".to_owned(), row.try_get::<String, _>("id")?.into());
    record.insert("version".to_owned(), row.try_get::<i64, _>("version")?.into());
    for name in ["created_at", "updated_at"] {
        record.insert(name.to_owned(), UnixMillis::new(row.try_get(name)?).to_string().into());
    }
    for Column { name, kind, .. } in table.columns {
        let value = match kind {
            ColumnKind::Text | ColumnKind::Reference(_) => row.try_get::<Option<String>, _>(*name)?.into(),
            ColumnKind::Integer => row.try_get::<Option<i64>, _>(*name)?.into(),
            ColumnKind::Flag => flag(row, name)?.into(),
            ColumnKind::Instant => {
                row.try_get::<Option<i64>, _>(*name)?.map(|millis| UnixMillis::new(millis).to_string()).into()
            }
            ColumnKind::Json => serde_json::from_str(&row.try_get::<String, _>(*name)?)
                .map_err(|fault| DirectoryError::Unreadable { what: table.what, fault: fault.to_string() })?,
        };
        record.insert((*name).to_owned(), value);
    }
    Ok(record)
}

/// A page of records, and where the next one starts.
pub async fn list(db: &DbPool, table: &Table, listing: &Listing) -> Result<Page<Record>, DirectoryError> {
    let mut count = Statement::new(select(table, "count(*)"));
    push_conditions(&mut count, table, listing);
    let total: i64 = count.build_scalar().fetch_one(db).await?;

    let sort = expression(table, &listing.sort);
    let mut query = Statement::new(select(table, &format!("{}, {sort} AS sorted_by", fields(table))));
    let is_open = push_conditions(&mut query, table, listing);
    if let Some((value, id)) = &listing.after {
        let comparison = if listing.descending { "<" } else { ">" };
        query.push(if is_open { " AND (" } else { " WHERE (" });
        query.push(format!("({sort}, kept.id) {comparison} ("));
        match value {
            Value::Number(number) => query.push_bind(number.as_i64().unwrap_or_default()),
            value => query.push_bind(value.as_str().unwrap_or_default().to_owned()),
        };
        query.push(", ").push_bind(id.clone()).push("))");
    }
    let direction = if listing.descending { "DESC" } else { "ASC" };
    query.push(format!(" ORDER BY {sort} {direction}, kept.id {direction} LIMIT "));
    query.push_bind(i64::try_from(listing.limit).unwrap_or(i64::MAX).saturating_add(1));
    let mut rows = query.build().fetch_all(db).await?;
    let has_more = rows.len() > listing.limit;
    rows.truncate(listing.limit);
    let next = match rows.last() {
        Some(last) if has_more => {
            let by: Value = match last.try_get::<i64, _>("sorted_by") {
                Ok(number) => number.into(),
                Err(_) => last.try_get::<String, _>("sorted_by")?.into(),
            };
            Some(Listing::cursor(&by, &last.try_get::<String, _>("id")?))
        }
        _ => None,
    };
    let items = rows.iter().map(|row| record(table, row)).collect::<Result<_, _>>()?;
    Ok(Page { items, next, total: u64::try_from(total).unwrap_or(0) })
}

/// True if there was a condition.
fn push_conditions(query: &mut Statement, table: &Table, listing: &Listing) -> bool {
    let mut join = " WHERE ";
    for filter in &listing.filters {
        query.push(std::mem::replace(&mut join, " AND "));
        let held = expression(table, &filter.column);
        match &filter.value {
            FilterValue::Text(text) => query.push(held).push(" = ").push_bind(text.clone()),
            FilterValue::Prefix(start) => push_like(query, &held, like(start) + "%"),
            FilterValue::Integer(number) => query.push(held).push(" = ").push_bind(*number),
            FilterValue::Absent if is_text(table, &filter.column) => query.push(held).push(" = ''"),
            FilterValue::Absent => query.push(held).push(" = 0"),
        };
    }
    if let Some(text) = &listing.search {
        query.push(std::mem::replace(&mut join, " AND ")).push("(");
        let texts = table.listed().filter(|column| matches!(column.kind, ColumnKind::Text | ColumnKind::Reference(_)));
        for (index, column) in texts.enumerate() {
            query.push(if index == 0 { "" } else { " OR " });
            push_like(query, &expression(table, column.name), format!("%{}%", like(text)));
        }
        query.push(")");
    }
    join == " AND "
}

fn is_text(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| matches!(column.kind, ColumnKind::Text | ColumnKind::Reference(_)))
}

/// Whether Latin letters are large or small makes no difference, in either database.
fn push_like<'a>(query: &'a mut Statement, held: &str, pattern: String) -> &'a mut Statement {
    query.push(format_args!("lower({held}) LIKE ")).push_bind(pattern.to_ascii_lowercase()).push(" ESCAPE '\\'")
}

fn like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// One record, by its identifier or its key.
pub async fn find(db: &mut DbConnection, table: &Table, name: &str) -> Result<Option<Record>, DirectoryError> {
    let mut query = Statement::new(select(table, &fields(table)));
    query.push(" WHERE kept.id = ").push_bind(name.to_owned());
    query.push(format_args!(" OR kept.\"{}\" = ", table.key)).push_bind(name.to_owned());
    // An identifier is preferred to a key that looks like one.
    query.push(" ORDER BY kept.id = ").push_bind(name.to_owned()).push(" DESC LIMIT 1");
    let row = query.build().fetch_optional(db).await?;
    row.map(|row| record(table, &row)).transpose()
}

/// Adds a record.
pub async fn insert(
    db: &mut DbConnection,
    table: &Table,
    id: RecordId,
    record: &Record,
    now: UnixMillis,
) -> Result<(), DirectoryError> {
    let columns: Vec<(&Column, &Value)> = values(table, record).collect();
    let mut query = Statement::new(format!("INSERT INTO {} (id, created_at, updated_at", table.name));
    for (column, _) in &columns {
        query.push(format_args!(", \"{}\"", column.name));
    }
    query.push(") VALUES (").push_bind(id.to_string());
    query.push(", ").push_bind(now.get()).push(", ").push_bind(now.get());
    for (column, value) in &columns {
        query.push(", ");
        push_value(&mut query, column, value, db).await?;
    }
    query.push(")");
    query.build().execute(db).await.map_err(|error| taken(error, table, record))?;
    Ok(())
}

/// Changes a record, if it still has the version it was read with; true if it had.
pub async fn update(
    db: &mut DbConnection,
    table: &Table,
    before: &Record,
    record: &Record,
    now: UnixMillis,
) -> Result<bool, DirectoryError> {
    let mut query = Statement::new(format!("UPDATE {} SET version = version + 1, updated_at = ", table.name));
    query.push_bind(now.get());
    let columns: Vec<(&Column, &Value)> = values(table, record).collect();
    for (column, value) in &columns {
        query.push(format_args!(", \"{}\" = ", column.name));
        push_value(&mut query, column, value, db).await?;
    }
    query.push(" WHERE id = ").push_bind(text(before, "id"));
    query.push(" AND version = ").push_bind(version(before));
    let done = query.build().execute(db).await.map_err(|error| taken(error, table, record))?;
    Ok(done.rows_affected() == 1)
}

/// Deletes a record, if it still has the version it was read with and nothing refers to it; true if it is gone.
pub async fn delete(db: &mut DbConnection, table: &Table, before: &Record) -> Result<bool, DirectoryError> {
    let id = text(before, "id");
    for usage in table.usages {
        let users: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("{} LIMIT 6", usage.statement)))
            .bind(&id)
            .bind(text(before, table.key))
            .fetch_all(&mut *db)
            .await?;
        if !users.is_empty() {
            return Err(DirectoryError::InUse { what: table.what, by: usage.what, names: users });
        }
    }
    let mut query = Statement::new(format!("DELETE FROM {} WHERE id = ", table.name));
    query.push_bind(id).push(" AND version = ").push_bind(version(before));
    let deleted = query.build().execute(db).await.map_err(|error| match error.as_database_error() {
        Some(database) if database.is_foreign_key_violation() => {
            DirectoryError::InUse { what: table.what, by: "record", names: Vec::new() }
        }
        _ => error.into(),
    })?;
    Ok(deleted.rows_affected() == 1)
}

/// The version of a record.
pub fn version(record: &Record) -> i64 {
    record.get("version").and_then(Value::as_i64).unwrap_or_default()
}

/// A text of a record; empty if it has none.
pub fn text(record: &Record, name: &str) -> String {
    record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn values<'a>(table: &'a Table, record: &'a Record) -> impl Iterator<Item = (&'a Column, &'a Value)> {
    table.columns.iter().filter_map(|column| Some((column, record.get(column.name)?)))
}

async fn push_value(
    query: &mut Statement,
    column: &Column,
    value: &Value,
    db: &mut DbConnection,
) -> Result<(), DirectoryError> {
    match (column.kind, value) {
        (ColumnKind::Json, value) => query.push_bind(value.to_string()),
        (ColumnKind::Reference(target), Value::String(name)) => {
            query.push_bind(referred(db, target, column, name).await?)
        }
        (_, Value::String(text)) => query.push_bind(text.clone()),
        (_, Value::Bool(flag)) => query.push_bind(i64::from(*flag)),
        (_, Value::Number(number)) => query.push_bind(number.as_i64()),
        (ColumnKind::Text | ColumnKind::Reference(_), _) => query.push_bind(None::<String>),
        (_, _) => query.push_bind(None::<i64>),
    };
    Ok(())
}

/// The identifier of a record that is referred to by key or identifier.
pub(super) async fn referred(
    db: &mut DbConnection,
    target: &'static Table,
    column: &Column,
    name: &str,
) -> Result<String, DirectoryError> {
    let statement = format!("SELECT id FROM {} WHERE id = $1 OR \"{}\" = $1", target.name, target.key);
    let id = sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).bind(name).fetch_optional(db).await?;
    id.ok_or_else(|| DirectoryError::Refused {
        field: column.name.to_owned(),
        code: "unknown-record",
        fault: format!("there is no {} named \"{name}\"", target.what),
        remedy: "create it first, or name one that exists",
    })
}

/// A unique column that is taken, as the API names it.
pub(super) fn taken(error: sqlx::Error, table: &Table, record: &Record) -> DirectoryError {
    let Some(database) = error.as_database_error().filter(|database| database.is_unique_violation()) else {
        return error.into();
    };
    // SQLite names it "table.column" at the end of its message, PostgreSQL the constraint "table_column_key".
    let is_meant = |column: &&Column| match database.constraint() {
        Some(constraint) => constraint == format!("{}_{}_key", table.name, column.name),
        None => database.message().ends_with(&format!("{}.{}", table.name, column.name)),
    };
    let column = table.columns.iter().find(is_meant);
    let field = column.map_or(table.key, |column| column.name);
    let is_secret = column.is_some_and(|column| column.access == Access::Hidden);
    DirectoryError::Taken { field, value: if is_secret { String::new() } else { text(record, field) } }
}
