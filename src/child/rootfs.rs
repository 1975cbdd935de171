//! The root filesystem: cut off from the host, made a mount, and at the end made the root.
//!
//! Called by the step list in `child`, in the order of this file, with the mounts and devices between [`bind`] and
//! [`switch`]. Decides nothing: what is wanted stands in the plan.

use super::devices;
use crate::plan::Rootfs;

use crate::plan::mounts::{Attributes, MountKind, MountOp, Propagation, PropagationKind};
use crate::plan::rootfs::Switch;
use crate::sys::mount::{self, Change, Depth, LastLink, attr, propagation};
use crate::sys::path::{Root, Symlinks};
use crate::sys::walk::c_path;
use crate::sys::{Result, SysError, inode, mountinfo, proc, statx};
use crate::wire::{Failure, Step};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Nothing that is mounted from here on reaches the host, unless rootfsPropagation asks for it.
///
/// Here because: a new mount namespace is a copy whose shared mounts still have the host's as peers.
/// Fails when: / is not a mount (the runtime was started in a chroot).
pub fn isolate(plan: &Rootfs) -> std::result::Result<(), Failure> {
    if plan.switch == Switch::Chroot || plan.is_shared() {
        return Ok(());
    }
    cut_off()
}

/// Nothing that is mounted from here on reaches the host.
///
/// Fails when: / is not a mount (the runtime was started in a chroot).
pub(super) fn cut_off() -> std::result::Result<(), Failure> {
    let slave = Change { propagation: propagation::SLAVE, ..Change::default() };
    mount::set_attributes_at(c"/", slave, Depth::Tree)
        .map_err(|error| Failure::new(Step::Propagation, &error))
}

/// The root filesystem, bound on itself so that it is a mount of its own, held by descriptor.
///
/// Here because: pivot_root(2) wants a mount whose parent is not shared, and all later steps start from this
/// descriptor.
/// Fails when: the path is missing, is no directory, or may not be reached in the user namespace.
pub fn bind(plan: &Rootfs) -> std::result::Result<Root, Failure> {
    bind_root(plan).map_err(|error| Failure::new(Step::BindRoot, &error))
}

fn bind_root(plan: &Rootfs) -> Result<Root> {
    let object = plan.path.display().to_string();
    let path = c_path(&plan.path)?;
    let below = mount::open_dir(&path)?;
    if plan.switch == Switch::Chroot {
        return Ok(Root::new(below));
    }
    if plan.is_shared() {
        make_mount_around_private(&below, &object)?;
    }
    let tree = mount::clone_tree(&path, Depth::Tree, LastLink::Follow)?;
    let private = Change { propagation: propagation::PRIVATE, ..Change::default() };
    mount::set_attributes(tree.as_fd(), private, Depth::Mount, &object)?;
    mount::attach(tree.as_fd(), below.as_fd(), &object)?;
    let root = Root::new(tree);
    root.done_with(below);
    Ok(root)
}

/// The mount that holds `dir`: from there upwards until a mount's root. The path is the caller's own, not the
/// container's, so `..` is good enough.
fn make_mount_around_private(dir: &OwnedFd, object: &str) -> Result<()> {
    let mut above: Option<OwnedFd> = None;
    // PATH_MAX bytes hold no more directories than this.
    for _ in 0..2048 {
        let here: BorrowedFd<'_> = above.as_ref().map_or(dir.as_fd(), |fd| fd.as_fd());
        if statx::of(here, object)?.mount_root {
            let private = Change { propagation: propagation::PRIVATE, ..Change::default() };
            return mount::set_attributes(here, private, Depth::Mount, object);
        }
        let next = mount::open_above(here, object)?;
        above = Some(next);
    }
    Err(SysError::new("openat", object, crate::sys::error::errno::ELOOP))
}

/// `root` becomes /, the host's tree is out of reach, the working directory is /.
///
/// Here because: hooks of the runtime's side are done, and what follows must not be able to reach the host.
/// Fails when: the host's root is an initramfs (use `--no-pivot`).
pub fn switch(root: &Root, plan: &Rootfs) -> std::result::Result<(), Failure> {
    let object = plan.path.display().to_string();
    let result = match plan.switch {
        Switch::Pivot => pivot(root, plan, &object),
        Switch::MoveAndChroot => move_and_chroot(root, plan, &object),
        Switch::Chroot => mount::enter(root.as_fd(), &object).and_then(|()| mount::chroot_here(&object)),
    };
    result.and_then(|()| mount::enter_root()).map_err(|error| Failure::new(Step::SwitchRoot, &error))
}

fn pivot(root: &Root, plan: &Rootfs, object: &str) -> Result<()> {
    let old = plan.is_shared().then(|| mount::open_path(c"/")).transpose()?;
    mount::enter(root.as_fd(), object)?;
    mount::pivot_root_here(object)?;
    if let Some(old) = old {
        // The old tree still has the host's mounts as peers: without this the host would lose them below.
        // Slave and not private, so that an unmount on the host is not held up by us.
        let slave = Change { propagation: propagation::SLAVE, ..Change::default() };
        mount::set_attributes(old.as_fd(), slave, Depth::Tree, "the old root")?;
    }
    // The old root lies on top of the new one, and "." is looked up from below it (pivot_root(2), NOTES).
    mount::detach(c".")
}

