//! The layout, held against its description: ARCHITECTURE.md's import table, module tree and dependency list are
//! read from the document itself, so that document and rule cannot drift apart. Each complaint names file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn architecture() -> String {
    read_to_string(repository().join("ARCHITECTURE.md")).unwrap()
}

/// All .rs files below `dir`, relative to the repository, sorted.
fn rust_files(dir: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(dir)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path.strip_prefix(repository()).unwrap().to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// The part of the document under `## heading`.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let start = document.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let rest = &document[start + 4..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

/// The words between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// The rows of the tables in `text`: cells, without header and ruler.
fn table_rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.filter(|cells| cells[0].starts_with('`')).collect()
}

/// Keys of the three dependency tables of Cargo.toml, as written there.
fn dependencies() -> Vec<String> {
    let manifest = read_to_string(repository().join("Cargo.toml")).unwrap();
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            names.extend((!line.starts_with('#')).then(|| name.trim().to_string()));
        }
    }
    names
}

/// One name or mark of a source file, with its line.
type Token = (String, usize);

/// Splits Rust into names, `::` and single marks; comments, strings and chars are left out.
fn tokens(source: &str) -> Vec<Token> {
    let pattern = regex_lite::Regex::new(
        r##"(?s)//[^\n]*|/\*.*?\*/|r#".*?"#|b?r?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|[A-Za-z_][A-Za-z0-9_]*|::|\S"##,
    );
    let pattern = pattern.unwrap();
    let mut line = 1;
    let mut end = 0;
    let mut all = Vec::new();
    for found in pattern.find_iter(source) {
        line += source[end..found.start()].matches('\n').count();
        end = found.start();
        let text = found.as_str();
        if !text.starts_with("//")
            && !text.starts_with("/*")
            && !text.contains('"')
            && !text.starts_with('\'')
        {
            all.push((text.to_string(), line));
        }
    }
    all
}

/// Paths that start at token `at`, groups opened: `a::{b, c::d}` gives a::b and a::c::d.
fn paths_at(tokens: &[Token], at: &mut usize, prefix: &[String], found: &mut Vec<(Vec<String>, usize)>) {
    let mut path = prefix.to_vec();
    let line = tokens[*at].1;
    while let Some((text, _)) = tokens.get(*at) {
        if text == "{" {
            *at += 1;
            while tokens.get(*at).is_some_and(|(text, _)| text != "}") {
                match tokens[*at].0.as_str() {
                    "," => *at += 1,
                    _ => paths_at(tokens, at, &path, found),
                }
            }
            *at += 1;
            return;
        }
        *at += 1;
        if text != "self" && text != "*" {
            path.push(text.clone());
        }
        if tokens.get(*at).is_none_or(|(text, _)| text != "::") {
            break;
        }
        let next = tokens.get(*at + 1).map_or("", |(text, _)| text.as_str());
        if !(next == "{" || next == "*" || next.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
            break;
        }
        *at += 1;
    }
    // `use crate::a as b`: the new name is no path.
    if tokens.get(*at).is_some_and(|(text, _)| text == "as") {
        *at += 2;
    }
    found.push((path, line));
}

/// Everything a file names by path, from the crate's root or from an outside crate: (path, line).
fn named_paths(file: &Path, source: &str) -> Vec<(Vec<String>, usize)> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let tokens = tokens(source);
    let home = module_path(file);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let after_path = at > 0 && tokens[at - 1].0 == "::";
        let in_use = at > 0 && tokens[at - 1].0 == "use";
        let before_path = tokens.get(at + 1).is_some_and(|(text, _)| text == "::");
        if after_path || !(before_path || in_use) {
            at += 1;
            continue;
        }
        let mut paths = Vec::new();
        paths_at(&tokens, &mut at, &[], &mut paths);
        found.extend(paths.into_iter().map(|(path, line)| (from_root(&home, path), line)));
    }
    found
}

/// `src/plan/mounts.rs` is plan::mounts; `src/plan/mod.rs` is plan; lib.rs and main.rs are themselves.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into()).collect();
    path.remove(0);
    if path.last().is_some_and(|name| name == "mod") {
        path.pop();
    }
    path
}

