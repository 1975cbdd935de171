//! Namespaces: joining (setns(2)), leaving (unshare(2)), and having children born into others than our own.
//!
//! Used by `launch::spawn` and `child`. Knows flags and descriptors, not what a container wants.

use super::process::flag;
use super::{Result, SysError, dir};
use nix::fcntl::OFlag;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::OnceLock;

/// A kind of namespace: its CLONE_NEW* flag and its name below /proc/PID/ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    User,
    Mount,
    Pid,
    Network,
    Ipc,
    Uts,
    Cgroup,
    Time,
}

impl Kind {
    /// CLONE_NEW*.
    pub fn flag(self) -> u64 {
        match self {
            Kind::User => flag::NEWUSER,
            Kind::Mount => flag::NEWNS,
            Kind::Pid => flag::NEWPID,
            Kind::Network => flag::NEWNET,
            Kind::Ipc => flag::NEWIPC,
            Kind::Uts => flag::NEWUTS,
            Kind::Cgroup => flag::NEWCGROUP,
            Kind::Time => flag::NEWTIME,
        }
    }

    /// The name that config.json uses.
    pub fn name(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Mount => "mount",
            Kind::Pid => "pid",
            Kind::Network => "network",
            Kind::Ipc => "ipc",
            Kind::Uts => "uts",
            Kind::Cgroup => "cgroup",
            Kind::Time => "time",
        }
    }
}

impl Kind {
    /// Its name below /proc/PID/ns.
    pub fn file(self) -> &'static str {
        match self {
            Kind::Mount => "mnt",
            Kind::Network => "net",
            other => other.name(),
        }
    }
}

/// The inode of a process's namespace, which is its identity.
pub fn inode_of(pid: i32, kind: Kind) -> Result<u64> {
    Ok(identity_of(pid, kind)?.1)
}

/// The identity of a process's namespace.
pub fn identity_of(pid: i32, kind: Kind) -> Result<Identity> {
    dir::identity(Path::new(&format!("/proc/{pid}/ns/{}", kind.file())))
}

/// Opens a namespace by path and checks that it is one of the wanted kind (ioctl_ns(2), NS_GET_NSTYPE).
/// EINVAL: it is a namespace of another kind, or none at all.
pub fn open(path: &CStr, kind: Kind) -> Result<OwnedFd> {
    const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
    let object = path.to_string_lossy().into_owned();
    // O_NONBLOCK: the path may be a FIFO or a device by mistake.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let fd = super::fd::open_path(path, flags).map_err(|e| SysError::nix("open", &object, e))?;
    // SAFETY: NS_GET_NSTYPE takes no argument and fails with ENOTTY on anything but a namespace.
    let found = unsafe { libc::ioctl(fd.as_raw_fd(), NS_GET_NSTYPE as _) };
    if found < 0 || found as u64 != kind.flag() {
        return Err(SysError::new("setns", object, libc::EINVAL));
    }
    Ok(fd)
}

/// Joins a namespace (setns(2)). For a pid namespace only the children do.
pub fn join(fd: BorrowedFd<'_>, kind: Kind) -> Result<()> {
    // SAFETY: changes a namespace of this single-threaded process; no memory is involved.
    match unsafe { libc::setns(fd.as_raw_fd(), kind.flag() as i32) } {
        -1 => Err(SysError::last("setns", format!("{} namespace", kind.name()))),
        _ => Ok(()),
    }
}

/// Leaves namespaces for new ones (unshare(2)). For a time namespace only children, and our next execve, do.
pub fn leave(kind: Kind) -> Result<()> {
    // SAFETY: changes a namespace of this single-threaded process; no memory is involved.
    match unsafe { libc::unshare(kind.flag() as i32) } {
        -1 => Err(SysError::last("unshare", format!("{} namespace", kind.name()))),
        _ => Ok(()),
    }
}

/// Our own namespace of a kind, to come back to.
pub fn own(kind: Kind) -> Result<OwnedFd> {
    let path: &CStr = match kind {
        Kind::User => c"/proc/self/ns/user",
        Kind::Mount => c"/proc/self/ns/mnt",
        Kind::Pid => c"/proc/self/ns/pid_for_children",
        Kind::Network => c"/proc/self/ns/net",
        Kind::Ipc => c"/proc/self/ns/ipc",
        Kind::Uts => c"/proc/self/ns/uts",
        Kind::Cgroup => c"/proc/self/ns/cgroup",
        Kind::Time => c"/proc/self/ns/time_for_children",
    };
    open(path, kind)
}

/// Namespaces that our next child will be born into. The caller's own come back when this is dropped; until then hooks
/// and everything else would be born there, too, so it lives for one clone only.
#[derive(Debug, Default)]
pub struct ForChild {
    own: Vec<(OwnedFd, Kind)>,
}

