//! A directory held by descriptor, and what may be done to the names in it, without following symlinks.
//!
//! Used by `state` (the folder of a container), `cgroup` (a control group) and `hook` (its log): trusted trees of the host.
//! A container's root filesystem is not one: for that there is `path`, which resolves inside a root.

use super::{Result, SysError, fd};
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// An open directory and the path it was opened by (for messages only; never resolved again).
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const OPEN_DIR: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_CLOEXEC).union(OFlag::O_RDONLY);

impl Dir {
    /// Opens a directory by path; symlinks on the way are followed, the path being trusted.
    pub fn open(path: &Path) -> Result<Dir> {
        let fd = fd::open_path(path, OPEN_DIR)
            .map_err(|e| SysError::nix("open", path.display().to_string(), e))?;
        Ok(Dir { fd, path: path.to_path_buf() })
    }

    /// Opens a directory by path; what the last component is must not be a symlink (`ELOOP` or `ENOTDIR`).
    pub fn open_no_follow(path: &Path) -> Result<Dir> {
        let fd = fd::open_path(path, OPEN_DIR | OFlag::O_NOFOLLOW)
            .map_err(|e| SysError::nix("open", path.display().to_string(), e))?;
        Ok(Dir { fd, path: path.to_path_buf() })
    }

    /// Makes a directory by path, the path being trusted; `EEXIST` if there is one.
    pub fn make(path: &Path, mode: u32) -> Result<()> {
        nix::unistd::mkdir(path, Mode::from_bits_truncate(mode))
            .map_err(|e| SysError::nix("mkdir", path.display().to_string(), e))
    }

    /// Makes a directory and its parents, all with `mode`; there already is fine. The path must be trusted.
    pub fn make_all(path: &Path, mode: u32) -> Result<()> {
        match nix::unistd::mkdir(path, Mode::from_bits_truncate(mode)) {
            Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
            Err(nix::errno::Errno::ENOENT) if path.parent().is_some_and(|p| !p.as_os_str().is_empty()) => {
                if let Some(parent) = path.parent() {
                    Dir::make_all(parent, mode)?;
                }
                match nix::unistd::mkdir(path, Mode::from_bits_truncate(mode)) {
                    Ok(()) | Err(nix::errno::Errno::EEXIST) => Ok(()),
                    Err(e) => Err(SysError::nix("mkdir", path.display().to_string(), e)),
                }
            }
            Err(e) => Err(SysError::nix("mkdir", path.display().to_string(), e)),
        }
    }

    /// A second, independent descriptor of the same directory: it has its own flock(2).
    pub fn reopen(&self) -> Result<Dir> {
        let fd = nix::fcntl::openat(&self.fd, ".", OPEN_DIR, Mode::empty())
            .map_err(|e| self.fail("open", ".", e))?;
        Ok(Dir { fd, path: self.path.clone() })
    }

    /// Sets the mode of the directory itself.
    pub fn set_mode(&self, mode: u32) -> Result<()> {
        nix::sys::stat::fchmod(&self.fd, Mode::from_bits_truncate(mode))
            .map_err(|e| self.fail("fchmod", "", e))
    }

    /// Sets the mode of a name in it, which is no symlink.
    pub fn set_mode_of(&self, name: &str, mode: u32) -> Result<()> {
        let follow = nix::sys::stat::FchmodatFlags::FollowSymlink;
        nix::sys::stat::fchmodat(&self.fd, name, Mode::from_bits_truncate(mode), follow)
            .map_err(|e| self.fail("fchmodat", name, e))
    }

    /// Wraps a descriptor that is already open.
    pub fn from_fd(fd: OwnedFd, path: impl Into<PathBuf>) -> Dir {
        Dir { fd, path: path.into() }
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the descriptor away.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }

    /// Path of `name` in here, as text for messages and for tools that need one.
    pub fn path_of(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    fn fail(&self, call: &'static str, name: &str, errno: nix::errno::Errno) -> SysError {
        SysError::nix(call, self.path_of(name), errno)
    }

    /// Opens a directory in here (no symlink).
    pub fn open_dir(&self, name: &str) -> Result<Dir> {
        let fd = nix::fcntl::openat(&self.fd, name, OPEN_DIR | OFlag::O_NOFOLLOW, Mode::empty())
            .map_err(|e| self.fail("open", name, e))?;
        Ok(Dir { fd, path: self.path.join(name) })
    }

    /// Opens a file in here; O_CLOEXEC and O_NOFOLLOW are added.
    pub fn open_file(&self, name: &str, flags: OFlag, mode: u32) -> Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        nix::fcntl::openat(&self.fd, name, flags, Mode::from_bits_truncate(mode))
            .map_err(|e| self.fail("open", name, e))
    }

