//! Unix sockets: the wire of a birth, the gate, and passing a descriptor to somebody who listens.
//!
//! Used by `wire`, `launch`, `child` and `cmd::start`. Knows nothing of what is said.

use super::{Result, SysError};
use nix::sys::time::TimeValLike;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// One end of a SOCK_SEQPACKET connection that carries datagrams of one size.
#[derive(Debug)]
pub struct Seqpacket(OwnedFd);

impl AsFd for Seqpacket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Seqpacket {
    /// A connected pair (socketpair(2)).
    pub fn pair() -> Result<(Seqpacket, Seqpacket)> {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
        let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
            .map_err(|e| SysError::nix("socketpair", "wire", e))?;
        Ok((Seqpacket(a), Seqpacket(b)))
    }

    /// Sends one datagram; the other side's death is EPIPE, never a signal.
    pub fn send(&self, datagram: &[u8]) -> Result<()> {
        use nix::sys::socket::{MsgFlags, send};
        loop {
            match send(self.0.as_raw_fd(), datagram, MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(SysError::nix("send", "wire", e)),
            }
        }
    }

    /// Waits for one datagram that fills `datagram`; `false` at end of file (a reset connection counts as one, and
    /// so does a datagram of another size).
    pub fn receive(&self, datagram: &mut [u8]) -> Result<bool> {
        use nix::sys::socket::{MsgFlags, recv};
        loop {
            match recv(self.0.as_raw_fd(), datagram, MsgFlags::MSG_TRUNC) {
                Ok(n) => return Ok(n == datagram.len()),
                Err(nix::errno::Errno::EINTR) => {}
                Err(nix::errno::Errno::ECONNRESET) => return Ok(false),
                Err(e) => return Err(SysError::nix("recv", "wire", e)),
            }
        }
    }

    /// Waits for one datagram of at most `limit_bytes`, and the descriptor that may come with it; None at end of file.
    pub fn receive_message(&self, limit_bytes: usize) -> Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
        let mut data = vec![0u8; limit_bytes];
        let all = nix::sys::socket::MsgFlags::MSG_TRUNC;
        let (length, descriptor) = match receive(self.0.as_fd(), &mut data, all, "message") {
            Err(e) if e.is(libc::ECONNRESET) => return Ok(None),
            other => other?,
        };
        if length > limit_bytes {
            return Err(SysError::new("recvmsg", "message", libc::EMSGSIZE));
        }
        data.truncate(length);
        Ok(Some((data, descriptor)).filter(|_| length > 0))
    }

    /// Gives the descriptor away.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Connects to the socket `name` in the folder `dir`. ECONNREFUSED: nobody listens any more.
    pub fn connect_in(dir: BorrowedFd<'_>, name: &str) -> Result<Seqpacket> {
        let socket = unix_socket(libc::SOCK_SEQPACKET)?;
        let address = Address::in_folder(dir, name)?;
        address.connect(&socket, name)?;
        Ok(Seqpacket(socket))
    }
}

/// Binds a listening SOCK_SEQPACKET socket as `name` in the folder `dir`.
pub fn listen_in(dir: BorrowedFd<'_>, name: &str) -> Result<OwnedFd> {
    let socket = unix_socket(libc::SOCK_SEQPACKET)?;
    let address = Address::in_folder(dir, name)?;
    // SAFETY: the address is a live sockaddr_un of the given length; the kernel only reads it.
    if unsafe { libc::bind(socket.as_raw_fd(), address.as_ptr(), address.len) } != 0 {
        return Err(SysError::last("bind", name));
    }
    // SAFETY: listen on a socket that we own; no memory is involved.
    if unsafe { libc::listen(socket.as_raw_fd(), 4) } != 0 {
        return Err(SysError::last("listen", name));
    }
    Ok(socket)
}

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Connects to a SOCK_STREAM socket by path, of any length (console, pidfd and seccomp sockets of the engines).
pub fn connect_stream(path: &std::path::Path) -> Result<OwnedFd> {
    connect_stream_within(path, CONNECT_LIMIT)
}

