//! (being written) The new mount API.
use super::{Result, SysError};
use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};

/// One mount, or with everything mounted below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// This mount alone.
    Mount,
    /// And everything below.
    Tree,
}

/// A detached copy of the mount at a trusted host path (open_tree(2), OPEN_TREE_CLONE).
/// What the parent uses to open sources for the child, see `child::mount::Inputs`.
pub fn clone_tree(path: &CStr, depth: Depth) -> Result<OwnedFd> {
    let _ = depth;
    Err(SysError::new("open_tree", path.to_string_lossy(), libc::ENOSYS))
}

/// Turns a detached tree into an id-mapped one (mount_setattr(2), MOUNT_ATTR_IDMAP).
pub fn set_idmap(
    tree: BorrowedFd<'_>,
    user_namespace: BorrowedFd<'_>,
    depth: Depth,
    object: &str,
) -> Result<()> {
    let _ = (tree, user_namespace, depth);
    Err(SysError::new("mount_setattr", object, libc::ENOSYS))
}

/// Attaches a detached mount onto what `target` refers to (move_mount(2)).
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>, object: &str) -> Result<()> {
    let _ = (tree, target);
    Err(SysError::new("move_mount", object, libc::ENOSYS))
}
