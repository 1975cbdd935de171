//! procfs by descriptor: one of our own that nobody can mount over, and what is opened in it.
//!
//! Used by `child` for kernel parameters, security labels and the reopening of descriptors. The container's /proc
//! is never used for these: it is what an attacker prepares (CVE-2019-16884, CVE-2025-52881).

use super::dir::PROC_SUPER_MAGIC;
use super::mount::{self, Context, Depth, LastLink, attr};
use super::openat2::{self, Resolver, resolver};
use super::{Result, SysError, statx};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Which part of procfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subset {
    /// Processes only: no /proc/sys (`subset=pid`, Linux 5.8).
    Pid,
    /// All of it.
    Whole,
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

/// Inode of the root of any procfs (fs/proc/root.c, PROC_ROOT_INO).
const PROC_ROOT_INODE: u64 = 1;

/// A procfs of our own: close-on-exec O_PATH descriptor of its root. A new superblock if the kernel lets us have one;
/// else (a user namespace that does not own the PID namespace, or sees a /proc with parts hidden) a detached
/// clone of the /proc of this mount namespace, and if that holds locked mounts, /proc itself. The latter two are
/// proven to be a procfs, so call it while /proc is still the host's: before the switch of roots.
pub fn private_procfs(subset: Subset) -> Result<OwnedFd> {
    match new_procfs(subset) {
        Ok(fd) => Ok(fd),
        Err(_) => match mount::clone_tree(c"/proc", Depth::Mount, LastLink::Keep) {
            Ok(fd) => prove_root(fd, "/proc"),
            Err(_) => host_procfs(),
        },
    }
}

/// The /proc of this mount namespace, proven to be the root of a procfs. Files in it are at paths that AppArmor can
/// name, which those of a detached mount are not (runc issue 4968).
pub fn host_procfs() -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd =
        nix::fcntl::open(c"/proc", flags, Mode::empty()).map_err(|e| SysError::nix("open", "/proc", e))?;
    prove_root(fd, "/proc")
}

fn new_procfs(subset: Subset) -> Result<OwnedFd> {
    let context = Context::open(c"proc")?;
    context.set(c"hidepid", Some(c"ptraceable"))?;
    if subset == Subset::Pid {
        context.set(c"subset", Some(c"pid"))?;
    }
    context.create()?;
    context.mount(attr::NOSUID | attr::NODEV | attr::NOEXEC)
}

fn prove_root(fd: OwnedFd, object: &str) -> Result<OwnedFd> {
    let is_proc = mount::magic(fd.as_fd(), object)? == PROC_SUPER_MAGIC;
    if is_proc && statx::of(fd.as_fd(), object)?.inode == PROC_ROOT_INODE {
        return Ok(fd);
    }
    Err(SysError::new("statfs", format!("{object} (not the root of a procfs)"), libc::EXDEV))
}

/// Opens `path` below the root of a procfs, for example `sys/net/ipv4/ip_forward`, proven to lie on that very mount.
pub fn open_in(proc: BorrowedFd<'_>, path: &CStr, access: Access) -> Result<OwnedFd> {
    let object = format!("/proc/{}", path.to_string_lossy());
    let mode = match access {
        Access::Read => OFlag::O_RDONLY,
        Access::Write => OFlag::O_WRONLY,
        Access::ReadWrite => OFlag::O_RDWR,
    };
    // Nonblocking, no terminal: harmless should it be something else, until the proof below.
    let flags = mode | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_MAGICLINKS | libc::RESOLVE_NO_XDEV;
    if resolver() == Resolver::Kernel {
        match openat2::open(proc, path, flags.bits(), resolve) {
            Err(libc::ENOSYS) => {}
            opened => return opened.map_err(|errno| SysError::new("openat2", object, errno)),
        }
    }
    let fd = nix::fcntl::openat(proc, path, flags, Mode::empty())
        .map_err(|e| SysError::nix("openat", &*object, e))?;
    let (root, found) = (statx::of(proc, &object)?, statx::of(fd.as_fd(), &object)?);
    if mount::magic(fd.as_fd(), &object)? == PROC_SUPER_MAGIC && root.mount_id == found.mount_id {
        return Ok(fd);
    }
    Err(SysError::new("openat", object, libc::EXDEV))
}

