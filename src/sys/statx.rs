//! What an inode and its mount are (statx(2)), asked by descriptor.
//!
//! Used by the path layer and by whoever has to prove that a descriptor is what it should be.

use super::{Result, SysError};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The part of struct statx that the runtime looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Type and permission bits (S_IFMT and the rest).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Inode number.
    pub inode: u64,
    /// Device that holds the inode: major, minor.
    pub dev: (u32, u32),
    /// Device that the inode stands for: major, minor.
    pub rdev: (u32, u32),
    /// Bytes.
    pub size: u64,
    /// Mount it was reached through (STATX_MNT_ID, Linux 5.8).
    pub mount_id: u64,
    /// Whether it is the root of that mount (STATX_ATTR_MOUNT_ROOT, Linux 5.8).
    pub mount_root: bool,
    /// Time of last access: seconds, nanoseconds.
    pub accessed: (i64, u32),
    /// Time of last modification: seconds, nanoseconds.
    pub modified: (i64, u32),
}

/// The type of an inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Type {
    Directory,
    Regular,
    Symlink,
    Char,
    Block,
    Fifo,
    Socket,
    Unknown,
}

impl Stat {
    /// The inode's type.
    pub fn file_type(&self) -> Type {
        match self.mode & libc::S_IFMT {
            libc::S_IFDIR => Type::Directory,
            libc::S_IFREG => Type::Regular,
            libc::S_IFLNK => Type::Symlink,
            libc::S_IFCHR => Type::Char,
            libc::S_IFBLK => Type::Block,
            libc::S_IFIFO => Type::Fifo,
            libc::S_IFSOCK => Type::Socket,
            _ => Type::Unknown,
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == Type::Directory
    }

    /// Whether it is a symlink.
    pub fn is_symlink(&self) -> bool {
        self.file_type() == Type::Symlink
    }

    /// Permission bits with set-user-id, set-group-id and sticky.
    pub fn permissions(&self) -> u32 {
        self.mode & 0o7777
    }

    /// Whether both are one inode, reached through one mount.
    pub fn is_same_place(&self, other: &Stat) -> bool {
        (self.inode, self.dev, self.mount_id) == (other.inode, other.dev, other.mount_id)
    }
}

/// statx(2) of what `fd` refers to; an O_PATH descriptor is enough. `object` is for the message.
pub fn of(fd: BorrowedFd<'_>, object: &str) -> Result<Stat> {
    at(fd, c"", object)
}

/// statx(2) of `name` in the directory `dir`; a symlink is not followed, nothing is automounted.
pub fn at(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<Stat> {
    let flags = libc::AT_EMPTY_PATH | libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT;
    let mask = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut buffer = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `name` is NUL-terminated and `buffer` is a whole struct statx; the kernel keeps neither.
    let done = unsafe {
        libc::syscall(libc::SYS_statx, dir.as_raw_fd(), name.as_ptr(), flags, mask, buffer.as_mut_ptr())
    };
    if done != 0 {
        return Err(SysError::last("statx", object));
    }
    // SAFETY: the struct was zeroed, every bit pattern of it is valid, and the kernel has filled it.
    let stat = unsafe { buffer.assume_init() };
    Ok(Stat {
        mode: u32::from(stat.stx_mode),
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        inode: stat.stx_ino,
        dev: (stat.stx_dev_major, stat.stx_dev_minor),
        rdev: (stat.stx_rdev_major, stat.stx_rdev_minor),
        size: stat.stx_size,
        mount_id: stat.stx_mnt_id,
        mount_root: stat.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0,
        accessed: (stat.stx_atime.tv_sec, stat.stx_atime.tv_nsec),
        modified: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
    })
}
