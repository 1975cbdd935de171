//! Pseudo-terminals (pty(7)) and the settings of a terminal (termios(3)).
//!
//! Used by `child` (the container's console) and `launch::console` (the caller's terminal).

use super::{Result, SysError};
use nix::sys::termios;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

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
    const TIOCGPTPEER: libc::c_ulong = 0x5441;
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
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags and returns a new descriptor.
    let slave = unsafe { libc::ioctl(master.as_raw_fd(), TIOCGPTPEER as _, flags) };
    if slave < 0 {
        return Err(SysError::last("ioctl TIOCGPTPEER", format!("/dev/pts/{number}")));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    let slave = unsafe { OwnedFd::from_raw_fd(slave) };
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

/// The size in (rows, columns); None if it is no terminal.
pub fn size(terminal: BorrowedFd<'_>) -> Option<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize.
    let got = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ as _, &mut size) };
    (got == 0).then_some((size.ws_row, size.ws_col))
}

/// Gives a terminal that we made to a user of the container (fchown(2)).
pub fn set_owner(terminal: BorrowedFd<'_>, uid: u32) -> Result<()> {
    nix::unistd::fchown(terminal, Some(nix::unistd::Uid::from_raw(uid)), None)
        .map_err(|e| SysError::nix("fchown", "console", e))
}

/// A terminal of the caller in raw mode; its settings come back when this is dropped.
#[derive(Debug)]
pub struct Raw {
    terminal: OwnedFd,
    before: termios::Termios,
}

impl Raw {
    /// Puts the terminal into raw mode (cfmakeraw(3)).
    pub fn enter(terminal: BorrowedFd<'_>) -> Result<Raw> {
        let copy = terminal.try_clone_to_owned().map_err(|e| SysError::io("dup", "terminal", &e))?;
        let before = termios::tcgetattr(terminal).map_err(|e| SysError::nix("tcgetattr", "terminal", e))?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(terminal, termios::SetArg::TCSANOW, &raw)
            .map_err(|e| SysError::nix("tcsetattr", "terminal", e))?;
        Ok(Raw { terminal: copy, before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = termios::tcsetattr(self.terminal.as_fd(), termios::SetArg::TCSANOW, &self.before);
    }
}

/// Whether it is a terminal.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    std::io::IsTerminal::is_terminal(&fd)
}
