//! The mounts of the plan, one after the other.
//!
//! Called by the step list between `rootfs::bind` and the createRuntime hooks. Each mount is made detached, gets its
//! contents and all its flags there, and is then attached to a descriptor that was resolved inside the root: it can
//! never be seen without its flags, nor land outside (CVE-2021-30465).

use super::cgroup_mount::Hierarchy;
use super::devices::{self, Made};
use super::new_filesystem::New;
use super::rootfs::{change_attributes, change_propagation};
use super::{cgroup_mount, copy_up, procfs_guard};
use crate::plan::annotations::MountContext;
use crate::plan::mounts::{Attributes, MountKind, MountOp};
use crate::plan::rootfs::MountLabel;
use crate::plan::{Plan, Rootfs};
use crate::sys::error::errno::{EINVAL, ELOOP, ENOTDIR, EPERM, EXDEV};
use crate::sys::mount::{self, Change, Context, Depth, LastLink, attr};
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::walk::{Missing, Walked};
use crate::sys::{Result, SysError, dir, inode, statx};
use crate::wire::{Failure, Step};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the parent has prepared for the mounts. The lists go with `plan.rootfs.mounts` and may be shorter.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Detached trees of bind sources (`sys::mount::clone_tree`), already id-mapped if the entry asks for it. Needed
    /// for an id-mapped bind mount; otherwise used where the child itself may not reach the source.
    pub sources: Vec<Option<OwnedFd>>,
    /// The same, opened by the child itself before any of them is mounted (`running_mounts`).
    pub own_sources: Vec<Option<OwnedFd>>,
    /// User namespaces with the mapping of id-mapped file systems of their own (not bind mounts).
    pub user_namespaces: Vec<Option<OwnedFd>>,
    /// The PID namespace whose processes a procfs shows, if it is not our own (`running_mounts`; Linux 6.17).
    pub pid_namespace: Option<OwnedFd>,
    /// The hierarchies of control groups that the host has just below /sys/fs/cgroup.
    pub hierarchies: Vec<Hierarchy>,
    /// Host path of the container's own cgroup in the cgroup2 hierarchy, for the bind mount that stands in where
    /// cgroup2 cannot be mounted.
    pub own_cgroup2: Option<CString>,
    /// Whether a new /dev/null is to be opened, for standard streams that are the host's.
    pub wants_null: bool,
}

/// What is mounted, for one entry.
pub(super) struct Given<'a> {
    source: Option<OwnedFd>,
    own_source: Option<OwnedFd>,
    user_namespace: Option<OwnedFd>,
    pid_namespace: Option<BorrowedFd<'a>>,
    wants_null: bool,
}

impl Inputs {
    /// Takes out what is there for one entry.
    pub(super) fn take(&mut self, index: usize) -> Given<'_> {
        let take = |list: &mut Vec<Option<OwnedFd>>| list.get_mut(index).and_then(Option::take);
        Given {
            source: take(&mut self.sources),
            own_source: take(&mut self.own_sources),
            user_namespace: take(&mut self.user_namespaces),
            pid_namespace: self.pid_namespace.as_ref().map(AsFd::as_fd),
            wants_null: self.wants_null,
        }
    }
}

/// All entries of `mounts`, in order. A tmpfs on /dev is filled before it is attached; the returned value says what
/// was made there. If something is mounted on / then `root` is that mount afterwards.
///
/// Here because: the child is in its cgroup and its namespaces, whose views proc, sysfs, mqueue and cgroup show.
/// Fails when: the kernel refuses an option, or a target cannot be made.
pub fn all(root: &mut Root, plan: &Plan, mut inputs: Inputs) -> std::result::Result<Made, Failure> {
    let mut made = Made::none(&plan.rootfs);
    for (index, op) in plan.rootfs.mounts.iter().enumerate() {
        let failed = |error: SysError| Failure::new(Step::Mount, &error).at(index);
        if let Some((dev, name)) = made.place_below_dev(op) {
            below_dev(root, plan, op, (dev, &name)).map_err(failed)?;
            continue;
        }
        made.dev.take().into_iter().for_each(|dev| root.done_with(dev));
        let mounted = match &op.kind {
            _ if op.remount => remount(root, op),
            MountKind::Nothing => change(root, op),
            MountKind::Bind { source, recursive } => bind(root, op, source, *recursive, inputs.take(index)),
            MountKind::Cgroup => cgroup_mount::mount(root, plan, op, &inputs),
            MountKind::Filesystem { fstype, source } => {
                filesystem(root, plan, index, fstype, source.as_deref(), inputs.take(index), &mut made)
            }
        };
        mounted.map_err(failed)?;
    }
    made.dev.take().into_iter().for_each(|dev| root.done_with(dev));
    #[cfg(feature = "break-guards")]
    super::sysctls::remember_root(root);
    Ok(made)
}

