//! Mountpoints in a root filesystem that has not seen the container before: CRIU mounts, but makes no folder.
//!
//! Called by `cmd::restore`. All of it goes through the path layer: the root filesystem is the image's (CVE-2021-30465). What
//! lies in a file system of the container's own, a tmpfs, comes back with its contents.

use crate::plan::mounts::{MountKind, MountOp};
use crate::plan::rootfs::Rootfs;
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::walk::{Missing, c_path};
use crate::sys::{mount, statx};
use anyhow::{Context, Result};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Makes what is missing for the mounts of the configuration.
pub fn make(rootfs: &Rootfs) -> Result<()> {
    for (index, op) in rootfs.mounts.iter().enumerate() {
        let Some((root, path)) = place(rootfs, index, op) else { continue };
        let make = || -> Result<()> {
            let missing = missing(op)?;
            let root = Root::new(mount::open_path(&c_path(&root)?)?);
            root.resolve_or_make(&path, Symlinks::Follow, missing)?;
            Ok(())
        };
        make().with_context(|| format!("make the mountpoint of mounts[{index}]"))?;
    }
    Ok(())
}

/// The host folder in which the mountpoint of an entry lies, and its path there. None: it needs none, or has it.
pub fn place(rootfs: &Rootfs, index: usize, op: &MountOp) -> Option<(PathBuf, PathBuf)> {
    if op.remount || op.kind == MountKind::Nothing {
        return None;
    }
    let target = as_path(&op.target);
    let earlier = rootfs.mounts.get(..index).unwrap_or_default().iter();
    let above =
        earlier.filter(|other| target.starts_with(as_path(&other.target)) && other.target != op.target);
    match above.max_by_key(|other| as_path(&other.target).components().count()) {
        None => Some((rootfs.path.clone(), target.into())),
        Some(MountOp { kind: MountKind::Bind { source, .. }, target: above, .. }) => {
            let below = target.strip_prefix(as_path(above)).unwrap_or(Path::new(""));
            Some((as_path(source).into(), Path::new("/").join(below)))
        }
        Some(_) => None,
    }
}

fn missing(op: &MountOp) -> Result<Missing> {
    let MountKind::Bind { source, .. } = &op.kind else { return Ok(Missing::Directory) };
    let object = source.to_string_lossy();
    let is_dir = statx::of(mount::open_path(source)?.as_fd(), &object)?.is_dir();
    Ok(if is_dir { Missing::Directory } else { Missing::File(0o755) })
}
