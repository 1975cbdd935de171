//! Where a mistake stands in a JSON text: line and column of the parser -> JSON pointer (RFC 6901) of the value.
//!
//! Called by `read` after an error only: it reads the text a second time, up to that place, and says where it stood then.
//! serde_json does the parsing. It knows nothing of types.

use super::invalid::escape;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The pointer of the value where `error`, of a parser of `json`, was made; empty: the whole text, or it cannot be told.
///
/// For a mistake that belongs to an object as a whole (a missing key) it is the object, for a repeated key that key.
pub(super) fn pointer(json: &str, error: &serde_json::Error) -> String {
    let mut path = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(until(json, error));
    match parser.deserialize_any(Track(&mut path)) {
        Err(error) if !error.is_eof() => String::new(),
        _ => path.iter().map(|name| format!("/{}", escape(name))).collect(),
    }
}

/// The text up to where the parser stood, and with the bracket of the list or the object that it did not want to enter.
fn until<'t>(json: &'t str, error: &serde_json::Error) -> &'t str {
    let lines_before = error.line().saturating_sub(1);
    let start_of_line: usize = json.split_inclusive('\n').take(lines_before).map(str::len).sum();
    let offset = start_of_line + error.column();
    let end = if matches!(json.as_bytes().get(offset), Some(b'[' | b'{')) { offset + 1 } else { offset };
    json.get(..end).unwrap_or(json)
}

/// Reads any value. Keys and indexes lead to what was begun last: the text's end leaves them as they are.
struct Track<'p>(&'p mut Vec<String>);

impl<'de> Visitor<'de> for Track<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let depth = self.0.len();
        while let Some(key) = access.next_key()? {
            self.0.truncate(depth);
            self.0.push(key);
            access.next_value_seed(Track(self.0))?;
        }
        self.0.truncate(depth);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let depth = self.0.len();
        let mut index = 0;
        while access.next_element_seed(Item { path: self.0, depth, index })?.is_some() {
            index += 1;
        }
        self.0.truncate(depth);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Track<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

/// An element of a list. It goes onto the path when it begins, not when it is looked for.
struct Item<'p> {
    path: &'p mut Vec<String>,
    depth: usize,
    index: usize,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        self.path.truncate(self.depth);
        self.path.push(self.index.to_string());
        json.deserialize_any(Track(self.path))
    }
}
