//! docs/conformance.md and docs/cve.md against the tests: each row names a test, and each named test exists.

use std::collections::BTreeSet;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(dir: PathBuf, extension: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_below(path, extension));
        } else if path.extension().is_some_and(|ext| ext == extension) {
            found.push(path);
        }
    }
    found
}

/// The words that follow `mark` in a text, up to the first character that cannot be in a name.
fn names_after<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.split(mark).skip(1).map(|rest| rest.split(|c| !is_name(c)).next().unwrap_or_default()).collect()
}

/// `folder/sentence` of all integration cases.
fn integration_cases() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files_below(repository().join("integration/cases"), "sh") {
        let folder = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let text = format!("\n{}", read_to_string(&file).unwrap());
        names.extend(names_after(&text, "\ntest_").iter().map(|name| format!("{folder}/{name}")));
    }
    names
}

/// `module::sentence` of all unit tests, as `cargo test` calls them without `tests`.
fn unit_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for root in ["tests", "src"] {
        for file in files_below(repository().join(root), "rs") {
            let inside = file.strip_prefix(repository().join(root)).unwrap().with_extension("");
            let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into()).collect();
            module.retain(|part| part != "mod");
            let text = read_to_string(&file).unwrap();
            let marked = text.split("#[test]").skip(1);
            let sentences = marked.filter_map(|rest| names_after(rest, "fn ").first().copied());
            names.extend(sentences.map(|sentence| format!("{}::{sentence}", module.join("::"))));
        }
    }
    names
}

/// What is wrong with the table rows of a document whose last column names tests.
fn complaints(document: &str, text: &str, known: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let is_row = line.starts_with("| ") && !line.ends_with("| held by |") && !line.starts_with("|--");
        if !is_row {
            continue;
        }
        let place = format!("{document}:{}", index + 1);
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let tests: Vec<&str> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
        if tests.is_empty() || cells.iter().any(|cell| cell.is_empty()) {
            complaints.push(format!("{place}: a cell is empty, or no test is named"));
        }
        let missing = tests.iter().filter(|test| !known.contains(**test));
        complaints.extend(missing.map(|test| format!("{place}: there is no test {test}")));
    }
    complaints
}

#[test]
fn every_requirement_is_held_by_a_test_that_exists() {
    let known: BTreeSet<String> = integration_cases().into_iter().chain(unit_tests()).collect();
    let mut all = Vec::new();
    for document in ["docs/conformance.md", "docs/cve.md"] {
        let text = read_to_string(repository().join(document)).unwrap();
        all.extend(complaints(document, &text, &known));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn an_empty_row_and_a_missing_test_are_found() {
    let known = BTreeSet::from(["a/b".to_string()]);
    let text =
        "| anchor | MUST | held by |\n|---|---|---|\n| x | y | `a/b` |\n| x | y |  |\n| x | y | `a/c` |";
    let found = complaints("d", text, &known);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("d:4:") && found[1] == "d:5: there is no test a/c", "{found:?}");
}
