//! What the documents say is there, is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

#[test]
fn every_test_the_matrix_of_rfcs_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let (_, matrix) = document.split_once("| RFC | Section | What | Tests |").expect("the matrix is there");
    let rows: Vec<&str> = matrix.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 30, "all rows are looked at, {}", rows.len());
    for row in rows {
        for (file, test) in tests_of(row) {
            let folder = if file.starts_with("src/") { root.to_owned() } else { root.join("tests") };
            let code = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let before = code.split_once(&format!("fn {test}(")).map(|(before, _)| before).unwrap_or_default();
            let mut attributes = before.rsplit('\n').skip(1).map(str::trim).take_while(|line| line.starts_with("#["));
            let is_test = attributes.any(|line| line.contains("test"));
            assert!(is_test, "{file} has no test {test}, which is named in {row}");
        }
    }
}

/// The tests a row names, each with its file. Its last cell is `file`: `test`, `test`; `file`: `test`
fn tests_of(row: &str) -> Vec<(&str, &str)> {
    let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
    let some = cell.split("; ").flat_map(|some| {
        let (file, tests) = some.split_once(": ").unwrap_or_else(|| panic!("no test is named in {row}"));
        tests.split(", ").map(move |test| (file.trim_matches('`'), test.trim_matches('`')))
    });
    some.collect()
}
