//! From argv to [`CommandLine`]: smooths out the forms that clap does not know, and turns its errors into one line.

use super::for_clap::{self, program};
use super::{CommandLine, commands, help, plainly, values};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction};
use std::ffi::{OsStr, OsString};
use std::fmt;

/// What the command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// To do something.
    Run(Box<CommandLine>),
    /// To print this.
    Print(String),
}

/// A command line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The command it is about, if one was recognised.
    pub command: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Usage {}

/// Reads a command line, the program's name first.
pub fn parse(argv: Vec<OsString>) -> Result<Parsed, Usage> {
    match plainly(&argv) {
        Some(line) => Ok(Parsed::Run(Box::new(line))),
        None => by_clap(&argv),
    }
}

/// Reads a command line of any form, and says what is wrong with it.
///
/// clap is told of the one command that is called, and of all of them only where that does not do: to explain what is
/// wrong, or what else could be meant.
pub fn by_clap(argv: &[OsString]) -> Result<Parsed, Usage> {
    if let Some(mut definition) = called(argv)
        && let Ok(line) = read(&mut definition, argv)
    {
        return Ok(Parsed::Run(Box::new(line)));
    }
    let mut definition = CommandLine::definition();
    let path = outline(&definition, argv).path;
    match read(&mut definition, argv) {
        Ok(line) if line.command.is_none() && !line.globals.version => Ok(Parsed::Print(help::text(&[]))),
        Ok(line) => Ok(Parsed::Run(Box::new(line))),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(Parsed::Print(help::text(&path))),
        Err(error) => Err(explain(&definition, path, &error)),
    }
}

/// The program with the one command that is called, if the first word that is no option of the program is a command.
fn called(argv: &[OsString]) -> Option<clap::Command> {
    let program = program();
    let mut is_value = false;
    for arg in argv.iter().skip(1) {
        let word = arg.to_str()?;
        if std::mem::take(&mut is_value) {
            continue;
        }
        if !word.starts_with('-') {
            return Some(program.subcommand(for_clap::one(word)?));
        }
        is_value = takes_next_word(&program, &program, word);
    }
    None
}

/// Reads the words by a definition, which is changed where the forms of this command line need it.
fn read(definition: &mut clap::Command, argv: &[OsString]) -> Result<CommandLine, clap::Error> {
    let Outline { tail_start, is_ended, .. } = outline(definition, argv);
    let (ours, tail) = argv.split_at(tail_start);
    let mut words = ours.to_vec();
    if words.iter().any(|arg| is_single_dash_word(arg)) {
        // Of every command: `-parent-path` is no `-p` of one that has no such option.
        words = words.into_iter().map(with_two_dashes).collect();
    }
    if words.iter().any(|arg| has_boolean_value(arg)) {
        *definition = with_boolean_values(std::mem::take(definition));
    }
    words = join_rootless(words);
    if !is_ended && tail.first().is_some_and(|first| first != "--") {
        words.push(OsString::from("--"));
    }
    words.extend_from_slice(tail);
    let matches = definition.try_get_matches_from_mut(words)?;
    // Never so: the checks of clap are those of the types.
    let refused = || clap::Error::raw(ErrorKind::Format, "a value is not understood");
    for_clap::command_line(&matches).ok_or_else(refused)
}

/// `--log` and `--log-format` of a command line that cannot be understood as a whole: its error belongs in the log,
/// where an engine looks for it.
pub fn log_options(argv: &[OsString]) -> (Option<String>, values::LogFormat) {
    let (mut file, mut format) = (None, values::LogFormat::default());
    let mut words = argv.iter().skip(1).filter_map(|arg| arg.to_str());
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        match name.trim_start_matches('-') {
            "log" if name != "log" => file = value.or_else(|| words.next()).map(str::to_string),
            "log-format" if name != "log-format" => {
                format = value.or_else(|| words.next()).and_then(|v| v.parse().ok()).unwrap_or_default();
            }
            _ => {}
        }
    }
    (file, format)
}

/// What can be seen of a command line before clap reads it.
struct Outline {
    /// The commands that it names: `mounts`, `add`.
    path: Vec<String>,
    /// Where the words of another program begin: behind the id of `exec` and `ps`. Nothing there is an option of ours.
    tail_start: usize,
    /// A `--` stands before the tail.
    is_ended: bool,
}

fn outline(root: &clap::Command, argv: &[OsString]) -> Outline {
    let mut outline = Outline { path: Vec::new(), tail_start: argv.len(), is_ended: false };
    let mut command = root;
    let mut is_value = false;
    for (at, arg) in argv.iter().enumerate().skip(1) {
        let Some(word) = arg.to_str().filter(|_| !is_value) else {
            is_value = false;
            continue;
        };
        if word == "--" {
            outline.is_ended = true;
        } else if word.len() > 1 && word.starts_with('-') && !outline.is_ended {
            is_value = takes_next_word(root, command, word);
        } else if let Some(found) = command.find_subcommand(word).filter(|_| !outline.is_ended) {
            outline.path.push(word.to_string());
            command = found;
        } else if command.get_arguments().any(Arg::is_trailing_var_arg_set) {
            outline.tail_start = at + 1;
            break;
        }
    }
    outline
}

