//! Unix datagram sockets (unix(7)), as sd_notify(3) speaks through them: one to listen at, and somebody else's to send to.
//!
//! Used by `state` and `launch::notify`. Knows nothing of what is said.

use super::{Result, SysError};
use nix::sys::socket::{
    AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, bind, recv, sendmsg, setsockopt,
    socket, sockopt,
};
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A service manager that does not read must not stop us for ever.
const SEND_LIMIT_S: i64 = 1;

fn datagram_socket() -> Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|e| SysError::nix("socket", "AF_UNIX", e))
}

/// A socket that everybody who sees it may send to.
#[derive(Debug)]
pub struct Inbox(OwnedFd);

impl Inbox {
    /// Binds it as `name` in the folder `dir`, which is ours.
    pub fn bind_in(dir: BorrowedFd<'_>, name: &str) -> Result<Inbox> {
        use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
        let socket = datagram_socket()?;
        // By the folder's descriptor: its own path may be longer than the 108 bytes of an address.
        let path = format!("/proc/self/fd/{}/{name}", dir.as_raw_fd());
        let address = UnixAddr::new(path.as_str()).map_err(|e| SysError::nix("bind", name, e))?;
        bind(socket.as_raw_fd(), &address).map_err(|e| SysError::nix("bind", name, e))?;
        fchmodat(dir, name, Mode::from_bits_truncate(0o777), FchmodatFlags::FollowSymlink)
            .map_err(|e| SysError::nix("fchmodat", name, e))?;
        Ok(Inbox(socket))
    }

    /// The next datagram, if there is one: its length, which is more than `buffer` has if it did not fit. Descriptors
    /// that came with it are closed by the kernel, for no room is given for them.
    pub fn take(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        loop {
            match recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
                Ok(n) => return Ok(Some(n)),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::EAGAIN) => return Ok(None),
                Err(e) => return Err(SysError::nix("recv", "notify socket", e)),
            }
        }
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Somebody else's socket.
#[derive(Debug)]
pub struct Target {
    socket: OwnedFd,
    address: UnixAddr,
    name: String,
}

impl Target {
    /// By its path, or by its abstract name behind a `@`.
    pub fn of(address: &str) -> Result<Target> {
        let parsed = match address.strip_prefix('@') {
            Some(name) => UnixAddr::new_abstract(name.as_bytes()),
            None => UnixAddr::new(address),
        };
        let socket = datagram_socket()?;
        let limit = nix::sys::time::TimeVal::new(SEND_LIMIT_S, 0);
        setsockopt(&socket, sockopt::SendTimeout, &limit)
            .map_err(|e| SysError::nix("setsockopt", address, e))?;
        let parsed = parsed.map_err(|e| SysError::nix("connect", address, e))?;
        Ok(Target { socket, address: parsed, name: address.to_string() })
    }

    /// Sends one datagram, and a descriptor with it.
    pub fn send(&self, data: &[u8], descriptor: Option<BorrowedFd<'_>>) -> Result<()> {
        let fds: Vec<_> = descriptor.iter().map(AsRawFd::as_raw_fd).collect();
        let control = [ControlMessage::ScmRights(&fds)];
        let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &control };
        loop {
            let data = [IoSlice::new(data)];
            match sendmsg(
                self.socket.as_raw_fd(),
                &data,
                control,
                MsgFlags::MSG_NOSIGNAL,
                Some(&self.address),
            ) {
                Ok(_) => return Ok(()),
                Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(SysError::nix("sendmsg", self.name.as_str(), e)),
            }
        }
    }
}
