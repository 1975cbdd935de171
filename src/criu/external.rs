//! Mounts that come from outside of the container: CRIU must be told of each at the dump, and where it comes from at
//! the restore.
//!
//! Called by `cmd::checkpoint` ([`of_container`]) and `cmd::restore` ([`bound`]). At the dump the mounts are looked up in the
//! container itself, for a destination may lead through symlinks; what each is goes into the image in words of the
//! configuration, so that another bundle, or another host, can have it elsewhere.

use super::messages::ExtMount;
use super::{Failed, UNFIT};
use crate::cgroup::Handle;
use crate::plan::mounts::{MountKind, MountOp};
use crate::plan::{Plan, rootfs::Rootfs};
use crate::sys::mount::{self, attr};
use crate::sys::mountinfo::{self, Mounted};
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::statx;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// One mount from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct External {
    /// Where it is in the container; CRIU's key for it.
    pub path: PathBuf,
    /// What it is.
    pub source: Source,
}

/// What an external mount shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// The bind mount with this destination in the configuration, or what is mounted below its source.
    Bind {
        /// As the configuration has it.
        destination: PathBuf,
        /// The path below the source; empty: the source itself.
        below: PathBuf,
    },
    /// The empty file over a masked path.
    MaskedFile,
    /// The empty folder over a masked path.
    MaskedFolder,
    /// A device node of the host, where none could be made (user namespace).
    Device,
    /// The control group of this v1 controller, or of the unified hierarchy.
    Cgroup {
        /// Empty: the unified hierarchy.
        controller: String,
        /// Whether the hierarchy's root is shown, not the container's group.
        whole: bool,
    },
}

/// Names of the two masks in their tmpfs (`child::paths::empty_tree`).
const MASKED_FILE: &str = "file";
const MASKED_FOLDER: &str = "dir";

/// The external mounts of a container that runs.
pub fn of_container(pid: i32, plan: &Plan) -> Result<Vec<External>> {
    let mounted = mountinfo::of_process(pid).context("the container's mounts")?;
    let root = mount::open_path(&mount::c_string(&format!("/proc/{pid}/root")))?;
    let placed = placed(&Root::new(root), &plan.rootfs);
    let found = mounted.iter().filter(|mounted| mounted.point != Path::new("/"));
    Ok(found.filter_map(|mounted| classify(mounted, &placed, plan)).collect())
}

/// The number of each mount of the configuration that can still be found, with its position.
fn placed(root: &Root, rootfs: &Rootfs) -> BTreeMap<u64, usize> {
    let number = |op: &MountOp| {
        let fd = root.resolve(as_path(&op.target), Symlinks::Follow).ok()?;
        let stat = statx::of(fd.as_fd(), "mount").ok()?;
        stat.mount_root.then_some(stat.mount_id)
    };
    let mut placed = BTreeMap::new();
    let mounts = rootfs.mounts.iter().enumerate();
    placed.extend(mounts.filter_map(|(index, op)| Some((number(op)?, index))));
    placed
}

/// What one mount is, if it comes from outside. `placed` has the configuration's mounts by number.
pub fn classify(mounted: &Mounted, placed: &BTreeMap<u64, usize>, plan: &Plan) -> Option<External> {
    let external = |source| Some(External { path: mounted.point.clone(), source });
    let ops = &plan.rootfs.mounts;
    if matches!(mounted.fstype.as_str(), "cgroup" | "cgroup2") {
        return external(cgroup(mounted));
    }
    if let Some(op) = placed.get(&mounted.id).and_then(|index| ops.get(*index)) {
        let destination = as_path(&op.target).to_path_buf();
        let bind = matches!(op.kind, MountKind::Bind { .. });
        return bind.then(|| External {
            path: mounted.point.clone(),
            source: Source::Bind { destination, below: PathBuf::new() },
        });
    }
    let at_root = |name: &str| mounted.root == Path::new("/").join(name);
    match mounted.fstype.as_str() {
        "tmpfs" if at_root(MASKED_FILE) => return external(Source::MaskedFile),
        "tmpfs" if at_root(MASKED_FOLDER) => return external(Source::MaskedFolder),
        _ => {}
    }
    let devices = plan.rootfs.dev.iter().flat_map(|dev| &dev.devices);
    if devices.into_iter().any(|device| as_path(&device.path) == mounted.point) {
        return external(Source::Device);
    }
    below_a_bind(&mounted.point, ops).and_then(external)
}

/// What is mounted below the source of a recursive bind mount.
fn below_a_bind(point: &Path, ops: &[MountOp]) -> Option<Source> {
    let above = ops.iter().filter(|op| point.starts_with(as_path(&op.target)));
    let nearest = above.max_by_key(|op| as_path(&op.target).components().count())?;
    let MountKind::Bind { recursive: true, .. } = nearest.kind else { return None };
    let destination = as_path(&nearest.target).to_path_buf();
    let below = point.strip_prefix(&destination).ok()?.to_path_buf();
    Some(Source::Bind { destination, below })
}

