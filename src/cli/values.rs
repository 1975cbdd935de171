//! The values that some options take, and the one-line complaint about any other.

use std::num::ParseIntError;
use std::str::FromStr;

/// Defines a closed set of words. The first is the default.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $($(#[$item_doc:meta])* $first:literal $(| $more:literal)* => $item:ident),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$item_doc])* $item),+ }

        impl $name {
            /// The words as they are documented, without other spellings.
            pub const WORDS: &[&str] = &[$($first),+];
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($first $(| $more)* => Ok($name::$item),)+
                    _ => Err(format!("must be {}", $expected)),
                }
            }
        }
    };
}

words! {
    /// `--log-format`.
    LogFormat, "text or json",
    /// `time="..." level=error msg="..."`
    #[default] "text" => Text,
    /// One JSON object a line.
    "json" => Json,
}

words! {
    /// `--log-level`: the least severe records to write, in the order of severity.
    LogLevel, "error, warning or debug",
    /// What made the command fail.
    #[default] "error" | "fatal" => Error,
    /// What was ignored or could not be granted.
    "warning" | "warn" | "info" => Warning,
    /// Every step.
    "debug" | "trace" => Debug,
}

words! {
    /// `--cgroup-manager`.
    CgroupManager, "cgroupfs, systemd or disabled",
    /// The cgroup file systems, directly.
    #[default] "cgroupfs" => Cgroupfs,
    /// Units of systemd.
    "systemd" => Systemd,
    /// No cgroup at all: the container stays in the caller's.
    "disabled" => Disabled,
}

words! {
    /// `--rootless`.
    Rootless, "true, false or auto",
    /// Decided by user id and user namespace.
    #[default] "auto" => Auto,
    /// Privileges of real root are missing.
    "true" | "1" | "t" | "T" | "TRUE" | "True" | "yes" => Yes,
    /// They are there.
    "false" | "0" | "f" | "F" | "FALSE" | "False" | "no" => No,
}

words! {
    /// `ps --format`.
    PsFormat, "table or json",
    /// The lines of ps(1).
    #[default] "table" => Table,
    /// One JSON array of process ids.
    "json" => Json,
}

words! {
    /// `--manage-cgroups-mode`: what CRIU does about control groups.
    CgroupsMode, "soft, full, strict or ignore",
    /// Make the groups that are missing, and set the properties of those only.
    #[default] "soft" => Soft,
    /// Make the groups that are missing, and set all properties.
    "full" => Full,
    /// Make all groups anew, and fail if one is there.
    "strict" => Strict,
    /// Do nothing.
    "ignore" => Ignore,
}

words! {
    /// `--network-lock`: how CRIU holds the network while it saves connections.
    NetworkLock, "iptables, nftables or skip",
    /// Rules of iptables.
    #[default] "iptables" => Iptables,
    /// Rules of nftables.
    "nftables" => Nftables,
    /// Not at all.
    "skip" => Skip,
}

words! {
    /// `list --format`.
    ListFormat, "table or json",
    /// Columns for people.
    #[default] "table" => Table,
    /// One JSON array.
    "json" => Json,
}

/// A number of bytes, with a unit or without: `64M`, `1g`, `512kb`, `-1` for no limit. Units are powers of 1024 and may
/// be written in either case, with or without a `b` or `ib` (as Docker's and runc's do).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes(pub i64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let bad = || "must be a number of bytes, as 1048576, 64M or 1g, or -1".to_string();
        if word == "-1" {
            return Ok(Bytes(-1));
        }
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = word.split_at_checked(digits).ok_or_else(bad)?;
        let shift = match unit.to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            "p" => 50,
            _ => return Err(bad()),
        };
        let number: i64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(1 << shift).map(Bytes).ok_or_else(bad)
    }
}

/// A time: Go's durations as runc takes them (`5s`, `500ms`, `1m30s`), or a whole number of seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval(pub std::time::Duration);

impl FromStr for Interval {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let bad = || "must be a time above 0, as 5s, 500ms or 1m30s".to_string();
        let mut total_ns: u64 = 0;
        let mut rest = word;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at_checked(digits).ok_or_else(bad)?;
            let number: u64 = number.parse().map_err(|_| bad())?;
            let (fraction, unit_and_rest) = match after.strip_prefix('.') {
                Some(after) => after
                    .split_at_checked(after.bytes().take_while(u8::is_ascii_digit).count())
                    .ok_or_else(bad)?,
                None => ("", after),
            };
            let letters = unit_and_rest.bytes().take_while(|byte| !byte.is_ascii_digit()).count();
            let (unit, next) = unit_and_rest.split_at_checked(letters).ok_or_else(bad)?;
            let unit_ns: u64 = match unit {
                "ns" => 1,
                "us" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                // Alone: seconds.
                "" if digits == word.len() => 1_000_000_000,
                _ => return Err(bad()),
            };
            total_ns = number.checked_mul(unit_ns).and_then(|ns| total_ns.checked_add(ns)).ok_or_else(bad)?;
            let mut digit_ns = unit_ns;
            for digit in fraction.bytes() {
                digit_ns /= 10;
                total_ns = total_ns.checked_add(u64::from(digit - b'0') * digit_ns).ok_or_else(bad)?;
            }
            rest = next;
        }
        if total_ns == 0 { Err(bad()) } else { Ok(Interval(std::time::Duration::from_nanos(total_ns))) }
    }
}

/// Whether a word is a boolean value in Go's spelling (strconv.ParseBool), which callers of runc use, or in crun's
/// (`--tty=no`).
pub(super) fn go_bool(word: &str) -> Result<bool, String> {
    match word {
        "1" | "t" | "T" | "TRUE" | "true" | "True" | "yes" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" | "no" => Ok(false),
        _ => Err("must be true or false".to_string()),
    }
}

/// A whole number of a type whose least and greatest number an i64 can hold.
pub(super) fn whole_number<T: TryFrom<i64>>(word: &str, least: i64, greatest: i64) -> Result<T, String> {
    let number: i64 = word.parse().map_err(|error: ParseIntError| error.to_string())?;
    T::try_from(number).map_err(|_| format!("{number} is not in {least}..={greatest}"))
}
