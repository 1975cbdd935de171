//! A stream of the caller that is written to without ever waiting inside of write(2), whatever it is.
//!
//! Used by `launch::console` for standard output. O_NONBLOCK is no property of a descriptor but of what is open behind
//! it, which the caller's shell and others share: setting it there would break them. So a pipe or a terminal is opened
//! once more (/proc/self/fd), and a socket is asked with each message.

use super::{Result, SysError, fd, pty};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How much poll(2) promises room for in a pipe that it calls writable (pipe(7), PIPE_BUF).
const PROMISED_BYTES: usize = 4096;

/// The stream.
#[derive(Debug)]
pub struct Outlet {
    fd: OwnedFd,
    way: Way,
}

/// How to write without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is open for us alone, with O_NONBLOCK; or a file, which never waits for a reader.
    Write,
    /// A socket: send(2) with MSG_DONTWAIT.
    Send,
    /// It could not be opened again: no more at once than poll(2) has promised room for.
    Promised,
}

impl Outlet {
    /// Takes a stream.
    pub fn of(stream: BorrowedFd<'_>) -> Result<Outlet> {
        let kind = nix::sys::stat::fstat(stream).map_err(|e| SysError::nix("fstat", "stdout", e))?.st_mode;
        let copy = || fd::duplicate(stream, 3);
        Ok(match kind & libc::S_IFMT {
            libc::S_IFSOCK => Outlet { fd: copy()?, way: Way::Send },
            libc::S_IFCHR if !is_same_again(stream) => Outlet { fd: copy()?, way: Way::Promised },
            libc::S_IFIFO | libc::S_IFCHR => match open_again(stream) {
                Some(fd) => Outlet { fd, way: Way::Write },
                None => Outlet { fd: copy()?, way: Way::Promised },
            },
            _ => Outlet { fd: copy()?, way: Way::Write },
        })
    }

    /// Writes what is taken at once; EAGAIN: nothing.
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        use nix::sys::socket::{MsgFlags, send};
        let promised = data.get(..PROMISED_BYTES).unwrap_or(data);
        loop {
            let written = match self.way {
                Way::Write => nix::unistd::write(&self.fd, data),
                Way::Promised => nix::unistd::write(&self.fd, promised),
                Way::Send => send(self.fd.as_raw_fd(), data, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL),
            };
            match written {
                Err(nix::errno::Errno::EINTR) => {}
                other => return other.map_err(|e| SysError::nix("write", "stdout", e)),
            }
        }
    }
}

impl AsFd for Outlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether opening it once more gives what is open there. Of a device that makes something new each time, it does not:
/// the master of a terminal is such a one (pts(4)), so of the devices only terminals are taken, and no masters.
fn is_same_again(device: BorrowedFd<'_>) -> bool {
    pty::is_terminal(device) && !pty::is_master(device)
}

/// The same file with flags of its own; None: not for us (another user's terminal, a pipe without a reader).
fn open_again(stream: BorrowedFd<'_>) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", stream.as_raw_fd());
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    nix::fcntl::open(path.as_str(), flags, Mode::empty()).ok()
}
