//! Counters to be notified by (eventfd(2)). Used by `cgroup::oom`.

use super::{Result, SysError};
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

/// A new counter, close-on-exec; reading it does not wait.
pub fn open() -> Result<OwnedFd> {
    // SAFETY: eventfd takes two integers and returns a new descriptor or -1.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(SysError::last("eventfd", "a notification"));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How often it was notified since the last time.
pub fn take(fd: BorrowedFd<'_>) -> Result<u64> {
    let mut count = [0u8; 8];
    loop {
        match nix::unistd::read(fd, &mut count) {
            Ok(_) => return Ok(u64::from_ne_bytes(count)),
            Err(nix::errno::Errno::EAGAIN) => return Ok(0),
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("read", "an eventfd", e)),
        }
    }
}
