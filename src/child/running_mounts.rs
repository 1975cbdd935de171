//! Mounts that are added to and taken from a container that lives, by a process of ours beside it.
//!
//! `launch::running_mounts` calls [`main`] in the new process. It is not in the container's PID namespace, so nothing
//! there can see or trace it, and it never executes anything (CVE-2019-5736). What it mounts is made in a copy of the
//! host's mount namespace, by the code of a birth (`mount`) and so with the same options. It is in the container's own
//! mount namespace for one move_mount(2) at a time, with both ends held by descriptor. Nothing here may log or print.

use super::devices::Made;
use super::mount::{self, Inputs, Shape};
use super::procfs_guard::normalised;
use super::{Stepped, failed, namespaces, rootfs, stay_guarded};
use crate::plan::mounts::{MountKind, MountOp};
use crate::plan::{Plan, Rootfs};
use crate::sys::error::errno::{EBUSY, EINVAL, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM};
use crate::sys::mount::{Depth, attach, chroot_here, clone_tree_of, detach_of, enter, open_path};
use crate::sys::namespace::{self, Kind};
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::{Result, SysError, fd, mountinfo, proc, process, statx};
use crate::wire::{Answer, ChildWire, Failure, Question, Step};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What the process has from its parent.
#[derive(Debug)]
pub struct Beside<'a> {
    /// The plan of the container, with only the new mounts in it.
    pub plan: &'a Plan,
    /// Our end of the wire.
    pub wire: ChildWire,
    /// The container's mount namespace. Its top is the container's root: the root of a process there may have been
    /// changed by chroot(2), and masks would not be found from there.
    pub mounts: OwnedFd,
    /// The host's procfs.
    pub proc: OwnedFd,
    /// The container's namespaces that are not ours, beside the mount namespace.
    pub joins: Vec<(Kind, OwnedFd)>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Task {
    /// Mounts all that is in the plan.
    Add(Inputs),
    /// Takes away what is mounted at these paths.
    Remove(Vec<CString>),
}

/// The life of the process. Never returns.
pub fn main(beside: Beside<'_>, task: Task) -> ! {
    // A file system may keep us for longer than our parent waits, which shall not keep its caller waiting for the end of
    // the output. If it fails that is all that happens.
    let _ = fd::null_device().and_then(|null| process::become_stdio(null.as_fd()));
    let done = match task {
        Task::Add(inputs) => add(&beside, inputs),
        Task::Remove(targets) => remove(&beside, &targets),
    };
    let (word, status) = match done {
        Ok(()) => (Question::Ready, 0),
        Err(failure) => (Question::Failed(failure), 1),
    };
    // If the parent is gone, nobody is left to tell.
    let _ = beside.wire.tell(&word);
    process::exit_now(status)
}

/// Becomes a process with the container's rights: its user namespace, and the namespaces whose state a file system
/// shows (sysfs the network, mqueue the queues).
fn become_theirs(beside: &Beside<'_>) -> Stepped<()> {
    stay_guarded()?;
    match beside.wire.answer() {
        Some(Answer::Go) => {}
        _ => process::exit_now(1),
    }
    let join = |of: &(Kind, OwnedFd)| {
        namespace::join(of.1.as_fd(), of.0).map_err(|e| Failure::new(Step::JoinNamespace, &e))
    };
    let (user, others): (Vec<_>, Vec<_>) = beside.joins.iter().partition(|(kind, _)| *kind == Kind::User);
    // What belongs to the host is joined with the host's rights, what belongs to the user namespace with that one's.
    let after: Vec<_> = others.into_iter().filter(|of| join(of).is_err()).collect();
    user.iter().copied().try_for_each(join)?;
    after.into_iter().try_for_each(join)?;
    if !user.is_empty() {
        namespaces::become_root(beside.plan)?;
    }
    // A change of ids has undone it.
    stay_guarded()
}

