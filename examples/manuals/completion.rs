//! The completions of the three shells, from the definitions. clap_complete knows commands, options and files. The ids
//! of the containers that exist it cannot know: `tare list` is asked for them when a word is completed.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command};
use clap_complete::{Shell, generate};
use std::error::Error;
use tare::cli::{self, CommandLine};

type Text = Result<String, Box<dyn Error>>;

const IDS: &str = "tare list --quiet 2>/dev/null";

/// What the positional argument is called that names a container which exists already.
const EXISTING: &str = "The container";

/// The options with a closed set of words.
const WORDS: &[(&str, &[&str])] = &[
    ("log-format", cli::LogFormat::WORDS),
    ("log-level", cli::LogLevel::WORDS),
    ("cgroup-manager", cli::CgroupManager::WORDS),
    ("manage-cgroups-mode", cli::CgroupsMode::WORDS),
    ("network-lock", cli::NetworkLock::WORDS),
    ("format", cli::ListFormat::WORDS),
];

/// In bash the ids stand beside the options of the command.
pub fn bash() -> Text {
    let mut text = generated(Shell::Bash)?;
    for path in commands_with_ids() {
        let place = format!("tare__subcmd__{})\n            opts=\"", path.replace(' ', "__subcmd__"));
        text = replaced(text, &place, &format!("{place}$({IDS}) "))?;
    }
    Ok(text)
}

/// In zsh a list in parentheses is evaluated when it is shown.
pub fn zsh() -> Text {
    let place = format!("':id -- {EXISTING}:_default'");
    replaced(generated(Shell::Zsh)?, &place, &format!("':id -- {EXISTING}:($({IDS}))'"))
}

/// In fish each command gets one more rule.
pub fn fish() -> Text {
    let mut text = generated(Shell::Fish)?;
    for path in commands_with_ids() {
        let (first, below) = path.split_once(' ').unwrap_or((path.as_str(), ""));
        let below = if below.is_empty() {
            String::new()
        } else {
            format!("; and __fish_seen_subcommand_from {below}")
        };
        text.push_str(&format!(
            "complete -c tare -n \"__fish_tare_using_subcommand {first}{below}\" -f -a \"({IDS})\"\n"
        ));
    }
    Ok(text)
}

/// What clap_complete makes for `shell`.
fn generated(shell: Shell) -> Text {
    let mut command = shown(&CommandLine::definition());
    command = command.subcommand(
        Command::new("help")
            .about("Print the help of a command")
            .disable_help_flag(true)
            .arg(names_of_commands()),
    );
    let mut text = Vec::new();
    generate(shell, &mut command, "tare", &mut text);
    Ok(String::from_utf8(text)?)
}

fn names_of_commands() -> Arg {
    let names: Vec<&str> = CommandLine::definition().get_subcommands().map(kept_name).collect();
    Arg::new("command").action(ArgAction::Append).value_parser(PossibleValuesParser::new(names))
}

/// The command without what `--help` does not show either, and with the words that its options take.
fn shown(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|arg| !arg.is_hide_set()).map(with_words);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    Command::new(kept_name(command))
        .about(about)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .args(arguments)
        .subcommands(command.get_subcommands().map(shown))
}

/// clap takes names for good only.
fn kept_name(command: &Command) -> &'static str {
    command.get_name().to_string().leak()
}

fn with_words(arg: &Arg) -> Arg {
    let words = WORDS.iter().find(|(name, _)| arg.get_long() == Some(name));
    match words {
        Some((_, words)) => arg.clone().value_parser(PossibleValuesParser::new(words.iter().copied())),
        None => arg.clone(),
    }
}

/// `start`, `mounts add`: the commands whose id is that of a container that exists.
fn commands_with_ids() -> Vec<String> {
    fn below(path: &str, command: &Command, found: &mut Vec<String>) {
        for command in command.get_subcommands() {
            let path = format!("{path} {}", command.get_name()).trim().to_string();
            let mut arguments = command.get_positionals();
            if arguments.any(|arg| arg.get_help().is_some_and(|help| help.to_string() == EXISTING)) {
                found.push(path.clone());
            }
            below(&path, command, found);
        }
    }
    let mut found = Vec::new();
    below("", &CommandLine::definition(), &mut found);
    found
}

/// A place that is not found is an error: what clap_complete writes has changed then.
fn replaced(text: String, place: &str, by: &str) -> Text {
    if text.contains(place) {
        Ok(text.replace(place, by))
    } else {
        Err(format!("{place:?} is not generated").into())
    }
}
