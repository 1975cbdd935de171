//! Mounts of type `cgroup`: the container's own view of its cgroups, in the layout of the host.
//!
//! Called by `mount`. cgroup2 alone is one mount. On v1 and in the hybrid layout it is a tmpfs with one directory for
//! each hierarchy, links for controllers that share one, and `unified` if the host has it. In a cgroup namespace of
//! its own the container gets a mount of the hierarchy; otherwise its own cgroup is bound.

use super::mount::{
    Inputs, Place, Shape, apply_and_prove, attach, attach_and_keep, finish, label_for, name_of, target,
};
use crate::plan::Plan;
use crate::plan::mounts::{Attributes, MountOp};
use crate::sys::error::errno::{EBUSY, EINVAL, ENOENT, EPERM};
use crate::sys::mount::{self, Change, Context, Depth, LastLink, attr};
use crate::sys::path::{Root, Symlinks};
use crate::sys::walk::{Missing, c_path};
use crate::sys::{Result, SysError, dir, inode};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

const HOST_ROOT: &str = "/sys/fs/cgroup";
/// What is set by fsmount(2) here; mount_setattr(2) does the rest when the view is whole.
const AT_BIRTH: u64 = attr::NOSUID | attr::NODEV | attr::NOEXEC;

/// Mounts the view at the target of `op`.
pub(super) fn mount(root: &mut Root, plan: &Plan, op: &MountOp, inputs: &Inputs) -> Result<()> {
    let place = target(root, op, Symlinks::Follow, Missing::Directory)?;
    let view =
        View { plan, op, hierarchies: &inputs.hierarchies, own_cgroup2: inputs.own_cgroup2.as_deref() };
    if !view.hierarchies.is_empty() || !is_cgroup2_alone()? {
        return view.split(root, place);
    }
    let tree = view.cgroup2(Path::new(HOST_ROOT))?;
    finish(tree.as_fd(), op)?;
    attach(root, tree, Shape::Directory, place, op)
}

/// Whether the host has cgroup2, or nothing at all, where the hierarchies would be.
fn is_cgroup2_alone() -> Result<bool> {
    match mount::open_path(&mount::c_string(HOST_ROOT)) {
        Ok(host) => Ok(mount::magic(host.as_fd(), HOST_ROOT)? == dir::CGROUP2_SUPER_MAGIC),
        Err(error) if error.is(ENOENT) => Ok(true),
        Err(error) => Err(error),
    }
}

struct View<'a> {
    plan: &'a Plan,
    op: &'a MountOp,
    hierarchies: &'a [Hierarchy],
    own_cgroup2: Option<&'a CStr>,
}