pub(super) fn name_of(op: &MountOp) -> String {
    op.target.to_string_lossy().into_owned()
}

/// Where an entry goes: found inside the root, or made there as a directory or a file.
pub(super) fn target(root: &Root, op: &MountOp, symlinks: Symlinks, missing: Missing) -> Result<Place> {
    let path = as_path(&op.target);
    let place = Place::look(root.resolve_or_make(path, symlinks, missing)?, op)?;
    let replace = symlinks == Symlinks::NotLast && missing == Missing::Directory;
    if replace && place.stat.is_symlink() {
        let slot = root.slot(path)?;
        inode::remove(slot.dir.as_fd(), &slot.name, &name_of(op))?;
        return Place::look(root.resolve_or_make(path, symlinks, missing)?, op);
    }
    Ok(place)
}

/// Where a mount goes.
pub(super) struct Place {
    pub fd: OwnedFd,
    pub stat: statx::Stat,
    /// Whether it had to be made.
    made: bool,
}

impl Place {
    fn look(found: Walked, op: &MountOp) -> Result<Place> {
        let stat = statx::of(found.fd.as_fd(), &name_of(op))?;
        Ok(Place { fd: found.fd, stat, made: found.made })
    }
}

fn symlinks_of(op: &MountOp) -> Symlinks {
    if op.target_nofollow { Symlinks::NotLast } else { Symlinks::Follow }
}

/// Attributes and propagation of a tree that is not attached yet.
pub(super) fn finish(tree: BorrowedFd<'_>, op: &MountOp) -> Result<()> {
    change_attributes(tree, op.attributes, Depth::Mount, &name_of(op))?;
    finish_tree(tree, op)
}

/// What is not of the mount alone.
fn finish_tree(tree: BorrowedFd<'_>, op: &MountOp) -> Result<()> {
    let object = name_of(op);
    change_attributes(tree, op.recursive_attributes, Depth::Tree, &object)?;
    op.propagation.iter().try_for_each(|asked| change_propagation(tree, *asked, &object))
}

/// What a tree is whose root is a directory, as that of every new file system is, or another kind of inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Directory,
    Other,
}

impl Shape {
    pub(super) fn of(stat: &statx::Stat) -> Shape {
        if stat.is_dir() { Shape::Directory } else { Shape::Other }
    }
}

/// Attaches a finished tree; if the target is the root itself then the tree becomes the root.
pub(super) fn attach(root: &mut Root, tree: OwnedFd, shape: Shape, place: Place, op: &MountOp) -> Result<()> {
    let kept = attach_and_keep(root, tree, shape, place, op)?;
    kept.into_iter().for_each(|tree| root.done_with(tree));
    Ok(())
}

/// The same, and gives the tree back; None: it is the root.
pub(super) fn attach_and_keep(
    root: &mut Root,
    tree: OwnedFd,
    shape: Shape,
    place: Place,
    op: &MountOp,
) -> Result<Option<OwnedFd>> {
    check_place(root, op, (tree.as_fd(), shape), &place)?;
    let on_root = place.stat.is_same_place(&root.stat()?);
    mount::attach(tree.as_fd(), place.fd.as_fd(), &name_of(op))?;
    if on_root {
        *root = Root::new(tree);
        return Ok(None);
    }
    root.done_with(place.fd);
    Ok(Some(tree))
}

