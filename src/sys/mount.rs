//! The mount API of descriptors: open_tree(2), fsopen(2), fsconfig(2), fsmount(2), fspick(2), move_mount(2),
//! mount_setattr(2) (Linux 5.2 to 5.12), and pivot_root(2), umount2(2), statfs(2).
//!
//! Used by `child` for all that is mounted, and by `launch` to open sources that the child may not reach. A mount is
//! made detached, gets all its flags, and is then attached to a descriptor: there is no moment in which it can
//! be seen without them, and no path that could lead elsewhere.

use super::{Result, SysError};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// MOUNT_ATTR_* (linux/mount.h); the plan has the same numbers, being kernel ABI.
#[allow(missing_docs)]
pub mod attr {
    pub const RDONLY: u64 = 0x0000_0001;
    pub const NOSUID: u64 = 0x0000_0002;
    pub const NODEV: u64 = 0x0000_0004;
    pub const NOEXEC: u64 = 0x0000_0008;
    pub const ATIME: u64 = 0x0000_0070;
    pub const RELATIME: u64 = 0x0000_0000;
    pub const NOATIME: u64 = 0x0000_0010;
    pub const STRICTATIME: u64 = 0x0000_0020;
    pub const NODIRATIME: u64 = 0x0000_0080;
    pub const IDMAP: u64 = 0x0010_0000;
    pub const NOSYMFOLLOW: u64 = 0x0020_0000;
}

/// MS_* for the propagation of a mount.
#[allow(missing_docs)]
pub mod propagation {
    pub const UNBINDABLE: u64 = libc::MS_UNBINDABLE;
    pub const PRIVATE: u64 = libc::MS_PRIVATE;
    pub const SLAVE: u64 = libc::MS_SLAVE;
    pub const SHARED: u64 = libc::MS_SHARED;
}

/// statfs(2) magic of sysfs.
pub const SYSFS_MAGIC: i64 = 0x6265_6572;

const OPEN_TREE_CLONE: libc::c_uint = 1;
const OPEN_TREE_CLOEXEC: libc::c_uint = libc::O_CLOEXEC as libc::c_uint;
const AT_RECURSIVE: libc::c_uint = 0x8000;
const AT_EMPTY_PATH: libc::c_uint = libc::AT_EMPTY_PATH as libc::c_uint;
const AT_SYMLINK_NOFOLLOW: libc::c_uint = libc::AT_SYMLINK_NOFOLLOW as libc::c_uint;
const MOVE_MOUNT_F_EMPTY_PATH: libc::c_uint = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH: libc::c_uint = 0x40;

/// One mount, or with everything mounted below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// This mount alone.
    Mount,
    /// And everything below.
    Tree,
}

/// Whether a symlink in the last component of a trusted path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLink {
    /// It is.
    Follow,
    /// The link itself is meant.
    Keep,
}

/// A change of mount attributes: bits of [`attr`] to set and to clear, and a [`propagation`] or 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Bits to set.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
    /// One of [`propagation`]; 0 leaves it.
    pub propagation: u64,
}

#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

impl MountAttr {
    fn new(change: Change, userns_fd: u64) -> MountAttr {
        let Change { set, clear, propagation } = change;
        MountAttr { attr_set: set, attr_clr: clear, propagation, userns_fd }
    }
}

fn owned(number: libc::c_long, call: &'static str, object: &str) -> Result<OwnedFd> {
    match RawFd::try_from(number) {
        // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(SysError::last(call, object)),
    }
}

fn done(result: libc::c_long, call: &'static str, object: &str) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(SysError::last(call, object)) }
}

fn open_tree(dir: RawFd, path: &CStr, flags: libc::c_uint, object: &str) -> Result<OwnedFd> {
    let flags = flags | OPEN_TREE_CLOEXEC;
    // SAFETY: `path` is NUL-terminated; the kernel keeps nothing.
    let fd = unsafe { libc::syscall(libc::SYS_open_tree, dir, path.as_ptr(), flags) };
    owned(fd, "open_tree", object)
}

fn depth_flag(depth: Depth) -> libc::c_uint {
    if depth == Depth::Tree { AT_RECURSIVE } else { 0 }
}

