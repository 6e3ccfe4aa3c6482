//! What is asked of a list: which records, in which order, how many, from where on. The same for every list.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::table::{Column, ColumnKind, Table};

/// Records on a page when none is asked for, and at most.
pub const USUAL_PAGE: usize = 100;
/// The most records on a page.
pub const LARGEST_PAGE: usize = 1000;

/// A list as it is asked for.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Records on a page.
    pub limit: usize,
    /// The column to sort by.
    pub sort: String,
    /// True for the largest first.
    pub descending: bool,
    /// Where the page before ended: the value sorted by, and the record.
    pub after: Option<(Value, String)>,
    /// Text that some column must contain.
    pub search: Option<String>,
    /// What columns must hold.
    pub filters: Vec<Filter>,
}

/// What a column must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The column.
    pub column: String,
    /// What it must hold.
    pub value: FilterValue,
}

/// What a column must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FilterValue {
    /// Exactly this text.
    Text(String),
    /// Text that starts so.
    Prefix(String),
    /// This number.
    Integer(i64),
    /// Nothing.
    Absent,
}

/// A parameter of a list that can't be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{parameter}: {fault}; {remedy}")]
pub struct ListingError {
    /// The parameter.
    pub parameter: String,
    /// What is wrong with it.
    pub fault: String,
    /// What to give instead.
    pub remedy: String,
}

fn refuse<T>(parameter: &str, fault: impl Into<String>, remedy: impl Into<String>) -> Result<T, ListingError> {
    Err(ListingError { parameter: parameter.to_owned(), fault: fault.into(), remedy: remedy.into() })
}

impl Listing {
    /// Everything, by the table's key, as many as fit on the largest page.
    pub fn all(table: &Table) -> Self {
        Self {
            limit: LARGEST_PAGE,
            sort: table.sort.trim_start_matches('-').to_owned(),
            descending: table.sort.starts_with('-'),
            after: None,
            search: None,
            filters: Vec::new(),
        }
    }

    /// Reads the parameters of a query: `limit`, `sort` (`name` or `-name`), `cursor`, `q`, and columns with what they
    /// must hold (`*` at the end: starts so; empty: holds nothing).
    pub fn parse(table: &Table, parameters: &[(String, String)]) -> Result<Self, ListingError> {
        let mut listing = Self { limit: USUAL_PAGE, ..Self::all(table) };
        for (name, value) in parameters {
            match name.as_str() {
                "limit" => match value.parse() {
                    Ok(limit) if (1..=LARGEST_PAGE).contains(&limit) => listing.limit = limit,
                    _ => return refuse(name, "not a number from 1 to 1000", "give such a number, or leave it out"),
                },
                "sort" => {
                    let column = value.strip_prefix('-').unwrap_or(value);
                    listing.descending = value.starts_with('-');
                    if !sortable(table, column) {
                        return refuse(name, format!("there is no \"{column}\" to sort by"), choices(table));
                    }
                    column.clone_into(&mut listing.sort);
                }
                "cursor" => listing.after = Some(read_cursor(value)?),
                "q" => listing.search = Some(value.clone()).filter(|text| !text.is_empty()),
                _ => listing.filters.push(filter(table, name, value)?),
            }
        }
        Ok(listing)
    }

    /// The same list from a cursor on.
    pub fn after_cursor(&self, cursor: &str) -> Result<Self, ListingError> {
        Ok(Self { after: Some(read_cursor(cursor)?), ..self.clone() })
    }

    /// The cursor of the page after a record.
    pub fn cursor(value: &Value, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::json!([value, id]).to_string())
    }
}

fn read_cursor(cursor: &str) -> Result<(Value, String), ListingError> {
    let read = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|octets| serde_json::from_slice(&octets).ok());
    match read {
        Some((value @ (Value::String(_) | Value::Number(_)), id)) => Ok((value, id)),
        _ => refuse("cursor", "it is none of this list", "give the \"next\" of the page before"),
    }
}

fn sortable(table: &Table, name: &str) -> bool {
    matches!(name, "created_at" | "updated_at")
        || table.listed().any(|column| column.name == name && !matches!(column.kind, ColumnKind::Json))
}

fn choices(table: &Table) -> String {
    let names: Vec<&str> =
        table.listed().filter(|column| !matches!(column.kind, ColumnKind::Json)).map(|c| c.name).collect();
    format!("choose from {}, created_at, updated_at", names.join(", "))
}

/// The columns a list can be filtered by.
pub fn filterable(table: &Table) -> impl Iterator<Item = &Column> {
    table.listed().filter(|column| !matches!(column.kind, ColumnKind::Json | ColumnKind::Instant))
}

fn filter(table: &Table, name: &str, value: &str) -> Result<Filter, ListingError> {
    let Some(Column { kind, .. }) = filterable(table).find(|column| column.name == name) else {
        let names: Vec<&str> = filterable(table).map(|column| column.name).collect();
        return refuse(
            name,
            "there is no such parameter",
            format!("give limit, sort, cursor, q, {}", names.join(", ")),
        );
    };
    let value = match (kind, value) {
        (_, "") => FilterValue::Absent,
        (ColumnKind::Flag, "true") => FilterValue::Integer(1),
        (ColumnKind::Flag, "false") => FilterValue::Integer(0),
        (ColumnKind::Flag, _) => return refuse(name, "neither true nor false", "give one of them"),
        (ColumnKind::Integer, value) => match value.parse() {
            Ok(number) => FilterValue::Integer(number),
            Err(_) => return refuse(name, "not a whole number", "give one"),
        },
        (_, value) => match value.strip_suffix('*') {
            Some(start) => FilterValue::Prefix(start.to_owned()),
            None => FilterValue::Text(value.to_owned()),
        },
    };
    Ok(Filter { column: name.to_owned(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    static PEOPLE: Table = Table {
        name: "people",
        what: "person",
        key: "name",
        sort: "name",
        columns: &[
            Column::new("name", ColumnKind::Text),
            Column::new("is_tall", ColumnKind::Flag),
            Column::hidden("secret", ColumnKind::Text),
        ],
        usages: &[],
    };

    fn parse(query: &[(&str, &str)]) -> Result<Listing, ListingError> {
        let query: Vec<(String, String)> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Listing::parse(&PEOPLE, &query)
    }

    #[test]
    fn a_query_says_which_records_in_which_order() {
        let listing =
            parse(&[("limit", "5"), ("sort", "-name"), ("name", "sa*"), ("is_tall", "true"), ("q", "x")]).unwrap();
        assert_eq!((listing.limit, listing.sort.as_str(), listing.descending), (5, "name", true));
        assert_eq!(listing.search.as_deref(), Some("x"));
        let values: Vec<_> = listing.filters.into_iter().map(|filter| filter.value).collect();
        assert_eq!(values, [FilterValue::Prefix("sa".to_owned()), FilterValue::Integer(1)]);
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let cursor = Listing::cursor(&"佐藤".into(), "7");
        assert_eq!(parse(&[("cursor", &cursor)]).unwrap().after, Some(("佐藤".into(), "7".to_owned())));
    }

    #[test]
    fn what_can_not_be_taken_is_refused_by_name() {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "1001"),
            ("sort", "secret"),
            ("secret", "x"),
            ("colour", "x"),
            ("cursor", "x"),
            ("is_tall", "1"),
        ] {
            assert_eq!(parse(&[(name, value)]).unwrap_err().parameter, name);
        }
    }
}
