//! What the columns of a file are: the header, and cells as the fields of a draft. Pure.

use std::collections::HashMap;

use serde_json::Value;

use super::fault::{Fault, RowFault};
use super::spreadsheet::Row;
use crate::directory::records::Record;
use crate::directory::table::{ColumnKind, Table};

/// Which field each column of a file gives. A column without a name gives none.
#[derive(Debug)]
pub struct Columns {
    table: &'static Table,
    fields: Vec<Option<String>>,
}

impl Columns {
    /// Reads the header. `known` are the fields there are.
    pub fn read(table: &'static Table, known: &[String], header: &Row) -> Result<Self, Vec<RowFault>> {
        let (mut fields, mut faults) = (Vec::new(), Vec::new());
        let mut seen: HashMap<String, u64> = HashMap::new();
        for (column, cell) in (1..).zip(&header.cells) {
            let name = cell.trim().to_lowercase().replace([' ', '-'], "_");
            let mut refuse = |fault| faults.push(RowFault { line: header.line, column: Some(column), fault });
            if name.is_empty() {
                fields.push(None);
                continue;
            }
            if !known.contains(&name) {
                let known = known.join(", ");
                let detail = format!("there is no field \"{name}\"; there are {known}");
                refuse(Fault::new("column-unknown", Some(&name), detail).with("known", known));
            } else if let Some(first) = seen.get(&name) {
                let detail = format!("the column is there twice, first as column {first}; take one away");
                refuse(Fault::new("column-twice", Some(&name), detail).with("first", first.to_string()));
            }
            seen.entry(name.clone()).or_insert(column);
            fields.push(Some(name));
        }
        if !seen.contains_key(table.key) {
            let detail = format!("the column \"{}\" is missing; each row needs it", table.key);
            let fault = Fault::new("column-missing", Some(table.key), detail);
            faults.push(RowFault { line: header.line, column: None, fault });
        }
        if faults.is_empty() { Ok(Self { table, fields }) } else { Err(faults) }
    }

    /// The place of a field's column, from 1.
    pub fn place(&self, field: &str) -> Option<u64> {
        (1..).zip(&self.fields).find(|(_, name)| name.as_deref() == Some(field)).map(|(place, _)| place)
    }

    /// A fault of a row, with the place of its field.
    pub fn placed(&self, line: u64, fault: Fault) -> RowFault {
        RowFault { line, column: fault.field.as_deref().and_then(|field| self.place(field)), fault }
    }

    /// What a row gives, by field. An empty cell gives nothing.
    pub fn given(&self, row: &Row) -> Result<Record, RowFault> {
        let refuse = |column, fault| Err(RowFault { line: row.line, column, fault });
        if row.cells.len() < self.fields.len() {
            let detail = format!("the row has {} cells and the header {}", row.cells.len(), self.fields.len());
            return refuse(None, Fault::new("row-short", None, detail));
        }
        let mut given = Record::new();
        for (column, (cell, field)) in
            (1..).zip(row.cells.iter().zip(self.fields.iter().map(Option::as_deref).chain(std::iter::repeat(None))))
        {
            match field {
                _ if cell.is_empty() => {}
                None => return refuse(Some(column), Fault::new("cell-unnamed", None, "the column has no name")),
                Some(field) => match self.value(field, cell) {
                    Ok(value) => {
                        given.insert(field.to_owned(), value);
                    }
                    Err(fault) => return refuse(Some(column), fault),
                },
            }
        }
        if !given.contains_key(self.table.key) {
            let detail = format!("\"{}\" is empty; each row needs it", self.table.key);
            return refuse(self.place(self.table.key), Fault::new("cell-empty", Some(self.table.key), detail));
        }
        Ok(given)
    }

    fn value(&self, field: &str, cell: &str) -> Result<Value, Fault> {
        match self.table.column(field).map(|column| column.kind) {
            Some(ColumnKind::Flag) => match cell.trim().to_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(true.into()),
                "false" | "no" | "0" => Ok(false.into()),
                _ => Err(Fault::new("cell-flag", Some(field), "this is neither true nor false; write one of these")),
            },
            Some(ColumnKind::Integer) => cell
                .trim()
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| Fault::new("cell-number", Some(field), "this is no whole number; write one in digits")),
            Some(ColumnKind::Json) => serde_json::from_str(cell)
                .map_err(|_| Fault::new("cell-json", Some(field), "this is no JSON; write a list or an object")),
            _ => Ok(cell.into()),
        }
    }
}

/// A field as a cell.
pub fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Listed;
    use crate::directory::kinds::UserProfiles;

    fn row(cells: &[&str]) -> Row {
        Row { line: 7, cells: cells.iter().map(|cell| (*cell).to_owned()).collect() }
    }

    fn columns(header: &[&str]) -> Result<Columns, Vec<(Option<u64>, String)>> {
        let known: Vec<String> =
            ["name", "is_default", "device_limit", "settings"].iter().map(|name| (*name).to_owned()).collect();
        let read = Columns::read(UserProfiles::TABLE, &known, &row(header));
        read.map_err(|faults| faults.into_iter().map(|fault| (fault.column, fault.fault.code.into_owned())).collect())
    }

    #[test]
    fn a_header_names_fields_once_and_has_the_key() {
        assert!(columns(&["Name", " Is default ", "device-limit", ""]).is_ok());
        assert_eq!(
            columns(&["name", "colour", "name", "is_default"]).unwrap_err(),
            [(Some(2), "column-unknown".to_owned()), (Some(3), "column-twice".to_owned())]
        );
        assert_eq!(columns(&["is_default"]).unwrap_err(), [(None, "column-missing".to_owned())]);
    }

    #[test]
    fn cells_become_what_the_fields_hold_or_are_named() {
        let columns = columns(&["name", "is_default", "device_limit", ""]).unwrap();
        let given = columns.given(&row(&["A", "TRUE", "3", ""])).unwrap();
        assert_eq!(Value::Object(given), serde_json::json!({ "name": "A", "is_default": true, "device_limit": 3 }));
        assert_eq!(columns.given(&row(&["A", "", "", "", ""])).unwrap().len(), 1);
        for (cells, column, code) in [
            (&["A", "maybe", "3", ""][..], Some(2), "cell-flag"),
            (&["A", "", "three", ""], Some(3), "cell-number"),
            (&["A", "", "", "x"], Some(4), "cell-unnamed"),
            (&["A", "", "", "", "x"], Some(5), "cell-unnamed"),
            (&["", "yes", "", ""], Some(1), "cell-empty"),
            (&["A", "yes"], None, "row-short"),
        ] {
            let fault = columns.given(&row(cells)).unwrap_err();
            assert_eq!((fault.line, fault.column, fault.fault.code.as_ref()), (7, column, code));
        }
    }
}
