//! `linux.seccomp` -> one BPF program for the kernel (seccomp(2)).

use std::path::PathBuf;

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