/// A path as seen from the root: `crate` and `super` resolved, other paths as they are.
fn from_root(home: &[String], path: Vec<String>) -> Vec<String> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    match path.first().map(String::as_str) {
        Some("crate") => [vec!["crate".into()], path[1..].to_vec()].concat(),
        Some("super") => {
            let base = &home[..home.len().saturating_sub(ups)];
            [vec!["crate".into()], base.to_vec(), path[ups..].to_vec()].concat()
        }
        _ => path,
    }
}

/// What the import table says of one file: what it may use and what it must not, as paths.
fn rules_for(file: &Path, rows: &[Vec<&str>]) -> (Vec<String>, Vec<String>) {
    let home = module_path(file).join("::");
    let (mut may, mut must_not) = (Vec::new(), Vec::new());
    for row in rows {
        let governs = |module: &String| home == *module || home.starts_with(&format!("{module}::"));
        if quoted(row[0]).iter().any(governs) {
            may.extend(quoted(row[1]));
            must_not.extend(quoted(row[2]));
        }
    }
    (may, must_not)
}

fn is_within(path: &str, allowed: &str) -> bool {
    path == allowed || path.starts_with(&format!("{allowed}::"))
}

/// The forbidden imports of one file, as complaints.
fn forbidden_imports(
    file: &Path,
    source: &str,
    rows: &[Vec<&str>],
    crates: &BTreeSet<String>,
) -> Vec<String> {
    let (may, must_not) = rules_for(file, rows);
    let home = module_path(file);
    let mut complaints = Vec::new();
    for (path, line) in named_paths(file, source) {
        let outside = path[0] != "crate";
        let name = if outside { path.join("::") } else { path[1..].join("::") };
        let own_module = !outside && path.get(1) == home.first();
        let checked = if outside { crates.contains(&path[0]) } else { !own_module && path.len() > 1 };
        let forbidden = must_not.iter().any(|m| is_within(&name, m));
        if forbidden || (checked && !may.iter().any(|m| is_within(&name, m))) {
            complaints.push(format!("{}:{line}: {} must not use {name}", file.display(), home.join("::")));
        }
    }
    complaints
}

