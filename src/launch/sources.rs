//! What must be opened for the mounts while we are still the host: trees of bind sources that the child could not
//! reach from a user namespace, and id-mapped ones, which only the owner of a file system may make.
//!
//! Called by `launch::spawn` before the clone; the child inherits the descriptors.

use super::foreground::Watch;
use super::spawn::user_namespace;
use super::steps;
use crate::cgroup::{Entry, Layout};
use crate::child::cgroup_mount::Hierarchy;
use crate::child::mount::Inputs;
use crate::plan::mounts::{Idmap, MountKind, MountOp, PropagationKind};
use crate::plan::{IdMaps, Plan};
use crate::sys::error::errno;
use crate::sys::mount::{self, Change, Depth, LastLink, propagation};
use anyhow::Result;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The hierarchies just below the folder of all, and where the container's process is in them: in the groups that it
/// enters, or where we are.
pub fn hierarchies(layout: &Layout, entry: &Entry) -> Vec<Hierarchy> {
    let entered = |mount: &Path| {
        // By their bytes: both are put together by us, and to compare each with each component by component takes its time.
        let is_below = |path: &str| {
            let rest = path.as_bytes().strip_prefix(mount.as_os_str().as_bytes());
            rest.is_some_and(|rest| rest.starts_with(b"/"))
        };
        let tasks = entry.tasks.iter().find(|tasks| is_below(&tasks.path))?;
        Path::new(&tasks.path).parent().map(Path::to_path_buf)
    };
    let one = |mount: &PathBuf, own: Option<PathBuf>, controllers: &[String]| {
        let name = mount.file_name().filter(|_| mount.parent() == Some(&layout.root))?;
        let name = name.to_string_lossy().into_owned();
        Some(Hierarchy { name, point: mount.clone(), controllers: controllers.to_vec(), own })
    };
    let v1 = layout.v1.iter().filter_map(|hierarchy| {
        let ours = || hierarchy.sees_own.then(|| hierarchy.mount.join(&hierarchy.own));
        let own = entered(&hierarchy.mount).or_else(ours);
        one(&hierarchy.mount, own, &hierarchy.controllers)
    });
    let v2 = layout.v2.iter().filter_map(|unified| {
        let ours = || unified.sees_own.then(|| unified.mount.join(&unified.own));
        let own = entry.group2.clone().or_else(ours);
        one(&unified.mount, own, &[])
    });
    v1.chain(v2).collect()
}

/// Opens them all.
pub fn open(plan: &Plan, rootless: bool, watch: Option<&Watch>) -> Result<Inputs> {
    let mut inputs = Inputs::default();
    let in_user_namespace = !plan.namespaces.user.is_shared();
    if !in_user_namespace && plan.rootfs.mounts.iter().all(|op| op.idmap.is_none()) {
        return Ok(inputs);
    }
    let mut opener = Opener { plan, rootless, watch, opens_plain: in_user_namespace, made: Vec::new() };
    for op in &plan.rootfs.mounts {
        let (source, namespace) = opener.open(op).map_err(|error| steps::mount_source(plan, op, error))?;
        inputs.sources.push(source);
        inputs.user_namespaces.push(namespace);
    }
    Ok(inputs)
}

type Opened = (Option<OwnedFd>, Option<OwnedFd>);

struct Opener<'a> {
    plan: &'a Plan,
    rootless: bool,
    watch: Option<&'a Watch>,
    /// Whether sources that are not id-mapped are opened here, too.
    opens_plain: bool,
    /// The user namespaces of id-mapped mounts.
    made: Vec<(IdMaps, OwnedFd)>,
}

impl Opener<'_> {
    fn open(&mut self, op: &MountOp) -> Result<Opened> {
        let plan = self.plan;
        let idmap = op.idmap.as_ref();
        let namespace = idmap.map(|idmap| self.namespace_for(idmap)).transpose()?;
        let MountKind::Bind { source, recursive } = &op.kind else { return Ok((None, namespace)) };
        if namespace.is_none() && (!self.opens_plain || is_inside_rootfs(plan, source)) {
            return Ok((None, None));
        }
        let depth = if *recursive { Depth::Tree } else { Depth::Mount };
        let last = if op.source_nofollow { LastLink::Keep } else { LastLink::Follow };
        let tree = match mount::clone_tree(source, depth, last) {
            // The mount namespace is not ours, as that of an ordinary user is not. The child has one of its own, and there
            // it may do what its user may.
            Err(error) if self.rootless && namespace.is_none() && error.is(errno::EPERM) => {
                self.opens_plain = false;
                return Ok((None, None));
            }
            other => other?,
        };
        // The child cuts its own copies off from the host (`rootfs::isolate`); this one is made before.
        if plan.rootfs.propagation.map(|p| p.kind) != Some(PropagationKind::Shared) {
            let slave = Change { propagation: propagation::SLAVE, ..Change::default() };
            mount::set_attributes(tree.as_fd(), slave, Depth::Tree, &source.to_string_lossy())?;
        }
        if let (Some(idmap), Some(namespace)) = (idmap, &namespace) {
            let depth = if idmap.recursive { Depth::Tree } else { Depth::Mount };
            mount::set_idmap(tree.as_fd(), namespace.as_fd(), depth, &source.to_string_lossy())?;
        }
        Ok((Some(tree), None))
    }

    fn namespace_for(&mut self, idmap: &Idmap) -> Result<OwnedFd> {
        let plan = self.plan;
        let own = plan.id_maps.as_ref().or(plan.expected_id_maps.as_ref());
        let Some(maps) = idmap.maps.as_ref().or(own) else {
            // The maps of a joined namespace, which only the namespace itself knows.
            let joined = plan
                .namespaces
                .user
                .joined()
                .ok_or_else(|| anyhow::anyhow!("no mapping for an id-mapped mount"))?;
            return Ok(crate::sys::namespace::open(&joined.path, crate::sys::namespace::Kind::User)?);
        };
        if !self.made.iter().any(|(known, _)| known == maps) {
            self.made.push((maps.clone(), user_namespace(maps, self.rootless, self.watch)?));
        }
        let found = self.made.iter().find(|(known, _)| known == maps).map(|(_, fd)| fd.try_clone());
        Ok(found.ok_or_else(|| anyhow::anyhow!("no user namespace for an id-mapped mount"))??)
    }
}

/// A source inside of the root filesystem must show what earlier mounts have put there: the child opens it.
fn is_inside_rootfs(plan: &Plan, source: &CString) -> bool {
    Path::new(std::ffi::OsStr::from_bytes(source.as_bytes())).starts_with(&plan.rootfs.path)
}
