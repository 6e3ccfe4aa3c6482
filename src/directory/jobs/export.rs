//! Records as CSV, as an import takes them: every field that may be set and shown.

use std::borrow::Cow;

use super::columns::cell;
use super::spreadsheet::{BYTE_ORDER_MARK, written};
use crate::directory::kind::Page;
use crate::directory::records::{self, Record};
use crate::directory::table::{Access, Table};
use crate::directory::{Directory, DirectoryError, Listed, Listing};

impl Directory {
    /// The first line of an export.
    pub fn csv_header<K: Listed>() -> Result<String, DirectoryError> {
        let header = columns(K::TABLE).map(Cow::Borrowed).collect();
        Ok(format!("{BYTE_ORDER_MARK}{}", lines(std::iter::once(header))?))
    }

    /// A page of an export, and what to ask for next.
    pub async fn csv_page<K: Listed>(&self, listing: &Listing) -> Result<(String, Option<Listing>), DirectoryError> {
        let Page { items, next, .. } = records::list(self.db().reader(), K::TABLE, listing).await?;
        let cells = |record: &Record| columns(K::TABLE).map(|name| Cow::Owned(cell(record.get(name)))).collect();
        let next = next.map(|cursor| listing.after_cursor(&cursor)).transpose()?;
        Ok((lines(items.iter().map(cells))?, next))
    }
}

fn columns(table: &'static Table) -> impl Iterator<Item = &'static str> {
    table.columns.iter().filter(|column| column.access == Access::Writable).map(|column| column.name)
}

fn lines<'a>(rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> Result<String, DirectoryError> {
    written(rows).map_err(|fault| DirectoryError::Unreadable { what: "row", fault: fault.to_string() })
}
