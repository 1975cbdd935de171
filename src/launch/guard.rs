//! A child that is killed and reaped when it is dropped: nothing of a birth that failed stays behind.

use super::Failed;
use crate::sys::pidfd;
use crate::sys::process::{self, Ended};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The container's process, while we are responsible for it.
#[derive(Debug)]
pub struct Child {
    pid: i32,
    pidfd: OwnedFd,
    released: bool,
}

impl Child {
    /// A child of ours that somebody else has cloned: CRIU, at a restore.
    pub fn adopt(pid: i32) -> crate::sys::Result<Child> {
        Ok(Child::new(pid, pidfd::open(pid)?))
    }

    pub(super) fn new(pid: i32, pidfd: OwnedFd) -> Child {
        Child { pid, pidfd, released: false }
    }

    /// Its pid in our pid namespace.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// A descriptor of it.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// From now on it lives without us.
    pub fn release(mut self) {
        self.released = true;
    }

    /// Waits for its end.
    pub fn wait(mut self) -> crate::sys::Result<Ended> {
        let ended = process::reap(self.pidfd.as_fd());
        self.released = ended.is_ok();
        ended
    }

    /// Kills it, and waits for its end, at most `timeout_ms`; `Ok(false)`: it is stuck in the kernel, which will end it
    /// as soon as it lets it go.
    pub(super) fn kill_within(mut self, timeout_ms: u16) -> crate::sys::Result<bool> {
        pidfd::send_signal(self.pidfd.as_fd(), crate::sys::signal_name::KILL, "container process")?;
        let ended = pidfd::wait_end(self.pidfd.as_fd(), timeout_ms)?;
        self.released = !ended;
        Ok(ended)
    }

    /// The error for a child that ended without a word.
    pub(super) fn died(&self) -> Failed {
        Failed::died(self.pid)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.released {
            return;
        }
        // If it has ended already there is nothing to kill, but still something to reap.
        let _ = pidfd::send_signal(self.pidfd.as_fd(), crate::sys::signal_name::KILL, "container process");
        let _ = process::reap(self.pidfd.as_fd());
    }
}
