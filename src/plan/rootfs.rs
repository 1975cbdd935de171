//! `root`, `rootfsPropagation`, masked and read-only paths -> the steps of making the root filesystem.

use super::devices::Device;
use super::mounts::{MountOp, Propagation};
use std::ffi::CString;
use std::path::PathBuf;

/// The root filesystem and everything in it, in the order in which it is made.
#[derive(Debug, Clone)]
pub struct Rootfs {
    /// Absolute path on the host.
    pub path: PathBuf,
    /// Remount the root read-only at the end.
    pub readonly: bool,
    /// `linux.rootfsPropagation`, applied to the container's root after pivot_root; None: private (slave to the
    /// host before the pivot).
    pub propagation: Option<Propagation>,
    /// Everything to mount, in the order of the config.
    pub mounts: Vec<MountOp>,
    /// What goes into /dev. `None` if a bind mount covers /dev: then it is left as it is.
    pub dev: Option<Dev>,
    /// Paths to hide. Missing ones are skipped.
    pub masked_paths: Vec<CString>,
    /// Paths to remount read-only. Missing ones are skipped.
    pub readonly_paths: Vec<CString>,
    /// pivot_root(2), or MS_MOVE with chroot (`--no-pivot`).
    pub switch: Switch,
    /// SELinux context of the mounts (`linux.mountLabel`).
    pub mount_label: Option<CString>,
}

/// How the child changes to its new root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// pivot_root(2); the old root is unmounted.
    Pivot,
    /// MS_MOVE onto / and chroot(2): `--no-pivot`, for a host whose root is an initramfs.
    MoveAndChroot,
    /// No new mount namespace: chroot(2) only.
    Chroot,
}

/// The contents of /dev.
#[derive(Debug, Clone, Default)]
pub struct Dev {
    /// The devices every container has and those of the config, merged: the config's wins on the same path.
    pub devices: Vec<Device>,
    /// /dev/ptmx -> pts/ptmx, /dev/fd and so on: (link, target).
    pub links: Vec<(CString, CString)>,
}