/// A detached copy of what is mounted at a trusted host path (open_tree(2), OPEN_TREE_CLONE).
pub fn clone_tree(path: &CStr, depth: Depth, last: LastLink) -> Result<OwnedFd> {
    let nofollow = if last == LastLink::Keep { AT_SYMLINK_NOFOLLOW } else { 0 };
    let flags = OPEN_TREE_CLONE | depth_flag(depth) | nofollow;
    open_tree(libc::AT_FDCWD, path, flags, &path.to_string_lossy())
}

/// A detached copy of what a descriptor refers to. EINVAL before Linux 6.15 if that is itself detached.
pub fn clone_tree_of(fd: BorrowedFd<'_>, depth: Depth, object: &str) -> Result<OwnedFd> {
    open_tree(fd.as_raw_fd(), c"", OPEN_TREE_CLONE | AT_EMPTY_PATH | depth_flag(depth), object)
}

/// A detached copy of what is mounted at a trusted host path, changed before anybody can see it.
pub fn clone_changed(path: &CStr, change: Change, depth: Depth, last: LastLink) -> Result<OwnedFd> {
    let nofollow = if last == LastLink::Keep { AT_SYMLINK_NOFOLLOW } else { 0 };
    let place = Place { dir: libc::AT_FDCWD, path, flags: nofollow };
    open_tree_changed(&place, change, depth, &path.to_string_lossy())
}

/// The same of what a descriptor refers to.
pub fn clone_changed_of(fd: BorrowedFd<'_>, change: Change, depth: Depth, object: &str) -> Result<OwnedFd> {
    let place = Place { dir: fd.as_raw_fd(), path: c"", flags: AT_EMPTY_PATH };
    open_tree_changed(&place, change, depth, object)
}

/// A detached copy of `name` in the directory `dir`, which holds nothing but our own.
pub fn clone_in(dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<OwnedFd> {
    open_tree(dir.as_raw_fd(), name, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW, object)
}

struct Place<'a> {
    dir: RawFd,
    path: &'a CStr,
    flags: libc::c_uint,
}

/// In one call where there is open_tree_attr(2) (Linux 6.15); else, and to learn what is wrong, in two.
fn open_tree_changed(place: &Place<'_>, change: Change, depth: Depth, object: &str) -> Result<OwnedFd> {
    const SYS_OPEN_TREE_ATTR: libc::c_long = 467;
    static IS_MISSING: AtomicBool = AtomicBool::new(false);
    let flags = OPEN_TREE_CLONE | place.flags | depth_flag(depth);
    if !IS_MISSING.load(Ordering::Relaxed) {
        let attr = MountAttr::new(change, 0);
        let (path, flags) = (place.path.as_ptr(), flags | OPEN_TREE_CLOEXEC);
        // SAFETY: the path is NUL-terminated, `attr` is a struct mount_attr of the size given; the kernel keeps neither.
        let fd = unsafe {
            libc::syscall(SYS_OPEN_TREE_ATTR, place.dir, path, flags, &raw const attr, size_of::<MountAttr>())
        };
        match owned(fd, "open_tree_attr", object) {
            Err(error) => IS_MISSING.store(error.is(libc::ENOSYS), Ordering::Relaxed),
            tree => return tree,
        }
    }
    let tree = open_tree(place.dir, place.path, flags, object)?;
    set_attributes(tree.as_fd(), change, depth, object)?;
    Ok(tree)
}

/// Attaches a detached mount onto what `target` refers to (move_mount(2)); or moves an attached one.
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>, object: &str) -> Result<()> {
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    let (from, to, empty) = (tree.as_raw_fd(), target.as_raw_fd(), c"".as_ptr());
    // SAFETY: both paths are the empty string, NUL-terminated; the kernel keeps nothing.
    done(unsafe { libc::syscall(libc::SYS_move_mount, from, empty, to, empty, flags) }, "move_mount", object)
}

/// The same onto `name` in the directory `dir`, a name of one component: a symlink there is not followed, so that it can lead
/// nowhere else.
pub fn attach_in(tree: BorrowedFd<'_>, dir: BorrowedFd<'_>, name: &CStr, object: &str) -> Result<()> {
    let (from, to, empty) = (tree.as_raw_fd(), dir.as_raw_fd(), c"".as_ptr());
    // SAFETY: both paths are NUL-terminated; the kernel keeps nothing.
    let moved = unsafe {
        libc::syscall(libc::SYS_move_mount, from, empty, to, name.as_ptr(), MOVE_MOUNT_F_EMPTY_PATH)
    };
    done(moved, "move_mount", object)
}

