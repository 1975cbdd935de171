//! What may be mounted on or below /proc.
//!
//! Called by `mount` for each entry with the target already held by descriptor. Covering parts of /proc is how
//! labels and masks are subverted (CVE-2019-16884, CVE-2025-52881), so only what lxcfs provides may be covered.

use super::mount::{is_procfs, name_of};
use crate::plan::mounts::{MountKind, MountOp};
use crate::sys::error::errno::EPERM;
use crate::sys::path::Root;
use crate::sys::{Result, SysError, dir, statx};
use std::os::fd::BorrowedFd;

/// Files that lxcfs provides, below /proc.
const MAY_BE_COVERED: [&str; 10] = [
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "sys/kernel/ns_last_pid",
    "sys/crypto/fips_enabled",
];

/// Inode of the root of a procfs.
const PROC_ROOT_INODE: u64 = 1;

/// EPERM if `tree` (None: what is there already, whose flags change) may not go onto `target`.
pub(super) fn check(
    root: &Root,
    op: &MountOp,
    (target, stat): (BorrowedFd<'_>, &statx::Stat),
    tree: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let object = name_of(op);
    let names = normalised(&object);
    let named = names.first().is_some_and(|first| *first == "proc");
    let on_procfs = root.magic(target, stat, &object)? == dir::PROC_SUPER_MAGIC;
    let broken = broken!("cve_2019_16884") || broken!("cve_2025_52881") || broken!("cve_2025_62596");
    if !named && !on_procfs || broken {
        return Ok(());
    }
    let is_root = on_procfs && stat.inode == PROC_ROOT_INODE;
    let below = names.get(1..).unwrap_or_default().join("/");
    let allowed = match tree {
        None => true,
        // The root of /proc, by name or by what the path leads to: only another procfs.
        Some(tree) if named && below.is_empty() || is_root => is_new_procfs(op) || is_procfs(tree, &object)?,
        Some(_) => named && MAY_BE_COVERED.contains(&below.as_str()) && !matches!(op.kind, MountKind::Cgroup),
    };
    if allowed {
        return Ok(());
    }
    Err(SysError::new(
        "move_mount",
        format!("{object} (cannot be mounted because it is inside /proc)"),
        EPERM,
    ))
}

/// Whether what is mounted was made as a procfs a moment ago.
fn is_new_procfs(op: &MountOp) -> bool {
    matches!(&op.kind, MountKind::Filesystem { fstype, .. } if fstype.as_bytes() == b"proc")
}

/// The names in a path, without empty ones and `.`, and with `..` taken back.
pub(super) fn normalised(path: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            _ => names.push(name),
        }
    }
    names
}