fn add(beside: &Beside<'_>, mut inputs: Inputs) -> Stepped<()> {
    become_theirs(beside)?;
    // A copy of the host's mounts: as in a birth, the flags of sources are locked in it if the container is less
    // privileged than the host, and what is mounted on the way to a file system never shows on the host.
    namespace::leave(Kind::Mount).map_err(failed(Step::Propagation))?;
    // With a shared rootfsPropagation a bind mount goes on being a peer of its source, as at a birth; but what is mounted
    // on the way must not reach the host either.
    let is_shared = beside.plan.rootfs.is_shared();
    if is_shared {
        open_sources(beside.plan, &mut inputs);
    }
    rootfs::cut_off()?;
    if !is_shared {
        open_sources(beside.plan, &mut inputs);
    }
    let there = There::look(beside).map_err(failed(Step::Mount))?;
    there.look_ahead(&beside.plan.rootfs.mounts);
    let mut added: Vec<OwnedFd> = Vec::new();
    for (index, op) in beside.plan.rootfs.mounts.iter().enumerate() {
        match there.add(beside.plan, index, op, &mut inputs) {
            Ok(tree) => added.push(tree),
            Err(error) => {
                there.take_back(&added);
                return Err(Failure::new(Step::Mount, &error).at(index));
            }
        }
    }
    Ok(())
}

/// All bind sources, before anything is mounted: if one of them never answers then nothing has changed. One that cannot be
/// opened is found missing when its turn comes.
fn open_sources(plan: &Plan, inputs: &mut Inputs) {
    let open = |op: &MountOp| match &op.kind {
        MountKind::Bind { source, recursive } if op.idmap.is_none() => {
            let tree = mount::clone_source(op, source, *recursive).ok()?;
            statx::of(tree.as_fd(), "source").ok().map(|_| tree)
        }
        _ => None,
    };
    inputs.own_sources = plan.rootfs.mounts.iter().map(open).collect();
}

/// The container, seen from the copy of the host.
struct There<'a> {
    mounts: BorrowedFd<'a>,
    proc: BorrowedFd<'a>,
    root: Root,
    /// Our own mount namespace and root directory, to come back to.
    home: (OwnedFd, OwnedFd),
}

impl<'a> There<'a> {
    fn look(beside: &'a Beside<'_>) -> Result<There<'a>> {
        let home = (namespace::own(Kind::Mount)?, open_path(c"/")?);
        let root = visit(beside.mounts.as_fd(), &home, || open_path(c"/"))?;
        Ok(There { mounts: beside.mounts.as_fd(), proc: beside.proc.as_fd(), root: Root::new(root), home })
    }

    /// Looks at all destinations that are there already, for the same reason as [`open_sources`].
    fn look_ahead(&self, mounts: &[MountOp]) {
        for op in mounts {
            let _ = self.root.resolve(as_path(&op.target), Symlinks::Follow);
        }
    }

    /// Makes one mount and attaches it. The descriptor of it, for [`There::take_back`].
    fn add(&self, plan: &Plan, index: usize, op: &MountOp, inputs: &mut Inputs) -> Result<OwnedFd> {
        let object = mount::name_of(op);
        let given = inputs.take(index);
        let (tree, shape, place, strict) = match &op.kind {
            MountKind::Bind { source, recursive } => {
                let (tree, stat) = mount::source_tree(op, source, *recursive, given)?;
                if stat.is_symlink() {
                    let object = format!("{} (a symlink cannot be mounted)", source.to_string_lossy());
                    return Err(SysError::new("open_tree", object, ELOOP));
                }
                mount::finish(tree.as_fd(), op)?;
                (tree, Shape::of(&stat), mount::bind_target(&self.root, op, &stat)?, false)
            }
            MountKind::Filesystem { fstype, source } => {
                let (source, mut made) = (source.as_deref(), Made::none(&plan.rootfs));
                let new = mount::new_filesystem(&self.root, plan, index, fstype, source, given, &mut made)?;
                (new.tree, Shape::Directory, new.place, new.strict)
            }
            // The plan has refused them.
            MountKind::Cgroup | MountKind::Nothing => return Err(SysError::new("mount", object, EOPNOTSUPP)),
        };
        mount::check_place(&self.root, op, (tree.as_fd(), shape), &place)?;
        self.check_uncovered(&plan.rootfs, op, place.fd.as_fd())?;
        self.inside(|| attach(tree.as_fd(), place.fd.as_fd(), &object))?;
        if strict {
            let mount_id = statx::of(tree.as_fd(), &object)?.mount_id;
            if let Err(error) = mount::verify(&self.root, op, mount_id) {
                self.take_back(std::slice::from_ref(&tree));
                return Err(error);
            }
        }
        Ok(tree)
    }

    fn inside(&self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        visit(self.mounts, &self.home, act)
    }

    /// Takes mounts away again, the last one first. Best effort: the error that brought us here is the one to report.
    fn take_back(&self, added: &[OwnedFd]) {
        let _ = self.inside(|| {
            added.iter().rev().for_each(|tree| drop(detach_of(self.proc, tree.as_fd(), "mount")));
            Ok(())
        });
    }

    fn check_uncovered(&self, plan: &Rootfs, op: &MountOp, target: BorrowedFd<'_>) -> Result<()> {
        let object = mount::name_of(op);
        if is_root(&self.root, target, &object)? {
            return Err(SysError::new("move_mount", format!("{object} (the root of the container)"), EBUSY));
        }
        match hidden_below(&self.root, self.proc, plan, target, &object)? {
            None => Ok(()),
            Some(path) => {
                let object =
                    format!("{object} (would cover {}, masked or read-only)", path.to_string_lossy());
                Err(SysError::new("move_mount", object, EPERM))
            }
        }
    }
}

