//! (being written) Path resolution inside a root.
use super::{Result, SysError};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A root directory, held by descriptor: every path given to it is resolved inside it.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How a path is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// All are followed, inside the root.
    #[default]
    Follow,
    /// All but one in the last component.
    NotLast,
    /// Any symlink is an error (ELOOP).
    Refuse,
}

impl Root {
    /// Makes a root of an open directory.
    pub fn new(fd: OwnedFd) -> Root {
        Root { fd }
    }

    /// O_PATH descriptor of what `path` is inside the root.
    pub fn resolve(&self, path: &Path, symlinks: Symlinks) -> Result<OwnedFd> {
        let _ = symlinks;
        Err(SysError::new("openat2", path.display().to_string(), libc::ENOSYS))
    }

    /// The directory `path` inside the root; what is missing of it is made, 0755 whatever the umask.
    pub fn make_dirs(&self, path: &Path) -> Result<OwnedFd> {
        self.resolve(path, Symlinks::Follow)
    }

    /// An empty file at `path` inside the root, and the directories above it, if missing. O_PATH descriptor.
    pub fn make_file(&self, path: &Path, mode: u32) -> Result<OwnedFd> {
        let _ = mode;
        self.resolve(path, Symlinks::Follow)
    }
}