/// mount_setattr(2) on what a descriptor refers to, which must be the root of a mount. Bits that are not named stay.
/// EPERM: a flag is locked, being inherited from a more privileged user namespace (mount_namespaces(7)).
pub fn set_attributes(mount: BorrowedFd<'_>, change: Change, depth: Depth, object: &str) -> Result<()> {
    set_attributes_with(mount, change, 0, depth, object)
}

fn set_attributes_with(
    mount: BorrowedFd<'_>,
    change: Change,
    userns_fd: u64,
    depth: Depth,
    object: &str,
) -> Result<()> {
    let place = Place { dir: mount.as_raw_fd(), path: c"", flags: AT_EMPTY_PATH };
    mount_setattr(&place, &MountAttr::new(change, userns_fd), depth, object)
}

/// The same on the mount at a trusted host path.
pub fn set_attributes_at(path: &CStr, change: Change, depth: Depth) -> Result<()> {
    let place = Place { dir: libc::AT_FDCWD, path, flags: 0 };
    mount_setattr(&place, &MountAttr::new(change, 0), depth, &path.to_string_lossy())
}

fn mount_setattr(place: &Place<'_>, attr: &MountAttr, depth: Depth, object: &str) -> Result<()> {
    let (dir, path, flags) = (place.dir, place.path.as_ptr(), place.flags | depth_flag(depth));
    // SAFETY: the path is NUL-terminated, `attr` is a struct mount_attr of the size given; the kernel keeps neither.
    let result = unsafe {
        libc::syscall(libc::SYS_mount_setattr, dir, path, flags, &raw const *attr, size_of::<MountAttr>())
    };
    done(result, "mount_setattr", object)
}

/// Turns a detached tree into an id-mapped one (mount_setattr(2), MOUNT_ATTR_IDMAP). EINVAL: the file system
/// cannot, or it is id-mapped already. EPERM: its superblock belongs to another user namespace.
pub fn set_idmap(
    tree: BorrowedFd<'_>,
    user_namespace: BorrowedFd<'_>,
    depth: Depth,
    object: &str,
) -> Result<()> {
    let change = Change { set: attr::IDMAP, ..Change::default() };
    set_attributes_with(tree, change, user_namespace.as_raw_fd() as u64, depth, object)
}

/// pivot_root(".", "."): the working directory becomes the root, the old root lies on top of it.
pub fn pivot_root_here(object: &str) -> Result<()> {
    let dot = c".".as_ptr();
    // SAFETY: both paths are NUL-terminated; the kernel keeps nothing.
    done(unsafe { libc::syscall(libc::SYS_pivot_root, dot, dot) }, "pivot_root", object)
}

/// Detaches what is mounted on top at `path` (umount2(2), MNT_DETACH).
pub fn detach(path: &CStr) -> Result<()> {
    // SAFETY: `path` is NUL-terminated; the kernel keeps nothing.
    let result = unsafe { libc::umount2(path.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) };
    done(result.into(), "umount2", &path.to_string_lossy())
}

/// Detaches the mount that a descriptor lies on, and no other that may cover it. `proc` is the host's procfs: umount2(2)
/// takes a path, and the link of a descriptor there is one that nobody else can lead elsewhere. Changes the working
/// directory. EINVAL: it is locked by a more privileged user namespace, or not of our mount namespace.
pub fn detach_of(proc: BorrowedFd<'_>, mount: BorrowedFd<'_>, object: &str) -> Result<()> {
    enter(proc, "/proc")?;
    let link = c_string(&format!("self/fd/{}", mount.as_raw_fd()));
    // SAFETY: the path is NUL-terminated; the kernel keeps nothing.
    done(unsafe { libc::umount2(link.as_ptr(), libc::MNT_DETACH) }.into(), "umount2", object)
}