    /// Opens an existing file in here for writing, as it is (no truncation): a kernel file.
    pub fn open_for_writing(&self, name: &str) -> Result<OwnedFd> {
        self.open_file(name, OFlag::O_WRONLY, 0)
    }

    /// Opens an existing file in here for reading: to wait for its changes, or to read it again and again.
    pub fn open_for_reading(&self, name: &str) -> Result<OwnedFd> {
        self.open_file(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK, 0)
    }

    /// Opens a file in here for appending, and makes it if it is missing, for its owner alone. It must be a regular file
    /// or a character device (EINVAL), and no symlink (ELOOP).
    pub fn append_to(&self, name: &str) -> Result<OwnedFd> {
        use nix::fcntl::{FcntlArg, fcntl};
        // Without O_NONBLOCK a FIFO that nobody reads would stop us here.
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
        let file = self.open_file(name, flags, 0o600)?;
        let stat = nix::sys::stat::fstat(&file).map_err(|e| self.fail("fstat", name, e))?;
        if !matches!(stat.st_mode & libc::S_IFMT, libc::S_IFREG | libc::S_IFCHR) {
            let object = format!("{} (must be a regular file)", self.path_of(name));
            return Err(SysError::new("open", object, libc::EINVAL));
        }
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND)).map_err(|e| self.fail("fcntl F_SETFL", name, e))?;
        Ok(file)
    }

    /// Gives a file in here (or the directory itself, `.`) to another user; the group stays.
    pub fn change_owner(&self, name: &str, uid: u32) -> Result<()> {
        nix::unistd::fchownat(&self.fd, name, Some(uid.into()), None, AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|e| self.fail("fchownat", name, e))
    }

    /// Makes a directory; `EEXIST` if there is one.
    pub fn make_dir(&self, name: &str, mode: u32) -> Result<()> {
        nix::sys::stat::mkdirat(&self.fd, name, Mode::from_bits_truncate(mode))
            .map_err(|e| self.fail("mkdir", name, e))
    }

    /// Removes an empty directory.
    pub fn remove_dir(&self, name: &str) -> Result<()> {
        nix::unistd::unlinkat(&self.fd, name, nix::unistd::UnlinkatFlags::RemoveDir)
            .map_err(|e| self.fail("rmdir", name, e))
    }

    /// Removes a file, socket or link.
    pub fn remove_file(&self, name: &str) -> Result<()> {
        nix::unistd::unlinkat(&self.fd, name, nix::unistd::UnlinkatFlags::NoRemoveDir)
            .map_err(|e| self.fail("unlink", name, e))
    }

    /// Removes `name` and all below it, through descriptors (CVE-2022-21658), at most 32 levels deep.
    pub fn remove_tree(&self, name: &str) -> Result<()> {
        self.remove_tree_to_depth(name, 32)
    }

    fn remove_tree_to_depth(&self, name: &str, levels: u32) -> Result<()> {
        if broken!("cve_2022_21658")
            && let Ok(dir) = Dir::open(&self.path.join(name))
        {
            for entry in dir.entries()? {
                dir.remove_tree_to_depth(&entry.name, levels)?;
            }
        }
        match self.remove_file(name) {
            Err(e) if e.is(libc::EISDIR) || e.is(libc::EPERM) => {}
            Err(e) if e.is(libc::ENOENT) => return Ok(()),
            other => return other,
        }
        let Some(below) = levels.checked_sub(1) else {
            return Err(SysError::new("rmdir", self.path_of(name), libc::ELOOP));
        };
        let dir = self.open_dir(name)?;
        for entry in dir.entries()? {
            dir.remove_tree_to_depth(&entry.name, below)?;
        }
        self.remove_dir(name)
    }

    /// Renames within this directory, replacing what is there (atomic, rename(2)).
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        nix::fcntl::renameat(&self.fd, from, &self.fd, to).map_err(|e| self.fail("rename", from, e))
    }

    /// Whether there is something of that name, and what; `None` if not.
    pub fn stat(&self, name: &str) -> Result<Option<FileStat>> {
        match nix::sys::stat::fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(nix::errno::Errno::ENOENT) => Ok(None),
            Err(e) => Err(self.fail("stat", name, e)),
        }
    }

    /// Reads a whole file, at most `limit_bytes` (more is `E2BIG`).
    pub fn read(&self, name: &str, limit_bytes: usize) -> Result<Vec<u8>> {
        let file = self.open_file(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK, 0)?;
        fd::read_to_end(file.as_fd(), &self.path_of(name), limit_bytes)
    }

    /// Reads a file that is written as one record, usually of less than `usual_bytes` ([`fd::read_record`]).
    pub fn read_record(&self, name: &str, usual_bytes: usize, limit_bytes: usize) -> Result<Vec<u8>> {
        let file = self.open_file(name, OFlag::O_RDONLY | OFlag::O_NONBLOCK, 0)?;
        fd::read_record(file.as_fd(), &self.path_of(name), usual_bytes, limit_bytes)
    }

    /// Whether `name` in here is the very file that is held open: its inode can be no other's meanwhile.
    pub fn is_file(&self, name: &str, file: BorrowedFd<'_>) -> Result<bool> {
        let held = nix::sys::stat::fstat(file).map_err(|e| self.fail("fstat", name, e))?;
        let named = self.stat(name)?.map(|stat| (stat.st_dev, stat.st_ino));
        Ok(named == Some((held.st_dev, held.st_ino)))
    }

    /// Writes `data` to an existing file in one write(2): for cgroup and other kernel files.
    pub fn write_existing(&self, name: &str, data: &[u8]) -> Result<()> {
        let file = self.open_file(name, OFlag::O_WRONLY, 0)?;
        fd::write_once(file.as_fd(), &self.path_of(name), data)
    }

    fn make_file(&self, name: &str, mode: u32) -> Result<OwnedFd> {
        self.open_file(name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL, mode)
    }

    /// Makes a file that nobody reads yet; `EEXIST` if there is one.
    pub fn write_new(&self, name: &str, data: &[u8], mode: u32) -> Result<()> {
        let file = self.make_file(name, mode)?;
        fd::write_all(file.as_fd(), &self.path_of(name), data)
    }

    /// Puts a file in place as a whole: a new file beside it, then rename(2). Readers see the old or the new. Gives the file,
    /// open for writing.
    pub fn replace(&self, name: &str, data: &[u8], mode: u32) -> Result<OwnedFd> {
        let temporary = format!(".{name}.new");
        let file = match self.make_file(&temporary, mode) {
            // Left behind by somebody who died.
            Err(e) if e.is(libc::EEXIST) => {
                self.remove_file(&temporary)?;
                self.make_file(&temporary, mode)?
            }
            other => other?,
        };
        let written = fd::write_all(file.as_fd(), &self.path_of(name), data);
        if let Err(error) = written.and_then(|()| self.rename(&temporary, name)) {
            // The first error is the one to report; a leftover is removed by the next replace.
            let _ = self.remove_file(&temporary);
            return Err(error);
        }
        Ok(file)
    }

    /// The names in here, without `.` and `..`, in the kernel's order (getdents64(2)).
    pub fn entries(&self) -> Result<Vec<Entry>> {
        // A descriptor of its own: the place in the listing belongs to it.
        let listing = self.reopen()?;
        let mut entries = Vec::new();
        let mut buffer = [0u8; 4096];
        loop {
            // SAFETY: the kernel writes at most as many bytes as the buffer has.
            let length = unsafe {
                libc::syscall(libc::SYS_getdents64, listing.fd.as_raw_fd(), buffer.as_mut_ptr(), buffer.len())
            };
            match usize::try_from(length) {
                Ok(0) => return Ok(entries),
                Ok(length) => take_entries(buffer.get(..length).unwrap_or_default(), &mut entries),
                Err(_) => return Err(SysError::last("getdents64", self.path.display().to_string())),
            }
        }
    }

    /// Takes an flock(2) on the directory; it lasts until the last copy of the descriptor is closed.
    /// `Ok(false)`: somebody else holds it (only for the two `Try` kinds).
    pub fn lock(&self, kind: Lock) -> Result<bool> {
        let operation = match kind {
            Lock::TryExclusive => libc::LOCK_EX | libc::LOCK_NB,
            Lock::TryShared => libc::LOCK_SH | libc::LOCK_NB,
            Lock::Exclusive => libc::LOCK_EX,
        };
        loop {
            // SAFETY: flock on a descriptor that we own; no memory is involved.
            if unsafe { libc::flock(self.fd.as_raw_fd(), operation) } == 0 {
                return Ok(true);
            }
            let error = SysError::last("flock", self.path.display().to_string());
            match error.errno {
                libc::EWOULDBLOCK => return Ok(false),
                libc::EINTR => {}
                _ => return Err(error),
            }
        }
    }

    /// Gives a lock back, also for copies of the descriptor in other processes.
    pub fn unlock(&self) -> Result<()> {
        // SAFETY: flock on a descriptor that we own; no memory is involved.
        match unsafe { libc::flock(self.fd.as_raw_fd(), libc::LOCK_UN) } {
            0 => Ok(()),
            _ => Err(SysError::last("flock", self.path.display().to_string())),
        }
    }

    /// The file system's magic number (statfs(2)), for example [`CGROUP2_SUPER_MAGIC`].
    pub fn filesystem_magic(&self) -> Result<i64> {
        // Signed in glibc, unsigned in musl.
        #[allow(clippy::unnecessary_cast)]
        nix::sys::statfs::fstatfs(&self.fd)
            .map(|s| s.filesystem_type().0 as i64)
            .map_err(|e| self.fail("statfs", "", e))
    }
}

