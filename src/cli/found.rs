//! What a reader has found in a command line, word by word; and from there to the typed fields of a command.
//!
//! Both readers end here, so that a word means the same whoever has found it. Nothing here knows how it was typed.

use super::argument::{Argument, Form, Takes};
use super::values::{
    Bytes, CgroupManager, CgroupsMode, Interval, ListFormat, LogFormat, LogLevel, NetworkLock, PsFormat,
    Rootless, go_bool, whole_number,
};
use std::ffi::OsStr;
use std::num::ParseIntError;
use std::path::PathBuf;

/// The words that were given for each argument, in the order of the line.
#[derive(Debug, Default)]
pub(super) struct Found<'a> {
    given: Vec<(&'static str, &'a OsStr)>,
    is_refused: bool,
}

impl<'a> Found<'a> {
    /// One more word for the argument of this name.
    pub fn push(&mut self, name: &'static str, word: &'a OsStr) {
        self.given.push((name, word));
    }

    /// Notes that something is missing or is no value; what is returned stands in its place.
    pub fn refuse<T: Default>(&mut self) -> T {
        self.is_refused = true;
        T::default()
    }

    /// Whether what was made of it must not be used.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// The last word for the argument, typed. One that a later word replaces must be a value all the same.
    fn last<T>(&mut self, argument: &Argument, of_word: impl Fn(&OsStr) -> Option<T>) -> Option<T> {
        let mut last = None;
        for (_, word) in self.given.iter().filter(|(name, _)| *name == argument.name) {
            last = of_word(word);
            self.is_refused |= last.is_none();
        }
        last
    }
}

/// A field of a command's struct.
pub(super) trait Field {
    /// What its argument takes.
    const FORM: Form;

    /// Its value, of the words for its argument.
    fn of_found(found: &mut Found<'_>, argument: &Argument) -> Self;
}

/// What one word can be.
pub(super) trait Value: Default {
    /// Which words are such values.
    const TAKES: Takes;

    fn of_word(word: &OsStr) -> Option<Self>;
}

impl Field for bool {
    const FORM: Form = Form::Flag;

    fn of_found(found: &mut Found<'_>, argument: &Argument) -> bool {
        let of_word = |word: &OsStr| word.to_str().and_then(|word| go_bool(word).ok());
        found.last(argument, of_word).unwrap_or(false)
    }
}

impl<T: Value> Field for T {
    const FORM: Form = Form::One { takes: T::TAKES, is_needed: true };

    fn of_found(found: &mut Found<'_>, argument: &Argument) -> T {
        let given = found.last(argument, T::of_word);
        let value = given.or_else(|| argument.default_word().and_then(T::of_word));
        value.unwrap_or_else(|| found.refuse())
    }
}

impl<T: Value> Field for Option<T> {
    const FORM: Form = Form::One { takes: T::TAKES, is_needed: false };

    fn of_found(found: &mut Found<'_>, argument: &Argument) -> Option<T> {
        found.last(argument, T::of_word)
    }
}

impl<T: Value> Field for Vec<T> {
    const FORM: Form = Form::Many(T::TAKES);

    fn of_found(found: &mut Found<'_>, argument: &Argument) -> Vec<T> {
        let words = found.given.iter().filter(|(name, _)| *name == argument.name);
        let values: Option<Vec<T>> = words.map(|(_, word)| T::of_word(word)).collect();
        values.unwrap_or_else(|| found.refuse())
    }
}

impl Value for String {
    const TAKES: Takes = Takes::Text;

    fn of_word(word: &OsStr) -> Option<String> {
        word.to_str().map(str::to_string)
    }
}

impl Value for PathBuf {
    const TAKES: Takes = Takes::Path;

    fn of_word(word: &OsStr) -> Option<PathBuf> {
        Some(word).filter(|word| !word.is_empty()).map(PathBuf::from)
    }
}

/// Types that are made of text, and say themselves what is wrong with it.
macro_rules! checked {
    ($($type:ty: $of_text:expr,)+) => {
        $(impl Value for $type {
            const TAKES: Takes = Takes::Checked(|word| ($of_text)(word).map(|_: $type| ()));

            fn of_word(word: &OsStr) -> Option<$type> {
                word.to_str().and_then(|word| ($of_text)(word).ok())
            }
        })+
    };
}

checked! {
    LogFormat: str::parse,
    LogLevel: str::parse,
    CgroupManager: str::parse,
    Rootless: str::parse,
    PsFormat: str::parse,
    ListFormat: str::parse,
    CgroupsMode: str::parse,
    NetworkLock: str::parse,
    Bytes: str::parse,
    Interval: str::parse,
    u64: |word: &str| word.parse().map_err(|error: ParseIntError| error.to_string()),
    i64: |word: &str| whole_number(word, i64::MIN, i64::MAX),
    i32: |word: &str| whole_number(word, i32::MIN.into(), i32::MAX.into()),
    u32: |word: &str| whole_number(word, u32::MIN.into(), u32::MAX.into()),
    u16: |word: &str| whole_number(word, u16::MIN.into(), u16::MAX.into()),
}
