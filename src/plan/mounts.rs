//! `mounts` -> one MountOp each, in the order of the config.

use super::idmap::IdMaps;
use std::ffi::CString;

/// One entry of `mounts`, ready for the new mount API (mount_setattr(2), fsopen(2)).
#[derive(Debug, Clone)]
pub struct MountOp {
    /// Position in config.json#/mounts.
    pub index: u16,
    /// Where: an absolute path, resolved inside the root filesystem.
    pub target: CString,
    /// What.
    pub kind: MountKind,
    /// MOUNT_ATTR_* for the mount itself.
    pub attributes: Attributes,
    /// MOUNT_ATTR_* for the mount and everything below it (`rro`, `rnosuid`, …).
    pub recursive_attributes: Attributes,
    /// Propagation changes, in the order given.
    pub propagation: Vec<Propagation>,
    /// Superblock flags set by fsconfig(2): `ro`, `sync`, `dirsync`, `lazytime`, … as option words.
    pub superblock_flags: Vec<&'static str>,
    /// File-system options: key, and value if there is one.
    pub data: Vec<(CString, Option<CString>)>,
    /// An id-mapped mount.
    pub idmap: Option<Idmap>,
    /// `tmpcopyup`: what lies at the target is copied into the new tmpfs.
    pub copy_up: bool,
    /// `dest-nofollow`: the last component of the target may not be a symlink (it is replaced, never followed).
    pub target_nofollow: bool,
    /// `src-nofollow` / `copy-symlink`: the last component of the source is not followed.
    pub source_nofollow: bool,
    /// `remount`: change the attributes of what is mounted there.
    pub remount: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A bind mount of a host path.
    Bind {
        /// Absolute host path.
        source: CString,
        /// `rbind`.
        recursive: bool,
    },
    /// A file system of its own.
    Filesystem {
        /// For example `tmpfs`.
        fstype: CString,
        /// The `source` of the config, as fsconfig's "source".
        source: Option<CString>,
    },
    /// Type `cgroup`: the container's own view of its cgroups, whatever the host's layout.
    Cgroup,
    /// Only flags change at the target (`remount`, or propagation alone with no source or type).
    Nothing,
}

/// Attributes to set and to clear, as MOUNT_ATTR_* of mount_setattr(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bits to set.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
}

/// One change of mount propagation (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// How.
    pub kind: PropagationKind,
    /// For everything below, too (`rprivate` instead of `private`).
    pub recursive: bool,
}

/// The kinds of propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PropagationKind {
    Private,
    Shared,
    Slave,
    Unbindable,
}

/// An id-mapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idmap {
    /// The mapping; None: that of the container's user namespace.
    pub maps: Option<IdMaps>,
    /// For everything below, too (`ridmap`).
    pub recursive: bool,
}
