//! Pseudo-terminals (pty(7)) and the settings of a terminal (termios(3)).
//!
//! Used by `child` (the container's console) and `launch::console` (the caller's terminal).

use super::{Result, SysError};
use nix::sys::termios;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Mutex;

/// Opens the slave of a master (ioctl_tty(2), Linux 4.13).
const TIOCGPTPEER: libc::c_ulong = 0x5441;

/// A new pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The side of who types.
    pub master: OwnedFd,
    /// The side of the program.
    pub slave: OwnedFd,
    /// N of /dev/pts/N.
    pub number: u32,
}

/// Opens `ptmx` in a devpts, without following a link.
pub fn open_ptmx(devpts: BorrowedFd<'_>) -> Result<OwnedFd> {
    use nix::fcntl::OFlag;
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    let flags = if broken!("cve_2025_52565") { flags - OFlag::O_NOFOLLOW } else { flags };
    nix::fcntl::openat(devpts, "ptmx", flags, nix::sys::stat::Mode::empty())
        .map_err(|e| SysError::nix("open", "/dev/pts/ptmx", e))
}

/// Makes a pseudo-terminal from an open `ptmx` of a devpts. The slave is opened through the master (TIOCGPTPEER,
/// Linux 4.13), never by a path that somebody could have swapped (CVE-2025-52565).
pub fn from_ptmx(master: OwnedFd) -> Result<Pty> {
    let unlocked: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int.
    if unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK as _, &unlocked) } != 0 {
        return Err(SysError::last("ioctl TIOCSPTLCK", "/dev/ptmx"));
    }
    let mut number: libc::c_uint = 0;
    // SAFETY: TIOCGPTN writes one unsigned int.
    if unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN as _, &mut number) } != 0 {
        return Err(SysError::last("ioctl TIOCGPTN", "/dev/ptmx"));
    }
    let slave = open_slave(master.as_fd())?;
    Ok(Pty { master, slave, number })
}

/// Makes `terminal` the controlling terminal of this session leader (TIOCSCTTY).
pub fn make_controlling(terminal: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: TIOCSCTTY takes an integer.
    match unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSCTTY as _, 0) } {
        -1 => Err(SysError::last("ioctl TIOCSCTTY", "console")),
        _ => Ok(()),
    }
}

/// Sets the size in (rows, columns).
pub fn set_size(terminal: BorrowedFd<'_>, (rows, columns): (u16, u16)) -> Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCSWINSZ reads one winsize.
    match unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ as _, &size) } {
        -1 => Err(SysError::last("ioctl TIOCSWINSZ", "console")),
        _ => Ok(()),
    }
}

/// Gives `to` the size of the terminal `from`, in characters and in pixels. `false`: that is no terminal.
pub fn copy_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> bool {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize.
    if unsafe { libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ as _, &mut size) } != 0 {
        return false;
    }
    // SAFETY: TIOCSWINSZ reads one winsize. If the other end is gone, then nobody minds.
    let _ = unsafe { libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ as _, &size) };
    true
}

/// Gives a terminal that we made to a user of the container (fchown(2)).
pub fn set_owner(terminal: BorrowedFd<'_>, uid: u32) -> Result<()> {
    nix::unistd::fchown(terminal, Some(nix::unistd::Uid::from_raw(uid)), None)
        .map_err(|e| SysError::nix("fchown", "console", e))
}

/// The caller's terminal while it is in raw mode, and its settings before: one, as a process has one standard input.
/// Not a value that is dropped, for a panic here ends the process without unwinding.
static RAW: Mutex<Option<(OwnedFd, termios::Termios)>> = Mutex::new(None);

/// Puts the caller's terminal into raw mode (cfmakeraw(3)), once more if somebody else has changed it since.
/// [`leave_raw`] gives back the settings from before the first time.
pub fn enter_raw(terminal: BorrowedFd<'_>) -> Result<()> {
    let mut kept = RAW.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if kept.is_none() {
        let copy = terminal.try_clone_to_owned().map_err(|e| SysError::io("dup", "terminal", &e))?;
        let before = termios::tcgetattr(terminal).map_err(|e| SysError::nix("tcgetattr", "terminal", e))?;
        *kept = Some((copy, before));
    }
    let Some((terminal, before)) = kept.as_ref() else { return Ok(()) };
    let mut raw = before.clone();
    termios::cfmakeraw(&mut raw);
    termios::tcsetattr(terminal, termios::SetArg::TCSANOW, &raw)
        .map_err(|e| SysError::nix("tcsetattr", "terminal", e))
}

/// Gives the caller's terminal its settings back. If it has gone to another job meanwhile, they are that job's.
pub fn leave_raw() {
    // Also called for a panic: whoever holds the lock then does not come back.
    let Ok(mut kept) = RAW.try_lock() else { return };
    if let Some((terminal, before)) = kept.take()
        && is_in_foreground(terminal.as_fd())
    {
        // Nobody is left to tell.
        let _ = termios::tcsetattr(&terminal, termios::SetArg::TCSANOW, &before);
    }
}

/// Whether this process may use the terminal now: it belongs to no other job of its session (tcgetpgrp(3)). A terminal
/// that does not control us has no jobs of ours.
pub fn is_in_foreground(terminal: BorrowedFd<'_>) -> bool {
    nix::unistd::tcgetpgrp(terminal).map_or(true, |group| group == nix::unistd::getpgrp())
}

/// Opens the slave of a pseudo-terminal. While it is open, the master does not hang up.
pub fn open_slave(master: BorrowedFd<'_>) -> Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags and returns a new descriptor.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), TIOCGPTPEER as _, flags) };
    if slave < 0 {
        return Err(SysError::last("ioctl TIOCGPTPEER", "console"));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(slave) })
}

/// Whether it is a terminal.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    std::io::IsTerminal::is_terminal(&fd)
}

/// Whether it is a master: only one has the number of its other end (TIOCGPTN, ioctl_tty(2)).
pub fn is_master(fd: BorrowedFd<'_>) -> bool {
    let mut number: libc::c_uint = 0;
    // SAFETY: TIOCGPTN writes one unsigned int.
    unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGPTN as _, &mut number) == 0 }
}
