//! CSV as spreadsheets write and read it: encodings, separators, and cells that would be formulas. Pure.
//!
//! It must not know what the columns mean.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use encoding_rs::{DecoderResult, Encoding, SHIFT_JIS};

use super::fault::{Fault, RowFault};

/// The most rows of a file, its header not counted.
pub const MOST_ROWS: u64 = 200_000;
/// The most characters of a cell.
pub const LONGEST_CELL: usize = 4096;
/// The most columns.
const MOST_COLUMNS: usize = 256;
/// What a spreadsheet program would take for the beginning of a formula, full-width forms too.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
/// What keeps a cell from being one.
const GUARD: char = '\'';
/// UTF-8's byte order mark: spreadsheet programs take a file without it for something else.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file, decoded.
#[derive(Debug)]
pub struct Spreadsheet {
    text: String,
    separator: u8,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line of the file it begins on, from 1.
    pub line: u64,
    /// Its cells as they were meant: without the guard against formulas.
    pub cells: Vec<String>,
}

impl Row {
    /// True if nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }
}

impl Spreadsheet {
    /// Decodes a file. Its byte order mark says how it is encoded, else `charset`; without either it is UTF-8 if it
    /// can be, else Shift_JIS, which is what spreadsheet programs in Japan write.
    pub fn decode(octets: Vec<u8>, charset: Option<&str>) -> Result<Self, RowFault> {
        let refuse = |line, code, detail: &str| RowFault { line, column: None, fault: Fault::new(code, None, detail) };
        if octets.starts_with(b"PK\x03\x04") {
            return Err(refuse(1, "file-workbook", "this is a workbook; save it as CSV and send that"));
        }
        let named = charset.map(|name| {
            Encoding::for_label(name.as_bytes()).ok_or_else(|| {
                let fault = refuse(1, "file-charset", "this encoding is not known; send UTF-8 or Shift_JIS");
                RowFault { fault: fault.fault.with("charset", name), ..fault }
            })
        });
        let text = match (Encoding::for_bom(&octets), named.transpose()?) {
            (Some((encoding, mark)), _) => decoded(encoding, octets.get(mark..).unwrap_or_default()),
            (None, Some(encoding)) => decoded(encoding, &octets),
            (None, None) => match String::from_utf8(octets) {
                Ok(text) => Ok(text),
                Err(error) => decoded(SHIFT_JIS, error.as_bytes()),
            },
        };
        let text = text.map_err(|line| {
            refuse(line, "file-encoding", "this is no text in the encoding expected; save the file as CSV UTF-8")
        })?;
        if let Some(at) = text.find('\0') {
            return Err(refuse(line_at(&text, at), "file-encoding", "this is no text; save the file as CSV UTF-8"));
        }
        let separator = separator(&text);
        Ok(Self { text, separator })
    }

    /// Its rows, the header first; rows with nothing in them are left out.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, RowFault>> + Send + '_ {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .from_reader(self.text.as_bytes());
        reader.into_records().map(|record| row(&self.text, record)).filter(|row| !row.as_ref().is_ok_and(Row::is_empty))
    }
}

fn row(text: &str, record: Result<StringRecord, csv::Error>) -> Result<Row, RowFault> {
    let record = record.map_err(|error| {
        let line = error.position().map_or(1, csv::Position::line);
        RowFault { line, column: None, fault: Fault::new("file-encoding", None, "the row can't be read") }
    })?;
    let line = record.position().map_or(1, |position| {
        // Empty lines before a row are counted to it.
        let rest = usize::try_from(position.byte()).ok().and_then(|at| text.as_bytes().get(at..)).unwrap_or_default();
        let ends = rest.iter().take_while(|octet| matches!(octet, b'\r' | b'\n'));
        position.line() + ends.fold(0, |lines, octet| lines + u64::from(*octet == b'\n'))
    });
    if record.len() > MOST_COLUMNS {
        let detail = format!("there are more than {MOST_COLUMNS} columns; take some away");
        return Err(RowFault { line, column: None, fault: Fault::new("row-columns", None, detail) });
    }
    if let Some((index, _)) = record.iter().enumerate().find(|(_, cell)| cell.chars().count() > LONGEST_CELL) {
        let detail =
            format!("the cell has more than {LONGEST_CELL} characters; see whether a quotation mark is missing");
        let column = u64::try_from(index).ok().map(|index| index + 1);
        return Err(RowFault { line, column, fault: Fault::new("cell-length", None, detail) });
    }
    Ok(Row { line, cells: record.iter().map(|cell| unguarded(cell).to_owned()).collect() })
}

/// The text, or the line of the first octets that are none.
fn decoded(encoding: &'static Encoding, octets: &[u8]) -> Result<String, u64> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(decoder.max_utf8_buffer_length_without_replacement(octets.len()).unwrap_or(0));
    match decoder.decode_to_string_without_replacement(octets, &mut text, true) {
        (DecoderResult::InputEmpty, _) => Ok(text),
        _ => Err(line_at(&text, text.len())),
    }
}

