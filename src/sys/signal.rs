//! Signals of this process: taken as data (signalfd(2)), or held back for a while.
//!
//! Used by `launch::foreground`, and by commands with work that must not stop halfway.

use super::{Result, SysError};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

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

/// A set of signals as the kernel has it: bit 0 is signal 1 (rt_sigprocmask(2)). Not the C library's, whose functions pass
/// over the signals that it keeps for itself: 32 and 33, with musl also 34, which is SIGRTMIN to everybody else.
type Set = u64;

/// The size that the kernel asks for.
const SET_BYTES: usize = size_of::<Set>();

/// Changes which signals are blocked (`how` of sigprocmask(2)), and gives the former set.
fn block(how: libc::c_int, set: Set, what: &str) -> Result<Set> {
    let mut former: Set = 0;
    let call = libc::SYS_rt_sigprocmask;
    // SAFETY: the kernel reads one live set and writes another, of the size that it is told.
    match unsafe { libc::syscall(call, how, &raw const set, &raw mut former, SET_BYTES) } {
        0 => Ok(former),
        _ => Err(SysError::last("sigprocmask", what)),
    }
}

/// All signals that can be taken.
#[derive(Debug)]
pub struct Incoming(OwnedFd);

impl Incoming {
    /// Blocks all signals and takes them from now on. A fault of our own ends us all the same: the kernel does not
    /// wait with those (signal(7), "Synchronous").
    pub fn all() -> Result<Incoming> {
        let all = Set::MAX;
        block(libc::SIG_BLOCK, all, "all signals")?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: the kernel reads one live set, of the size that it is told.
        match unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const all, SET_BYTES, flags) } {
            -1 => Err(SysError::last("signalfd", "all signals")),
            // SAFETY: a descriptor that the kernel has just made, and that nobody else knows.
            new => Ok(Incoming(unsafe { OwnedFd::from_raw_fd(new as i32) })),
        }
    }

    /// The next signal's number, if there is one.
    pub fn take(&self) -> Result<Option<i32>> {
        let mut info = std::mem::MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes into a live struct of that size, for which all zeroes is valid.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        match read {
            // SAFETY: as above; the kernel gives whole structs only (signalfd(2)).
            1.. => Ok(Some(unsafe { info.assume_init() }.ssi_signo as i32)),
            _ => match SysError::last("read", "signalfd") {
                error if error.is(libc::EAGAIN) => Ok(None),
                error => Err(error),
            },
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
    former: Set,
}

impl Held {
    /// Holds them back from now on.
    pub fn ending() -> Result<Held> {
        let ending = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
        let set = ending.iter().fold(0, |set, signal| set | 1 << (signal - 1));
        block(libc::SIG_BLOCK, set, "the signals that end us").map(|former| Held { former })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The kernel refuses only a bad address or a bad `how` (sigprocmask(2)).
        let _ = block(libc::SIG_SETMASK, self.former, "the signals that end us");
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