impl ForChild {
    /// Joins an existing namespace for the child's sake.
    ///
    /// # Errors
    /// Also `EPERM` of our own namespace: who has no right to come back to it (setns(2): CAP_SYS_ADMIN in its owner) does not
    /// leave it.
    pub fn join(&mut self, fd: BorrowedFd<'_>, kind: Kind) -> Result<()> {
        let own = own(kind)?;
        join(own.as_fd(), kind)?;
        join(fd, kind)?;
        self.own.push((own, kind));
        Ok(())
    }

    /// Makes a new time namespace for the child, and sets its offsets: `monotonic 5 0` lines
    /// (/proc/PID/timens_offsets, Linux 5.6).
    pub fn new_time(&mut self, offsets: &str) -> Result<()> {
        let own = own(Kind::Time)?;
        leave(Kind::Time)?;
        self.own.push((own, Kind::Time));
        match offsets {
            "" => Ok(()),
            offsets => TimeOffsets::open()?.write(offsets),
        }
    }
}

impl Drop for ForChild {
    fn drop(&mut self) {
        for (own, kind) in self.own.drain(..).rev() {
            // It is our own namespace, which we have just left: the kernel has no reason to refuse it. If it does,
            // nothing more may be born from this process.
            if let Err(error) = join(own.as_fd(), kind) {
                let _ =
                    writeln!(std::io::stderr(), "tare: coming back from the container's namespace: {error}");
                std::process::abort();
            }
        }
    }
}

/// The clock offsets of the time namespace that our children (or our next execve) will be in, open for writing. With
/// the rights of who has opened them: CAP_SYS_TIME in the namespace's owner (time_namespaces(7)).
#[derive(Debug)]
pub struct TimeOffsets(OwnedFd);

const TIME_OFFSETS: &str = "/proc/self/timens_offsets";

impl TimeOffsets {
    /// Opens the file. `EACCES`: we are undumpable, and not root (proc(5), "/proc/PID").
    pub fn open() -> Result<TimeOffsets> {
        let opened = super::fd::open_path(TIME_OFFSETS, OFlag::O_WRONLY);
        Ok(TimeOffsets(opened.map_err(|e| SysError::nix("open", TIME_OFFSETS, e))?))
    }

    /// Sets them, by lines such as `monotonic 5 0`.
    pub fn write(&self, offsets: &str) -> Result<()> {
        super::fd::write_once(self.0.as_fd(), TIME_OFFSETS, offsets.as_bytes())
    }
}

/// sethostname(2).
pub fn set_hostname(name: &CStr) -> Result<()> {
    // SAFETY: pointer and length describe a live string.
    match unsafe { libc::sethostname(name.as_ptr(), name.to_bytes().len()) } {
        -1 => Err(SysError::last("sethostname", name.to_string_lossy())),
        _ => Ok(()),
    }
}

/// setdomainname(2).
pub fn set_domainname(name: &CStr) -> Result<()> {
    // SAFETY: pointer and length describe a live string.
    match unsafe { libc::setdomainname(name.as_ptr(), name.to_bytes().len()) } {
        -1 => Err(SysError::last("setdomainname", name.to_string_lossy())),
        _ => Ok(()),
    }
}

/// Whether a process is in the same namespace as we are. A kernel without this kind has one for all.
pub fn is_shared_with(pid: i32, kind: Kind) -> Result<bool> {
    let ours = match kind {
        Kind::User => own_user(),
        _ => dir::identity(Path::new(&format!("/proc/self/ns/{}", kind.file()))),
    };
    match ours {
        Err(error) if error.is(libc::ENOENT) => Ok(true),
        // The namespace of the process itself: its children may be born into another.
        ours => Ok(ours? == identity_of(pid, kind)?),
    }
}

/// The identity of our own user namespace. It is asked more than once, and the process that asks stays where it is: this is not for
/// a child that has joined another.
pub(super) fn own_user() -> Result<Identity> {
    static ANSWER: OnceLock<Identity> = OnceLock::new();
    match ANSWER.get() {
        Some(answer) => Ok(*answer),
        None => {
            let answer = dir::identity(Path::new("/proc/self/ns/user"))?;
            Ok(*ANSWER.get_or_init(|| answer))
        }
    }
}

/// What tells a namespace from all others that exist: st_dev and st_ino of its file (ioctl_ns(2)). The number is free
/// again when the namespace ends.
pub type Identity = (u64, u64);

/// The identity of an open namespace.
pub fn identity(fd: BorrowedFd<'_>) -> Result<Identity> {
    let stat = nix::sys::stat::fstat(fd).map_err(|e| SysError::nix("fstat", "namespace", e))?;
    Ok((stat.st_dev, stat.st_ino))
}

/// A process's namespace, held open.
pub fn of_process(pid: i32, kind: Kind) -> Result<OwnedFd> {
    open(&super::mount::c_string(&format!("/proc/{pid}/ns/{}", kind.file())), kind)
}

/// Whether a namespace is the one that we are in.
pub fn is_own(fd: BorrowedFd<'_>, kind: Kind) -> Result<bool> {
    Ok(identity(fd)? == identity(own(kind)?.as_fd())?)
}
