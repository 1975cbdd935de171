//! sd_notify(3): a socket of the container's own, in a folder that is mounted read-only, and the variable that names it.
//!
//! Called by `Plan`, last of what mounts. The socket of the caller's service manager is never shown to the container:
//! `launch::notify` passes on what is harmless.

use super::mounts::{Attributes, MountKind, MountOp, NOT_CONFIGURED};
use super::rootfs::Rootfs;
use super::text::kernel_string;
use super::{Process, mount_options};
use crate::bundle::Invalid;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The socket's name in its folder, on the host and in the container.
pub const SOCKET: &str = "notify.sock";
/// Where the container sees that folder.
const FOLDER: &str = "/run/notify";
const VARIABLE: &str = "NOTIFY_SOCKET=";

/// Adds mount and variable. A configuration that names a socket itself has arranged for it: then nothing is added.
pub(super) fn add(
    folder: Option<&Path>,
    process: &mut Process,
    rootfs: &mut Rootfs,
) -> Result<bool, Invalid> {
    let Some(folder) = folder else { return Ok(false) };
    let has_one = |entry: &std::ffi::CString| entry.as_bytes().starts_with(VARIABLE.as_bytes());
    if process.is_absent() || process.env.iter().any(has_one) {
        return Ok(false);
    }
    process.env.push(kernel_string(&format!("{VARIABLE}{FOLDER}/{SOCKET}"), "/process/env")?);
    let source = std::ffi::CString::new(folder.as_os_str().as_bytes())
        .map_err(|_| Invalid::value("", "the path of the containers' state has a NUL byte"))?;
    let kind = MountKind::Bind { source, recursive: false };
    rootfs.mounts.push(MountOp {
        index: NOT_CONFIGURED,
        target: kernel_string(FOLDER, "/mounts")?,
        kind,
        attributes: Attributes { set: mount_options::SHOWN_ONLY, clear: 0 },
        recursive_attributes: Attributes::default(),
        propagation: Vec::new(),
        superblock_flags: Vec::new(),
        data: Vec::new(),
        idmap: None,
        copy_up: false,
        target_nofollow: false,
        source_nofollow: true,
        remount: false,
    });
    Ok(true)
}
