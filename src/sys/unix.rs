//! Asking a unix socket who is there (unix(7)): whether somebody listens, for `state`; which process, for `systemd`. The
//! sockets that are talked through are made in `socket`.

use super::{Result, SysError};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::sys::socket::{getsockopt, sockopt};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

/// The process at the other end of a connection, by its pid in our pid namespace; None: it is in none that we see.
pub fn peer(connection: BorrowedFd<'_>) -> Result<Option<i32>> {
    let credentials = getsockopt(&connection, sockopt::PeerCredentials)
        .map_err(|e| SysError::nix("getsockopt", "SO_PEERCRED", e))?;
    Ok(Some(credentials.pid()).filter(|pid| *pid > 0))
}

/// Whether a SOCK_SEQPACKET socket listens at `path`. It is asked by connecting, without waiting, and hanging up:
/// the listener sees a connection that ends at once. A full queue (`EAGAIN`) is a listener too.
pub fn is_listening(path: &Path) -> Result<bool> {
    let object = path.display().to_string();
    let address = UnixAddr::new(path).map_err(|e| SysError::nix("connect", &object, e))?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let end = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
        .map_err(|e| SysError::nix("socket", "AF_UNIX", e))?;
    match connect(end.as_raw_fd(), &address) {
        Ok(()) | Err(nix::errno::Errno::EAGAIN) => Ok(true),
        Err(nix::errno::Errno::ECONNREFUSED | nix::errno::Errno::ENOENT) => Ok(false),
        Err(e) => Err(SysError::nix("connect", object, e)),
    }
}
