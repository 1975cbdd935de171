//! `linux.seccomp` -> one BPF program for the kernel (seccomp(2)).

use crate::host::Host;
use oci_spec::runtime::LinuxSeccomp;
use std::path::PathBuf;

/// What [`compile`] makes of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The program and how to load it.
    pub filter: Filter,
    /// Names in the profile that no architecture has (the spec lets us ignore them), for the log at debug level.
    pub unknown: Vec<String>,
    /// What the plan wants said, at warning level: one sentence each.
    pub warnings: Vec<String>,
}

/// What is wrong with a profile. (To be replaced by `bundle::Invalid`.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Stable name of this kind of error.
    pub code: &'static str,
    /// JSON pointer into config.json.
    pub pointer: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub advice: String,
}

/// Compiles `profile` for `host`.
///
/// # Errors
/// A profile that cannot be carried out; the pointer names the entry.
pub fn compile(profile: &LinuxSeccomp, host: &Host) -> Result<Compiled, Invalid> {
    let _ = (profile, host);
    Err(Invalid {
        code: "seccomp",
        pointer: "/linux/seccomp".to_owned(),
        problem: "not compiled yet".to_owned(),
        advice: String::new(),
    })
}

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The program, each instruction packed as the kernel's struct sock_filter.
    pub program: Vec<Instruction>,
    /// SECCOMP_FILTER_FLAG_* for seccomp(2), without NEW_LISTENER.
    pub flags: u32,
    /// Where the notification descriptor goes, if the profile has SCMP_ACT_NOTIFY.
    pub listener: Option<Listener>,
}

/// struct sock_filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

/// `listenerPath` and `listenerMetadata`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listener {
    /// A unix stream socket that takes the descriptor.
    pub path: PathBuf,
    /// Passed on verbatim.
    pub metadata: Option<String>,
}