/// The same with a limit for the connection, and for each write through it. `EAGAIN`: the listener's queue is full.
pub fn connect_stream_within(path: &std::path::Path, limit: Duration) -> Result<OwnedFd> {
    let object = path.display().to_string();
    let socket = unix_socket(libc::SOCK_STREAM)?;
    // A listener that does not accept must not stop us for ever (unix(7): connect waits for room in its queue).
    let micros = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
    let limit = nix::sys::time::TimeVal::microseconds(micros);
    nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::SendTimeout, &limit)
        .map_err(|e| SysError::nix("setsockopt", object.as_str(), e))?;
    let handle = super::fd::open_path(path, nix::fcntl::OFlag::O_PATH)
        .map_err(|e| SysError::nix("connect", object.as_str(), e))?;
    let kind =
        nix::sys::stat::fstat(&handle).map_err(|e| SysError::nix("fstat", object.as_str(), e))?.st_mode;
    if kind & libc::S_IFMT != libc::S_IFSOCK {
        // connect(2) would say that nobody listens.
        return Err(SysError::new("connect", object, libc::ENOTSOCK));
    }
    // A socket's own path may be longer than the 108 bytes of an address; its descriptor's is not.
    let address = Address::of_path(&format!("/proc/self/fd/{}", handle.as_raw_fd()))?;
    address.connect(&socket, &object)?;
    Ok(socket)
}

/// A connected pair of stream sockets: what stands in for a console socket when we are its reader.
pub fn stream_pair() -> Result<(OwnedFd, OwnedFd)> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
    socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|e| SysError::nix("socketpair", "console", e))
}

/// Sends one descriptor with `payload` (not empty) in one message, as runc does for consoles and pidfds.
pub fn send_descriptor(socket: BorrowedFd<'_>, payload: &[u8], descriptor: BorrowedFd<'_>) -> Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let fds: [RawFd; 1] = [descriptor.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&fds)];
    let data = [std::io::IoSlice::new(payload)];
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &data, &control, MsgFlags::MSG_NOSIGNAL, None) {
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("sendmsg", "descriptor", e)),
        }
    }
}

/// Receives one descriptor; `None` at end of file or if the message held none.
pub fn receive_descriptor(socket: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    Ok(receive(socket, &mut [0u8; 4096], nix::sys::socket::MsgFlags::empty(), "descriptor")?.1)
}

/// Receives one message: its length (with MSG_TRUNC that may be more than the buffer holds), and the last descriptor
/// in it.
fn receive(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: nix::sys::socket::MsgFlags,
    object: &str,
) -> Result<(usize, Option<OwnedFd>)> {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
    let mut data = [std::io::IoSliceMut::new(buffer)];
    let mut space = nix::cmsg_space!([RawFd; 1]);
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message = loop {
        match recvmsg::<()>(socket.as_raw_fd(), &mut data, Some(&mut space), flags) {
            Ok(message) => break message,
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("recvmsg", object, e)),
        }
    };
    let mut found = None;
    for control in message.cmsgs().map_err(|e| SysError::nix("recvmsg", object, e))? {
        if let ControlMessageOwned::ScmRights(fds) = control {
            for fd in fds {
                // SAFETY: the kernel has just installed this descriptor for us; nobody else owns it.
                found = Some(unsafe { OwnedFd::from_raw_fd(fd) });
            }
        }
    }
    Ok((message.bytes, found))
}

fn unix_socket(kind: i32) -> Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let fd = unsafe { libc::socket(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(SysError::last("socket", "AF_UNIX"));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

struct Address {
    address: libc::sockaddr_un,
    len: libc::socklen_t,
}

/// A path to a socket in an open folder, short enough for the 108 bytes of sun_path (unix(7)) whatever the folder's own is.
pub fn path_in_folder(dir: BorrowedFd<'_>, name: &str) -> String {
    format!("/proc/self/fd/{}/{name}", dir.as_raw_fd())
}

impl Address {
    fn in_folder(dir: BorrowedFd<'_>, name: &str) -> Result<Address> {
        Address::of_path(&path_in_folder(dir, name))
    }

    fn of_path(path: &str) -> Result<Address> {
        // SAFETY: sockaddr_un is plain numbers; all zeroes is a valid value.
        let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        if path.len() >= address.sun_path.len() {
            return Err(SysError::new("connect", path, libc::ENAMETOOLONG));
        }
        for (slot, byte) in address.sun_path.iter_mut().zip(path.bytes()) {
            *slot = byte as libc::c_char;
        }
        let len = std::mem::offset_of!(libc::sockaddr_un, sun_path) + path.len() + 1;
        Ok(Address { address, len: len as libc::socklen_t })
    }

    fn as_ptr(&self) -> *const libc::sockaddr {
        std::ptr::from_ref(&self.address).cast()
    }

    fn connect(&self, socket: &OwnedFd, object: &str) -> Result<()> {
        loop {
            // SAFETY: the address is a live sockaddr_un of the given length; the kernel only reads it.
            if unsafe { libc::connect(socket.as_raw_fd(), self.as_ptr(), self.len) } == 0 {
                return Ok(());
            }
            let error = SysError::last("connect", object);
            if !error.is(libc::EINTR) {
                return Err(error);
            }
        }
    }
}