impl View<'_> {
    fn own_namespace(&self) -> bool {
        !self.plan.namespaces.cgroup.is_shared()
    }

    /// cgroup2, or where that may not be mounted (a user namespace that does not own the cgroup namespace) a bind
    /// mount of what the host has at `point`.
    fn cgroup2(&self, point: &Path) -> Result<OwnedFd> {
        let refused = match self.new_cgroup2() {
            Err(error) if error.is(EPERM) || error.is(EBUSY) => error,
            other => return other,
        };
        let source = match self.own_cgroup2 {
            Some(own) if self.own_namespace() => CString::from(own),
            // Not more of the host than a mount of its own would have shown.
            None if self.own_namespace() => return Err(refused),
            _ => c_path(point)?,
        };
        let tree = mount::clone_tree(&source, Depth::Tree, LastLink::Follow).map_err(|_| refused)?;
        if mount::magic(tree.as_fd(), HOST_ROOT)? != dir::CGROUP2_SUPER_MAGIC {
            return Err(SysError::new(
                "statfs",
                format!("{} (not a cgroup2)", source.to_string_lossy()),
                EINVAL,
            ));
        }
        apply_and_prove(tree.as_fd(), self.op, &source.to_string_lossy())?;
        Ok(tree)
    }

    fn new_cgroup2(&self) -> Result<OwnedFd> {
        let context = Context::open(c"cgroup2")?;
        for (key, value) in &self.op.data {
            context.set(key, value.as_deref())?;
        }
        context.create()?;
        context.mount(self.op.attributes.set & AT_BIRTH)
    }

    /// The tmpfs is complete, its links included, before it is attached; then each hierarchy is attached onto its directory:
    /// a name in that very tmpfs, of which a link would not be followed (CVE-2026-41579).
    fn split(&self, root: &mut Root, place: Place) -> Result<()> {
        let object = name_of(self.op);
        if let Some((key, _)) = self.op.data.first() {
            let object = format!("{object} (cgroup v1 has no option {})", key.to_string_lossy());
            return Err(SysError::new("fsconfig", object, EINVAL));
        }
        let tmpfs = self.new_tmpfs(root)?;
        for hierarchy in self.hierarchies {
            let name = mount::c_string(&hierarchy.name);
            inode::make_dir(tmpfs.as_fd(), &name, 0o755, &object)?;
            for controller in hierarchy.linked_names() {
                inode::replace_by_link(tmpfs.as_fd(), &mount::c_string(controller), &name, &object)?;
            }
        }
        finish(tmpfs.as_fd(), self.op)?;
        let tmpfs = attach_and_keep(root, tmpfs, Shape::Directory, place, self.op)?;
        let dir = tmpfs.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        for hierarchy in self.hierarchies {
            let tree = self.hierarchy(hierarchy)?;
            let name = mount::c_string(&hierarchy.name);
            mount::attach_in(tree.as_fd(), dir, &name, &format!("{object}/{}", hierarchy.name))?;
            root.done_with(tree);
        }
        tmpfs.into_iter().for_each(|tmpfs| root.done_with(tmpfs));
        Ok(())
    }

    fn new_tmpfs(&self, root: &Root) -> Result<OwnedFd> {
        let context = Context::open(c"tmpfs")?;
        context.set(c"mode", Some(c"755"))?;
        if let Some(label) = label_for(&self.plan.rootfs, c"tmpfs", self.op) {
            context.set(label.context.option(), Some(&label.label))?;
        }
        context.create()?;
        let tmpfs = context.mount(self.op.attributes.set & AT_BIRTH)?;
        root.done_with(context);
        Ok(tmpfs)
    }

    /// One hierarchy, finished.
    fn hierarchy(&self, hierarchy: &Hierarchy) -> Result<OwnedFd> {
        if !self.own_namespace() {
            return self.own_cgroup(hierarchy);
        }
        let made = match hierarchy.controllers.is_empty() {
            true => self.cgroup2(&hierarchy.point),
            false => self.new_hierarchy(hierarchy),
        };
        let tree = match made {
            Err(error) if (error.is(EPERM) || error.is(EBUSY)) && !hierarchy.controllers.is_empty() => {
                return self.own_cgroup(hierarchy).map_err(|_| error);
            }
            other => other?,
        };
        if !broken!("cve_2022_0492", "cve_2023_25809") {
            finish(tree.as_fd(), self.op)?;
        }
        Ok(tree)
    }

    fn new_hierarchy(&self, hierarchy: &Hierarchy) -> Result<OwnedFd> {
        let context = Context::open(c"cgroup")?;
        for controller in &hierarchy.controllers {
            match controller.strip_prefix("name=") {
                Some(name) => {
                    context.set(c"none", None)?;
                    context.set(c"name", Some(&mount::c_string(name)))?;
                }
                None => context.set(&mount::c_string(controller), None)?,
            }
        }
        context.create()?;
        context.mount(self.op.attributes.set & AT_BIRTH)
    }

    /// The container's own cgroup, bound with all its flags: what it would see in a namespace of its own.
    fn own_cgroup(&self, hierarchy: &Hierarchy) -> Result<OwnedFd> {
        let not_visible =
            || SysError::new("find the own cgroup", hierarchy.point.display().to_string(), ENOENT);
        let path = c_path(hierarchy.own.as_ref().ok_or_else(not_visible)?)?;
        if broken!("cve_2022_0492", "cve_2023_25809") {
            return mount::clone_tree(&path, Depth::Tree, LastLink::Keep);
        }
        let Attributes { set, clear } = self.op.attributes;
        let set = set | self.op.recursive_attributes.set;
        let change = Change { set, clear: clear & attr::ATIME, propagation: 0 };
        let tree = mount::clone_changed(&path, change, Depth::Tree, LastLink::Keep)?;
        let is_finished = clear & !attr::ATIME == 0 && self.op.recursive_attributes == Attributes::default();
        if !is_finished || !self.op.propagation.is_empty() {
            finish(tree.as_fd(), self.op)?;
        }
        Ok(tree)
    }
}

/// One hierarchy of the host, just below /sys/fs/cgroup, as the parent has found it.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    /// Name of its directory: `cpu,cpuacct`, `systemd`, `unified`.
    pub name: String,
    /// Where the host has it.
    pub point: PathBuf,
    /// `cpu`, `name=systemd`; none for cgroup2.
    pub controllers: Vec<String>,
    /// The folder of the cgroup that we are in; None: it cannot be seen from here, and nothing else may be shown for it.
    pub own: Option<PathBuf>,
}

impl Hierarchy {
    /// Controllers that do not have a directory of their own name.
    fn linked_names(&self) -> impl Iterator<Item = &str> {
        let several = self.controllers.len() > 1;
        self.controllers.iter().map(String::as_str).filter(move |name| several && *name != self.name)
    }
}
