//! Mounts of type `cgroup`: the container's own view of its cgroups, in the layout of the host.
//!
//! Called by `mount`. cgroup2 alone is one mount. On v1 and in the hybrid layout it is a tmpfs with one directory for
//! each hierarchy, links for controllers that share one, and `unified` if the host has it. In a cgroup namespace of
//! its own the container gets a mount of the hierarchy; otherwise its own cgroup is bound.

use super::mount::{apply_and_prove, attach, finish, label_for, name_of, target};
use crate::plan::Plan;
use crate::plan::mounts::MountOp;
use crate::sys::error::errno::{EBUSY, EINVAL, ENOENT, EPERM};
use crate::sys::mount::{self, Context, Depth, LastLink, attr};
use crate::sys::mountinfo::{self, Mounted};
use crate::sys::path::{Root, Symlinks};
use crate::sys::walk::{Missing, c_path};
use crate::sys::{Result, SysError, dir, fd, inode};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

const HOST_ROOT: &str = "/sys/fs/cgroup";
/// What fsmount(2) itself takes; the rest is done by mount_setattr(2).
const AT_BIRTH: u64 = attr::NOSUID | attr::NODEV | attr::NOEXEC;

/// Mounts the view at the target of `op`. `own_cgroup2` is as in [`Inputs`](super::mount::Inputs).
pub(super) fn mount(root: &mut Root, plan: &Plan, op: &MountOp, own_cgroup2: Option<&CStr>) -> Result<()> {
    let found = target(root, op, Symlinks::Follow, Missing::Directory)?;
    let host = mount::open_path(&mount::c_string(HOST_ROOT));
    let split = match host {
        Ok(host) => mount::magic(host.as_fd(), HOST_ROOT)? != dir::CGROUP2_SUPER_MAGIC,
        Err(error) if error.is(ENOENT) => false,
        Err(error) => return Err(error),
    };
    let view = View { plan, op, own_cgroup2 };
    if split {
        return view.split(root, &found.fd);
    }
    let tree = view.cgroup2(Path::new(HOST_ROOT))?;
    finish(tree.as_fd(), op)?;
    attach(root, tree, &found.fd, op)
}

