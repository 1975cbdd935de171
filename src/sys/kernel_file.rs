//! Small files of procfs, sysfs and cgroupfs, of one piece of text each: read by one read(2).
//!
//! Used by `pidfd`, `probe` and `cgroup` for a process's `stat`, a kernel parameter, the state of a freezer. The kernel makes
//! all of the text at the first read(2), so there is no end to be asked for. Not for lists (cgroup.procs, mountinfo), which
//! come a page at a time.

use super::{Result, SysError, fd};
use nix::fcntl::OFlag;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// A page: sysfs(5) promises that no attribute is longer, and no other file of this kind is.
const LIMIT_BYTES: usize = 4096;

/// Most have a line.
const USUAL_BYTES: usize = 1024;

/// The text of the file at `path`; the path must be trusted. Longer than a page is `E2BIG`.
pub fn read(path: &str) -> Result<String> {
    let file = open(Path::new(path))?;
    let text = fd::read_record(file.as_fd(), path, USUAL_BYTES, LIMIT_BYTES)?;
    Ok(String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

/// The same; `None`: there is no such file.
pub fn read_if_there(path: &str) -> Result<Option<String>> {
    match read(path) {
        Err(e) if e.is(libc::ENOENT) || e.is(libc::ENOTDIR) => Ok(None),
        other => other.map(Some),
    }
}

/// Opens a file of this kind for reading; the path must be trusted.
pub fn open(path: &Path) -> Result<OwnedFd> {
    // Nonblocking: harmless should it be something else.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    fd::open_path(path, flags).map_err(|e| SysError::nix("open", path.display().to_string(), e))
}

/// Opens a file of this kind for writing, as it is; the path must be trusted.
pub fn open_for_writing(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY;
    fd::open_path(path, flags).map_err(|e| SysError::nix("open", path.display().to_string(), e))
}
