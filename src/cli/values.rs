//! The values that some options take, and the one-line complaint about any other.

use std::str::FromStr;

/// Defines a closed set of words. The first is the default.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $($(#[$item_doc:meta])* $first:literal $(| $more:literal)* => $item:ident),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$item_doc])* $item),+ }

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
    /// `list --format`.
    ListFormat, "table or json",
    /// Columns for people.
    #[default] "table" => Table,
    /// One JSON array.
    "json" => Json,
}

/// Whether a word is a boolean value in Go's spelling (strconv.ParseBool), which callers of runc use.
pub(super) fn go_bool(word: &str) -> Result<bool, String> {
    match word {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err("must be true or false".to_string()),
    }
}
