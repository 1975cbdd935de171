//! A list of many short words in one piece of memory: the system calls of a seccomp profile, of which there are some 450.
//! As Strings each would be a block of the heap, and they would hold more than the whole text of the configuration.
//!
//! Filled by serde while the configuration is parsed, read by `plan::seccomp`. Knows nothing of what the words mean.

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// Words, in the order of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// All of them, one behind the other.
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Names {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each in turn.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            self.text.get(std::mem::replace(&mut start, end)..end).unwrap_or_default()
        })
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

/// The next word, which goes behind the others.
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

    fn visit_str<E: Error>(self, word: &str) -> Result<(), E> {
        self.0.text.push_str(word);
        // No configuration has 4 GiB (`read` and `state` have their bounds).
        self.0.ends.push(self.0.text.len() as u32);
        Ok(())
    }
}