/// mount(2) by path: only for what the mount API of descriptors cannot say, and only at trusted paths.
pub fn mount_at(source: &CStr, path: &CStr, fstype: &CStr, flags: u64, data: &CStr) -> Result<()> {
    let object = format!("{} on {}", fstype.to_string_lossy(), path.to_string_lossy());
    // SAFETY: the strings are NUL-terminated; the kernel keeps none.
    let result = unsafe {
        libc::mount(
            source.as_ptr(),
            path.as_ptr(),
            fstype.as_ptr(),
            flags as libc::c_ulong,
            data.as_ptr().cast(),
        )
    };
    done(result.into(), "mount", &object)
}

/// statfs(2) magic of the file system a descriptor lies on.
pub fn magic(fd: BorrowedFd<'_>, object: &str) -> Result<i64> {
    let statfs = nix::sys::statfs::fstatfs(fd).map_err(|e| SysError::nix("statfs", object, e))?;
    Ok(statfs.filesystem_type().0 as i64)
}

/// The flags of the mount a descriptor lies on, as [`attr`] bits (fstatvfs(3), f_flag).
pub fn attributes(fd: BorrowedFd<'_>, object: &str) -> Result<u64> {
    let mut statvfs = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `statvfs` is a whole struct statvfs; the kernel fills it and keeps nothing.
    if unsafe { libc::fstatvfs(fd.as_raw_fd(), statvfs.as_mut_ptr()) } != 0 {
        return Err(SysError::last("statvfs", object));
    }
    // SAFETY: the struct was zeroed, every bit pattern of it is valid, and the kernel has filled it.
    let flags = unsafe { statvfs.assume_init() }.f_flag;
    // ST_* of linux/statfs.h; ST_NOSYMFOLLOW is missing in libc.
    const TABLE: [(u64, u64); 7] = [
        (0x0001, attr::RDONLY),
        (0x0002, attr::NOSUID),
        (0x0004, attr::NODEV),
        (0x0008, attr::NOEXEC),
        (0x0400, attr::NOATIME),
        (0x0800, attr::NODIRATIME),
        (0x2000, attr::NOSYMFOLLOW),
    ];
    Ok(TABLE.iter().filter(|(st, _)| flags & st != 0).fold(0, |all, (_, attr)| all | attr))
}

/// A file system being configured: fsopen(2) or fspick(2), then fsconfig(2). Its errors carry what the file system
/// says: `tmpfs: Bad value for 'size'`.
#[derive(Debug)]
pub struct Context {
    fd: OwnedFd,
    object: String,
}

const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSPICK_CLOEXEC: libc::c_uint = 1;
const FSPICK_EMPTY_PATH: libc::c_uint = 8;
const FSCONFIG_SET_FLAG: libc::c_uint = 0;
const FSCONFIG_SET_STRING: libc::c_uint = 1;
const FSCONFIG_SET_FD: libc::c_uint = 5;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const FSCONFIG_CMD_RECONFIGURE: libc::c_uint = 7;

impl Context {
    /// A new file system of this type. ENODEV: the kernel has none of that name.
    pub fn open(fstype: &CStr) -> Result<Context> {
        let object = fstype.to_string_lossy().into_owned();
        // SAFETY: `fstype` is NUL-terminated; the kernel keeps nothing.
        let fd = unsafe { libc::syscall(libc::SYS_fsopen, fstype.as_ptr(), FSOPEN_CLOEXEC) };
        Ok(Context { fd: owned(fd, "fsopen", &object)?, object })
    }

    /// The file system that is mounted at what a descriptor refers to, to change its options.
    pub fn pick(mount: BorrowedFd<'_>, object: &str) -> Result<Context> {
        let flags = FSPICK_CLOEXEC | FSPICK_EMPTY_PATH;
        // SAFETY: the path is the empty string, NUL-terminated; the kernel keeps nothing.
        let fd = unsafe { libc::syscall(libc::SYS_fspick, mount.as_raw_fd(), c"".as_ptr(), flags) };
        Ok(Context { fd: owned(fd, "fspick", object)?, object: object.to_string() })
    }

    /// One option: a flag if there is no value. EINVAL for a value of 256 bytes or more, whatever the option.
    pub fn set(&self, key: &CStr, value: Option<&CStr>) -> Result<()> {
        let command = if value.is_some() { FSCONFIG_SET_STRING } else { FSCONFIG_SET_FLAG };
        self.configure(command, Some(key), value)
    }

