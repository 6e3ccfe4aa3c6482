//! Rows made ready to be written: drafts read and checked, secrets sealed, the same key twice found. Writes nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use super::columns::Columns;
use super::fault::{Fault, RowFault};
use super::record::{OnExisting, Tally};
use super::spreadsheet::Row;
use crate::directory::kind::{Kind, Written, drafted, identifier, read_draft};
use crate::directory::records::{self, Record};
use crate::directory::{Directory, DirectoryError, bulk};
use crate::vocab::{RecordId, UnixMillis};

/// Rows looked at before others get a turn on the thread.
const AT_ONCE: usize = 50;
/// How often a value that was made by chance is made again because it was taken.
const TRIES: usize = 8;

/// A row ready to be written.
#[derive(Debug)]
pub struct Prepared {
    /// The line it begins on.
    pub line: u64,
    /// The record it changes; none where it adds one.
    pub before: Option<Record>,
    /// What is written.
    pub written: Written,
}

/// Makes the rows of one file ready.
#[derive(Debug)]
pub struct Preparation<'a, K: Kind> {
    /// Seals the secrets.
    pub directory: &'a Directory,
    /// What the columns are.
    pub columns: &'a Columns,
    /// What becomes of rows whose record there is.
    pub on_existing: OnExisting,
    /// Refuses what the directory alone can't judge.
    pub check: fn(&K::Draft) -> Result<(), DirectoryError>,
    /// What unique columns held so far, and on which line.
    pub seen: HashMap<(&'static str, String), u64>,
}

impl<K: Kind> Preparation<'_, K> {
    /// Makes rows ready, and counts those that need no writing. Faults of rows are added to `faults`.
    pub async fn prepare(
        &mut self,
        rows: Vec<Result<Row, RowFault>>,
        tally: &mut Tally,
        faults: &mut Vec<RowFault>,
        now: UnixMillis,
    ) -> Result<Vec<Prepared>, DirectoryError> {
        let mut given = Vec::with_capacity(rows.len());
        for row in rows {
            tally.done += 1;
            let read = row.and_then(|row| Ok((row.line, self.columns.given(&row)?)));
            tally.line = read.as_ref().map_or_else(|fault| fault.line, |(line, _)| *line);
            match read {
                Ok(read) => given.push(read),
                Err(fault) => refuse(tally, faults, fault),
            }
        }
        let keys: Vec<String> = given.iter().map(|(_, record)| records::text(record, K::TABLE.key)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut reader = self.directory.db().reader().acquire().await?;
        let mut existing = bulk::find(&mut reader, K::TABLE, K::TABLE.key, &keys).await?;
        drop(reader);
        let mut ready = Vec::with_capacity(given.len());
        for (index, (line, given)) in given.into_iter().enumerate() {
            if index % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            let key = records::text(&given, K::TABLE.key);
            if let Some(fault) = self.twice(K::TABLE.key, &key, line) {
                refuse(tally, faults, fault);
                continue;
            }
            let before = existing.remove(&key);
            if before.is_some() && self.on_existing == OnExisting::Skip {
                tally.skipped += 1;
                continue;
            }
            match self.row(line, given, before, now).await {
                Ok(Some(prepared)) => ready.push(prepared),
                Ok(None) => tally.unchanged += 1,
                Err(RowError::Fault(fault)) => refuse(tally, faults, self.columns.placed(line, fault)),
                Err(RowError::Directory(error)) => refuse(tally, faults, self.fault(line, error)?),
            }
        }
        Ok(ready)
    }

    /// One row; nothing if its record is as it says already.
    async fn row(
        &mut self,
        line: u64,
        given: Record,
        before: Option<Record>,
        now: UnixMillis,
    ) -> Result<Option<Prepared>, RowError> {
        if before.is_some() && self.on_existing == OnExisting::Refuse {
            let value = records::text(&given, K::TABLE.key);
            return Err(DirectoryError::Taken { field: K::TABLE.key, value }.into());
        }
        let given = Value::Object(given);
        for _ in 0..TRIES {
            let draft: K::Draft = match &before {
                Some(before) => drafted::<K>(before, &given)?,
                None => read_draft(given.clone())?,
            };
            (self.check)(&draft)?;
            let record = K::record(self.directory, draft, before.as_ref(), now).await?;
            let is_same = |before: &Record| record.iter().all(|(name, value)| before.get(name) == Some(value));
            if before.as_ref().is_some_and(is_same) {
                return Ok(None);
            }
            let taken = K::UNIQUE.iter().copied().find(|column| {
                let value = records::text(&record, column);
                !value.is_empty() && self.seen.contains_key(&(*column, value))
            });
            match taken {
                // It was made by chance, and may be made again.
                Some(column) if given.get(column).is_none() && before.is_none() && is_made::<K>(&record, column) => {}
                Some(column) => {
                    let first = self.seen.get(&(column, records::text(&record, column))).copied().unwrap_or_default();
                    return Err(RowError::Fault(twice(column, first)));
                }
                None => {
                    for column in K::UNIQUE {
                        self.seen.insert((column, records::text(&record, column)), line);
                    }
                    let id = match &before {
                        Some(before) => identifier(before)?,
                        None => RecordId::new(now, rand::random()),
                    };
                    return Ok(Some(Prepared { line, before, written: Written { id, record } }));
                }
            }
        }
        Err(DirectoryError::Taken { field: K::TABLE.key, value: String::new() }.into())
    }

    /// Notes that a unique column holds a value; the fault if another row holds it.
    fn twice(&mut self, column: &'static str, value: &str, line: u64) -> Option<RowFault> {
        match self.seen.entry((column, value.to_owned())) {
            Entry::Occupied(first) => Some(self.columns.placed(line, twice(column, *first.get()))),
            Entry::Vacant(place) => {
                place.insert(line);
                None
            }
        }
    }

    /// An error as the fault of a row, if it is one.
    pub fn fault(&self, line: u64, error: DirectoryError) -> Result<RowFault, DirectoryError> {
        let Some(fault) = Fault::of(&error) else { return Err(error) };
        Ok(self.columns.placed(line, fault))
    }
}

/// Why a row is not written, or nothing is.
enum RowError {
    Fault(Fault),
    Directory(DirectoryError),
}

impl From<DirectoryError> for RowError {
    fn from(error: DirectoryError) -> Self {
        Self::Directory(error)
    }
}

/// True if a column's value rests on nothing else of the record.
fn is_made<K: Kind>(record: &Record, column: &str) -> bool {
    let value = record.get(column);
    !K::TABLE.columns.iter().any(|other| other.name != column && record.get(other.name) == value)
}

/// Counts a row as wrong.
pub fn refuse(tally: &mut Tally, faults: &mut Vec<RowFault>, fault: RowFault) {
    tally.refused += 1;
    faults.push(fault);
}

fn twice(column: &'static str, first: u64) -> Fault {
    let detail = format!("{column}: line {first} has the same; keep one of the two rows, or give one another value");
    Fault::new("row-twice", Some(column), detail).with("first", first.to_string())
}
