//! Signals of this process, taken as data (signalfd(2)). Used by `launch::foreground`.

use super::{Result, SysError};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd, BorrowedFd};

/// A child's end.
pub const CHLD: i32 = libc::SIGCHLD;
/// A broken pipe.
pub const PIPE: i32 = libc::SIGPIPE;
/// Urgent data.
pub const URG: i32 = libc::SIGURG;
/// A new size of our terminal.
pub const WINCH: i32 = libc::SIGWINCH;

/// All signals that can be taken.
#[derive(Debug)]
pub struct Incoming(SignalFd);

impl Incoming {
    /// Blocks all signals (but those that tell of a fault of our own) and takes them from now on.
    pub fn all() -> Result<Incoming> {
        let mut set = SigSet::all();
        for fault in [nix::sys::signal::SIGSEGV, nix::sys::signal::SIGBUS, nix::sys::signal::SIGABRT] {
            set.remove(fault);
        }
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
            .map_err(|e| SysError::nix("sigprocmask", "all signals", e))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&set, flags)
            .map(Incoming)
            .map_err(|e| SysError::nix("signalfd", "all signals", e))
    }

    /// The next signal's number, if there is one.
    pub fn take(&self) -> Result<Option<i32>> {
        match self.0.read_signal() {
            Ok(info) => Ok(info.map(|info| info.ssi_signo as i32)),
            Err(nix::errno::Errno::EAGAIN) => Ok(None),
            Err(e) => Err(SysError::nix("read", "signalfd", e)),
        }
    }

    /// To wait for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
