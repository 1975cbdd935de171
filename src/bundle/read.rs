//! The file and its JSON: config.json on disk -> text -> typed values, each failure with its place.
//!
//! Used by `Bundle::load`. Every error has the JSON pointer, and the line and column where the parser stood.

use super::invalid::{Invalid, code, escape};
use super::place;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::marker::PhantomData;
use std::path::Path;

/// The largest config.json that is read. Real ones have 5 to 100 KiB.
const SIZE_CAP_BYTES: u64 = 16 << 20;

/// The text of `path`, which must be a regular file of at most 16 MiB.
pub(super) fn file(path: &Path) -> Result<String, Invalid> {
    let unreadable = |problem: String| Invalid::new(code::UNREADABLE, "", problem);
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            Invalid::new(code::MISSING, "", format!("no such file or directory: {}", path.display()))
                .advise("give the bundle's folder with --bundle; `tare spec` writes an example into it")
        }
        _ => unreadable(format!("cannot read {}: {}", path.display(), reason(&error))),
    };
    // Before the open, because to open a FIFO would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let kind = metadata.file_type();
    if !kind.is_file() {
        let is = if kind.is_dir() { "a directory" } else { "not a regular file" };
        return Err(unreadable(format!("{} is {is}", path.display())));
    }
    let mut file = File::open(path).map_err(failed)?;
    // The length is a guess: some file systems do not know it before the file is read. A read that has room for more than
    // that and gives just that had all of it.
    let expected = metadata.len().min(SIZE_CAP_BYTES) as usize;
    let mut bytes = vec![0; expected + 1];
    let length = file.read(&mut bytes).map_err(failed)?;
    bytes.truncate(length);
    if length != expected || length == 0 {
        file.take(SIZE_CAP_BYTES + 1 - length as u64).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > SIZE_CAP_BYTES {
        return Err(unreadable(format!("{} is larger than 16 MiB", path.display())));
    }
    String::from_utf8(bytes).map_err(|e| not_utf8(e.as_bytes(), e.utf8_error().valid_up_to()))
}

/// The words for an error. Not those of the C library, which are not the same everywhere.
fn reason(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.kind().to_string(), crate::sys::error::reason)
}

fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Invalid {
    let before = bytes.get(..valid_up_to).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    Invalid::new(code::SYNTAX, "", format!("is not UTF-8 (line {line}, column {column})"))
}

/// Parses one JSON document, which is an object.
pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Invalid> {
    let text = if broken!("cve_2026_30892") { &zero_for_words(text) } else { text };
    document::<Object<T>>(text).map(|value| value.0)
}

/// Parses one JSON document, which is an array of objects.
pub(super) fn json_objects<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, Invalid> {
    document::<Vec<Object<T>>>(text).map(|list| list.into_iter().map(|object| object.0).collect())
}

fn document<T: DeserializeOwned>(text: &str) -> Result<T, Invalid> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(&mut parser).map_err(|e| invalid(&e, text))?;
    parser.end().map_err(|e| {
        let place = line_and_column(&e);
        Invalid::new(code::SYNTAX, "", format!("something follows the JSON document{place}"))
    })?;
    Ok(value)
}

/// See [`super::pass_over`]. Each part gets a key that the parser does not know: to leave them out by the type would be a second parser of
/// the whole document, and to cut the text is dearer.
pub(super) fn hide(text: &mut String, names: &[&str]) {
    for name in names {
        if let Some((key, _)) = find(text, name) {
            text.replace_range(key..key + name.len(), &"-".repeat(name.len()));
        }
    }
}

/// Where the first key of this name begins that has an object or a list behind it, and where that begins. Not a word in
/// somebody's list.
pub(super) fn find(text: &str, name: &str) -> Option<(usize, usize)> {
    let quoted = format!("\"{name}\"");
    let value_behind = |(at, _)| {
        let behind = text.get(at + quoted.len()..)?.trim_start().strip_prefix(':')?.trim_start();
        behind.starts_with(['{', '[']).then_some((at + 1, text.len() - behind.len()))
    };
    text.match_indices(&quoted).find_map(value_behind)
}

/// The first JSON value in `text`.
pub(super) fn first_value(text: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    text.get(..values.byte_offset())
}

