//! D-Bus messages to bytes and back (D-Bus Specification, "Message Protocol").
//!
//! Used by `bus`. Only what a client of systemd says and hears: method calls, replies, errors and signals. The encoding of
//! every value is zbus's.

use super::Failure;
use crate::plan::gvariant::Value;
use serde::de::{SeqAccess, Visitor};
use serde::ser::{SerializeStruct, SerializeTuple};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zbus::wire::serialized::{Context, Data};
use zbus::wire::{BE, LE, to_bytes_for_signature};
use zbus::{Signature, Type};

/// The part of a header whose size is known: it tells how long the rest is.
pub(super) const FIXED_BYTES: usize = 16;

/// The most that a message may hold for us (the specification allows 128 MiB).
const MOST_BYTES: usize = 1 << 20;

const METHOD_CALL: u8 = 1;
const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// Codes of the header's fields.
mod field {
    pub const PATH: u8 = 1;
    pub const INTERFACE: u8 = 2;
    pub const MEMBER: u8 = 3;
    pub const ERROR_NAME: u8 = 4;
    pub const REPLY_SERIAL: u8 = 5;
    pub const DESTINATION: u8 = 6;
    pub const SIGNATURE: u8 = 8;
}

/// Whose method is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Method<'a> {
    /// The service's name on a bus; without a bus there is nobody else.
    pub destination: Option<&'a str>,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
}

/// What a method is called with, as bytes. Each value is encoded for itself: the code for one type serves every method.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    signature: String,
    bytes: Vec<u8>,
}

impl Arguments {
    /// None.
    pub fn none() -> Arguments {
        Arguments::default()
    }

    /// With one more behind the others.
    pub fn with<T: Serialize + Type + ?Sized>(mut self, value: &T) -> Result<Arguments, Failure> {
        self.signature.push_str(&T::SIGNATURE.to_string());
        append(&mut self.bytes, value)?;
        Ok(self)
    }

    /// With one text more behind the others.
    pub fn text(self, text: &str) -> Result<Arguments, Failure> {
        self.with(text)
    }
}

/// Encodes a value behind these bytes: where it begins decides on its padding.
fn append<T: Serialize + Type + ?Sized>(bytes: &mut Vec<u8>, value: &T) -> Result<(), Failure> {
    let encoded = to_bytes_for_signature(Context::new(LE, bytes.len()), T::SIGNATURE, value);
    let encoded = encoded.map_err(|_| Failure::protocol("a request cannot be encoded".to_owned()))?;
    bytes.extend_from_slice(&encoded);
    Ok(())
}

/// A method call as bytes.
pub(super) fn call(method: Method<'_>, serial: u32, arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let named = |code, signature, text| (code, Named { signature, text });
    let mut fields = vec![
        named(field::PATH, Signature::ObjectPath, method.path),
        named(field::INTERFACE, Signature::Str, method.interface),
        named(field::MEMBER, Signature::Str, method.member),
    ];
    fields.extend(method.destination.map(|name| named(field::DESTINATION, Signature::Str, name)));
    if !arguments.signature.is_empty() {
        fields.push(named(field::SIGNATURE, Signature::Signature, &arguments.signature));
    }
    // Byte order, type, flags, version of the protocol.
    let mut message = vec![b'l', METHOD_CALL, 0, 1];
    let length = u32::try_from(arguments.bytes.len()).unwrap_or(u32::MAX);
    message.extend_from_slice(&length.to_le_bytes());
    message.extend_from_slice(&serial.to_le_bytes());
    append(&mut message, &fields)?;
    message.resize(message.len().next_multiple_of(8), 0);
    message.extend_from_slice(&arguments.bytes);
    Ok(message)
}

/// A header field of a call: a variant, as the encoder takes one, of a kind of text.
struct Named<'a> {
    signature: Signature,
    text: &'a str,
}

impl Type for Named<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_variant(serializer, &self.signature, self.text)
    }
}

/// A property's value for the wire, as a variant.
#[derive(Debug)]
pub(super) struct Variant<'a>(pub &'a Value);

impl Type for Variant<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl Serialize for Variant<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signature = self.0.signature();
        let signature = Signature::try_from(signature.as_str()).map_err(serde::ser::Error::custom)?;
        serialize_variant(serializer, &signature, &Plain(self.0))
    }
}

/// A variant is a structure of two to the encoder: the signature says how the value is encoded.
fn serialize_variant<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    signature: &Signature,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut variant = serializer.serialize_struct("Variant", 2)?;
    variant.serialize_field("signature", signature)?;
    variant.serialize_field("value", value)?;
    variant.end()
}

/// The value in a variant.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Byte(value) => serializer.serialize_u8(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::Str(value) => serializer.serialize_str(value),
            Value::Array(_, items) => serializer.collect_seq(items.iter().map(Plain)),
            Value::Tuple(parts) => {
                let mut tuple = serializer.serialize_tuple(parts.len())?;
                for part in parts {
                    tuple.serialize_element(&Plain(part))?;
                }
                tuple.end()
            }
        }
    }
}