/// Acts in another mount namespace, and comes back to our own and its root directory.
fn visit<T>(mounts: BorrowedFd<'_>, home: &(OwnedFd, OwnedFd), act: impl FnOnce() -> Result<T>) -> Result<T> {
    namespace::join(mounts, Kind::Mount)?;
    let done = act();
    namespace::join(home.0.as_fd(), Kind::Mount)?;
    // setns(2) has made the top of the namespace our root; the caller's may have been another.
    enter(home.1.as_fd(), "/")?;
    chroot_here("/")?;
    done
}

fn is_root(root: &Root, fd: BorrowedFd<'_>, object: &str) -> Result<bool> {
    Ok(statx::of(root.as_fd(), object)?.is_same_place(&statx::of(fd, object)?))
}

/// A masked or read-only path that lies at or below `fd`: whoever covers or unmounts that takes its protection away.
/// Compared by where they really are, whatever links lead there. `object` is the path that led to `fd`.
fn hidden_below<'a>(
    root: &Root,
    proc: BorrowedFd<'_>,
    plan: &'a Rootfs,
    fd: BorrowedFd<'_>,
    object: &str,
) -> Result<Option<&'a CStr>> {
    let place = proc::path_of(proc, fd, object)?;
    for path in plan.masked_paths.iter().chain(&plan.readonly_paths) {
        let (hidden, exists) = place_of(root, proc, as_path(path), object)?;
        // One that is missing may have been hidden from us: then by its name, too.
        let named = || normalised(&path.to_string_lossy()).starts_with(&normalised(object));
        if hidden.starts_with(&place) || !exists && named() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Where a path really is, or would be: what is missing of it is added to the directory that would hold it.
fn place_of(root: &Root, proc: BorrowedFd<'_>, path: &Path, object: &str) -> Result<(PathBuf, bool)> {
    for above in path.ancestors() {
        match root.resolve(above, Symlinks::Follow) {
            Ok(found) => {
                let missing = path.strip_prefix(above).unwrap_or(Path::new(""));
                let place = proc::path_of(proc, found.as_fd(), object)?;
                return Ok((place.join(missing), above == path));
            }
            Err(error) if error.is(ENOENT) || error.is(ENOTDIR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((path.to_path_buf(), false))
}

/// What is to be unmounted.
struct Mounted<'a> {
    /// Its position in the list.
    index: usize,
    target: &'a CStr,
    fd: OwnedFd,
    mount_id: u64,
    /// How far from the root it is.
    depth: usize,
}

/// What was unmounted, to be put back if a later one fails: a copy of it, if it can be copied (unbindable mounts cannot).
struct Removed<'a> {
    target: &'a CStr,
    copy: Option<OwnedFd>,
}

fn remove(beside: &Beside<'_>, targets: &[CString]) -> Stepped<()> {
    become_theirs(beside)?;
    // For good: there is nothing on the host that would be needed.
    namespace::join(beside.mounts.as_fd(), Kind::Mount).map_err(failed(Step::JoinNamespace))?;
    let root = Root::new(open_path(c"/").map_err(failed(Step::Mount))?);
    // All are looked at before the first is touched: what is detached cannot always be had back as it was.
    let mut mounted: Vec<Mounted<'_>> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        let found = find(beside, &root, index, target, &mounted);
        let found = found.map_err(|error| Failure::new(Step::Mount, &error).at(index))?;
        // The innermost first, so that none goes with another before its turn.
        mounted.insert(mounted.partition_point(|other| other.depth >= found.depth), found);
    }
    let mut removed: Vec<Removed<'_>> = Vec::new();
    for one in &mounted {
        let copy = clone_tree_of(one.fd.as_fd(), Depth::Tree, "mount").ok();
        if let Err(error) = take_away(beside.proc.as_fd(), one) {
            removed.iter().rev().for_each(|removed| put_back(&root, removed));
            return Err(Failure::new(Step::Mount, &error).at(one.index));
        }
        removed.push(Removed { target: one.target, copy });
    }
    Ok(())
}

/// What is mounted at `target`, if it may be unmounted.
fn find<'a>(
    beside: &Beside<'_>,
    root: &Root,
    index: usize,
    target: &'a CStr,
    others: &[Mounted<'_>],
) -> Result<Mounted<'a>> {
    let object = target.to_string_lossy();
    let refused = |why: &str, errno| SysError::new("umount2", format!("{object} ({why})"), errno);
    // A final symlink is not followed: an image must not choose what is unmounted.
    let fd = root.resolve(as_path(target), Symlinks::NotLast)?;
    if is_root(root, fd.as_fd(), &object)? {
        return Err(refused("the root of the container", EBUSY));
    }
    let stat = statx::of(fd.as_fd(), &object)?;
    if !stat.mount_root {
        return Err(refused("nothing is mounted there", EINVAL));
    }
    if others.iter().any(|other| other.mount_id == stat.mount_id) {
        return Err(refused("is in the list twice", EINVAL));
    }
    let proc = beside.proc.as_fd();
    if let Some(path) = hidden_below(root, proc, &beside.plan.rootfs, fd.as_fd(), &object)? {
        let why = format!("would uncover {}, masked or read-only", path.to_string_lossy());
        return Err(refused(&why, EPERM));
    }
    let depth = proc::path_of(proc, fd.as_fd(), &object)?.components().count();
    Ok(Mounted { index, target, fd, mount_id: stat.mount_id, depth })
}

