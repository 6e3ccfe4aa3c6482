//! How a kind of record is kept: its table, the columns of it, and what may refer to it.
//!
//! Column names are the API's field names.

/// A table whose records have `id`, `version`, `created_at` and `updated_at` beside its own columns.
#[derive(Debug)]
pub struct Table {
    /// In the database.
    pub name: &'static str,
    /// For people and for the audit.
    pub what: &'static str,
    /// The column that names a record for people; unique.
    pub key: &'static str,
    /// What lists are sorted by unless asked otherwise; with `-` before it, the largest first.
    pub sort: &'static str,
    /// Its own columns.
    pub columns: &'static [Column],
    /// What may refer to a record, which then can't be deleted.
    pub usages: &'static [Usage],
}

/// One column.
#[derive(Debug)]
pub struct Column {
    /// In the database and the API.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Who sees and sets it.
    pub access: Access,
}

/// What a column holds.
#[derive(Clone, Copy, Debug)]
pub enum ColumnKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// Yes or no, kept as 1 and 0.
    Flag,
    /// Milliseconds since 1970, shown as RFC 3339.
    Instant,
    /// An object or an array, kept as text.
    Json,
    /// The record of another table, shown by its key.
    Reference(&'static Table),
}

/// Who sees and sets a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Administrators see and set it.
    Writable,
    /// They see it.
    ReadOnly,
    /// A secret's hash, and its like: they do neither.
    Hidden,
}

/// What may refer to a record.
#[derive(Debug)]
pub struct Usage {
    /// For people.
    pub what: &'static str,
    /// Selects the names of what refers to the record `$1` with the key `$2`.
    pub statement: &'static str,
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns lists can be filtered and sorted by.
    pub fn listed(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.access != Access::Hidden)
    }
}

impl Column {
    /// A column administrators set.
    pub const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, access: Access::Writable }
    }

    /// One they only see.
    pub const fn read_only(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, access: Access::ReadOnly }
    }

    /// One they never see.
    pub const fn hidden(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, access: Access::Hidden }
    }
}