struct View<'a> {
    plan: &'a Plan,
    op: &'a MountOp,
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

    /// The tmpfs is complete, its links included, before it is attached; then each hierarchy is attached onto a directory
    /// that was opened in it while nobody else could reach it (CVE-2026-41579).
    fn split(&self, root: &mut Root, target: &OwnedFd) -> Result<()> {
        let object = name_of(self.op);
        if let Some((key, _)) = self.op.data.first() {
            let object = format!("{object} (cgroup v1 has no option {})", key.to_string_lossy());
            return Err(SysError::new("fsconfig", object, EINVAL));
        }
        let hierarchies = hierarchies()?;
        let tmpfs = self.new_tmpfs()?;
        let mut places = Vec::new();
        for hierarchy in &hierarchies {
            let name = mount::c_string(&hierarchy.name);
            inode::make_dir(tmpfs.as_fd(), &name, 0o755, &object)?;
            let place = inode::open(tmpfs.as_fd(), &name, &object)?;
            places.push(place.ok_or_else(|| SysError::new("openat", &*object, ENOENT))?);
            for controller in hierarchy.linked_names() {
                inode::replace_by_link(tmpfs.as_fd(), &mount::c_string(controller), &name, &object)?;
            }
        }
        finish(tmpfs.as_fd(), self.op)?;
        attach(root, fd::duplicate(tmpfs.as_fd(), 3)?, target, self.op)?;
        for (hierarchy, place) in hierarchies.iter().zip(&places) {
            let tree = self.hierarchy(hierarchy)?;
            if !broken!("cve_2022_0492", "cve_2023_25809") {
                finish(tree.as_fd(), self.op)?;
            }
            mount::attach(tree.as_fd(), place.as_fd(), &format!("{object}/{}", hierarchy.name))?;
        }
        Ok(())
    }

    fn new_tmpfs(&self) -> Result<OwnedFd> {
        let context = Context::open(c"tmpfs")?;
        context.set(c"mode", Some(c"755"))?;
        if let Some(label) = label_for(&self.plan.rootfs, c"tmpfs", self.op) {
            context.set(label.context.option(), Some(&label.label))?;
        }
        context.create()?;
        context.mount(self.op.attributes.set & AT_BIRTH)
    }

    fn hierarchy(&self, hierarchy: &Hierarchy) -> Result<OwnedFd> {
        if hierarchy.controllers.is_empty() {
            return match self.own_namespace() {
                true => self.cgroup2(&hierarchy.point),
                false => self.own_cgroup(hierarchy),
            };
        }
        if !self.own_namespace() {
            return self.own_cgroup(hierarchy);
        }
        match self.new_hierarchy(hierarchy) {
            Err(error) if error.is(EPERM) || error.is(EBUSY) => self.own_cgroup(hierarchy).map_err(|_| error),
            other => other,
        }
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

    /// The container's own cgroup, bound: what it would see in a namespace of its own.
    fn own_cgroup(&self, hierarchy: &Hierarchy) -> Result<OwnedFd> {
        let point = hierarchy.point.display().to_string();
        let outside =
            || SysError::new("open_tree", format!("{point} (does not show the own cgroup)"), ENOENT);
        let below = hierarchy.own.strip_prefix(&hierarchy.root).map_err(|_| outside())?;
        if below.components().any(|part| part == std::path::Component::ParentDir) {
            return Err(outside());
        }
        let tree = mount::clone_tree(&c_path(&hierarchy.point.join(below))?, Depth::Tree, LastLink::Keep)?;
        apply_and_prove(tree.as_fd(), self.op, &point)?;
        Ok(tree)
    }
}

/// One hierarchy of the host, and where this process is in it.
struct Hierarchy {
    /// Name of its directory: `cpu,cpuacct`, `systemd`, `unified`.
    name: String,
    /// Where the host has it.
    point: PathBuf,
    /// The part of the hierarchy that the host has there.
    root: PathBuf,
    /// `cpu`, `name=systemd`; none for cgroup2.
    controllers: Vec<String>,
    /// The cgroup of this process.
    own: PathBuf,
}

impl Hierarchy {
    /// Controllers that do not have a directory of their own name.
    fn linked_names(&self) -> impl Iterator<Item = &str> {
        let several = self.controllers.len() > 1;
        self.controllers.iter().map(String::as_str).filter(move |name| several && *name != self.name)
    }
}

fn hierarchies() -> Result<Vec<Hierarchy>> {
    let mounted = mountinfo::read()?;
    let own = mountinfo::own_cgroups()?;
    let mut found: Vec<Hierarchy> = Vec::new();
    for (controllers, path) in own {
        let at = mounted.iter().rev().find(|mounted| is_at(mounted, &controllers));
        let name =
            at.and_then(|mounted| mounted.point.file_name()).map(|name| name.to_string_lossy().into_owned());
        if let (Some(at), Some(name)) = (at, name) {
            let controllers =
                controllers.split(',').filter(|name| !name.is_empty()).map(str::to_string).collect();
            if found.iter().all(|other| other.name != name) {
                let (point, root) = (at.point.clone(), at.root.clone());
                found.push(Hierarchy { name, point, root, controllers, own: path });
            }
        }
    }
    Ok(found)
}

/// Whether a mount is that of the hierarchy with these controllers (a line of /proc/self/cgroup), just below
/// /sys/fs/cgroup.
fn is_at(mounted: &Mounted, controllers: &str) -> bool {
    if mounted.point.parent() != Some(Path::new(HOST_ROOT)) {
        return false;
    }
    if controllers.is_empty() {
        return mounted.fstype == "cgroup2";
    }
    mounted.fstype == "cgroup" && controllers.split(',').all(|name| mounted.options.iter().any(|o| o == name))
}
