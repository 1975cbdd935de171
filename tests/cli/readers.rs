//! The two readers of a command line are one: what the plain one understands, clap understands in the same way.
//!
//! The lines are made of clap's own description of what can be typed, so that no option is left out.

use super::forms::ENGINE_FORMS;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use tare::cli::{CommandLine, Parsed, by_clap, plainly};

/// Good and bad values for every kind of option, and words that look like something else.
const VALUES: &[&str] = &[
    "7", "x", "json", "5s", "true", "no", "soft", "skip", "disabled", "debug", "70000", "-1", "-", "", "--",
    "start", "--root", "a=b", "=", "é",
];

/// Words that belong nowhere in particular.
const STRANGE: &[&str] = &[
    "web1",
    "--",
    "-",
    "",
    "-1",
    "-fr",
    "-td",
    "--ro",
    "--bun",
    "--log",
    "--log=",
    "-no-pivot",
    "--debug=no",
    "--debug=x",
    "--rootless",
    "--rootless=auto",
    "true",
    "-V",
    "-h",
    "--help",
    "--usage=1",
    "help",
    "mounts",
    "add",
    "remove",
    "state",
    "exec",
    "ps",
    "--root=true",
    "--nosuch",
    "-x",
    "-t=false",
    "--id",
    "--=x",
    "=",
    "---",
    "-\u{e9}",
    "--tty=0",
    "--format",
    "json",
    "--all",
    "-a",
    "--version",
];

fn argv(words: &[&str]) -> Vec<OsString> {
    std::iter::once("tare").chain(words.iter().copied()).map(OsString::from).collect()
}

/// Whether the plain reader understands the line. If so, clap must agree.
#[track_caller]
fn is_plain(argv: &[OsString]) -> bool {
    let Some(line) = plainly(argv) else { return false };
    match by_clap(argv) {
        Ok(Parsed::Run(other)) => assert_eq!(format!("{line:?}"), format!("{other:?}"), "{argv:?}"),
        other => panic!("{argv:?} is {line:?}, but by clap {other:?}"),
    }
    true
}

/// Every command and every action of one: the words that name it, and its description.
fn commands() -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    for command in CommandLine::definition().get_subcommands() {
        let word = command.get_name().to_string();
        let actions = command
            .get_subcommands()
            .map(|action| (vec![word.clone(), action.get_name().to_string()], action.clone()));
        found.extend(actions);
        if !command.has_subcommands() {
            found.push((vec![word], command.clone()));
        }
    }
    found
}

/// The operands that the command must have.
fn operands(command: &Command) -> Vec<&'static str> {
    command.get_positionals().filter(|arg| arg.is_required_set()).map(|_| "web1").collect()
}

/// An option with a value in every form.
fn forms(arg: &Arg, value: &str) -> Vec<Vec<String>> {
    let long = arg.get_long().unwrap();
    let mut forms = vec![
        vec![format!("--{long}")],
        vec![format!("--{long}={value}")],
        vec![format!("--{long}"), value.to_string()],
        vec![format!("-{long}"), value.to_string()],
        vec![format!("--{}", &long[..long.len() - 1]), value.to_string()],
    ];
    for letter in arg.get_short_and_visible_aliases().into_iter().flatten() {
        forms.extend([
            vec![format!("-{letter}")],
            vec![format!("-{letter}"), value.to_string()],
            vec![format!("-{letter}{value}")],
            vec![format!("-{letter}={value}")],
        ]);
    }
    forms
}

/// How many lines were plain, and how many not.
#[derive(Default, Debug)]
struct Tally {
    plain: usize,
    others: usize,
}

impl Tally {
    #[track_caller]
    fn look_at(&mut self, parts: &[&[String]]) {
        let words: Vec<&str> = parts.iter().flat_map(|part| part.iter().map(String::as_str)).collect();
        if is_plain(&argv(&words)) {
            self.plain += 1;
        } else {
            self.others += 1;
        }
    }
}

