//! src/cli: the forms that engines and people type.

mod abbreviations;
mod forms;
mod help;
mod readers;
mod refusals;
mod tails;

use std::ffi::OsString;
use tare::cli::{Command, CommandLine, Parsed, Usage};

/// Splits at spaces, puts the program's name in front and parses.
fn parse(line: &str) -> Result<Parsed, Usage> {
    let words = std::iter::once("tare").chain(line.split_whitespace());
    tare::cli::parse(words.map(OsString::from).collect())
}

#[track_caller]
fn line(text: &str) -> CommandLine {
    match parse(text) {
        Ok(Parsed::Run(line)) => *line,
        other => panic!("{text}: {other:?}"),
    }
}

#[track_caller]
fn command(text: &str) -> Command {
    line(text).command.expect("a command")
}

#[track_caller]
fn refusal(text: &str) -> Usage {
    match parse(text) {
        Err(usage) => usage,
        Ok(parsed) => panic!("{text} was accepted: {parsed:?}"),
    }
}