/// What came in.
#[derive(Debug)]
pub(super) enum Message {
    /// The answer to the call of this serial.
    Return(u32, Body),
    /// The refusal of the call of this serial: the error's name, and its text.
    Error(u32, String, String),
    /// A signal, by its member's name.
    Signal(String, Body),
    /// What concerns nobody here.
    Other,
}

/// The arguments of a message, to be read one after the other.
#[derive(Debug)]
pub(super) struct Body {
    data: Data<'static, 'static>,
    at: usize,
}

impl Body {
    /// The next one, a number.
    pub fn number(&mut self) -> Result<u32, Failure> {
        let rest = self.rest()?;
        let (number, read) = rest.deserialize().map_err(|_| unreadable())?;
        self.at += read;
        Ok(number)
    }

    /// The next one, any kind of text but a signature.
    pub fn text(&mut self) -> Result<String, Failure> {
        let rest = self.rest()?;
        let (text, read): (&str, usize) = rest.deserialize().map_err(|_| unreadable())?;
        self.at += read;
        Ok(text.to_owned())
    }

    /// The only one, a variant with a text; empty if it is something else.
    pub fn variant_text(&self) -> Result<String, Failure> {
        let rest = self.rest()?;
        let (word, _): (Word<'_>, usize) = rest.deserialize().map_err(|_| unreadable())?;
        Ok(word.text().to_owned())
    }

    /// The only one, a variant with bytes.
    pub fn variant_bytes(&self) -> Result<Vec<u8>, Failure> {
        let rest = self.rest()?;
        match rest.deserialize() {
            Ok((Word::Bytes(bytes), _)) => Ok(bytes.to_vec()),
            _ => Err(unreadable()),
        }
    }

    fn rest(&self) -> Result<Data<'static, 'static>, Failure> {
        if self.at > self.data.len() { Err(unreadable()) } else { Ok(self.data.slice(self.at..)) }
    }
}

fn unreadable() -> Failure {
    Failure::protocol("its answer is no D-Bus message that is known here".to_owned())
}

/// How long the message is that begins with these bytes.
pub(super) fn length(fixed: &[u8; FIXED_BYTES]) -> Result<usize, Failure> {
    let word = |at: usize| -> usize {
        let bytes = [fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]];
        let word = if fixed[0] == b'l' { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) };
        word as usize
    };
    let (body, fields) = (word(4), word(12));
    let length = fields
        .checked_add(FIXED_BYTES)
        .and_then(|head| head.checked_next_multiple_of(8)?.checked_add(body))
        .filter(|length| *length <= MOST_BYTES && matches!(fixed[0], b'l' | b'B'));
    length.ok_or_else(unreadable)
}

/// Reads a whole message.
pub(super) fn parse(message: Vec<u8>) -> Result<Message, Failure> {
    /// Where the fields begin.
    const FIELDS_AT: usize = 12;
    let kind = message.get(1).copied().unwrap_or_default();
    let order = if message.first() == Some(&b'l') { LE } else { BE };
    let data = Data::new(message, Context::new(order, 0));
    if data.len() < FIXED_BYTES {
        return Err(unreadable());
    }
    let rest = data.slice(FIELDS_AT..);
    let (fields, read): (Vec<(u8, Word<'_>)>, usize) = rest.deserialize().map_err(|_| unreadable())?;
    let word = |code: u8| fields.iter().find(|(field, _)| *field == code).map(|(_, word)| *word);
    let text = |code: u8| word(code).map_or_else(String::new, |word| word.text().to_owned());
    let mut body = Body { at: (FIELDS_AT + read).next_multiple_of(8), data: data.clone() };
    Ok(match (kind, word(field::REPLY_SERIAL)) {
        (METHOD_RETURN, Some(Word::Number(serial))) => Message::Return(serial, body),
        (ERROR, Some(Word::Number(serial))) => {
            // It need not have any.
            let explanation = body.text().unwrap_or_default();
            Message::Error(serial, text(field::ERROR_NAME), explanation)
        }
        (SIGNAL, _) => Message::Signal(text(field::MEMBER), body),
        _ => Message::Other,
    })
}

/// A variant that is a number, bytes or a kind of text, as header fields and the properties that we ask for are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word<'a> {
    Number(u32),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Word<'a> {
    /// The text; empty for anything else.
    pub fn text(self) -> &'a str {
        match self {
            Word::Text(text) => text,
            Word::Number(_) | Word::Bytes(_) => "",
        }
    }
}

impl Type for Word<'_> {
    const SIGNATURE: &'static Signature = &Signature::Variant;
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Variant", &["signature", "value"], WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word<'de>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a number, bytes or a text")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Word<'de>, A::Error> {
        let signature: Option<Signature> = parts.next_element()?;
        let word = match signature {
            Some(Signature::U32) => parts.next_element()?.map(Word::Number),
            Some(signature) if signature == "ay" => parts.next_element()?.map(Word::Bytes),
            _ => parts.next_element()?.map(Word::Text),
        };
        word.ok_or_else(|| serde::de::Error::invalid_length(1, &self))
    }
}
