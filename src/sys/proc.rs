//! (being written) procfs by descriptor.
use super::{Result, SysError};
use std::os::fd::OwnedFd;

/// Which part of procfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset {
    /// Processes only: no /proc/sys (fsopen "subset=pid", Linux 5.8).
    Pid,
    /// All of it.
    Whole,
}

/// A procfs of our own that nobody can mount over: close-on-exec O_PATH descriptor of its root.
/// Call it before the host's /proc is out of reach (before the pivot): the fallback is a verified clone of that.
pub fn private_procfs(subset: Subset) -> Result<OwnedFd> {
    let _ = subset;
    Err(SysError::new("fsopen", "proc", libc::ENOSYS))
}
