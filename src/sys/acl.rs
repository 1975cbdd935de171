//! Access control lists (acl(5)), for one thing: a user more who may search a directory, for a while.
//!
//! Used by `cmd::restore`: a folder of images is closed to everybody but root, and CRIU reads it as the root of a user
//! namespace, too.

use super::dir::Dir;
use super::{Result, SysError};
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd};

const NAME: &CStr = c"system.posix_acl_access";
/// POSIX_ACL_XATTR_VERSION (linux/posix_acl_xattr.h).
const VERSION: u32 = 2;
const NOBODY: u32 = u32::MAX;

/// A directory that one more user may search, until this is dropped.
#[derive(Debug)]
pub struct Searchable<'a> {
    dir: &'a Dir,
    mode: u32,
}

impl Searchable<'_> {
    /// None: it needs nothing, or it has a list already, which is its owner's choice, or its file system knows none.
    pub fn by(dir: &Dir, uid: u32) -> Result<Option<Searchable<'_>>> {
        let Some(stat) = dir.stat(".")? else { return Ok(None) };
        if stat.st_mode & 0o001 != 0 || stat.st_uid == uid {
            return Ok(None);
        }
        let list = encode(stat.st_mode, uid);
        // SAFETY: name and value are live, and the length is the value's.
        let done = unsafe {
            libc::fsetxattr(
                dir.as_fd().as_raw_fd(),
                NAME.as_ptr(),
                list.as_ptr().cast(),
                list.len(),
                libc::XATTR_CREATE,
            )
        };
        if done == 0 {
            return Ok(Some(Searchable { dir, mode: stat.st_mode & 0o7777 }));
        }
        let error = SysError::last("fsetxattr", dir.path().display().to_string());
        let in_vain = [libc::EEXIST, libc::EOPNOTSUPP, libc::EROFS].contains(&error.errno);
        if in_vain { Ok(None) } else { Err(error) }
    }
}

impl Drop for Searchable<'_> {
    fn drop(&mut self) {
        // SAFETY: the name is live. If it cannot be removed, one user more may search the folder: nobody is told.
        unsafe { libc::fremovexattr(self.dir.as_fd().as_raw_fd(), NAME.as_ptr()) };
        let _ = self.dir.set_mode(self.mode);
    }
}

/// The list that says the same as the mode, and that `uid` may search.
fn encode(mode: u32, uid: u32) -> Vec<u8> {
    let (owner, group, other) = (mode >> 6 & 7, mode >> 3 & 7, mode & 7);
    // User, named user, group, mask, others: in this order.
    let entries =
        [(1, owner, NOBODY), (2, 1, uid), (4, group, NOBODY), (16, group | 1, NOBODY), (32, other, NOBODY)];
    let mut list = VERSION.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend_from_slice(&(tag as u16).to_le_bytes());
        list.extend_from_slice(&(permissions as u16).to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    }
    list
}
