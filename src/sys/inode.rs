//! One name in a directory that is held open: made, replaced, removed, never followed. And owner, permissions and
//! contents of what a descriptor refers to.
//!
//! Used by `path` and by `child` (device nodes, copies into a tmpfs).

use super::walk::Umask;
use super::{Result, SysError, statx};
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::UnlinkatFlags;
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// What mknod(2) makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device: major, minor.
    Char(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
    /// An empty regular file.
    File,
}

impl Node {
    /// Whether an inode is such a node.
    pub fn is(self, stat: &statx::Stat) -> bool {
        match self {
            Node::Char(major, minor) => stat.file_type() == statx::Type::Char && stat.rdev == (major, minor),
            Node::Block(major, minor) => {
                stat.file_type() == statx::Type::Block && stat.rdev == (major, minor)
            }
            Node::Fifo => stat.file_type() == statx::Type::Fifo,
            Node::File => stat.file_type() == statx::Type::Regular,
        }
    }
}

const OPEN_PATH: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// O_PATH descriptor of `name` in `dir`; a symlink is opened itself. None if there is no such name.
pub fn open(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<Option<OwnedFd>> {
    match nix::fcntl::openat(dir, name, OPEN_PATH, Mode::empty()) {
        Ok(fd) => Ok(Some(fd)),
        Err(nix::errno::Errno::ENOENT) => Ok(None),
        Err(errno) => Err(SysError::nix("openat", object, errno)),
    }
}

/// Opens a device that we have made in a directory that nobody else can reach, for reading and writing.
pub fn open_device(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    nix::fcntl::openat(dir, name, flags, Mode::empty()).map_err(|e| SysError::nix("openat", object, e))
}

/// mknodat(2) with exactly these permissions, whatever the umask; EEXIST if the name exists.
pub fn make(dir: BorrowedFd<'_>, name: &CStr, node: Node, mode: u32, object: &str) -> Result<()> {
    let (kind, device) = match node {
        Node::Char(major, minor) => (SFlag::S_IFCHR, libc::makedev(major, minor)),
        Node::Block(major, minor) => (SFlag::S_IFBLK, libc::makedev(major, minor)),
        Node::Fifo => (SFlag::S_IFIFO, 0),
        Node::File => (SFlag::S_IFREG, 0),
    };
    let _umask = Umask::clear();
    nix::sys::stat::mknodat(dir, name, kind, Mode::from_bits_truncate(mode), device)
        .map_err(|e| SysError::nix("mknod", object, e))
}

/// mkdirat(2) with exactly these permissions; EEXIST if the name exists.
pub fn make_dir(dir: BorrowedFd<'_>, name: &CStr, mode: u32, object: &str) -> Result<()> {
    let _umask = Umask::clear();
    nix::sys::stat::mkdirat(dir, name, Mode::from_bits_truncate(mode))
        .map_err(|e| SysError::nix("mkdir", object, e))
}

/// symlinkat(2); EEXIST if the name exists.
pub fn make_link(dir: BorrowedFd<'_>, name: &CStr, target: &CStr, object: &str) -> Result<()> {
    nix::unistd::symlinkat(target, dir, name).map_err(|e| SysError::nix("symlink", object, e))
}

/// The symlink `name` -> `target` in `dir`. One that says the same is kept, anything else but a directory replaced.
pub fn replace_by_link(dir: BorrowedFd<'_>, name: &CStr, target: &CStr, object: &str) -> Result<()> {
    for _ in 0..2 {
        match make_link(dir, name, target, object) {
            Err(error) if error.is(libc::EEXIST) => {}
            other => return other,
        }
        let same = read_link(dir, name, object).is_ok_and(|text| text.as_bytes() == target.to_bytes());
        if same {
            return Ok(());
        }
        remove(dir, name, object)?;
    }
    Err(SysError::new("symlink", object, libc::EEXIST))
}

/// readlinkat(2).
pub fn read_link(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<OsString> {
    nix::fcntl::readlinkat(dir, name).map_err(|e| SysError::nix("readlink", object, e))
}

/// The text of the symlink that an O_PATH descriptor refers to.
pub fn read_link_fd(link: BorrowedFd<'_>, object: &str) -> Result<CString> {
    let text = read_link(link, c"", object)?;
    CString::new(text.as_bytes()).map_err(|_| SysError::new("readlink", object, libc::EINVAL))
}

/// Removes a name that is not a directory; no error if there is none.
pub fn remove(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<()> {
    match nix::unistd::unlinkat(dir, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(nix::errno::Errno::ENOENT) => Ok(()),
        Err(errno) => Err(SysError::nix("unlink", object, errno)),
    }
}

/// Changes the owner of what a descriptor refers to, O_PATH or not (fchownat(2), AT_EMPTY_PATH).
pub fn set_owner(fd: BorrowedFd<'_>, uid: u32, gid: u32, object: &str) -> Result<()> {
    let (uid, gid) = (nix::unistd::Uid::from_raw(uid), nix::unistd::Gid::from_raw(gid));
    nix::unistd::fchownat(fd, c"", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)
        .map_err(|e| SysError::nix("chown", object, e))
}

/// Changes the permissions of what an O_PATH descriptor refers to (fchmodat2(2), Linux 6.6; before that chmod(2)
/// through the descriptor's link in /proc, which must be the host's own). Not for symlinks: EOPNOTSUPP.
pub fn set_permissions(fd: BorrowedFd<'_>, mode: u32, object: &str) -> Result<()> {
    let number = fd.as_raw_fd();
    // SAFETY: the empty string is NUL-terminated; nothing else is passed but integers.
    let done = unsafe {
        libc::syscall(libc::SYS_fchmodat2, number, c"".as_ptr(), mode as libc::c_uint, libc::AT_EMPTY_PATH)
    };
    if done == 0 {
        return Ok(());
    }
    let error = SysError::last("chmod", object);
    if !error.is(libc::ENOSYS) {
        return Err(error);
    }
    let link = CString::new(format!("/proc/self/fd/{number}")).unwrap_or_default();
    // SAFETY: `link` is NUL-terminated; the kernel keeps nothing.
    match unsafe { libc::chmod(link.as_ptr(), mode as libc::mode_t) } {
        0 => Ok(()),
        _ => Err(SysError::last("chmod", object)),
    }
}

/// Copies the times of last access and modification onto `name` in `dir`, a symlink itself included.
pub fn set_times(dir: BorrowedFd<'_>, name: &CStr, stat: &statx::Stat, object: &str) -> Result<()> {
    let time = |(secs, nanosecs): (i64, u32)| nix::sys::time::TimeSpec::new(secs, i64::from(nanosecs));
    let follow = nix::sys::stat::UtimensatFlags::NoFollowSymlink;
    nix::sys::stat::utimensat(dir, name, &time(stat.accessed), &time(stat.modified), follow)
        .map_err(|e| SysError::nix("utimensat", object, e))
}

/// A descriptor for reading a directory's entries, from an O_PATH one.
pub fn read_dir_fd(dir: BorrowedFd<'_>, object: &str) -> Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    nix::fcntl::openat(dir, ".", flags, Mode::empty()).map_err(|e| SysError::nix("openat", object, e))
}

/// The names in a directory, without `.` and `..`.
pub fn names(dir: BorrowedFd<'_>, object: &str) -> Result<Vec<CString>> {
    let fd = read_dir_fd(dir, object)?;
    let mut listing = nix::dir::Dir::from_fd(fd).map_err(|e| SysError::nix("opendir", object, e))?;
    let mut names = Vec::new();
    for entry in listing.iter() {
        let entry = entry.map_err(|e| SysError::nix("readdir", object, e))?;
        if entry.file_name() != c"." && entry.file_name() != c".." {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Copies the regular file `name` of `from` into `to`, where it must not exist yet, with these permissions.
/// EINVAL if it is no longer a regular file.
pub fn copy_file(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &CStr,
    mode: u32,
    object: &str,
) -> Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let source = nix::fcntl::openat(from, name, flags, Mode::empty())
        .map_err(|e| SysError::nix("openat", object, e))?;
    if statx::of(source.as_fd(), object)?.file_type() != statx::Type::Regular {
        return Err(SysError::new("openat", object, libc::EINVAL));
    }
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let umask = Umask::clear();
    let copy = nix::fcntl::openat(to, name, flags, Mode::from_bits_truncate(mode))
        .map_err(|e| SysError::nix("openat", object, e))?;
    drop(umask);
    let mut chunk = vec![0u8; 64 * 1024];
    loop {
        match nix::unistd::read(&source, &mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => super::fd::write_all(copy.as_fd(), object, chunk.get(..n).unwrap_or_default())?,
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(SysError::nix("read", object, errno)),
        }
    }
}