/// Whether `tree` may and can go onto `place`.
pub(super) fn check_place(
    root: &Root,
    op: &MountOp,
    (tree, shape): (BorrowedFd<'_>, Shape),
    place: &Place,
) -> Result<()> {
    procfs_guard::check(root, op, (place.fd.as_fd(), &place.stat), Some(tree))?;
    if Shape::of(&place.stat) != shape {
        // move_mount(2) would say EINVAL, as for everything.
        return Err(SysError::new("move_mount", name_of(op), ENOTDIR));
    }
    Ok(())
}

fn bind(root: &mut Root, op: &MountOp, source: &CStr, recursive: bool, given: Given<'_>) -> Result<()> {
    let (tree, stat) = source_tree(op, source, recursive, given)?;
    if stat.is_symlink() {
        let text = inode::read_link_fd(tree.as_fd(), &source.to_string_lossy())?;
        return root.make_link(as_path(&op.target), &text);
    }
    finish(tree.as_fd(), op)?;
    let place = bind_target(root, op, &stat)?;
    attach(root, tree, Shape::of(&stat), place, op)
}

/// A detached copy of a bind source, and what it is.
pub(super) fn source_tree(
    op: &MountOp,
    source: &CStr,
    recursive: bool,
    given: Given<'_>,
) -> Result<(OwnedFd, statx::Stat)> {
    let own = |opened: Option<OwnedFd>| opened.map_or_else(|| clone_source(op, source, recursive), Ok);
    let tree = match (op.idmap.is_some(), given.source) {
        (true, Some(mapped)) => mapped,
        (true, None) => return Err(SysError::new("mount_setattr", source.to_string_lossy(), EINVAL)),
        // Ours first: in a user namespace only our own copy keeps the flags of the source locked.
        (false, inherited) => match (own(given.own_source), inherited) {
            (Err(_), Some(inherited)) => inherited,
            (opened, _) => opened?,
        },
    };
    let stat = statx::of(tree.as_fd(), &source.to_string_lossy())?;
    Ok((tree, stat))
}

/// Our own detached copy of a bind source.
pub(super) fn clone_source(op: &MountOp, source: &CStr, recursive: bool) -> Result<OwnedFd> {
    let depth = if recursive { Depth::Tree } else { Depth::Mount };
    let last = if op.source_nofollow { LastLink::Keep } else { LastLink::Follow };
    mount::clone_tree(source, depth, last)
}

/// Where a bind mount goes; a directory or a file is made for it, as its source is one or the other.
pub(super) fn bind_target(root: &Root, op: &MountOp, source: &statx::Stat) -> Result<Place> {
    let missing = if source.is_dir() { Missing::Directory } else { Missing::File(0o755) };
    target(root, op, symlinks_of(op), missing)
}

#[allow(clippy::too_many_arguments, reason = "two call sites, and each is a different part of one mount")]
fn filesystem(
    root: &mut Root,
    plan: &Plan,
    index: usize,
    fstype: &CStr,
    source: Option<&CStr>,
    given: Given<'_>,
    made: &mut Made,
) -> Result<()> {
    let Some(op) = plan.rootfs.mounts.get(index) else { return Ok(()) };
    let new = new_filesystem(root, plan, index, fstype, source, given, made)?;
    let mount_id = new.strict.then(|| statx::of(new.tree.as_fd(), &name_of(op)).map(|stat| stat.mount_id));
    let mount_id = mount_id.transpose()?;
    let kept = attach_and_keep(root, new.tree, Shape::Directory, new.place, op)?;
    match kept {
        Some(tree) if new.is_dev => made.dev = Some(tree),
        other => other.into_iter().for_each(|tree| root.done_with(tree)),
    }
    mount_id.map_or(Ok(()), |mount_id| verify(root, op, mount_id))
}

/// A file system that is complete but not attached.
pub(super) struct NewFilesystem {
    pub tree: OwnedFd,
    pub place: Place,
    /// Whether it has to be [`verify`]ed that it went there.
    pub strict: bool,
    /// Whether it is the /dev that devices were made in.
    is_dev: bool,
}

#[allow(clippy::too_many_arguments, reason = "two call sites, and each is a different part of one mount")]
pub(super) fn new_filesystem(
    root: &Root,
    plan: &Plan,
    index: usize,
    fstype: &CStr,
    source: Option<&CStr>,
    given: Given<'_>,
    made: &mut Made,
) -> Result<NewFilesystem> {
    let op = plan.rootfs.mounts.get(index).ok_or_else(|| SysError::new("fsopen", "mount", EINVAL))?;
    let kernel_api = fstype == c"proc" || fstype == c"sysfs";
    // An image with a link there would have them mounted where it likes (CVE-2019-19921, CVE-2025-54867).
    let strict = kernel_api && !links_are_followed();
    let symlinks = if strict { Symlinks::Refuse } else { symlinks_of(op) };
    let place =
        target(root, op, symlinks, Missing::Directory).map_err(|error| explain_link(error, strict))?;
    let object = name_of(op);
    let is_dev = fstype == c"tmpfs" && devices::is_dev(&op.target) && plan.rootfs.dev.is_some();
    let later = is_dev || op.copy_up;

    let mode = (fstype == c"tmpfs" && !place.made && !has_key(op, c"mode")).then(|| place.stat.permissions());
    let new = New {
        op,
        fstype,
        source,
        mode,
        label: label_for(&plan.rootfs, fstype, op),
        pid_namespace: given.pid_namespace.filter(|_| fstype == c"proc"),
        readonly_later: later,
    };
    let (tree, born) = match new.make(root, &plan.rootfs) {
        // A user namespace that does not own the network namespace: the host's, with every flag that was asked for.
        Err(error) if fstype == c"sysfs" && error.is(EPERM) => (host_sysfs(op).map_err(|_| error)?, None),
        other => other?,
    };
    if op.copy_up {
        copy_up::copy(place.fd.as_fd(), tree.as_fd(), &object)?;
    }
    if is_dev {
        devices::fill(tree.as_fd(), &plan.rootfs, index, made)?;
        if given.wants_null {
            made.null = devices::open_null(tree.as_fd(), &plan.rootfs, made);
        }
    }
    if op.idmap.is_some() {
        let namespace =
            given.user_namespace.ok_or_else(|| SysError::new("mount_setattr", &*object, EINVAL))?;
        mount::set_idmap(tree.as_fd(), namespace.as_fd(), Depth::Mount, &object)?;
    }
    let mut attributes = op.attributes;
    if is_dev {
        // Mount points below it and the console are still to be made: rootfs::readonly does it at the end.
        attributes.set &= !attr::RDONLY;
    }
    finish_new(tree.as_fd(), op, attributes, born)?;
    Ok(NewFilesystem { tree, place, strict, is_dev })
}

/// Attributes and propagation of a new file system that was `born` with some of them.
fn finish_new(tree: BorrowedFd<'_>, op: &MountOp, attributes: Attributes, born: Option<u64>) -> Result<()> {
    // A new mount has nothing to clear.
    if born.is_none_or(|born| attributes.set & !born != 0) {
        change_attributes(tree, attributes, Depth::Mount, &name_of(op))?;
    }
    finish_tree(tree, op)
}

/// A new file system on a directory that was made for it in a /dev of ours ([`Made::place_below_dev`]).
fn below_dev(root: &Root, plan: &Plan, op: &MountOp, (dev, name): (BorrowedFd<'_>, &CStr)) -> Result<()> {
    let MountKind::Filesystem { fstype, source } = &op.kind else { return Ok(()) };
    let label = label_for(&plan.rootfs, fstype, op);
    let source = source.as_deref();
    let new = New { op, fstype, source, mode: None, label, pid_namespace: None, readonly_later: false };
    let (tree, born) = new.make(root, &plan.rootfs)?;
    finish_new(tree.as_fd(), op, op.attributes, born)?;
    mount::attach_in(tree.as_fd(), dev, name, &name_of(op))?;
    root.done_with(tree);
    Ok(())
}

/// False but in the variant for `integration/break`.
fn links_are_followed() -> bool {
    let old = broken!("cve_2019_19921") || broken!("cve_2023_27561");
    old || broken!("cve_2023_28642") || broken!("cve_2025_54867")
}

/// ELOOP of a strict resolution says nothing to a user.
fn explain_link(mut error: SysError, strict: bool) -> SysError {
    if strict && error.is(ELOOP) {
        error.object = format!("{} (must be a directory and no symlink)", error.object);
    }
    error
}

/// What lies at the target now is the mount we made.
pub(super) fn verify(root: &Root, op: &MountOp, mount_id: u64) -> Result<()> {
    let found = root.resolve(as_path(&op.target), Symlinks::Refuse)?;
    let is_there = statx::of(found.as_fd(), &name_of(op))?.mount_id == mount_id;
    root.done_with(found);
    if is_there {
        return Ok(());
    }
    Err(SysError::new("statx", format!("{} (something else is mounted there)", name_of(op)), EXDEV))
}

fn has_key(op: &MountOp, key: &CStr) -> bool {
    op.data.iter().any(|(name, _)| name.as_c_str() == key)
}

/// The SELinux context of a new file system: not of those that the kernel labels itself.
pub(super) fn label_for<'a>(plan: &'a Rootfs, fstype: &CStr, op: &MountOp) -> Option<&'a MountLabel> {
    let own = [c"proc", c"sysfs", c"mqueue", c"cgroup", c"cgroup2"].contains(&fstype);
    let says_its_own = || MountContext::ALL.iter().any(|(option, _)| has_key(op, option));
    plan.mount_label.as_ref().filter(|_| !own && !says_its_own())
}

