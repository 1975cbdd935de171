//! Paths inside a root: the only way in which the runtime touches anything in a container's root filesystem.
//!
//! Used by `child`, by `launch::exec` and by `criu`. A root is an O_PATH descriptor; whatever the path, whatever symlinks
//! the image holds and whoever renames things meanwhile, the result lies inside the root or is an error (CVE-2021-30465, CVE-2024-45310,
//! CVE-2026-41579). Results are O_PATH descriptors: nothing unknown is ever opened for good. To read, write or mount,
//! go on from the descriptor, never from the path.

use super::fd::Pile;
use super::openat2::{self, Resolver, resolver};
use super::walk::{self, Missing, Walked};
use super::{Result, SysError, inode, mount, statx};
use std::cell::{OnceCell, RefCell};
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A root directory, held by descriptor: every path given to it is resolved inside it.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    stat: OnceCell<statx::Stat>,
    /// File systems that were met inside, by the device of an inode: the magic number of statfs(2).
    filesystems: RefCell<Vec<((u32, u32), i64)>>,
    pile: RefCell<Pile>,
}

impl From<Root> for OwnedFd {
    fn from(root: Root) -> OwnedFd {
        root.fd
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How symlinks in a path are taken.
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

/// A directory inside the root, and a name in it that may or may not exist.
#[derive(Debug)]
pub struct Slot {
    /// O_PATH descriptor of the directory.
    pub dir: OwnedFd,
    /// The last component: no slash, not `.` and not `..`.
    pub name: CString,
}

/// How often and for how long a resolution is tried again when directories move underneath it.
const WALK_TRIES: u32 = 128;
const WALK_PATIENCE: Duration = Duration::from_millis(2);

/// The text of a C string as a path.
pub fn as_path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

impl Root {
    /// Makes a root of an open directory; an O_PATH descriptor is enough.
    pub fn new(fd: OwnedFd) -> Root {
        Root { fd, stat: OnceCell::new(), filesystems: RefCell::default(), pile: RefCell::default() }
    }

    /// What the root itself is.
    pub fn stat(&self) -> Result<statx::Stat> {
        if let Some(stat) = self.stat.get() {
            return Ok(*stat);
        }
        let stat = statx::of(self.as_fd(), "/")?;
        Ok(*self.stat.get_or_init(|| stat))
    }

    /// The magic number (statfs(2)) of the file system that a descriptor inside the root lies on, which is asked for once.
    pub fn magic(&self, fd: BorrowedFd<'_>, stat: &statx::Stat, object: &str) -> Result<i64> {
        let known =
            self.filesystems.borrow().iter().find(|(dev, _)| *dev == stat.dev).map(|(_, magic)| *magic);
        if let Some(magic) = known {
            return Ok(magic);
        }
        let magic = mount::magic(fd, object)?;
        self.filesystems.borrow_mut().push((stat.dev, magic));
        Ok(magic)
    }

    /// Takes a descriptor that is not used any more: it is closed with others, by [`Root::close_done`] or by the next
    /// execve(2). A mount that it refers to stays busy until then.
    pub fn done_with(&self, fd: impl Into<OwnedFd>) {
        self.pile.borrow_mut().add(fd.into());
    }

    /// Takes all of another pile, too.
    pub fn done_with_all(&self, pile: Pile) {
        self.pile.borrow_mut().append(pile);
    }

    /// Closes what [`Root::done_with`] took.
    pub fn close_done(&self) {
        self.pile.borrow_mut().close();
    }

    /// O_PATH descriptor of what `path` is inside the root.
    pub fn resolve(&self, path: &Path, symlinks: Symlinks) -> Result<OwnedFd> {
        #[cfg(feature = "break-guards")]
        if super::unguarded::wanted() {
            return Ok(super::unguarded::resolve_or_make(self.as_fd(), path, Missing::Fail)?.fd);
        }
        if resolver() == Resolver::Kernel {
            match self.resolve_in_kernel(path, symlinks) {
                Err(error) if error.is(libc::ENOSYS) => {}
                other => return other,
            }
        }
        Ok(self.walk(path, symlinks, Missing::Fail)?.fd)
    }

    /// What `path` is inside the root; what is missing of it is made as `missing` says.
    pub fn resolve_or_make(&self, path: &Path, symlinks: Symlinks, missing: Missing) -> Result<Walked> {
        #[cfg(feature = "break-guards")]
        if super::unguarded::wanted() {
            return super::unguarded::resolve_or_make(self.as_fd(), path, missing);
        }
        match self.resolve(path, symlinks) {
            Ok(fd) => Ok(Walked { fd, made: false }),
            Err(error) if error.is(libc::ENOENT) => match self.make_in_kernel(path, symlinks, missing) {
                Some(fd) => Ok(Walked { fd, made: true }),
                None => self.walk(path, symlinks, missing),
            },
            Err(error) => Err(error),
        }
    }

    /// The usual case of a path whose last component alone is missing: made in its directory, and then resolved from the
    /// root once more, which proves that it lies inside. None: the walk is to see what is the matter.
    fn make_in_kernel(&self, path: &Path, symlinks: Symlinks, missing: Missing) -> Option<OwnedFd> {
        if resolver() != Resolver::Kernel {
            return None;
        }
        let (above, name) = split(path)?;
        let above_links = if symlinks == Symlinks::Refuse { symlinks } else { Symlinks::Follow };
        let dir = self.resolve_in_kernel(above, above_links).ok()?;
        match missing {
            Missing::Fail => return None,
            Missing::Directory => inode::make_dir(dir.as_fd(), &name, walk::DIRECTORY_MODE, "").ok()?,
            Missing::File(mode) => inode::make(dir.as_fd(), &name, inode::Node::File, mode, "").ok()?,
        }
        self.done_with(dir);
        self.resolve_in_kernel(path, symlinks).ok()
    }

    /// The directory `path` inside the root; what is missing of it is made, 0755 whatever the umask, also where
    /// a symlink points to nothing. ENOTDIR if something else is there.
    pub fn make_dirs(&self, path: &Path) -> Result<OwnedFd> {
        let found = self.resolve_or_make(path, Symlinks::Follow, Missing::Directory)?;
        match statx::of(found.fd.as_fd(), &text(path))?.is_dir() {
            true => Ok(found.fd),
            false => Err(SysError::new("mkdir", text(path), libc::ENOTDIR)),
        }
    }

    /// An empty file at `path` inside the root and the directories above it, if missing. O_PATH descriptor of it,
    /// or of what is there instead. EISDIR if that is a directory.
    pub fn make_file(&self, path: &Path, mode: u32) -> Result<OwnedFd> {
        let found = self.resolve_or_make(path, Symlinks::Follow, Missing::File(mode))?;
        match statx::of(found.fd.as_fd(), &text(path))?.is_dir() {
            true => Err(SysError::new("mknod", text(path), libc::EISDIR)),
            false => Ok(found.fd),
        }
    }

    /// The directory that holds `path`, made if missing, and the last name, which is not looked at: what one needs
    /// to make, replace or remove that name itself and not what it may point to.
    pub fn slot(&self, path: &Path) -> Result<Slot> {
        let (above, name) = split(path).ok_or_else(|| SysError::new("openat", text(path), libc::EINVAL))?;
        Ok(Slot { dir: self.make_dirs(above)?, name })
    }

    /// Makes the symlink `path` -> `target`. A link that is there already and says the same is kept; anything else but
    /// a directory is replaced, and never followed.
    pub fn make_link(&self, path: &Path, target: &CStr) -> Result<()> {
        let slot = self.slot(path)?;
        inode::replace_by_link(slot.dir.as_fd(), &slot.name, target, &text(path))
    }

    /// Opens a directory inside the root for reading its entries.
    pub fn open_dir(&self, path: &Path) -> Result<OwnedFd> {
        let fd = self.resolve(path, Symlinks::Follow)?;
        inode::read_dir_fd(fd.as_fd(), &text(path))
    }

    fn resolve_in_kernel(&self, path: &Path, symlinks: Symlinks) -> Result<OwnedFd> {
        let mut resolve = libc::RESOLVE_IN_ROOT | libc::RESOLVE_NO_MAGICLINKS;
        let mut flags = libc::O_PATH;
        match symlinks {
            Symlinks::Follow => {}
            Symlinks::NotLast => flags |= libc::O_NOFOLLOW,
            Symlinks::Refuse => resolve |= libc::RESOLVE_NO_SYMLINKS,
        }
        let c_path = if path.as_os_str().is_empty() { CString::from(c"/") } else { walk::c_path(path)? };
        openat2::open(self.as_fd(), &c_path, flags, resolve)
            .map_err(|e| SysError::new("openat2", text(path), e))
    }

    fn walk(&self, path: &Path, symlinks: Symlinks, missing: Missing) -> Result<Walked> {
        let mut tries = 0;
        let mut since = None;
        loop {
            match walk::walk(self.as_fd(), path, symlinks, missing) {
                Err(error) if error.is(libc::EAGAIN) => {
                    tries += 1;
                    if tries >= WALK_TRIES
                        && since.get_or_insert_with(Instant::now).elapsed() >= WALK_PATIENCE
                    {
                        return Err(error);
                    }
                }
                other => return other,
            }
        }
    }
}

/// The directory that a path names something in, and the name; None: there is none, or it is `.` or `..`.
fn split(path: &Path) -> Option<(&Path, CString)> {
    let bytes = path.as_os_str().as_bytes();
    let end = bytes.iter().rposition(|byte| *byte != b'/')? + 1;
    let bytes = bytes.get(..end)?;
    let start = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let (above, name) = bytes.split_at(start);
    let name = CString::new(name).ok().filter(|name| *name != *c"." && *name != *c"..")?;
    Some((Path::new(OsStr::from_bytes(above)), name))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
