//! GVariant text (`uint64 5`, `'a'`, `['a', 'b']`, `[('/dev/sda', uint64 9)]`) -> a value of a type that is known before.
//!
//! Called by `unit_properties`: annotations `org.systemd.property.NAME` hold such text. The grammar is that of GLib's
//! "GVariant Text Format", as far as unit properties need it: no dictionaries, variants, maybes and byte strings. The
//! type guides the reading, so text cannot nest deeper than a property does.

/// A type, as far as unit properties have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Bool,
    Byte,
    I32,
    U32,
    U64,
    Str,
    Array(&'static Type),
    Tuple(&'static [Type]),
}

/// A value, ready for D-Bus.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Value {
    Bool(bool),
    Byte(u8),
    I32(i32),
    U32(u32),
    U64(u64),
    Str(String),
    /// The items, and their type, which an empty array has too.
    Array(&'static Type, Vec<Value>),
    Tuple(Vec<Value>),
}

/// The numeric types by keyword and by letter, whether or not a property of ours has them.
const NUMBERS: [(&str, char); 8] = [
    ("byte", 'y'),
    ("int16", 'n'),
    ("uint16", 'q'),
    ("int32", 'i'),
    ("uint32", 'u'),
    ("int64", 'x'),
    ("uint64", 't'),
    ("double", 'd'),
];

impl Type {
    /// The D-Bus signature: `t`, `as`, `a(st)`.
    pub fn signature(&self) -> String {
        match self {
            Type::Bool => "b".to_owned(),
            Type::Byte => "y".to_owned(),
            Type::I32 => "i".to_owned(),
            Type::U32 => "u".to_owned(),
            Type::U64 => "t".to_owned(),
            Type::Str => "s".to_owned(),
            Type::Array(item) => format!("a{}", item.signature()),
            Type::Tuple(parts) => {
                format!("({})", parts.iter().map(Type::signature).collect::<Vec<_>>().concat())
            }
        }
    }

    /// An example of its text, for advice.
    pub fn example(&self) -> String {
        match self {
            Type::Bool => "true".to_owned(),
            Type::Byte => "byte 1".to_owned(),
            Type::I32 => "15".to_owned(),
            Type::U32 => "uint32 1".to_owned(),
            Type::U64 => "uint64 1".to_owned(),
            Type::Str => "'text'".to_owned(),
            Type::Array(item) => format!("[{}]", item.example()),
            Type::Tuple(parts) => {
                format!("({})", parts.iter().map(Type::example).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Value {
    /// The D-Bus signature of its type.
    pub fn signature(&self) -> String {
        match self {
            Value::Bool(_) => Type::Bool.signature(),
            Value::Byte(_) => Type::Byte.signature(),
            Value::I32(_) => Type::I32.signature(),
            Value::U32(_) => Type::U32.signature(),
            Value::U64(_) => Type::U64.signature(),
            Value::Str(_) => Type::Str.signature(),
            Value::Array(item, _) => format!("a{}", item.signature()),
            Value::Tuple(parts) => {
                format!("({})", parts.iter().map(Value::signature).collect::<Vec<_>>().concat())
            }
        }
    }
}

/// Reads `text` as a value of `wanted`. The error is the end of a sentence about the text.
pub fn parse(text: &str, wanted: &'static Type) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(wanted)?;
    reader.end()?;
    Ok(value)
}

/// Reads `text` as a number of seconds of any numeric type, whole or not, and returns microseconds.
pub fn parse_seconds_as_us(text: &str) -> Result<u64, String> {
    const US: u64 = 1_000_000;
    let mut reader = Reader { text, at: 0 };
    let (_, word) = reader.number()?;
    reader.end()?;
    if let Some(whole) = whole(&word) {
        let seconds = u64::try_from(whole).map_err(|_| format!("{word} is less than 0"))?;
        return seconds.checked_mul(US).ok_or_else(|| format!("{word} is too large"));
    }
    decimal_as_millionths(&word).ok_or_else(|| format!("{word} is no time in seconds"))
}

/// `1.5`, `25e-2`: what is smaller than a millionth is cut off. Counted in whole numbers, so that no parser of floating
/// point numbers is linked in.
fn decimal_as_millionths(word: &str) -> Option<u64> {
    let (number, exponent) = word.split_once(['e', 'E']).unwrap_or((word, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than the numbers here can hold, and far more than count.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let places = exponent.parse::<i32>().ok()?.checked_add(6)?.checked_sub_unsigned(fraction.len() as u32)?;
    let scale = 10u128.checked_pow(places.unsigned_abs());
    let millionths =
        if places < 0 { scale.map_or(0, |scale| digits / scale) } else { digits.checked_mul(scale?)? };
    u64::try_from(millionths).ok()
}

/// A whole number as C writes it: decimal, `0x1f`, `017`.
fn whole(word: &str) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let (digits, radix) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if digits.len() > 1 && digits.starts_with('0') => (digits, 8),
        None => (digits, 10),
    };
    if !digits.starts_with(|c: char| c.is_ascii_hexdigit()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn takes(&mut self, mark: char) -> bool {
        let found = self.rest().starts_with(mark);
        self.at += if found { mark.len_utf8() } else { 0 };
        found
    }

    fn wrong<T>(&mut self, wanted: &str) -> Result<T, String> {
        match self.rest().chars().next() {
            Some(found) => Err(format!("has {found:?} at byte {} where {wanted} is wanted", self.at)),
            None => Err(format!("ends where {wanted} is wanted")),
        }
    }

    fn end(&mut self) -> Result<(), String> {
        if self.rest().is_empty() { Ok(()) } else { self.wrong("the end") }
    }

    /// A keyword, number or type: what stands before the next mark.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let is_mark = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '(' | ')' | '\'' | '"');
        let word = &rest[..rest.find(is_mark).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn value(&mut self, wanted: &'static Type) -> Result<Value, String> {
        self.annotation(wanted)?;
        match wanted {
            Type::Bool => match self.word() {
                "true" => Ok(Value::Bool(true)),
                "false" => Ok(Value::Bool(false)),
                other => Err(format!("has {other:?} where true or false is wanted")),
            },
            Type::Str => self.string().map(Value::Str),
            Type::Byte | Type::I32 | Type::U32 | Type::U64 => self.number_of(wanted),
            Type::Array(item) => {
                Ok(Value::Array(item, self.items('[', ']', |reader, _| reader.value(item))?))
            }
            Type::Tuple(parts) => {
                let items = self.items('(', ')', |reader, nth| match parts.get(nth) {
                    Some(part) => reader.value(part),
                    None => Err(format!("has more than {} items in a tuple", parts.len())),
                })?;
                match items.len() == parts.len() {
                    true => Ok(Value::Tuple(items)),
                    false => Err(format!("has {} of {} items in a tuple", items.len(), parts.len())),
                }
            }
        }
    }

    /// `@as`, in front of a value: must say what is wanted anyway. A tuple's signature has parentheses.
    fn annotation(&mut self, wanted: &Type) -> Result<(), String> {
        if !self.rest().starts_with('@') {
            return Ok(());
        }
        let rest = self.rest();
        let given = &rest[1..rest.find(char::is_whitespace).unwrap_or(rest.len())];
        if given != wanted.signature() {
            return Err(format!("is of type {given:?} where {:?} is wanted", wanted.signature()));
        }
        self.at += given.len() + 1;
        Ok(())
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self, usize) -> Result<Value, String>,
    ) -> Result<Vec<Value>, String> {
        if !self.takes(open) {
            return self.wrong(&format!("{open:?}"));
        }
        let mut items = Vec::new();
        while !self.takes(close) {
            if !items.is_empty() && !self.takes(',') {
                return self.wrong(&format!("',' or {close:?}"));
            }
            // A tuple of one item is written with a comma at its end.
            if open == '(' && items.len() == 1 && self.takes(close) {
                break;
            }
            items.push(item(self, items.len())?);
        }
        Ok(items)
    }

    /// A number: the letter of its type, if the text has one, and its digits.
    fn number(&mut self) -> Result<(Option<char>, String), String> {
        let word = self.word();
        if let Some(letter) = word.strip_prefix('@') {
            let letter = NUMBERS.iter().find(|(_, known)| letter.chars().eq([*known]));
            let Some((_, letter)) = letter else { return Err(format!("{word:?} is no type of a number")) };
            return Ok((Some(*letter), self.word().to_owned()));
        }
        match NUMBERS.iter().find(|(name, _)| *name == word) {
            Some((_, letter)) => Ok((Some(*letter), self.word().to_owned())),
            None if word.is_empty() => self.wrong("a number"),
            None => Ok((None, word.to_owned())),
        }
    }

    fn number_of(&mut self, wanted: &Type) -> Result<Value, String> {
        let (letter, word) = self.number()?;
        let signature = wanted.signature();
        if let Some(letter) = letter.filter(|letter| !signature.chars().eq([*letter])) {
            let name =
                |of: char| NUMBERS.iter().find(|(_, known)| *known == of).map_or("?", |(name, _)| name);
            let wanted = signature.chars().next().map_or("?", name);
            return Err(format!("is of type {} where {wanted} is wanted", name(letter)));
        }
        let Some(number) = whole(&word) else {
            return Err(format!("has {word:?} where a whole number is wanted"));
        };
        let value = match wanted {
            Type::Byte => u8::try_from(number).map(Value::Byte),
            Type::I32 => i32::try_from(number).map(Value::I32),
            Type::U32 => u32::try_from(number).map(Value::U32),
            _ => u64::try_from(number).map(Value::U64),
        };
        value.map_err(|_| format!("has {word}, which is out of range"))
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return self.wrong("a quote"),
        };
        self.at += 1;
        let mut text = String::new();
        let mut chars = self.text.get(self.at..).unwrap_or_default().char_indices();
        while let Some((offset, c)) = chars.next() {
            let c = match c {
                c if c == quote => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' => match escaped(&mut chars)? {
                    Some(c) => c,
                    None => continue,
                },
                c => c,
            };
            // Nothing that a unit property says needs one, and units are lines of text.
            if c.is_control() {
                return Err(format!("has the control character {c:?}"));
            }
            text.push(c);
        }
        Err("has a string without its end".to_owned())
    }
}

/// What stands behind a backslash; None: a line break, which is left out.
fn escaped(chars: &mut std::str::CharIndices<'_>) -> Result<Option<char>, String> {
    let digits = match chars.next() {
        Some((_, '\n')) => return Ok(None),
        Some((_, 'u')) => 4,
        Some((_, 'U')) => 8,
        Some((_, 'a')) => return Ok(Some('\x07')),
        Some((_, 'b')) => return Ok(Some('\x08')),
        Some((_, 'f')) => return Ok(Some('\x0c')),
        Some((_, 'n')) => return Ok(Some('\n')),
        Some((_, 'r')) => return Ok(Some('\r')),
        Some((_, 't')) => return Ok(Some('\t')),
        Some((_, 'v')) => return Ok(Some('\x0b')),
        Some((_, c)) => return Ok(Some(c)),
        None => return Err("has a string without its end".to_owned()),
    };
    let hex: String = chars.by_ref().take(digits).map(|(_, c)| c).collect();
    let number = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits);
    number.and_then(char::from_u32).map(Some).ok_or_else(|| format!("has the bad escape \\u{hex}"))
}