/// What a lenient reader of numbers makes of a uid that is none; only with a broken guard (guard.rs).
fn zero_for_words(text: &str) -> String {
    let Ok(mut config) = serde_json::from_str::<serde_json::Value>(text) else { return text.to_string() };
    if let Some(uid) = config.pointer_mut("/process/user/uid")
        && !uid.is_u64()
    {
        *uid = 0.into();
    }
    config.to_string()
}

/// serde's words, made into ours. The words are stable since serde 1.0 and tests hold them.
fn invalid(error: &serde_json::Error, json: &str) -> Invalid {
    let place = line_and_column(error);
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let pointer = place::pointer(json, error);
    if !error.is_data() {
        // For a number or a list where an enum's word should be, serde_json says the same as for broken syntax.
        return match serde_json::from_str::<IgnoredAny>(json) {
            Ok(_) => Invalid::new(code::TYPE, pointer, format!("has the wrong type, expected a word{place}")),
            Err(_) => Invalid::new(code::SYNTAX, "", format!("is not valid JSON: {text}{place}")),
        };
    }
    if let Some(name) = named(text, "missing field `") {
        return Invalid::required(format!("{pointer}/{}", escape(name)));
    }
    if text.starts_with("duplicate field `") {
        return Invalid::new(code::TYPE, pointer, format!("is there twice{place}"));
    }
    if let Some(name) = named(text, "unknown variant `") {
        let expected = text.split_once(", expected ").map_or("", |(_, expected)| expected);
        let expected = expected.replace('`', "");
        return Invalid::value(pointer, format!("unknown value {name:?}; expected {expected}{place}"));
    }
    let code = if text.starts_with("invalid type") { code::TYPE } else { code::VALUE };
    Invalid::new(code, pointer, format!("{}{place}", text.replace('`', "")))
}

/// The name in `PREFIXname`...`.
fn named<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.split('`').next()
}

fn line_and_column(error: &serde_json::Error) -> String {
    match error.line() {
        0 => String::new(),
        line => format!(" (line {line}, column {})", error.column()),
    }
}

/// A JSON array, or null, which Go's programs write for an empty one. For serde's `deserialize_with`.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(json)?.unwrap_or_default())
}

/// A JSON object with keys of its own, each of which may stand there once. For serde's `deserialize_with`.
pub(super) fn map<'de, D, V>(json: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    Ok(Option::<Unique<V>>::deserialize(json)?.map(|unique| unique.0).unwrap_or_default())
}

/// A JSON object of its own keys, whose values are objects too. For serde's `deserialize_with`.
pub(super) fn object_map<'de, D, V>(json: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    let mut values = BTreeMap::new();
    values.extend(map::<D, Object<V>>(json)?.into_iter().map(|(key, value)| (key, value.0)));
    Ok(values)
}

/// A JSON object or null. For serde's `deserialize_with`.
pub(super) fn object<'de, D, T>(json: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(json)?.map(|object| object.0))
}

/// A JSON object, or null for the default. For serde's `deserialize_with`.
pub(super) fn object_or_default<'de, D, T>(json: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(object(json)?.unwrap_or_default())
}

/// A JSON array of objects, or null. For serde's `deserialize_with`.
pub(super) fn objects<'de, D, T>(json: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(list::<D, Object<T>>(json)?.into_iter().map(|object| object.0).collect())
}

/// A struct that is written as an object. serde alone would also take an array of its fields' values, and an empty
/// one for a struct whose fields all have defaults: `"linux": []` would be a container without namespaces.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(access)).map(Object)
    }
}

/// An object that refuses a second value for a key: which of the two would count is not ours to choose.
struct Unique<V>(BTreeMap<String, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Unique<V> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(UniqueVisitor(PhantomData))
    }
}

struct UniqueVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for UniqueVisitor<V> {
    type Value = Unique<V>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique<V>, A::Error> {
        let mut map = BTreeMap::new();
        while let Some(key) = access.next_key::<String>()? {
            // Before the value is read: the parser stands at the key then.
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate field `{key}`")));
            }
            map.insert(key, access.next_value()?);
        }
        Ok(Unique(map))
    }
}