/// Without pivot_root(2) the old mounts stay below the new root. Every proc and sysfs among them goes first: a process
/// that breaks out of the chroot, or a new mount of procfs, must not meet an unmasked one.
fn move_and_chroot(root: &Root, plan: &Rootfs, object: &str) -> Result<()> {
    for mounted in mountinfo::read()?.iter().rev() {
        let kernel_api = mounted.fstype == "proc" || mounted.fstype == "sysfs";
        if kernel_api && !mounted.point.starts_with(&plan.path) {
            hide(&mounted.point)?;
        }
    }
    let top = mount::open_path(c"/")?;
    mount::enter(root.as_fd(), object)?;
    mount::attach(root.as_fd(), top.as_fd(), object)?;
    mount::chroot_here(object)
}

fn hide(point: &Path) -> Result<()> {
    use crate::sys::error::errno::{EINVAL, ENOENT, EPERM};
    let path = c_path(point)?;
    let object = point.display().to_string();
    let mounted = match mount::open_path(&path) {
        Ok(fd) => fd,
        Err(error) if error.is(ENOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    let slave = Change { propagation: propagation::SLAVE, ..Change::default() };
    mount::set_attributes(mounted.as_fd(), slave, Depth::Tree, &object)?;
    match mount::detach(&path) {
        // Locked by a more privileged user namespace: covered instead.
        Err(error) if error.is(EINVAL) || error.is(EPERM) => {
            let context = mount::Context::open(c"tmpfs")?;
            context.create()?;
            let cover = context.mount(attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC)?;
            mount::attach(cover.as_fd(), mounted.as_fd(), &object)
        }
        other => other,
    }
}

/// rootfsPropagation on the new /.
///
/// Here because: pivot_root(2) refuses a shared root, so it must wait until now.
pub fn propagate(root: &Root, plan: &Rootfs) -> std::result::Result<(), Failure> {
    let Some(asked) = plan.propagation.filter(|_| plan.switch != Switch::Chroot) else { return Ok(()) };
    change_propagation(root.as_fd(), asked, "/").map_err(|error| Failure::new(Step::RootPropagation, &error))
}

/// One change of propagation on a mount.
pub(super) fn change_propagation(fd: BorrowedFd<'_>, asked: Propagation, object: &str) -> Result<()> {
    let kind = match asked.kind {
        PropagationKind::Private => propagation::PRIVATE,
        PropagationKind::Shared => propagation::SHARED,
        PropagationKind::Slave => propagation::SLAVE,
        PropagationKind::Unbindable => propagation::UNBINDABLE,
    };
    let depth = if asked.recursive { Depth::Tree } else { Depth::Mount };
    mount::set_attributes(fd, Change { propagation: kind, ..Change::default() }, depth, object)
}

/// One change of attributes on a mount; nothing to do is no call.
pub(super) fn change_attributes(
    fd: BorrowedFd<'_>,
    asked: Attributes,
    depth: Depth,
    object: &str,
) -> Result<()> {
    if asked == Attributes::default() {
        return Ok(());
    }
    mount::set_attributes(fd, Change { set: asked.set, clear: asked.clear, propagation: 0 }, depth, object)
}

/// `root.readonly`, with the other flags of the mount kept; and a tmpfs on /dev that is to be read-only.
///
/// Here because: everything that must be made in the root filesystem and in /dev has been made.
pub fn readonly(root: &Root, plan: &Rootfs) -> std::result::Result<(), Failure> {
    make_readonly(root, plan).map_err(|error| Failure::new(Step::ReadonlyRoot, &error))
}

fn make_readonly(root: &Root, plan: &Rootfs) -> Result<()> {
    let readonly = Change { set: attr::RDONLY, ..Change::default() };
    let is_readonly_dev = |op: &MountOp| {
        let tmpfs = matches!(&op.kind, MountKind::Filesystem { fstype, .. } if fstype.as_c_str() == c"tmpfs");
        tmpfs && devices::is_dev(&op.target) && op.attributes.set & attr::RDONLY != 0 && plan.dev.is_some()
    };
    if plan.mounts.iter().any(is_readonly_dev) {
        let dev = root.resolve(Path::new("/dev"), Symlinks::Follow)?;
        mount::set_attributes(dev.as_fd(), readonly, Depth::Mount, "/dev")?;
    }
    if plan.readonly {
        mount::set_attributes(root.as_fd(), readonly, Depth::Mount, "/")?;
    }
    Ok(())
}

/// The container's /dev/null, opened for reading and writing; None if it is anything else than that device, however
/// it is named (CVE-2026-88265): then the descriptor that was to be replaced is to be kept. `proc` is a
/// [`proc::private_procfs`].
pub fn open_null(root: &Root, proc: BorrowedFd<'_>) -> Option<OwnedFd> {
    let symlinks = if broken!("cve_2026_88265") { Symlinks::Follow } else { Symlinks::Refuse };
    let null = root.resolve(Path::new("/dev/null"), symlinks).ok()?;
    let stat = statx::of(null.as_fd(), "/dev/null").ok()?;
    let is_null = inode::Node::Char(1, 3).is(&stat) || broken!("cve_2026_88265");
    if !is_null {
        return None;
    }
    proc::reopen(proc, null.as_fd(), proc::Access::ReadWrite, "/dev/null").ok()
}
