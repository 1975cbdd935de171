//! Mounts that are added to and taken from a container that lives, by a process of ours beside it.
//!
//! `launch::running_mounts` calls [`main`] in the new process. It is not in the container's PID namespace, so nothing
//! there can see or trace it, and it never executes anything (CVE-2019-5736). What it mounts is made in a copy of the
//! host's mount namespace, by the code of a birth (`mount`) and so with the same options. It is in the container's own
//! mount namespace for one move_mount(2) at a time, with both ends held by descriptor. Nothing here may log or print.

use super::devices::Made;
use super::mount::{self, Inputs};
use super::{Stepped, failed, namespaces, rootfs, stay_guarded};
use crate::plan::mounts::{MountKind, MountOp};
use crate::plan::{Plan, Rootfs};
use crate::sys::error::errno::{EBUSY, EINVAL, ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM};
use crate::sys::mount::{Depth, attach, chroot_here, clone_tree_of, detach_of, enter, open_path};
use crate::sys::namespace::{self, Kind};
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::{Result, SysError, proc, process, statx};
use crate::wire::{Answer, ChildWire, Failure, Question, Step};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What the process has from its parent.
#[derive(Debug)]
pub struct Beside<'a> {
    /// The plan of the container, with only the new mounts in it.
    pub plan: &'a Plan,
    /// Our end of the wire.
    pub wire: ChildWire,
    /// Pidfd of the container's first process.
    pub init: OwnedFd,
    /// Its root directory.
    pub root: OwnedFd,
    /// The host's procfs.
    pub proc: OwnedFd,
    /// Which of the container's namespaces are not ours, beside the mount namespace.
    pub joins: Vec<Kind>,
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
    let join =
        |kind| namespace::join(beside.init.as_fd(), kind).map_err(|e| Failure::new(Step::JoinNamespace, &e));
    let (user, others): (Vec<Kind>, Vec<Kind>) = beside.joins.iter().partition(|kind| **kind == Kind::User);
    // What belongs to the host is joined with the host's rights, what belongs to the user namespace with that one's.
    let after: Vec<Kind> = others.into_iter().filter(|kind| join(*kind).is_err()).collect();
    if !user.is_empty() {
        join(Kind::User)?;
    }
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
    rootfs::isolate(&beside.plan.rootfs)?;
    let there = There::look(beside).map_err(failed(Step::Mount))?;
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

/// The container, seen from the copy of the host.
struct There<'a> {
    init: BorrowedFd<'a>,
    proc: BorrowedFd<'a>,
    root: Root,
    /// Our own mount namespace and root directory, to come back to.
    home: (OwnedFd, OwnedFd),
}

impl<'a> There<'a> {
    fn look(beside: &'a Beside<'_>) -> Result<There<'a>> {
        let root = Root::new(crate::sys::fd::duplicate(beside.root.as_fd(), 3)?);
        let home = (namespace::own(Kind::Mount)?, open_path(c"/")?);
        Ok(There { init: beside.init.as_fd(), proc: beside.proc.as_fd(), root, home })
    }

    /// Makes one mount and attaches it. The descriptor of it, for [`There::take_back`].
    fn add(&self, plan: &Plan, index: usize, op: &MountOp, inputs: &mut Inputs) -> Result<OwnedFd> {
        let object = mount::name_of(op);
        let given = inputs.take(index);
        let (tree, target, strict) = match &op.kind {
            MountKind::Bind { source, recursive } => {
                let (tree, stat) = mount::source_tree(op, source, *recursive, given)?;
                if stat.is_symlink() {
                    let object = format!("{} (a symlink cannot be mounted)", source.to_string_lossy());
                    return Err(SysError::new("open_tree", object, ELOOP));
                }
                mount::finish(tree.as_fd(), op)?;
                (tree, mount::bind_target(&self.root, op, &stat)?.fd, false)
            }
            MountKind::Filesystem { fstype, source } => {
                let (source, mut made) = (source.as_deref(), Made::none(&plan.rootfs));
                let new = mount::new_filesystem(&self.root, plan, index, fstype, source, given, &mut made)?;
                (new.tree, new.target, new.strict)
            }
            // The plan has refused them.
            MountKind::Cgroup | MountKind::Nothing => return Err(SysError::new("mount", object, EOPNOTSUPP)),
        };
        mount::check_place(op, tree.as_fd(), target.as_fd())?;
        self.check_uncovered(&plan.rootfs, target.as_fd(), &object)?;
        self.inside(|| attach(tree.as_fd(), target.as_fd(), &object))?;
        if strict {
            let mount_id = statx::of(tree.as_fd(), &object)?.mount_id;
            if let Err(error) = mount::verify(&self.root, op, mount_id) {
                self.take_back(std::slice::from_ref(&tree));
                return Err(error);
            }
        }
        Ok(tree)
    }

    /// Runs in the container's mount namespace, and comes back.
    fn inside(&self, act: impl FnOnce() -> Result<()>) -> Result<()> {
        namespace::join(self.init, Kind::Mount)?;
        let done = act();
        namespace::join(self.home.0.as_fd(), Kind::Mount)?;
        // setns(2) has made the top of the namespace our root; the caller's may have been another.
        enter(self.home.1.as_fd(), "/")?;
        chroot_here("/")?;
        done
    }

    /// Takes mounts away again, the last one first. Best effort: the error that brought us here is the one to report.
    fn take_back(&self, added: &[OwnedFd]) {
        let _ = self.inside(|| {
            added.iter().rev().for_each(|tree| drop(detach_of(self.proc, tree.as_fd(), "mount")));
            Ok(())
        });
    }

    fn check_uncovered(&self, plan: &Rootfs, target: BorrowedFd<'_>, object: &str) -> Result<()> {
        if is_root(&self.root, target, object)? {
            return Err(SysError::new("move_mount", format!("{object} (the root of the container)"), EBUSY));
        }
        match hidden_below(&self.root, self.proc, plan, target, object)? {
            None => Ok(()),
            Some(path) => {
                let object =
                    format!("{object} (would cover {}, masked or read-only)", path.to_string_lossy());
                Err(SysError::new("move_mount", object, EPERM))
            }
        }
    }
}