/// Detaches a mount with all that is mounted below it.
fn take_away(proc: BorrowedFd<'_>, mounted: &Mounted<'_>) -> Result<()> {
    let object = mounted.target.to_string_lossy();
    match detach_of(proc, mounted.fd.as_fd(), &object) {
        // It went with another of the list whose peer it was (mount_namespaces(7), "propagation").
        Err(error) if error.is(EINVAL) && !is_attached(proc, mounted.mount_id)? => Ok(()),
        other => other,
    }
}

fn is_attached(proc: BorrowedFd<'_>, mount_id: u64) -> Result<bool> {
    let file = proc::open_in(proc, c"self/mountinfo", proc::Access::Read)?;
    let text = fd::read_to_end(file.as_fd(), "/proc/self/mountinfo", mountinfo::LIMIT_BYTES)?;
    Ok(mountinfo::parse(&text).iter().any(|mounted| mounted.id == mount_id))
}

/// Best effort: the error that brought us here is the one to report.
fn put_back(root: &Root, removed: &Removed<'_>) {
    let object = removed.target.to_string_lossy();
    let place = root.resolve(as_path(removed.target), Symlinks::NotLast);
    if let (Some(copy), Ok(place)) = (&removed.copy, place) {
        let _ = attach(copy.as_fd(), place.as_fd(), &object);
    }
}
