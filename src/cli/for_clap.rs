//! The table of [`argument`](super::argument) as clap is told of it, and what clap found as words again.
//!
//! Called by [`parse`](super::parse) for a command line that is not plain, and for help texts, man pages and completions.
//! Words and checks are those of the table; only `--help` is clap's own. Nothing is decided here about single forms.

use super::argument::{ALONE, Argument, Form, Place, Takes, flat};
use super::commands::{COMMANDS, Content, Definition};
use super::found::Found;
use super::{CommandLine, Globals};
use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

impl CommandLine {
    /// What can be typed: every command with every option, for help texts, man pages and completions.
    pub fn definition() -> Command {
        program().subcommands(COMMANDS.iter().map(command))
    }
}

/// The program without its commands.
pub(super) fn program() -> Command {
    let program = Command::new("tare")
        .about("An OCI container runtime")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .infer_long_args(true)
        .max_term_width(100);
    let help = Arg::new("help")
        .short('h')
        .short_alias('?')
        .long("help")
        .alias("usage")
        .action(ArgAction::Help)
        .global(true)
        .help_heading("Help")
        .help("Print help");
    program.args(flat(Globals::TABLE).map(arg)).arg(help)
}

/// The command of this name.
pub(super) fn one(word: &str) -> Option<Command> {
    COMMANDS.iter().find(|definition| definition.word == word).map(command)
}

fn command(definition: &'static Definition) -> Command {
    let command = Command::new(definition.word)
        .about(definition.about.trim_start())
        .allow_negative_numbers(definition.has_negative_numbers);
    let command = if definition.note.is_empty() { command } else { command.after_help(definition.note) };
    match definition.content {
        Content::Arguments { table, .. } => command.args(flat(table).map(arg)),
        Content::Actions(actions) => command
            .subcommands(actions.iter().map(self::command))
            .subcommand_required(true)
            .disable_help_subcommand(true),
    }
}

fn arg(argument: &'static Argument) -> Arg {
    let mut arg = Arg::new(argument.name)
        .help(argument.help.trim_start())
        .global(argument.is_everywhere)
        .hide(argument.is_hidden);
    if !argument.heading.is_empty() {
        arg = arg.help_heading(argument.heading);
    }
    if let Some(word) = argument.default {
        arg = arg.default_value(word).hide_default_value(!argument.is_default_shown);
    }
    with_form(with_place(arg, argument), argument)
}

fn with_place(arg: Arg, argument: &'static Argument) -> Arg {
    let with_names = |arg: Arg| {
        let mut letters = argument.shorts.chars();
        let arg = arg.long(argument.name);
        match letters.next() {
            Some(first) => arg.short(first).short_aliases(letters),
            None => arg,
        }
    };
    match argument.place {
        Place::Option => with_names(arg),
        Place::OptionAlone => {
            with_names(arg).num_args(0..=1).require_equals(true).default_missing_value(ALONE)
        }
        Place::Operand => arg,
        Place::Tail => arg.num_args(1..).trailing_var_arg(true).allow_hyphen_values(true),
    }
}

fn with_form(arg: Arg, argument: &'static Argument) -> Arg {
    let with_value = |arg: Arg, takes| arg.value_name(argument.value_name).value_parser(parser(takes));
    match argument.form {
        Form::Flag | Form::Group(_) => arg.action(ArgAction::SetTrue),
        Form::One { takes, is_needed } => {
            with_value(arg, takes).required(is_needed && argument.default.is_none())
        }
        Form::Many(takes) => with_value(arg, takes).action(ArgAction::Append),
    }
}

fn parser(takes: Takes) -> ValueParser {
    match takes {
        Takes::Text => ValueParser::string(),
        Takes::Path => ValueParser::path_buf(),
        Takes::Checked(check) => ValueParser::new(check),
    }
}

/// What clap found, typed. `None` would be a word that clap's checks have accepted, but our types have not.
pub(super) fn command_line(matches: &ArgMatches) -> Option<CommandLine> {
    let globals = found(matches, Globals::TABLE);
    let (mut choices, mut command, mut level) = (COMMANDS, None, matches);
    while let Some((word, below)) = level.subcommand() {
        let chosen = choices.iter().find(|definition| definition.word == word)?;
        (command, level) = (Some(chosen), below);
        choices = if let Content::Actions(actions) = chosen.content { actions } else { &[] };
    }
    let table = match command.map(|command| &command.content) {
        Some(Content::Arguments { table, .. }) => *table,
        _ => &[],
    };
    CommandLine::of_found(globals, command, found(level, table))
}

fn found<'a>(matches: &'a ArgMatches, table: &'static [Argument]) -> Found<'a> {
    let mut found = Found::default();
    for argument in flat(table) {
        if matches.value_source(argument.name) != Some(ValueSource::CommandLine) {
            continue;
        }
        for word in matches.get_raw(argument.name).into_iter().flatten() {
            found.push(argument.name, word);
        }
    }
    found
}