/// The host's /sys, read-only or whatever was asked, with everything below it (CVE-2023-25809: a fallback must not be
/// weaker than what it stands for).
fn host_sysfs(op: &MountOp) -> Result<OwnedFd> {
    let tree = mount::clone_tree(c"/sys", Depth::Tree, LastLink::Keep)?;
    if mount::magic(tree.as_fd(), "/sys")? != mount::SYSFS_MAGIC {
        return Err(SysError::new("statfs", "/sys (not a sysfs)", EXDEV));
    }
    apply_and_prove(tree.as_fd(), op, "/sys")?;
    Ok(tree)
}

/// Sets the attributes on a whole tree that stands in for a file system of its own, and looks whether they hold.
pub(super) fn apply_and_prove(tree: BorrowedFd<'_>, op: &MountOp, object: &str) -> Result<()> {
    if broken!("cve_2022_0492", "cve_2023_25809") {
        return Ok(());
    }
    let wanted = op.attributes.set | op.recursive_attributes.set;
    let change = Change { set: wanted, clear: op.attributes.clear & attr::ATIME, propagation: 0 };
    mount::set_attributes(tree, change, Depth::Tree, object)?;
    let provable = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC | attr::NOSYMFOLLOW;
    let has = mount::attributes(tree, object)?;
    if wanted & provable & !has != 0 {
        return Err(SysError::new("statvfs", format!("{object} (flags are missing)"), EINVAL));
    }
    Ok(())
}