#[test]
fn imports_follow_the_table() {
    let document = architecture();
    let rows = table_rows(section(&document, "Who may import whom"));
    let crates: BTreeSet<String> = dependencies().iter().map(|name| name.replace('-', "_")).collect();
    let mut complaints = Vec::new();
    for file in rust_files("src") {
        let source = read_to_string(repository().join(&file)).unwrap();
        let is_root = file.parent() == Some(Path::new("src")) && file.ends_with("lib.rs");
        let known = rows.iter().any(|row| quoted(row[0]).contains(&module_path(&file)[0]));
        if !known && !is_root {
            complaints.push(format!("{}: its module has no row in the import table", file.display()));
        }
        complaints.extend(forbidden_imports(&file, &source, &rows, &crates));
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn a_forbidden_import_is_found_in_every_form() {
    let table = "| `plan` | `bundle`, `sys::errno` | `std::fs` |";
    let rows = table_rows(table);
    let crates = BTreeSet::from(["libc".to_string()]);
    let find = |source: &str| forbidden_imports(Path::new("src/plan/mounts.rs"), source, &rows, &crates);
    assert_eq!(find("use crate::sys::fd;"), ["src/plan/mounts.rs:1: plan::mounts must not use sys::fd"]);
    assert_eq!(find("use crate::{bundle, cgroup::{self, v1}};").len(), 2);
    assert_eq!(find("fn a() {\n    crate::launch::spawn();\n}")[0].split(':').nth(1), Some("2"));
    assert_eq!(find("use super::super::state::Store;").len(), 1);
    assert_eq!(find("fn a() { libc::open(); }").len(), 1);
    assert_eq!(find("use libc;").len(), 1);
    assert_eq!(find("use std::{io, fs::File};").len(), 1);
    assert_eq!(
        find("// use crate::sys::fd;\nuse crate::bundle::Spec;\nlet a = \"libc::x\";"),
        [] as [&str; 0]
    );
    assert_eq!(
        find("use crate::sys::errno::ENOENT;\nuse super::hooks::Hook;\nuse std::io::Read;"),
        [] as [&str; 0]
    );
}

#[test]
fn unsafe_is_in_sys_and_stage_only() {
    let mut complaints = Vec::new();
    for file in rust_files("src").into_iter().chain(rust_files("tests")) {
        if file.starts_with("src/sys") || file.starts_with("src/stage") {
            continue;
        }
        let source = read_to_string(repository().join(&file)).unwrap();
        for (_, line) in tokens(&source).iter().filter(|(text, _)| text == "unsafe") {
            complaints.push(format!("{}:{line}: unsafe belongs below src/sys", file.display()));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_stage_uses_nothing_but_core_and_itself() {
    let crates: BTreeSet<String> = dependencies().iter().map(|name| name.replace('-', "_")).collect();
    let mut complaints = Vec::new();
    for file in rust_files("src/stage") {
        let source = read_to_string(repository().join(&file)).unwrap();
        for (path, line) in named_paths(&file, &source) {
            if ["std", "alloc"].contains(&path[0].as_str()) || crates.contains(&path[0]) {
                complaints.push(format!(
                    "{}:{line}: the stage must not use {}",
                    file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut complaints = Vec::new();
    let folders = ["src", "tests", "integration", "scripts", "examples"];
    for file in folders.into_iter().flat_map(rust_files).chain(["build.rs".into()]) {
        let Ok(source) = read_to_string(repository().join(&file)) else { continue };
        let lines = source.lines().count();
        if lines > LINES_MAX {
            complaints.push(format!("{}:{lines}: longer than {LINES_MAX} lines", file.display()));
        }
        if !source.starts_with("//! ") {
            complaints.push(format!("{}:1: does not start with `//!` and its job", file.display()));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// The files that the drawn tree names: folders end in `/`, two blanks of indentation a level.
fn drawn_files(tree: &str) -> BTreeMap<PathBuf, String> {
    let mut folders: Vec<&str> = Vec::new();
    let mut files = BTreeMap::new();
    for line in tree.lines().filter(|line| !line.trim().is_empty()) {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let (name, about) = line.trim_start().split_once(' ').unwrap_or((line.trim(), ""));
        folders.truncate(depth);
        if let Some(folder) = name.strip_suffix('/') {
            folders.push(folder);
        } else {
            files.insert(folders.iter().collect::<PathBuf>().join(name), about.trim().to_string());
        }
    }
    files
}

#[test]
fn the_drawn_tree_names_exactly_the_files_there_are() {
    let document = architecture();
    let drawing = section(&document, "The tree").split("```").nth(1).expect("a drawing in section The tree");
    let drawn = drawn_files(drawing.trim_start_matches("text"));
    let there: BTreeSet<PathBuf> = rust_files("src").into_iter().collect();
    let named: BTreeSet<PathBuf> = drawn.keys().cloned().collect();
    let missing: Vec<_> = there.difference(&named).collect();
    let gone: Vec<_> = named.difference(&there).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not in ARCHITECTURE.md: {missing:?}; there only: {gone:?}"
    );
    let mute: Vec<_> = drawn.iter().filter(|(_, about)| about.is_empty()).map(|(file, _)| file).collect();
    assert!(mute.is_empty(), "drawn without a word on what it is for: {mute:?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let document = architecture();
    let rows = table_rows(section(&document, "Dependencies"));
    let reasons: BTreeMap<String, &str> = rows.iter().map(|row| (quoted(row[0]).remove(0), row[1])).collect();
    let used: BTreeSet<String> = dependencies().into_iter().collect();
    let without: Vec<_> =
        used.iter().filter(|name| reasons.get(*name).is_none_or(|why| why.len() < 20)).collect();
    assert!(without.is_empty(), "no reason in ARCHITECTURE.md for {without:?}");
    let unused: Vec<_> = reasons.keys().filter(|name| !used.contains(*name)).collect();
    assert!(
        unused.is_empty(),
        "ARCHITECTURE.md gives a reason for what Cargo.toml does not have: {unused:?}"
    );
}