/// v1: the superblock's options name the controllers.
fn cgroup(mounted: &Mounted) -> Source {
    let controller = match mounted.fstype.as_str() {
        "cgroup2" => String::new(),
        _ => controllers(&mounted.options).next().unwrap_or_default().to_string(),
    };
    Source::Cgroup { controller, whole: mounted.root == Path::new("/") }
}

fn controllers(options: &[String]) -> impl Iterator<Item = &str> {
    let other = ["rw", "ro", "xattr", "clone_children", "noprefix"];
    options
        .iter()
        .map(String::as_str)
        .filter(move |word| !other.contains(word) && (!word.contains('=') || word.starts_with("name=")))
}

/// The keys for a dump.
pub fn keys(externals: &[External]) -> Vec<ExtMount> {
    let key = |external: &External| external.path.to_string_lossy().into_owned();
    externals.iter().map(|external| ExtMount { key: key(external), val: key(external) }).collect()
}

/// What an image that does not say so itself (runc's) has from outside, by the configuration alone.
pub fn by_config(plan: &Plan) -> Vec<External> {
    let bind = |op: &MountOp| {
        let destination = as_path(&op.target).to_path_buf();
        let source = Source::Bind { destination: destination.clone(), below: PathBuf::new() };
        matches!(op.kind, MountKind::Bind { .. }).then_some(External { path: destination, source })
    };
    let mask = |path: &std::ffi::CString| External { path: as_path(path).into(), source: Source::MaskedFile };
    let binds = plan.rootfs.mounts.iter().filter_map(bind);
    binds.chain(plan.rootfs.masked_paths.iter().map(mask)).collect()
}

/// What each is bound from at a restore. `masks` is the folder where CRIU sees the two masks.
///
/// # Errors
/// The configuration has no such mount any more.
pub fn bound(externals: &[External], plan: &Plan, cgroup: &Handle, masks: &Path) -> Result<Vec<ExtMount>> {
    let one = |external: &External| {
        let from = source(external, plan, cgroup, masks)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Ok(ExtMount { key: text(&external.path), val: text(&from) })
    };
    externals.iter().map(one).collect()
}

/// The attributes (MOUNT_ATTR_*) that each must have, as far as they forbid something; and the root.
pub fn attributes(externals: &[External], plan: &Plan) -> Vec<(PathBuf, u64)> {
    const FORBIDDING: u64 = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;
    let of_bind = |destination: &Path, below: &Path| {
        let op = plan.rootfs.mounts.iter().find(|op| as_path(&op.target) == destination);
        let set = op.map(|op| match below.as_os_str().is_empty() {
            true => op.attributes.set | op.recursive_attributes.set,
            false => op.recursive_attributes.set,
        });
        set.unwrap_or(0) & FORBIDDING
    };
    let one = |external: &External| match &external.source {
        Source::Bind { destination, below } => of_bind(destination, below),
        Source::MaskedFile | Source::MaskedFolder => FORBIDDING,
        Source::Device => attr::NOSUID | attr::NOEXEC,
        Source::Cgroup { .. } => 0,
    };
    let root = plan.rootfs.readonly.then(|| (PathBuf::from("/"), attr::RDONLY));
    let mounts = externals.iter().map(|external| (external.path.clone(), one(external)));
    mounts.filter(|(_, bits)| *bits != 0).chain(root).collect()
}

fn source(external: &External, plan: &Plan, cgroup: &Handle, masks: &Path) -> Result<PathBuf> {
    let missing = |what: String| {
        let advice = "restore it from the bundle it was made of, or one with the same mounts";
        Failed::new(UNFIT, format!("the image has {what}"), Some(advice))
    };
    Ok(match &external.source {
        Source::MaskedFile => masks.join(MASKED_FILE),
        Source::MaskedFolder => masks.join(MASKED_FOLDER),
        Source::Device => external.path.clone(),
        Source::Bind { destination, below } => {
            let same = |op: &&MountOp| as_path(&op.target) == destination.as_path();
            let op = plan.rootfs.mounts.iter().find(same);
            match op.map(|op| &op.kind) {
                Some(MountKind::Bind { source, .. }) if below.as_os_str().is_empty() => {
                    as_path(source).into()
                }
                Some(MountKind::Bind { source, .. }) => as_path(source).join(below),
                _ => {
                    let shown = destination.display();
                    let what =
                        format!("a bind mount at {shown}, for which config.json#/mounts gives no source");
                    return Err(missing(what).into());
                }
            }
        }
        Source::Cgroup { controller, whole } => {
            let v1 = |tree: &&crate::cgroup::Tree| tree.controllers.iter().any(|name| name == controller);
            let tree = match controller.as_str() {
                "" => cgroup.v2.as_ref(),
                _ => cgroup.v1.iter().find(v1),
            };
            let what =
                || missing(format!("a control group mount ({controller:?}) that this host does not have"));
            let tree = tree.ok_or_else(what)?;
            if *whole { tree.mount.clone() } else { tree.dir() }
        }
    })
}
