//! `tmpcopyup`: what lies at the target of a tmpfs is copied into it, before it is attached.
//!
//! Called by `mount`. Both sides are held by descriptor; nothing is followed, and what is mounted below the target
//! is not entered.

use crate::sys::error::errno::ELOOP;
use crate::sys::statx::{self, Stat, Type};
use crate::sys::{Result, SysError, inode};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

/// Two descriptors are open for each level, of usually 1024.
const LEVELS_MAX: u32 = 128;

/// Copies the contents of the directory `from`, and its owner, into the empty `to`: types, permissions, owners, times.
/// Sockets are left out. Both may be O_PATH descriptors.
pub(super) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, object: &str) -> Result<()> {
    let stat = statx::of(from, object)?;
    copy_owner(to, &stat, object)?;
    copy_entries(from, to, stat.mount_id, LEVELS_MAX, object)
}

fn copy_entries(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    mount_id: u64,
    levels: u32,
    object: &str,
) -> Result<()> {
    if levels == 0 {
        return Err(SysError::new("tmpcopyup", object, ELOOP));
    }
    for name in inode::names(from, object)? {
        let object = format!("{object}/{}", name.to_string_lossy());
        let stat = statx::at(from, &name, &object)?;
        copy_one(from, to, &name, &stat, &object)?;
        if stat.file_type() == Type::Socket {
            continue;
        }
        let made = inode::open(to, &name, &object)?;
        if let Some(made) = made {
            copy_owner(made.as_fd(), &stat, &object)?;
            let enter = stat.is_dir() && stat.mount_id == mount_id;
            if let Some(below) = enter.then(|| inode::open(from, &name, &object)).transpose()?.flatten() {
                copy_entries(below.as_fd(), made.as_fd(), mount_id, levels - 1, &object)?;
            }
        }
        inode::set_times(to, &name, &stat, &object)?;
    }
    Ok(())
}

fn copy_one(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, stat: &Stat, object: &str) -> Result<()> {
    let mode = stat.permissions();
    let node = match stat.file_type() {
        Type::Directory => return inode::make_dir(to, name, mode, object),
        Type::Regular => return inode::copy_file(from, to, name, mode, object),
        Type::Symlink => {
            let target = inode::read_link(from, name, object)?;
            let target = crate::sys::walk::c_path(target.as_ref())?;
            return inode::make_link(to, name, &target, object);
        }
        Type::Char => inode::Node::Char(stat.rdev.0, stat.rdev.1),
        Type::Block => inode::Node::Block(stat.rdev.0, stat.rdev.1),
        Type::Fifo => inode::Node::Fifo,
        Type::Socket | Type::Unknown => return Ok(()),
    };
    inode::make(to, name, node, mode, object)
}

/// A change of owner takes the set-user-id bits away, so the permissions follow it.
fn copy_owner(fd: BorrowedFd<'_>, stat: &Stat, object: &str) -> Result<()> {
    let now = statx::of(fd, object)?;
    if (now.uid, now.gid) == (stat.uid, stat.gid) {
        return Ok(());
    }
    inode::set_owner(fd, stat.uid, stat.gid, object)?;
    match stat.is_symlink() {
        true => Ok(()),
        false => inode::set_permissions(fd, stat.permissions(), object),
    }
}