    /// One option whose value is a descriptor.
    pub fn set_descriptor(&self, key: &CStr, value: BorrowedFd<'_>) -> Result<()> {
        let (fd, key, null) = (self.fd.as_raw_fd(), key.as_ptr(), std::ptr::null::<libc::c_char>());
        // SAFETY: `key` is NUL-terminated, the value is the descriptor's number; the kernel keeps neither pointer.
        let result =
            unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_SET_FD, key, null, value.as_raw_fd()) };
        done(result, "fsconfig", &self.object).map_err(|error| self.explain(error))
    }

    /// Makes the superblock.
    pub fn create(&self) -> Result<()> {
        self.configure(FSCONFIG_CMD_CREATE, None, None)
    }

    /// Changes the superblock that was picked.
    pub fn reconfigure(&self) -> Result<()> {
        self.configure(FSCONFIG_CMD_RECONFIGURE, None, None)
    }

    /// A detached mount of the superblock with these [`attr`] bits (fsmount(2)).
    pub fn mount(&self, attributes: u64) -> Result<OwnedFd> {
        let attributes = attributes as libc::c_uint;
        // SAFETY: integers only.
        let fd =
            unsafe { libc::syscall(libc::SYS_fsmount, self.fd.as_raw_fd(), FSMOUNT_CLOEXEC, attributes) };
        owned(fd, "fsmount", &self.object).map_err(|error| self.explain(error))
    }

    fn configure(&self, command: libc::c_uint, key: Option<&CStr>, value: Option<&CStr>) -> Result<()> {
        let pointer = |text: Option<&CStr>| text.map_or(std::ptr::null(), CStr::as_ptr);
        let (fd, key_at, value_at) = (self.fd.as_raw_fd(), pointer(key), pointer(value));
        // SAFETY: key and value are NUL-terminated or null as the command wants them; the kernel keeps neither.
        let result = unsafe { libc::syscall(libc::SYS_fsconfig, fd, command, key_at, value_at, 0) };
        done(result, "fsconfig", &self.object).map_err(|error| self.explain(error))
    }

    /// Puts the messages of the file system into the error. Each read(2) gives one: `e tmpfs: Bad value for 'size'`.
    fn explain(&self, mut error: SysError) -> SysError {
        let mut line = [0u8; 256];
        while let Ok(length @ 1..) = nix::unistd::read(&self.fd, &mut line) {
            let text = String::from_utf8_lossy(line.get(..length).unwrap_or_default());
            if let Some(message) = text.trim_end().strip_prefix("e ") {
                error.object = format!("{} ({message})", error.object);
            }
        }
        error
    }
}

impl From<Context> for OwnedFd {
    fn from(context: Context) -> OwnedFd {
        context.fd
    }
}

/// Makes a directory, held by descriptor, the working directory (fchdir(2)).
pub fn enter(dir: BorrowedFd<'_>, object: &str) -> Result<()> {
    nix::unistd::fchdir(dir).map_err(|e| SysError::nix("fchdir", object, e))
}

/// Makes the working directory the root (chroot(2)).
pub fn chroot_here(object: &str) -> Result<()> {
    nix::unistd::chroot(".").map_err(|e| SysError::nix("chroot", object, e))
}

/// Makes / the working directory.
pub fn enter_root() -> Result<()> {
    nix::unistd::chdir("/").map_err(|e| SysError::nix("chdir", "/", e))
}

/// O_PATH descriptor of a trusted host path; symlinks are followed.
pub fn open_path(path: &CStr) -> Result<OwnedFd> {
    super::fd::open_path(path, nix::fcntl::OFlag::O_PATH)
        .map_err(|e| SysError::nix("open", path.to_string_lossy(), e))
}

/// The same of a directory; ENOTDIR if it is none.
pub fn open_dir(path: &CStr) -> Result<OwnedFd> {
    super::fd::open_path(path, nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY)
        .map_err(|e| SysError::nix("open", path.to_string_lossy(), e))
}

/// O_PATH descriptor of the directory above one held open; at the root of the process, of itself.
pub fn open_above(dir: BorrowedFd<'_>, object: &str) -> Result<OwnedFd> {
    let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC;
    nix::fcntl::openat(dir, "..", flags, nix::sys::stat::Mode::empty())
        .map_err(|e| SysError::nix("openat", object, e))
}

/// Text made here as the kernel wants it; empty if it holds a NUL.
pub fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}
