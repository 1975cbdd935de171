//! Reads the plain forms of a command line, which engines and people type: the program's options, a command, its options
//! and operands; `--name value`, `--name=value`, `-n value`, `-n=value`, and the words of another program behind an id.
//!
//! Called by [`parse`](super::parse) before clap is asked: clap builds a description of all that could be typed, which is
//! most of what a short command costs. Whatever is not understood at once and for certain, from a shortened option to a
//! missing operand, is left to clap with nothing decided. It must never understand a line in another way than clap:
//! tests/cli/readers.rs holds the two together. No word is said to anybody from here.

use super::argument::{ALONE, Argument, Form, Place, Takes, flat};
use super::commands::{COMMANDS, Content, Definition};
use super::found::Found;
use super::{CommandLine, Globals};
use std::ffi::{OsStr, OsString};

/// The command line, if it is a plain one. The program's name comes first.
pub fn plainly(argv: &[OsString]) -> Option<CommandLine> {
    let mut reader = Reader {
        words: argv.get(1..)?.iter(),
        choices: COMMANDS,
        command: None,
        table: &[],
        places: 0,
        globals: Found::default(),
        own: Found::default(),
    };
    reader.read()?;
    let line = CommandLine::of_found(reader.globals, reader.command, reader.own)?;
    // Without a command the program prints its help, which is clap's.
    (line.command.is_some() || line.globals.version).then_some(line)
}

struct Reader<'a> {
    /// What is left to read.
    words: std::slice::Iter<'a, OsString>,
    /// The commands of which the next word that is no option must be one.
    choices: &'static [Definition],
    command: Option<&'static Definition>,
    /// The arguments of the command.
    table: &'static [Argument],
    /// How many operands there were.
    places: usize,
    /// What is found of the program's arguments.
    globals: Found<'a>,
    /// What is found of the command's.
    own: Found<'a>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Option<()> {
        let mut may_be_option = true;
        while !self.words.as_slice().is_empty() {
            let word = self.next()?;
            if word.len() < 2 || !word.starts_with('-') {
                self.word(word)?;
                if let Some(tail) = self.place().filter(|argument| argument.place == Place::Tail) {
                    self.tail(tail, may_be_option);
                }
            } else if !may_be_option {
                return None;
            } else if word != "--" {
                self.option(word)?;
            } else if self.choices.is_empty() {
                may_be_option = false;
            } else {
                return None;
            }
        }
        Some(())
    }

    /// The next word, if it is of the plain kind.
    fn next(&mut self) -> Option<&'a str> {
        self.words.next()?.to_str().filter(|word| !word.is_empty())
    }

    /// A command or an operand.
    fn word(&mut self, word: &'a str) -> Option<()> {
        if self.choices.is_empty() {
            let operand = self.place()?;
            self.places += 1;
            self.own.push(operand.name, OsStr::new(word));
            return Some(());
        }
        let command = self.choices.iter().find(|command| command.word == word)?;
        self.command = Some(command);
        match command.content {
            Content::Actions(actions) => self.choices = actions,
            Content::Arguments { table, .. } => {
                self.choices = &[];
                self.table = table;
            }
        }
        Some(())
    }

    /// The argument that is told by its place, and whose turn it is.
    fn place(&self) -> Option<&'static Argument> {
        flat(self.table).filter(|argument| !argument.is_option()).nth(self.places)
    }

    /// All that is left. A `--` in front of it is dropped, unless there was one before.
    fn tail(&mut self, tail: &'static Argument, may_begin_with_dashes: bool) {
        if may_begin_with_dashes && self.words.as_slice().first().is_some_and(|word| word == "--") {
            self.words.next();
        }
        for word in self.words.by_ref() {
            self.own.push(tail.name, word);
        }
    }

    fn option(&mut self, word: &'a str) -> Option<()> {
        let (typed, joined) = match word.split_once('=') {
            Some((typed, value)) => (typed, Some(value)),
            None => (word, None),
        };
        let own = flat(self.table).find(|argument| argument.is_typed(typed));
        let option = own.or_else(|| self.option_of_program(typed))?;
        let value = match joined {
            Some("") => return None,
            Some(value) => value,
            None => self.value_of(option)?,
        };
        let found = if own.is_some() { &mut self.own } else { &mut self.globals };
        found.push(option.name, OsStr::new(value));
        Some(())
    }

    fn option_of_program(&self, typed: &str) -> Option<&'static Argument> {
        let may_stand_here = |option: &Argument| option.is_everywhere || self.command.is_none();
        Globals::TABLE.iter().find(|option| option.is_typed(typed) && may_stand_here(option))
    }

    /// The value of an option that has none joined to it.
    fn value_of(&mut self, option: &Argument) -> Option<&'a str> {
        if let Form::Flag = option.form {
            return Some(ALONE);
        }
        if option.place != Place::OptionAlone {
            return self.next().filter(|value| *value == "-" || !value.starts_with('-'));
        }
        // Whether the next word is its value, only clap's reader knows.
        let next = self.words.as_slice().first().and_then(|word| word.to_str());
        let Form::One { takes: Takes::Checked(check), .. } = option.form else { return None };
        next.is_none_or(|word| check(word).is_err()).then_some(ALONE)
    }
}