/// An entry without anything to mount: attributes and propagation of what is there.
fn change(root: &Root, op: &MountOp) -> Result<()> {
    let fd = root.resolve(as_path(&op.target), symlinks_of(op))?;
    let stat = statx::of(fd.as_fd(), &name_of(op))?;
    procfs_guard::check(root, op, (fd.as_fd(), &stat), None)?;
    finish(fd.as_fd(), op)
}

/// `remount`: also the options of the file system, if there are any. `ro` and `rw` are left to the mount where that
/// is enough: a superblock may be shared with the host.
fn remount(root: &Root, op: &MountOp) -> Result<()> {
    change(root, op)?;
    let fd = root.resolve(as_path(&op.target), symlinks_of(op))?;
    let object = name_of(op);
    let still_readonly = mount::attributes(fd.as_fd(), &object)? & attr::RDONLY != 0;
    let wanted = |word: &&&str| match **word {
        "ro" | "silent" | "iversion" | "noiversion" => false,
        "rw" => still_readonly,
        _ => true,
    };
    let words: Vec<&&str> = op.superblock_flags.iter().filter(wanted).collect();
    if words.is_empty() && op.data.is_empty() {
        return Ok(());
    }
    let context = Context::pick(fd.as_fd(), &object)?;
    for word in words {
        context.set(&mount::c_string(word), None)?;
    }
    for (key, value) in &op.data {
        context.set(key, value.as_deref())?;
    }
    context.reconfigure()
}

/// Whether a descriptor lies on a procfs.
pub(super) fn is_procfs(fd: BorrowedFd<'_>, object: &str) -> Result<bool> {
    Ok(mount::magic(fd, object)? == dir::PROC_SUPER_MAGIC)
}