/// Opens what an O_PATH descriptor refers to, through its link in a procfs.
/// Only for inodes whose type is known: an unknown one could block or act.
pub fn reopen(proc: BorrowedFd<'_>, fd: BorrowedFd<'_>, access: Access, object: &str) -> Result<OwnedFd> {
    let fds = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let dir = nix::fcntl::openat(proc, c"self/fd", fds, Mode::empty())
        .map_err(|e| SysError::nix("openat", object, e))?;
    if statx::of(dir.as_fd(), object)?.mount_id != statx::of(proc, object)?.mount_id {
        return Err(SysError::new("openat", object, libc::EXDEV));
    }
    let mode = match access {
        Access::Read => OFlag::O_RDONLY,
        Access::Write => OFlag::O_WRONLY,
        Access::ReadWrite => OFlag::O_RDWR,
    };
    let name = mount::c_string(&fd.as_raw_fd().to_string());
    nix::fcntl::openat(dir, &*name, mode | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|e| SysError::nix("openat", object, e))
}

/// The path of what a descriptor refers to, without a symlink in it, from the root of its mount namespace if our own root
/// does not lead there.
pub fn path_of(proc: BorrowedFd<'_>, fd: BorrowedFd<'_>, object: &str) -> Result<std::path::PathBuf> {
    let link = format!("self/fd/{}", fd.as_raw_fd());
    let text =
        nix::fcntl::readlinkat(proc, link.as_str()).map_err(|e| SysError::nix("readlinkat", object, e))?;
    Ok(text.into())
}

/// Sets the SELinux label of keys that this process makes from now on; a newline: the usual one again.
pub fn label_new_keys(label: &[u8]) -> Result<()> {
    let proc = host_procfs()?;
    let file = open_in(proc.as_fd(), c"thread-self/attr/keycreate", Access::Write)?;
    super::fd::write_once(file.as_fd(), "/proc/thread-self/attr/keycreate", label)
}

fn open_of_process(pid: i32, file: &str, flags: OFlag) -> Result<(OwnedFd, String)> {
    let path = format!("/proc/{pid}/{file}");
    let fd = nix::fcntl::open(path.as_str(), flags | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|e| SysError::nix("open", &path, e))?;
    Ok((fd, path))
}

/// O_PATH descriptor of the root directory of a process, in its mount namespace.
pub fn root_of_process(pid: i32) -> Result<OwnedFd> {
    Ok(open_of_process(pid, "root", OFlag::O_PATH | OFlag::O_DIRECTORY)?.0)
}

/// Writes a file of a process of ours that waits (uid_map, oom_score_adj), in one write(2).
pub fn write_of_process(pid: i32, file: &str, text: &str) -> Result<()> {
    let (fd, path) = open_of_process(pid, file, OFlag::O_WRONLY)?;
    super::fd::write_once(fd.as_fd(), &path, text.as_bytes())
}

/// Reads a file of a process of ours that waits, at most 64 KiB.
pub fn read_of_process(pid: i32, file: &str) -> Result<String> {
    read_of_process_up_to(pid, file, 64 << 10)
}

/// Reads a file of a process, at most so many bytes.
pub fn read_of_process_up_to(pid: i32, file: &str, limit_bytes: usize) -> Result<String> {
    let (fd, path) = open_of_process(pid, file, OFlag::O_RDONLY)?;
    let data = super::fd::read_to_end(fd.as_fd(), &path, limit_bytes)?;
    Ok(String::from_utf8_lossy(&data).into_owned())
}

/// An open file of another process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    /// The text of its link.
    pub link: String,
    /// The mount that it was opened through (proc_pid_fdinfo(5)).
    pub mount_id: u64,
    /// Its inode.
    pub inode: u64,
}

/// What a process has open as descriptor `number`; None if that cannot be told.
pub fn file_of_process(pid: i32, number: usize) -> Result<Option<OpenFile>> {
    let path = format!("/proc/{pid}/fd/{number}");
    let link = nix::fcntl::readlink(path.as_str()).map_err(|e| SysError::nix("readlink", &path, e))?;
    let stat = nix::sys::stat::stat(path.as_str()).map_err(|e| SysError::nix("stat", &path, e))?;
    let info = read_of_process(pid, &format!("fdinfo/{number}"))?;
    let mount_id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    let link = link.to_string_lossy().into_owned();
    Ok(mount_id.map(|mount_id| OpenFile { link, mount_id, inode: stat.st_ino }))
}
