//! docs/compat.md and the other lists of commands and options, held against the definitions.

use clap::{Arg, Command};
use clap_complete::{Shell, generate};
use std::collections::BTreeSet;
use std::path::Path;
use tare::cli::{CommandLine, GROUPS};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The rows of the table under `## heading`, as cells. A `|` within a cell is written with a backslash.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let start = document.find(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = document[start + 4..].split("\n## ").next().unwrap().replace("\\|", "/");
    let lines = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    lines
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect())
        .collect()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// `exec --tty -t`: one option of one command, with its short form.
fn spelled(command: &str, long: &str, short: Option<char>) -> String {
    let short = short.map(|letter| format!(" -{letter}")).unwrap_or_default();
    format!("{command} {long}{short}")
}

/// The options of the definitions, hidden ones too.
fn defined() -> BTreeSet<String> {
    fn below(path: &str, command: &Command, found: &mut BTreeSet<String>) {
        for command in command.get_subcommands() {
            let path = format!("{path} {}", command.get_name()).trim().to_string();
            for arg in command.get_arguments().filter(|arg| !arg.is_positional()) {
                found.insert(spelled(&path, &long_of(arg), arg.get_short()));
            }
            below(&path, command, found);
        }
    }
    let mut found = BTreeSet::new();
    below("", &CommandLine::definition(), &mut found);
    found
}

fn long_of(arg: &Arg) -> String {
    format!("--{}", arg.get_long().expect("every option has a long form"))
}

/// The options of the table, and how often each is there.
fn claimed(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    for row in rows(document, "Options of the commands") {
        assert_eq!(row.len(), 5, "{row:?}");
        let words: Vec<&str> =
            quoted(&row[1]).next().unwrap().split([',', ' ']).filter(|w| w.starts_with('-')).collect();
        let long = words.iter().find(|word| word.starts_with("--")).expect("a long form");
        let short = words.iter().find(|word| !word.starts_with("--")).and_then(|word| word.chars().nth(1));
        let is_ours = !row[4].starts_with('–') && !row[4].starts_with("no");
        found.extend(quoted(&row[0]).filter(|_| is_ours).map(|command| spelled(command, long, short)));
    }
    found
}

#[test]
fn each_option_has_one_row_and_each_row_its_option() {
    let claimed = claimed(&read("docs/compat.md"));
    let named: BTreeSet<String> = claimed.iter().cloned().collect();
    let defined = defined();
    let without_row: Vec<_> = defined.difference(&named).collect();
    assert!(without_row.is_empty(), "not in docs/compat.md: {without_row:#?}");
    let gone: Vec<_> = named.difference(&defined).collect();
    assert!(gone.is_empty(), "docs/compat.md has what does not exist: {gone:#?}");
    assert_eq!(claimed.len(), named.len(), "an option has two rows");
}

#[test]
fn each_option_of_every_command_has_a_row() {
    let document = read("docs/compat.md");
    let cells: Vec<String> =
        rows(&document, "Global options").into_iter().map(|row| row[0].clone()).collect();
    let named: BTreeSet<String> = cells
        .iter()
        .flat_map(|cell| quoted(cell))
        .filter_map(|words| words.split(' ').next().filter(|word| word.starts_with("--")))
        .map(str::to_string)
        .collect();
    let root = CommandLine::definition();
    let mut defined: BTreeSet<String> = root.get_arguments().map(long_of).collect();
    defined.insert("--usage".to_string());
    assert_eq!(named, defined);
}

#[test]
fn each_command_has_a_row() {
    let cells = rows(&read("docs/compat.md"), "Commands").into_iter().map(|row| row[0].clone());
    let named: BTreeSet<String> = cells
        .flat_map(|cell| quoted(&cell).map(|w| w.split(' ').next().unwrap().to_string()).collect::<Vec<_>>())
        .collect();
    let defined: BTreeSet<String> =
        GROUPS.iter().flat_map(|(_, names)| names.iter().map(|n| n.to_string())).collect();
    assert_eq!(named, defined);
}

#[test]
fn the_readme_lists_the_commands_by_group() {
    let readme = read("README.md");
    for (group, names) in GROUPS {
        let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let row = format!("| {group} | {} |", list.join(" "));
        assert!(readme.lines().any(|line| line == row), "README.md has no row {row}");
    }
}

#[test]
fn each_command_has_the_prose_of_its_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let there: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let root = CommandLine::definition();
    let names = root.get_subcommands().map(Command::get_name).chain(["tare"]);
    assert_eq!(there, names.map(|name| format!("{name}.md")).collect());
    for file in there {
        let text = read(&format!("docs/man/{file}"));
        let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# ")).collect();
        assert_eq!(headings.first(), Some(&"DESCRIPTION"), "{file}");
        assert_eq!(headings.last(), Some(&"SEE ALSO"), "{file}");
        for heading in ["EXIT STATUS", "EXAMPLES"] {
            assert!(headings.contains(&heading), "{file} has no {heading}");
        }
    }
}

/// Options in the prose of a page exist: its command's own, or those of every command.
#[test]
fn the_prose_names_no_option_that_does_not_exist() {
    let everywhere: BTreeSet<String> =
        CommandLine::definition().get_arguments().map(long_of).chain(["--usage".to_string()]).collect();
    let defined = defined();
    for name in GROUPS.iter().flat_map(|(_, names)| names.iter()).filter(|name| **name != "help") {
        let text = read(&format!("docs/man/{name}.md"));
        let own: BTreeSet<&str> = defined
            .iter()
            .filter(|option| option.starts_with(&format!("{name} ")))
            .filter_map(|option| option.split(' ').find(|word| word.starts_with("--")))
            .collect();
        let named = quoted(&text).filter_map(|words| words.split([' ', '=']).next());
        for word in named.filter(|word| word.starts_with("--") && word.len() > 2) {
            assert!(own.contains(word) || everywhere.contains(word), "docs/man/{name}.md: {word}");
        }
    }
}

#[test]
fn each_command_and_option_can_be_completed() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut text = Vec::new();
        generate(shell, &mut CommandLine::definition(), "tare", &mut text);
        let text = String::from_utf8(text).unwrap();
        for option in defined() {
            let mut words = option.split_whitespace().filter(|word| word.len() > 2);
            assert!(words.all(|word| text.contains(word.trim_start_matches('-'))), "{shell}: {option}");
        }
    }
}