/// Reads a file of a trusted tree that the kernel writes as one record ([`fd::read_record`]).
pub fn read_record(path: &Path, limit_bytes: usize) -> Result<Vec<u8>> {
    let object = path.display().to_string();
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let file = fd::open_path(path, flags).map_err(|e| SysError::nix("open", &object, e))?;
    fd::read_record(file.as_fd(), &object, 1024, limit_bytes)
}

/// Removes an empty directory by path; symlinks on the way are followed, the path being trusted: a control group.
pub fn remove_empty(path: &Path) -> Result<()> {
    nix::unistd::unlinkat(AT_FDCWD, path, nix::unistd::UnlinkatFlags::RemoveDir)
        .map_err(|e| SysError::nix("rmdir", path.display().to_string(), e))
}

/// Device and inode of what is at a path, which tell it from everything else; the path must be trusted.
pub fn identity(path: &Path) -> Result<(u64, u64)> {
    let stat =
        nix::sys::stat::stat(path).map_err(|e| SysError::nix("stat", path.display().to_string(), e))?;
    Ok((stat.st_dev, stat.st_ino))
}

/// statfs(2) magic of cgroup v2.
pub const CGROUP2_SUPER_MAGIC: i64 = 0x6367_7270;
/// statfs(2) magic of cgroup v1.
pub const CGROUP_SUPER_MAGIC: i64 = 0x0027_e0eb;
/// statfs(2) magic of tmpfs.
pub const TMPFS_MAGIC: i64 = 0x0102_1994;
/// statfs(2) magic of procfs.
pub const PROC_SUPER_MAGIC: i64 = 0x9fa0;

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name alone.
    pub name: String,
    /// Whether it is a directory (not a link to one).
    pub is_dir: bool,
}

/// Takes apart what getdents64(2) gives: structs linux_dirent64, each with its length at byte 16, its type at 18 and its name,
/// which ends with a NUL, from 19 on.
fn take_entries(mut records: &[u8], entries: &mut Vec<Entry>) {
    while let Some(&[low, high]) = records.get(16..18) {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some((record, rest)) = records.split_at_checked(length) else { return };
        let [kind, name @ ..] = record.get(18..).unwrap_or_default() else { return };
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name != b"." && name != b".." {
            let name = String::from_utf8_lossy(name).into_owned();
            entries.push(Entry { name, is_dir: *kind == libc::DT_DIR });
        }
        records = rest;
    }
}

/// How to take a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// For us alone, or not at all.
    TryExclusive,
    /// With other readers, or not at all.
    TryShared,
    /// For us alone, waiting for it.
    Exclusive,
}