/// The line an octet of a text is on, from 1.
fn line_at(text: &str, at: usize) -> u64 {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().fold(0, |lines, octet| lines + u64::from(*octet == b'\n'))
}

/// What separates cells: whichever of comma, tab and semicolon the header has most of, outside quotation marks.
fn separator(text: &str) -> u8 {
    let mut counts = [(b',', 0_u32), (b'\t', 0), (b';', 0)];
    let mut quoted = false;
    for octet in text.bytes() {
        match octet {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            octet if !quoted => {
                counts.iter_mut().filter(|(separator, _)| *separator == octet).for_each(|(_, count)| *count += 1);
            }
            _ => {}
        }
    }
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| *separator)
}

/// A cell that no spreadsheet program takes for a formula. [`unguarded`] undoes it.
fn guarded(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some(first) if first == GUARD || FORMULA.contains(&first) => Cow::Owned(format!("{GUARD}{cell}")),
        _ => Cow::Borrowed(cell),
    }
}

fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(rest) if rest.starts_with(GUARD) || rest.starts_with(FORMULA) => rest,
        _ => cell,
    }
}

/// Rows as CSV (RFC 4180), guarded.
pub fn written<'a>(rows: impl Iterator<Item = Vec<Cow<'a, str>>>) -> Result<String, csv::Error> {
    let mut writer = WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.iter().map(|cell| guarded(cell).into_owned()))?;
    }
    let octets = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8], charset: Option<&str>) -> Vec<(u64, Vec<String>)> {
        let sheet = Spreadsheet::decode(octets.to_vec(), charset).unwrap();
        sheet.rows().map(|row| row.map(|row| (row.line, row.cells)).unwrap()).collect()
    }

    fn code(octets: &[u8], charset: Option<&str>) -> (u64, String) {
        let fault = Spreadsheet::decode(octets.to_vec(), charset).unwrap_err();
        (fault.line, fault.fault.code.into_owned())
    }

    #[test]
    fn the_same_rows_are_read_in_whatever_a_spreadsheet_program_writes() {
        let expected =
            vec![(1, vec!["user_id".to_owned(), "name".to_owned()]), (2, vec!["a".into(), "表 花子".into()])];
        let text = "user_id,name\r\na,表 花子\r\n";
        let utf16: Vec<u8> = "\u{feff}user_id\tname\na\t表 花子\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        // 表 is 0x95 0x5C: its second octet looks like a backslash.
        let shift_jis = SHIFT_JIS.encode(text).0.into_owned();
        assert_eq!(read(text.as_bytes(), None), expected);
        assert_eq!(read(format!("{BYTE_ORDER_MARK}{text}").as_bytes(), None), expected);
        assert_eq!(read(text.replace(',', ";").as_bytes(), None), expected);
        assert_eq!(read(&utf16, None), expected);
        assert_eq!(read(&shift_jis, None), expected);
        assert_eq!(read(&shift_jis, Some("Shift_JIS")), expected);
    }

    #[test]
    fn a_row_has_the_line_it_begins_on() {
        let rows = read(b"a,b\n\"x\ny\",2\n\n,\n3,4\n\r\n5,6", None);
        let lines: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 6, 8]);
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        assert_eq!(code(b"PK\x03\x04rest", None), (1, "file-workbook".to_owned()));
        assert_eq!(code(b"a,b\nc,\x80\xff\n", None), (2, "file-encoding".to_owned()));
        assert_eq!(code(b"a\n\x8d\xb2\n", Some("utf-8")), (2, "file-encoding".to_owned()));
        assert_eq!(code(b"a\n\n\0", None), (3, "file-encoding".to_owned()));
        assert_eq!(code(b"a", Some("klingon")), (1, "file-charset".to_owned()));
        let long = format!("a\n\"{}", "x\n".repeat(LONGEST_CELL));
        let sheet = Spreadsheet::decode(long.into_bytes(), None).unwrap();
        let fault = sheet.rows().nth(1).unwrap().unwrap_err();
        assert_eq!((fault.line, fault.column, fault.fault.code.as_ref()), (2, Some(1), "cell-length"));
    }

    #[test]
    fn no_cell_written_begins_a_formula_and_each_is_read_as_it_was() {
        let cells = ["=1+1", "+8150", "-", "@x", "\tx", "\rx", "\nx", "＝1", "'=1", "''", "'a", "a=1", "", "a\"b,c\nd"];
        let text = written([cells.iter().map(|cell| Cow::Borrowed(*cell)).collect()].into_iter()).unwrap();
        let raw = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes()).into_records().next();
        assert!(raw.unwrap().unwrap().iter().all(|cell| !cell.starts_with(FORMULA)), "{text}");
        assert_eq!(read(text.as_bytes(), None)[0].1, cells);
    }
}
