//! src/cli/help.rs and the words in the definitions: every command and option is explained, in one line that fits.

use super::parse;
use clap::{Arg, Command};
use tare::cli::{CommandLine, GROUPS, Parsed};

/// So that the longest name and the words beside it stay within 100 columns.
const WORDS_MAX: usize = 72;
const COLUMNS_MAX: usize = 100;

#[track_caller]
fn help(form: &str) -> String {
    match parse(form) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{form}: {other:?}"),
    }
}

/// Every command with the words that name it, those below `mounts` too.
fn commands() -> Vec<(String, Command)> {
    fn below(path: &str, command: &Command, found: &mut Vec<(String, Command)>) {
        for command in command.get_subcommands() {
            let path = format!("{path} {}", command.get_name()).trim().to_string();
            below(&path, command, found);
            found.push((path, command.clone()));
        }
    }
    let mut found = Vec::new();
    below("", &CommandLine::definition(), &mut found);
    found
}

fn visible(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

#[track_caller]
fn assert_plain(whose: &str, words: Option<String>) {
    let words = words.unwrap_or_else(|| panic!("{whose} is not explained"));
    assert!(!words.contains('\n') && words.len() <= WORDS_MAX, "{whose}: {words}");
    assert!(!words.starts_with(|c: char| c.is_lowercase()) && !words.ends_with('.'), "{whose}: {words}");
}

#[test]
fn every_command_and_option_is_explained_in_one_line() {
    let root = CommandLine::definition();
    for (name, command) in commands().into_iter().chain([("tare".to_string(), root)]) {
        assert_plain(&name, command.get_about().map(ToString::to_string));
        for arg in visible(&command) {
            assert_plain(&format!("{name} {}", arg.get_id()), arg.get_help().map(ToString::to_string));
        }
    }
}

#[test]
fn every_line_of_help_fits_a_terminal() {
    let forms = commands().into_iter().map(|(name, _)| format!("{name} --help"));
    for form in forms.chain(["--help".to_string()]) {
        let text = help(&form);
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > COLUMNS_MAX).collect();
        assert!(long.is_empty(), "{form}: {long:#?}");
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{form}: {text:?}");
        assert!(!text.contains("\n\n\n"), "{form}: {text}");
    }
}

#[test]
fn every_command_is_in_one_group() {
    let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    grouped.sort_unstable();
    let root = CommandLine::definition();
    let mut there: Vec<&str> = root.get_subcommands().map(Command::get_name).chain(["help"]).collect();
    there.sort_unstable();
    assert_eq!(grouped, there);
}

#[test]
fn every_option_is_in_the_help_of_its_command() {
    let line_of = |text: &str, arg: &Arg| match arg.get_long() {
        Some(long) => text.lines().any(|line| line.contains(&format!("--{long}")) && line.starts_with("  ")),
        None => text.contains(&format!("{}>", arg.get_id().as_str().to_uppercase())) || arg.is_positional(),
    };
    for (name, command) in commands() {
        let text = help(&format!("{name} --help"));
        for arg in visible(&command) {
            assert!(line_of(&text, arg), "{name}: {} is missing in\n{text}", arg.get_id());
        }
    }
    let text = help("--help");
    for arg in visible(&CommandLine::definition()) {
        assert!(line_of(&text, arg), "{} is missing in\n{text}", arg.get_id());
    }
}

#[test]
fn many_options_stand_under_headings() {
    for (name, command) in commands() {
        let bare =
            visible(&command).filter(|arg| !arg.is_positional() && arg.get_help_heading().is_none()).count();
        assert!(bare <= 3, "{name}: {bare} options without a heading");
    }
    for heading in ["State and privileges:", "Log:", "Control groups:", "Help:"] {
        assert!(help("--help").contains(&format!("\n{heading}\n")), "{heading}");
    }
}

#[test]
fn the_help_of_the_program_shows_the_commands_by_group() {
    for form in ["", "-h", "--help", "-?", "--usage", "help", "--root /start --help"] {
        let text = help(form);
        for (group, names) in GROUPS {
            let rest =
                text.split_once(&format!("\n{group}:\n")).unwrap_or_else(|| panic!("{form}: {group}")).1;
            let rows = rest.lines().take(names.len());
            let shown: Vec<&str> = rows.filter_map(|row| row.split_whitespace().next()).collect();
            assert_eq!(shown, *names, "{form}");
        }
    }
}

#[test]
fn each_command_has_its_help_in_four_ways() {
    for (name, command) in commands() {
        let about = command.get_about().unwrap().to_string();
        for form in [
            format!("{name} --help"),
            format!("{name} -h"),
            format!("--root /r {name} -?"),
            format!("help {name}"),
        ] {
            let text = help(&form);
            assert!(
                text.starts_with(&about) && text.contains(&format!("Usage: tare {name}")),
                "{form}: {text}"
            );
        }
    }
}

#[test]
fn a_value_that_is_the_name_of_a_command_is_no_command() {
    assert!(help("--root start list --help").starts_with("List the containers"));
    assert!(help("create --bundle run --help").contains("Usage: tare create"));
}

#[test]
fn hidden_options_are_not_shown() {
    for (name, command) in commands() {
        let text = help(&format!("{name} --help"));
        for arg in command.get_arguments().filter(|arg| arg.is_hide_set()) {
            let long = arg.get_long().unwrap();
            assert!(!text.contains(&format!("--{long} ")), "{name} --{long}");
        }
    }
}

#[test]
fn help_shows_booleans_without_a_value() {
    assert!(help("delete --help").contains("-f, --force  "));
}
