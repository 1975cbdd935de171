//! The error for anything wrong in config.json: what, where, and what to do. Made by `bundle` and `plan`; `cmd`
//! prints it. It knows nothing of files or of the kernel.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// Stable words for the kinds of error, as `code` in the log and in docs/errors.md.
pub mod code {
    /// The file does not exist.
    pub const MISSING: &str = "config-missing";
    /// The file exists, but it cannot be read: permissions, not a regular file, larger than the cap.
    pub const UNREADABLE: &str = "config-unreadable";
    /// Not JSON (RFC 8259), not UTF-8, or nested too deeply.
    pub const SYNTAX: &str = "config-syntax";
    /// A value has the wrong JSON type, or an object has a key twice.
    pub const TYPE: &str = "config-type";
    /// A required property is missing.
    pub const REQUIRED: &str = "config-required";
    /// A value that the specification or the kernel does not know.
    pub const VALUE: &str = "config-value";
    /// Two values that exclude each other, or one that needs another.
    pub const CONFLICT: &str = "config-conflict";
    /// A valid value that this host, or tare, cannot do.
    pub const UNSUPPORTED: &str = "config-unsupported";
}

/// Something in config.json, or in another file of that form, that cannot be carried out.
///
/// As wide as a pointer: nearly every function of `bundle` and `plan` can return one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(Box<Complaint>);

/// What an [`Invalid`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The kind, one of [`code`].
    pub code: &'static str,
    /// The file.
    pub file: String,
    /// JSON pointer (RFC 6901) to the value, for example `/mounts/3/options/2`; empty: the whole file.
    pub pointer: String,
    /// What is wrong, as the end of a sentence: `must be an absolute path, is "tmp"`.
    pub problem: String,
    /// What to do about it, if there is something to say.
    pub advice: Option<String>,
}

impl Invalid {
    /// An error of kind `code` at `pointer`.
    pub fn new(code: &'static str, pointer: impl Into<String>, problem: impl Into<String>) -> Invalid {
        Invalid::boxed(code, pointer.into(), problem.into())
    }

    #[cold]
    fn boxed(code: &'static str, pointer: String, problem: String) -> Invalid {
        let file = "config.json".to_owned();
        Invalid(Box::new(Complaint { code, file, pointer, problem, advice: None }))
    }

    /// A value that is not allowed, at `pointer`.
    pub fn value(pointer: impl Into<String>, problem: impl Into<String>) -> Invalid {
        Invalid::new(code::VALUE, pointer, problem)
    }

    /// A required property that is missing; `pointer` names it.
    pub fn required(pointer: impl Into<String>) -> Invalid {
        Invalid::new(code::REQUIRED, pointer, "is required and missing")
    }

    /// A contradiction between the value at `pointer` and another.
    pub fn conflict(pointer: impl Into<String>, problem: impl Into<String>) -> Invalid {
        Invalid::new(code::CONFLICT, pointer, problem)
    }

    /// Something valid that cannot be done here.
    pub fn unsupported(pointer: impl Into<String>, problem: impl Into<String>) -> Invalid {
        Invalid::new(code::UNSUPPORTED, pointer, problem)
    }

    /// The same, about a configuration of another name.
    pub fn in_config(mut self, file: &str) -> Invalid {
        self.file = file.to_owned();
        if self.code == code::MISSING {
            self.advice = Some("--config names a file in the bundle, or one by its absolute path".to_owned());
        }
        self
    }

    /// The same, about a file that holds what stands at `prefix` in config.json.
    pub fn in_file(mut self, file: &str, prefix: &str) -> Invalid {
        let is_whole_file = self.pointer.is_empty();
        if let Some(inside) = self.pointer.strip_prefix(prefix) {
            self.pointer = inside.to_owned();
            self.file = file.to_owned();
        } else if is_whole_file {
            self.file = file.to_owned();
        }
        if is_whole_file {
            // The words for files name them too; and what is advised there is about bundles.
            if self.code == code::MISSING {
                self.problem = "no such file or directory".to_owned();
                self.advice = None;
            }
            if let Some(without) = self.problem.strip_prefix(&format!("{file} ")) {
                self.problem = without.to_owned();
            }
        }
        self
    }

    /// The same with advice.
    pub fn advise(mut self, advice: impl Into<String>) -> Invalid {
        self.advice = Some(advice.into());
        self
    }
}

impl Deref for Invalid {
    type Target = Complaint;

    fn deref(&self) -> &Complaint {
        &self.0
    }
}

impl DerefMut for Invalid {
    fn deref_mut(&mut self) -> &mut Complaint {
        &mut self.0
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Line(&self.file))?;
        if !self.pointer.is_empty() {
            write!(f, "#{}", Line(&self.pointer))?;
        }
        write!(f, ": {}", Line(&self.problem))?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Text that quotes the file: one line of bearable length, whatever stands there.
struct Line<'a>(&'a str);

/// Where a [`Line`] is cut, in characters.
const LINE_MAX: usize = 1000;

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, c) in self.0.chars().enumerate() {
            match c {
                _ if index == LINE_MAX => return f.write_str("…"),
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}

/// One key or index as a piece of a JSON pointer (RFC 6901: `~` and `/` are escaped).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
