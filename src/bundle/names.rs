//! The names of one entry of a seccomp profile, looked up while they are parsed: a profile has some 450, and as Strings each
//! would be a block of the heap, and all of them more than the text of the configuration.
//!
//! Filled by serde, read by `plan::seccomp`. Knows which names there are, and nothing of what happens to a call.

use super::syscalls::Call;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// `names` of an entry of `linux.seccomp.syscalls`, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    calls: Vec<Call>,
    unknown: Vec<Unknown>,
}

/// A name that no architecture has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As it is written.
    pub name: String,
    /// Its position among all names of the entry.
    pub position: usize,
}

impl Names {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.unknown.is_empty()
    }

    /// Those that are a system call of some architecture.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The others.
    pub fn unknown(&self) -> &[Unknown] {
        &self.unknown
    }

    /// Where `call` stands among all names.
    pub fn position_of(&self, call: Call) -> Option<usize> {
        let among_calls = self.calls.iter().position(|one| *one == call)?;
        let before = |position: usize, one: &Unknown| position + usize::from(one.position <= position);
        Some(self.unknown.iter().fold(among_calls, before))
    }

    fn add(&mut self, name: &str) {
        match Call::find(name) {
            Some(call) => self.calls.push(call),
            None => {
                let position = self.calls.len() + self.unknown.len();
                self.unknown.push(Unknown { name: name.to_owned(), position });
            }
        }
    }
}

impl<'de> serde::Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Names, D::Error> {
        json.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
        let mut names = Names::default();
        while list.next_element_seed(Next(&mut names))?.is_some() {}
        Ok(names)
    }
}

/// The next name, which goes behind the others.
struct Next<'a>(&'a mut Names);

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Next<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.add(name);
        Ok(())
    }
}
