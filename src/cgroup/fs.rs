//! The one writer of control group files; explains what the kernel answers.

use std::fmt;

/// A limit or a group that cannot be had: printed as one sentence, with its parts for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable name of this kind of error (docs/errors.md).
    pub code: &'static str,
    /// The file or folder.
    pub object: String,
    /// What is wrong, lower case.
    pub problem: String,
    /// errno(3), if the kernel said so; 0 if not.
    pub errno: i32,
    /// JSON pointer into config.json; empty if no field asked for it.
    pub pointer: String,
    /// What to do; may be empty.
    pub advice: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.problem)?;
        if !self.pointer.is_empty() {
            write!(f, " (config.json#{})", self.pointer)?;
        }
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
