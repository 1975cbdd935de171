//! A path, resolved inside a root one component at a time; what is missing of it can be made on the way.
//!
//! Used by `path`: always to create (openat2(2) cannot make directories), and to resolve where openat2 is missing.
//! Every step opens one name with O_NOFOLLOW below a directory that is held open, so no step can follow a symlink;
//! links are read and their text is taken apart here. `..` goes back to the descriptor that we came from, never
//! through the kernel's `..`, and stops at the root. At the end the way up is walked to prove that the result still
//! lies inside: a directory that was moved out of the root meanwhile is an error, tried again by the caller.

use super::path::Symlinks;
use super::{Result, SysError, statx};
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag};
use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is done about a component that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// ENOENT.
    Fail,
    /// A directory is made, 0755.
    Directory,
    /// Directories are made on the way and a regular file at the end, with these permissions.
    File(u32),
}

/// What was found or made.
#[derive(Debug)]
pub struct Walked {
    /// O_PATH descriptor.
    pub fd: OwnedFd,
    /// Whether the last component had to be made.
    pub made: bool,
}

/// As many as the kernel follows (path_resolution(7)).
const LINKS_MAX: u32 = 40;
/// More components than a path of PATH_MAX bytes can hold come only from links that multiply.
const COMPONENTS_MAX: usize = 4096;
/// Directories that are made have these permissions, whatever the umask.
pub(super) const DIRECTORY_MODE: u32 = 0o755;
/// Inode of the root of a procfs.
const PROC_ROOT_INODE: u64 = 1;

const OPEN_COMPONENT: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Resolves `path` inside `root`.
pub fn walk(root: BorrowedFd<'_>, path: &Path, symlinks: Symlinks, missing: Missing) -> Result<Walked> {
    let mut walk =
        Walk { root, path, symlinks, missing, opened: Vec::new(), todo: Vec::new(), links: 0, made: false };
    walk.push_components(path.as_os_str().as_bytes())?;
    while let Some(name) = walk.todo.pop() {
        if name == ".." {
            walk.opened.pop();
        } else {
            walk.step(&name)?;
        }
    }
    walk.finish()
}

struct Walk<'a> {
    root: BorrowedFd<'a>,
    path: &'a Path,
    symlinks: Symlinks,
    missing: Missing,
    /// From below the root to where we are.
    opened: Vec<OwnedFd>,
    /// Components still to come, the next one last.
    todo: Vec<OsString>,
    links: u32,
    made: bool,
}