/// Whether the word after this option is its value.
fn takes_next_word(root: &clap::Command, command: &clap::Command, option: &str) -> bool {
    let has_value = |arg: &Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
    if let Some(arg) = long_option(root, command, option) {
        return has_value(arg);
    }
    // Short ones can stand together; the first that wants a value has what follows it, or else the next word.
    let letters = option.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
    let wants = |letter: char| {
        options_at(root, command).find(|arg| arg.get_short() == Some(letter)).is_some_and(has_value)
    };
    letters.find(wants).is_some_and(|at| at + 1 == letters.len())
}

/// The option of this name, or the only one that begins with it: what clap's `infer_long_args` takes too.
fn long_option<'a>(root: &'a clap::Command, command: &'a clap::Command, word: &str) -> Option<&'a Arg> {
    let name = word.trim_start_matches('-');
    if let Some(arg) = options_at(root, command).find(|arg| arg.get_long() == Some(name)) {
        return Some(arg);
    }
    let short = word.strip_prefix("--")?;
    let mut near =
        options_at(root, command).filter(|arg| arg.get_long().is_some_and(|l| l.starts_with(short)));
    near.next().filter(|_| near.next().is_none())
}

/// The options that may stand here: the command's own, and those of every command.
fn options_at<'a>(root: &'a clap::Command, command: &'a clap::Command) -> impl Iterator<Item = &'a Arg> {
    let is_below = !std::ptr::eq(root, command);
    command.get_arguments().chain(root.get_arguments().filter(move |arg| is_below && arg.is_global_set()))
}

/// `-no-subreaper`: one dash, then a word. (`-f` and `-f=x` are short options, `-fr` two of them.)
fn is_single_dash_word(arg: &OsStr) -> bool {
    let bytes = arg.as_encoded_bytes();
    matches!(bytes, [b'-', first, second, ..] if *first != b'-' && *second != b'=')
}

/// Adds the second dash if the word is a long option; anything else stays what it is.
fn with_two_dashes(arg: OsString) -> OsString {
    let Some(word) = arg.to_str().and_then(|text| text.strip_prefix('-')) else { return arg };
    let name = word.split('=').next().unwrap_or(word);
    let is_long = name == "help" || commands::any_has_option(name);
    if is_long { OsString::from(format!("--{word}")) } else { arg }
}

fn has_boolean_value(arg: &OsStr) -> bool {
    let value = arg.to_str().filter(|text| text.starts_with('-')).and_then(|text| text.split_once('='));
    value.is_some_and(|(_, value)| values::go_bool(value).is_ok())
}

/// Lets every boolean option take a value after `=`. Done only for a command line that has one, so that help texts
/// show the plain form.
fn with_boolean_values(command: clap::Command) -> clap::Command {
    fn open(arg: Arg) -> Arg {
        if !matches!(arg.get_action(), ArgAction::SetTrue) {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false")
            .value_parser(values::go_bool)
    }
    command.mut_args(open).mut_subcommands(|below| below.mut_args(open))
}

/// `--rootless true` of runc, where the value is a word of its own, becomes `--rootless=true`: the option may also
/// stand alone, so the next word is taken only if it is a value. `spec` has a boolean of the same name.
fn join_rootless(argv: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(argv.len());
    for arg in argv {
        let is_value = arg.to_str().is_some_and(|word| word.parse::<values::Rootless>().is_ok());
        match joined.last_mut() {
            Some(last) if is_value && last == "--rootless" => {
                last.push("=");
                last.push(&arg);
            }
            _ => joined.push(arg),
        }
    }
    joined
}

/// One line instead of clap's paragraph. "flag needs an argument" is looked for by engines.
fn explain(command: &clap::Command, path: Vec<String>, error: &clap::Error) -> Usage {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let option = option_name(&text(ContextKind::InvalidArg));
    let value = text(ContextKind::InvalidValue);
    let advised: String = path.iter().map(|name| format!("{name} ")).collect();
    let mut advice = format!("see `tare {advised}--help`");
    let spoken = path.into_iter().next();
    let problem = match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::NoEquals | ErrorKind::WrongNumberOfValues
            if value.is_empty() =>
        {
            format!("flag needs an argument: {option}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error)
                .map_or_else(|| "is not allowed".to_string(), |e| e.to_string());
            format!("invalid {}: {value:?}: {why}", option.trim_start_matches('-'))
        }
        ErrorKind::UnknownArgument => {
            let is_option = option.starts_with('-');
            if is_option && spoken.is_some() && command.get_arguments().any(|a| is_long(a, &option)) {
                advice = format!("put {option} before the command");
            } else if let Some(near) = error.get(ContextKind::SuggestedArg) {
                advice = format!("did you mean {}?", option_name(&near.to_string()));
            }
            format!("{} {option:?}", if is_option { "unknown option" } else { "unexpected argument" })
        }
        ErrorKind::InvalidSubcommand => {
            if let Some(near) = error.get(ContextKind::SuggestedSubcommand) {
                advice = format!("did you mean {near}?");
            }
            format!("unknown command {:?}", text(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand => {
            format!("missing command: {}", text(ContextKind::ValidSubcommand).replace(", ", " or "))
        }
        ErrorKind::MissingRequiredArgument => format!("missing argument: {}", text(ContextKind::InvalidArg)),
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".to_string(),
        _ => first_line(error),
    };
    Usage { command: spoken, problem, advice }
}

fn is_long(arg: &Arg, option: &str) -> bool {
    arg.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long))
}

/// `--log <FILE>` -> `--log`.
fn option_name(text: &str) -> String {
    text.split([' ', '=', '[']).next().unwrap_or(text).to_string()
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string()
}