#[test]
fn every_option_means_the_same_in_every_form_and_place() {
    let mut tally = Tally::default();
    for (path, command) in commands() {
        let operands: Vec<String> = operands(&command).into_iter().map(String::from).collect();
        for arg in command.get_opts().chain(command.get_arguments().filter(|arg| is_flag(arg))) {
            for form in VALUES.iter().flat_map(|value| forms(arg, value)) {
                tally.look_at(&[&path, &form, &operands]);
                tally.look_at(&[&path, &operands, &form]);
            }
        }
    }
    assert!(tally.plain > 1000 && tally.others > 1000, "{tally:?}");
}

fn is_flag(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Help)
}

#[test]
fn options_of_the_program_mean_the_same_before_and_behind_every_command() {
    let mut tally = Tally::default();
    let root = CommandLine::definition();
    for (at, arg) in root.get_arguments().enumerate() {
        for form in VALUES.iter().flat_map(|value| forms(arg, value)) {
            tally.look_at(&[&form]);
            // Each with some of the commands, and all with each.
            for (path, command) in commands().iter().skip(at % 4).step_by(4) {
                let operands: Vec<String> = operands(command).into_iter().map(String::from).collect();
                tally.look_at(&[&form, path, &operands]);
                tally.look_at(&[path, &form, &operands]);
                tally.look_at(&[path, &operands, &form]);
            }
        }
    }
    assert!(tally.plain > 1000 && tally.others > 1000, "{tally:?}");
}

#[test]
fn what_engines_type_is_plain_but_for_a_few_forms() {
    let left_to_clap = ["--help", " -no-subreaper", "--memory -1"];
    for form in ENGINE_FORMS {
        let words: Vec<&str> = form.split(' ').collect();
        let is_left = left_to_clap.iter().any(|form_of_clap| form.contains(form_of_clap));
        assert_eq!(is_plain(&argv(&words)), !is_left, "{form}");
    }
}

/// Numbers that look like chance and are the same at every run (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

#[test]
fn lines_with_a_word_too_many_too_few_or_out_of_place_mean_the_same() {
    let mut dice = Dice(1);
    let mut plain = 0;
    for form in ENGINE_FORMS.iter().cycle().take(40 * ENGINE_FORMS.len()) {
        let mut words: Vec<&str> = form.split(' ').collect();
        for _ in 0..=dice.below(3) {
            let at = dice.below(words.len() + 1);
            match dice.below(4) {
                0 if words.len() > 1 => drop(words.remove(at.min(words.len() - 1))),
                1 if at < words.len() => words[at] = dice.pick(STRANGE),
                2 if at < words.len() => words.swap(0, at),
                _ => words.insert(at, dice.pick(STRANGE)),
            }
        }
        plain += usize::from(is_plain(&argv(&words)));
    }
    assert!(plain > 200, "{plain}");
}

#[test]
fn lines_of_strange_words_mean_the_same() {
    let mut dice = Dice(2);
    let commands: Vec<Vec<String>> = commands().into_iter().map(|(path, _)| path).collect();
    let mut plain = 0;
    for _ in 0..20_000 {
        let path = &commands[dice.below(commands.len())];
        let before: Vec<&str> = (0..dice.below(2)).map(|_| dice.pick(STRANGE)).collect();
        let behind: Vec<&str> = (0..dice.below(5)).map(|_| dice.pick(STRANGE)).collect();
        let path = path.iter().map(String::as_str);
        let words: Vec<&str> = before.into_iter().chain(path).chain(behind).collect();
        plain += usize::from(is_plain(&argv(&words)));
    }
    assert!(plain > 200, "{plain}");
}

#[test]
fn words_that_are_not_utf8_are_left_to_clap() {
    let bad = || OsString::from_vec(vec![b'/', 0xff]);
    for words in [&["state"][..], &["create", "web1", "--bundle"], &["exec", "web1", "ls"], &["--root"]] {
        let mut argv = argv(words);
        argv.push(bad());
        assert!(!is_plain(&argv), "{argv:?}");
    }
}
