//! Small files of procfs, sysfs and cgroupfs, of one piece of text each: read by one read(2).
//!
//! Used by `pidfd`, `probe` and `cgroup` for a process's `stat`, a kernel parameter, the state of a freezer. The kernel makes
//! all of the text at the first read(2), so there is no end to be asked for. Not for lists (cgroup.procs, mountinfo), which
//! come a page at a time.

use super::{Result, SysError, fd};
use nix::fcntl::{AT_FDCWD, OFlag};
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, OwnedFd};

/// A page: sysfs(5) promises that no attribute is longer, and no other file of this kind is.
const LIMIT_BYTES: usize = 4096;

/// The text of the file at `path`; the path must be trusted. Longer than a page is `E2BIG`.
pub fn read(path: &str) -> Result<String> {
    // Nonblocking: harmless should it be something else.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file: OwnedFd = nix::fcntl::openat(AT_FDCWD, path, flags, Mode::empty())
        .map_err(|e| SysError::nix("open", path, e))?;
    let mut buffer = [0; LIMIT_BYTES];
    match fd::read_some(file.as_fd(), &mut buffer) {
        Ok(LIMIT_BYTES) => Err(SysError::new("read", path, libc::E2BIG)),
        Ok(length) => Ok(String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).into_owned()),
        Err(e) => Err(SysError::new("read", path, e.errno)),
    }
}

/// The same; `None`: there is no such file.
pub fn read_if_there(path: &str) -> Result<Option<String>> {
    match read(path) {
        Err(e) if e.is(libc::ENOENT) || e.is(libc::ENOTDIR) => Ok(None),
        other => other.map(Some),
    }
}

/// Opens a file of this kind for writing, as it is; the path must be trusted.
pub fn open_for_writing(path: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    nix::fcntl::openat(AT_FDCWD, path, flags, Mode::empty()).map_err(|e| SysError::nix("open", path, e))
}
