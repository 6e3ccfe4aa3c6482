//! JSON as tables for people. The only file that names comfy-table.
//!
//! What phones and callers have sent is among what is shown: control characters in it never reach the terminal.

use crate::app::client::Members;
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::Value;

/// Columns of a list, unless others are asked for.
const MOST_COLUMNS: usize = 8;
/// What a record has that its list doesn't need to show.
const INCIDENTAL: [&str; 4] = ["id", "version", "created_at", "updated_at"];

const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Rows under a header. `None` for no rows.
pub fn rows(columns: &[&str], rows: &[Vec<String>]) -> Option<String> {
    let mut table = blank();
    table.set_header(columns);
    table.add_rows(rows);
    (!rows.is_empty()).then(|| finished(&table))
}

/// A list of records: of `columns`, or else of those of `order` and then the others that hold something.
pub fn list(items: &[Value], columns: &[String], order: &[&str]) -> Option<String> {
    let chosen = if columns.is_empty() { worth_showing(items, order) } else { columns.to_vec() };
    let cells: Vec<Vec<String>> =
        items.iter().map(|item| chosen.iter().map(|column| cell(at(item, column))).collect()).collect();
    rows(&chosen.iter().map(String::as_str).collect::<Vec<_>>(), &cells)
}

/// One record: a line a field, and below it a table for each list of records in it.
pub fn record(value: &Value) -> String {
    let Value::Object(_) = value else { return cell(value) };
    let (mut lines, mut below) = (Vec::new(), Vec::new());
    flatten("", value, &mut lines, &mut below);
    let mut table = blank();
    table.add_rows(lines);
    let mut shown = finished(&table);
    for (name, items) in below {
        if let Some(list) = list(items, &[], &[]) {
            shown.push_str(&format!("\n\n{name}\n{list}"));
        }
    }
    shown
}

fn blank() -> Table {
    let mut table = Table::new();
    table.load_style(STYLE);
    if let Some(width) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

fn finished(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The columns of the terminal standard output is.
fn terminal_width() -> Option<u16> {
    let stdout = std::io::stdout();
    rustix::termios::tcgetwinsize(&stdout).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}

/// Fields in `order`, then the others, as far as some record holds something plain there.
fn worth_showing(items: &[Value], order: &[&str]) -> Vec<String> {
    let others = items.iter().filter_map(Value::as_object).flat_map(|item| item.keys().map(String::as_str));
    let mut chosen: Vec<&str> = Vec::new();
    let mut incidental: Vec<&str> = Vec::new();
    for name in order.iter().copied().chain(others) {
        let is_plain = items.iter().all(|item| is_plain(item.at(name)));
        let holds_something = items.iter().any(|item| !cell(item.at(name)).is_empty() && item.at(name) != false);
        if !is_plain || !holds_something || chosen.contains(&name) || incidental.contains(&name) {
            continue;
        }
        if INCIDENTAL.contains(&name) { incidental.push(name) } else { chosen.push(name) }
    }
    chosen.truncate(MOST_COLUMNS);
    // What has actions is named by its identifier where it has no name of its own.
    if let Some(id) = incidental.iter().find(|name| **name == "id")
        && !order.first().is_some_and(|key| chosen.contains(key))
    {
        chosen.insert(0, id);
    }
    chosen.into_iter().map(str::to_owned).collect()
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(|item| !item.is_array() && !item.is_object()),
        Value::Object(_) => false,
        _ => true,
    }
}

/// The value at a dotted place.
fn at<'a>(value: &'a Value, place: &str) -> &'a Value {
    if let Some(found) = value.get(place) {
        return found;
    }
    place.split('.').fold(value, |value, name| value.at(name))
}

fn flatten<'a>(place: &str, value: &'a Value, lines: &mut Vec<[String; 2]>, below: &mut Vec<(String, &'a [Value])>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                flatten(&place, value, lines, below);
            }
        }
        Value::Array(items) if !is_plain(value) => below.push((printable(place), items)),
        _ => lines.push([printable(place), cell(value)]),
    }
}

/// A value as a cell shows it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        Value::Array(items) if is_plain(value) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => printable(&other.to_string()),
    }
}

/// Text without what a terminal would obey, and without what turns the direction of writing.
fn printable(text: &str) -> String {
    let is_obeyed = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if is_obeyed(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_shows_its_key_first_and_leaves_out_what_is_empty() {
        let items = [
            json!({ "id": "1", "version": 1, "user_id": "sato", "name": "佐藤 花子", "mail": "", "more": { "a": 1 }, "off": false }),
            json!({ "id": "2", "version": 1, "user_id": "smith", "name": "Alex", "mail": null, "more": {}, "off": false }),
        ];
        let shown = list(&items, &[], &["user_id", "mail"]).unwrap();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["user_id", "name"]);
        assert!(lines[2].contains("sato") && lines[2].contains("佐藤 花子"), "{shown}");
        assert_eq!(lines.len(), 4);
        assert_eq!(list(&[], &[], &["user_id"]), None);
    }

    #[test]
    fn columns_asked_for_are_shown_in_their_order_and_may_be_within_a_field() {
        let items = [json!({ "name": "x", "more": { "colour": "red" }, "numbers": ["1", "2"] })];
        let shown = list(&items, &["more.colour".to_owned(), "numbers".to_owned()], &[]).unwrap();
        assert!(shown.lines().nth(2).unwrap().contains("red") && shown.contains("1, 2"), "{shown}");
    }

    #[test]
    fn nothing_sent_by_a_stranger_reaches_the_terminal_as_an_order() {
        let shown = record(&json!({ "user_agent": "\u{1b}[2J\u{202e}phone\n", "steps": [{ "step": "a\u{7}" }] }));
        assert!(shown.contains("phone") && shown.contains("steps"));
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
    }
}
