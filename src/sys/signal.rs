//! Signals of this process: taken as data (signalfd(2)), or held back for a while.
//!
//! Used by `launch::foreground`, and by commands with work that must not stop halfway.

use super::{Result, SysError};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
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

/// Go on, after a stop.
pub const CONT: i32 = libc::SIGCONT;

/// Signals that do not end a process that does nothing about them (signal(7)), and the one that tells of a broken pipe,
/// which is an errno to us.
const HARMLESS: [i32; 9] =
    [CHLD, PIPE, URG, WINCH, CONT, libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// All signals that can be taken.
#[derive(Debug)]
pub struct Incoming(SignalFd);

impl Incoming {
    /// Blocks all signals and takes them from now on. A fault of our own ends us all the same: the kernel does not
    /// wait with those (signal(7), "Synchronous").
    pub fn all() -> Result<Incoming> {
        let set = SigSet::all();
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

    /// Takes what has come, until there is one that asks us to end.
    pub fn ending(&self) -> Result<Option<i32>> {
        while let Some(number) = self.take()? {
            if !HARMLESS.contains(&number) && !is_ignored_hangup(number) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// To wait for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The signals by which a user, a terminal or a service manager asks a program to end wait while this lives. What has
/// come acts when it is dropped. SIGKILL cannot wait (signal(7)). A child that is born meanwhile inherits the mask
/// (sigprocmask(2), "Notes").
#[derive(Debug)]
pub struct Held {
    former: SigSet,
}

impl Held {
    /// Holds them back from now on.
    pub fn ending() -> Result<Held> {
        let ending = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT]);
        let mut former = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&ending), Some(&mut former))
            .map_err(|e| SysError::nix("sigprocmask", "the signals that end us", e))?;
        Ok(Held { former })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The kernel refuses only a bad address or a bad `how` (sigprocmask(2)).
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.former), None);
    }
}

/// Whether this is the hangup that our caller has chosen to have ignored, as nohup(1) does. What a shell without job
/// control has ignored for every command behind `&`, SIGINT and SIGQUIT, is meant for the container if somebody sends it.
pub fn is_ignored_hangup(number: i32) -> bool {
    if number != libc::SIGHUP {
        return false;
    }
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: no new action is given; the kernel's answer goes into a live struct, for which all zeroes is valid, too.
    unsafe {
        libc::sigaction(number, std::ptr::null(), action.as_mut_ptr());
        action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}