impl Walk<'_> {
    fn fail(&self, call: &'static str, errno: i32) -> SysError {
        SysError::new(call, self.path.display().to_string(), errno)
    }

    fn fail_nix(&self, call: &'static str, errno: nix::errno::Errno) -> SysError {
        self.fail(call, errno as i32)
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.opened.last().map_or(self.root, |fd| fd.as_fd())
    }

    fn push_components(&mut self, text: &[u8]) -> Result<()> {
        let names = text.rsplit(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
        self.todo.extend(names.map(|name| OsStr::from_bytes(name).to_os_string()));
        if self.todo.len() > COMPONENTS_MAX { Err(self.fail("openat", libc::ENAMETOOLONG)) } else { Ok(()) }
    }

    fn step(&mut self, name: &OsStr) -> Result<()> {
        self.made = false;
        let (fd, stat) = self.open_or_make(name)?;
        let last = self.todo.is_empty();
        if stat.is_symlink() && !(last && self.symlinks == Symlinks::NotLast) {
            return self.follow(&fd, &stat);
        }
        if !last && !stat.is_dir() {
            return Err(self.fail("openat", libc::ENOTDIR));
        }
        self.opened.push(fd);
        Ok(())
    }

    fn open_or_make(&mut self, name: &OsStr) -> Result<(OwnedFd, statx::Stat)> {
        // Twice is the usual case of a missing name; more only if somebody removes what we make.
        for _ in 0..16 {
            match nix::fcntl::openat(self.here(), name, OPEN_COMPONENT, Mode::empty()) {
                Ok(fd) => {
                    let stat = statx::of(fd.as_fd(), &self.path.display().to_string())?;
                    return Ok((fd, stat));
                }
                Err(nix::errno::Errno::ENOENT) if self.missing != Missing::Fail => self.make(name)?,
                Err(errno) => return Err(self.fail_nix("openat", errno)),
            }
        }
        Err(self.fail("openat", libc::EAGAIN))
    }

    fn make(&mut self, name: &OsStr) -> Result<()> {
        let _umask = Umask::clear();
        let made = match self.missing {
            Missing::File(mode) if self.todo.is_empty() => {
                let mode = Mode::from_bits_truncate(mode);
                nix::sys::stat::mknodat(self.here(), name, SFlag::S_IFREG, mode, 0)
            }
            _ => nix::sys::stat::mkdirat(self.here(), name, Mode::from_bits_truncate(DIRECTORY_MODE)),
        };
        match made {
            Ok(()) => self.made = true,
            // Somebody else was faster; whatever it is, it is opened and looked at like any other component.
            Err(nix::errno::Errno::EEXIST) => {}
            Err(errno) => return Err(self.fail_nix("mkdir", errno)),
        }
        Ok(())
    }

    fn follow(&mut self, link: &OwnedFd, stat: &statx::Stat) -> Result<()> {
        self.links += 1;
        if self.links > LINKS_MAX || self.symlinks == Symlinks::Refuse || self.is_magic(link)? {
            return Err(self.fail("openat", libc::ELOOP));
        }
        let text = nix::fcntl::readlinkat(link, "").map_err(|e| self.fail_nix("readlinkat", e))?;
        if text.is_empty() || stat.size > libc::PATH_MAX as u64 {
            return Err(self.fail("readlinkat", libc::ENOENT));
        }
        if text.as_bytes().first() == Some(&b'/') {
            self.opened.clear();
        }
        self.push_components(text.as_bytes())
    }

    /// Links in procfs that jump instead of naming a path. Those in its root directory (`self`, `mounts`, `net`)
    /// are ordinary ones.
    fn is_magic(&self, link: &OwnedFd) -> Result<bool> {
        let object = self.path.display().to_string();
        if super::mount::magic(link.as_fd(), &object)? != super::dir::PROC_SUPER_MAGIC {
            return Ok(false);
        }
        Ok(statx::of(self.here(), &object)?.inode != PROC_ROOT_INODE)
    }

    fn finish(mut self) -> Result<Walked> {
        self.verify_inside()?;
        let fd = match self.opened.pop() {
            Some(fd) => fd,
            None => nix::fcntl::openat(self.root, ".", OPEN_COMPONENT, Mode::empty())
                .map_err(|e| self.fail_nix("openat", e))?,
        };
        Ok(Walked { fd, made: self.made })
    }

    /// From the last directory upwards with the kernel's `..` until the root is met. EAGAIN if it is not.
    fn verify_inside(&self) -> Result<()> {
        let object = self.path.display().to_string();
        let root = statx::of(self.root, &object)?;
        let mut directories = self.opened.iter().rev().map(|fd| fd.as_fd());
        let mut start = None;
        for fd in directories.by_ref() {
            if statx::of(fd, &object)?.is_dir() {
                start = Some(fd);
                break;
            }
        }
        let Some(start) = start else { return Ok(()) };
        let mut at = statx::of(start, &object)?;
        let mut above: Option<OwnedFd> = None;
        while !at.is_same_place(&root) {
            let here = above.as_ref().map_or(start, |fd| fd.as_fd());
            let next = nix::fcntl::openat(here, "..", OPEN_COMPONENT, Mode::empty())
                .map_err(|e| self.fail_nix("openat", e))?;
            let stat = statx::of(next.as_fd(), &object)?;
            if stat.is_same_place(&at) {
                return Err(self.fail("openat", libc::EAGAIN));
            }
            at = stat;
            above = Some(next);
        }
        Ok(())
    }
}

/// No umask while it lives: what is made has exactly the permissions that are asked for.
#[derive(Debug)]
pub struct Umask(u32);

impl Umask {
    /// Clears the process's umask until the value is dropped.
    pub fn clear() -> Umask {
        Umask(super::process::set_umask(0))
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        super::process::set_umask(self.0);
    }
}

/// A path's text for the kernel; EINVAL if it holds a NUL.
pub fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| SysError::new("openat", path.display().to_string(), libc::EINVAL))
}