fn is_root(root: &Root, fd: BorrowedFd<'_>, object: &str) -> Result<bool> {
    Ok(statx::of(root.as_fd(), object)?.is_same_place(&statx::of(fd, object)?))
}

/// A masked or read-only path that lies at or below `fd`: whoever covers or unmounts that takes its protection away.
/// Compared by where they really are, whatever links lead there.
fn hidden_below<'a>(
    root: &Root,
    proc: BorrowedFd<'_>,
    plan: &'a Rootfs,
    fd: BorrowedFd<'_>,
    object: &str,
) -> Result<Option<&'a CStr>> {
    let place = proc::path_of(proc, fd, object)?;
    for path in plan.masked_paths.iter().chain(&plan.readonly_paths) {
        let hidden = match root.resolve(as_path(path), Symlinks::Follow) {
            Ok(hidden) => hidden,
            // Nothing is hidden there.
            Err(error) if error.is(ENOENT) || error.is(ENOTDIR) => continue,
            Err(error) => return Err(error),
        };
        if proc::path_of(proc, hidden.as_fd(), object)?.starts_with(&place) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// What was unmounted, to be put back if a later one fails: a copy of it and where it was.
struct Removed<'a> {
    target: &'a CStr,
    copy: Option<OwnedFd>,
}

fn remove(beside: &Beside<'_>, targets: &[CString]) -> Stepped<()> {
    become_theirs(beside)?;
    let root =
        crate::sys::fd::duplicate(beside.root.as_fd(), 3).map(Root::new).map_err(failed(Step::Mount))?;
    // For good: there is nothing on the host that would be needed.
    namespace::join(beside.init.as_fd(), Kind::Mount).map_err(failed(Step::JoinNamespace))?;
    let mut removed: Vec<Removed<'_>> = Vec::new();
    for (index, target) in targets.iter().enumerate() {
        match remove_one(beside, &root, target) {
            Ok(copy) => removed.push(Removed { target, copy }),
            Err(error) => {
                removed.iter().rev().for_each(|removed| put_back(&root, removed));
                return Err(Failure::new(Step::Mount, &error).at(index));
            }
        }
    }
    Ok(())
}

/// Detaches what is mounted at `target`, with all that is mounted below it. A copy of it, if it can be copied
/// (unbindable mounts cannot).
fn remove_one(beside: &Beside<'_>, root: &Root, target: &CStr) -> Result<Option<OwnedFd>> {
    let object = target.to_string_lossy();
    let refused = |why: &str, errno| SysError::new("umount2", format!("{object} ({why})"), errno);
    // A final symlink is not followed: an image must not choose what is unmounted.
    let mounted = root.resolve(as_path(target), Symlinks::NotLast)?;
    if is_root(root, mounted.as_fd(), &object)? {
        return Err(refused("the root of the container", EBUSY));
    }
    if !statx::of(mounted.as_fd(), &object)?.mount_root {
        return Err(refused("nothing is mounted there", EINVAL));
    }
    let proc = beside.proc.as_fd();
    if let Some(path) = hidden_below(root, proc, &beside.plan.rootfs, mounted.as_fd(), &object)? {
        let why = format!("would uncover {}, masked or read-only", path.to_string_lossy());
        return Err(refused(&why, EPERM));
    }
    let copy = clone_tree_of(mounted.as_fd(), Depth::Tree, &object).ok();
    detach_of(proc, mounted.as_fd(), &object)?;
    Ok(copy)
}

/// Best effort: the error that brought us here is the one to report.
fn put_back(root: &Root, removed: &Removed<'_>) {
    let object = removed.target.to_string_lossy();
    let place = root.resolve(as_path(removed.target), Symlinks::NotLast);
    if let (Some(copy), Ok(place)) = (&removed.copy, place) {
        let _ = attach(copy.as_fd(), place.as_fd(), &object);
    }
}
