//! The clone: which namespaces are made by it, which the parent enters for the child's sake, and which are left to it.
//!
//! Called by `launch::begin`. One clone3(2) is all, but for a joined user namespace, and for others without root's rights
//! (see `child::hop`).

use super::foreground::Watch;
use super::{Child, Given, joins, sources, steps};
use crate::cgroup::{Latecomer, TasksFile};
use crate::child::{Hop, Inherited, Join, init};
use crate::plan::{Namespaces, Plan};
use crate::sys::error::errno;
use crate::sys::namespace::{ForChild, Kind};
use crate::sys::process::{self, Cloned};
use crate::sys::walk::c_path;
use crate::sys::{fd, mount, pidfd};
use crate::wire::{self, ParentWire, Question};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// CLONE_NEW* of what the clone makes. The cgroup namespace is made by the child, once it is in its cgroup; the time
/// namespace by `ForChild`, for its offsets must be set while nobody is in it.
fn clone_flags(namespaces: &Namespaces) -> u64 {
    let made = [
        (Kind::User, &namespaces.user),
        (Kind::Mount, &namespaces.mount),
        (Kind::Pid, &namespaces.pid),
        (Kind::Network, &namespaces.network),
        (Kind::Ipc, &namespaces.ipc),
        (Kind::Uts, &namespaces.uts),
    ];
    made.iter().filter(|(_, place)| place.is_new()).fold(0, |flags, (kind, _)| flags | kind.flag())
}

/// Clones the child, which begins in `child::init`.
pub fn spawn(given: Given<'_>, host_nulls: Vec<RawFd>) -> Result<(Child, ParentWire)> {
    let plan = given.plan;
    let (parent_wire, child_wire) = wire::pair()?;
    let joins = joins::open_all(&plan.namespaces)?;
    joins::check_sysctls(plan, &joins)?;
    let mut mounts = sources::open(plan, given.rootless, given.watch)?;
    mounts.own_cgroup2 = given.own_cgroup2.and_then(|path| c_path(&path).ok());
    mounts.hierarchies = given.hierarchies;
    let hop = hop(plan, given.rootless, &joins);

    let mut for_child = ForChild::default();
    let mut left_to_child = Vec::new();
    for join in joins {
        if hop.is_none() && is_entered_by_parent(plan, join.kind) {
            let entered = for_child.join(join.fd.as_fd(), join.kind);
            entered.map_err(|error| steps::namespace(plan, join.kind, Some(join.index), error))?;
        } else {
            left_to_child.push(join);
        }
    }
    let time_offsets = plan.namespaces.time.is_new().then(|| time_offsets(plan));
    // Inside a new user namespace the child has the right to make one itself; outside of it we have it.
    let by_parent = plan.namespaces.user.is_shared() || !given.rootless;
    let time_offsets = match time_offsets {
        Some(offsets) if by_parent && hop.is_none() => {
            let made = for_child.new_time(&offsets);
            made.map_err(|error| steps::namespace(plan, Kind::Time, None, error))?;
            None
        }
        other => other,
    };

    let (memory, others): (Vec<_>, Vec<_>) =
        given.entry.tasks.into_iter().partition(|file| file.counts_memory);
    let memberships = |files: Vec<TasksFile>| files.into_iter().map(|file| (file.fd, file.path)).collect();
    let inherited = Inherited {
        plan,
        wire: child_wire,
        tasks: memberships(others),
        memory_tasks: memberships(memory),
        pile: given.entry.pile,
        delegated: given.entry.delegated.map(|file| (file.fd, file.path)),
        joins: left_to_child,
        hop,
        time_offsets,
        mounts,
        host_nulls,
        console: given.console,
        gate: given.gate,
        hook_files: given.hook_files,
        preserved: given.preserved,
        last_capability: given.last_capability,
    };
    let flags = if hop.is_some() { 0 } else { clone_flags(&plan.namespaces) };
    let born_into = given.entry.born_into.as_ref().map(AsFd::as_fd);
    let latecomer = given.entry.latecomer;
    let (cloned, latecomer) =
        clone_into(flags, born_into, latecomer).map_err(|error| steps::clone(plan, error))?;
    match cloned {
        Cloned::Child => {
            // Not dropped here: that would bring our parent's namespaces back.
            std::mem::forget(for_child);
            // Or our parent's death would never be the end of the wire.
            drop(parent_wire);
            init(inherited)
        }
        Cloned::Parent { pid, pidfd } => {
            // Ours come back before anything else, a hook above all, could be born into the container's.
            drop(for_child);
            close(inherited);
            let child = Child::new(pid, pidfd);
            let child = if hop.is_some() { real_child(plan, child, parent_wire.question()?)? } else { child };
            attach(latecomer, &child)?;
            Ok((child, parent_wire))
        }
    }
}

/// The clone before the real one, where there must be one: inside of a joined user namespace, and without root's rights, as nobody
/// comes back to the host's namespaces then: what a parent would enter for its child is the hop's.
fn hop(plan: &Plan, rootless: bool, joins: &[Join]) -> Option<Hop> {
    let namespaces = &plan.namespaces;
    let no_way_back = rootless
        && (joins.iter().any(|join| is_entered_by_parent(plan, join.kind))
            || (namespaces.time.is_new() && namespaces.user.is_shared()));
    let is_needed = namespaces.user.joined().is_some() || no_way_back;
    is_needed.then(|| Hop { flags: clone_flags(namespaces) })
}

/// What only the child needs, and what nobody needs any more: descriptors. The rest stays where it is, as a page in which
/// something is freed would be copied for the child first.
fn close(mut inherited: Inherited<'_>) {
    for tasks in [&mut inherited.tasks, &mut inherited.memory_tasks] {
        leave_tasks(std::mem::take(tasks), &mut inherited.pile);
    }
    inherited.pile.close();
    std::mem::forget(std::mem::take(&mut inherited.mounts.hierarchies));
}

/// The same of the ways into cgroups that the child has as well.
pub(super) fn leave_tasks(tasks: Vec<(OwnedFd, String)>, pile: &mut fd::Pile) {
    for (file, path) in tasks {
        pile.add(file);
        std::mem::forget(path);
    }
}

/// Clones into the group, or, if this user may not (the group that we are in is another's), where we are: then whoever can is
/// left to move the child.
pub(super) fn clone_into(
    flags: u64,
    group: Option<BorrowedFd<'_>>,
    latecomer: Option<Latecomer>,
) -> crate::sys::Result<(Cloned, Option<Latecomer>)> {
    match process::clone_single_threaded(flags, group) {
        Err(error) if error.is(errno::EACCES) && latecomer.is_some() => {
            Ok((process::clone_single_threaded(flags, None)?, latecomer))
        }
        result => Ok((result?, None)),
    }
}

/// Has a child that could not be born into its group moved there.
pub(super) fn attach(latecomer: Option<Latecomer>, child: &Child) -> Result<()> {
    let Some(latecomer) = latecomer else { return Ok(()) };
    latecomer.attach(child.pid()).context("move the process into the cgroup")
}

/// A pid namespace is entered by children only. With a new user namespace the child would lack the right to join what
/// belongs to the host's, so the parent enters all that it can.
fn is_entered_by_parent(plan: &Plan, kind: Kind) -> bool {
    match kind {
        Kind::Pid => true,
        Kind::Network | Kind::Ipc | Kind::Uts | Kind::Cgroup => plan.namespaces.user.is_new(),
        Kind::User | Kind::Mount | Kind::Time => false,
    }
}

/// The word of a hop, or of the last stage of `exec`, on whom it has cloned; it has ended by itself then.
pub(super) fn real_child(plan: &Plan, hop: Child, said: Option<Question>) -> Result<Child> {
    let child = match said {
        // Our own child (CLONE_PARENT) and not yet reaped, so that the pid cannot be another's.
        Some(Question::Born(pid)) => Child::new(pid, pidfd::open(pid)?),
        Some(Question::Failed(failure)) => return Err(steps::explain(plan, &failure).into()),
        _ => return Err(hop.died().into()),
    };
    hop.wait().context("wait for the process that went before")?;
    Ok(child)
}

fn time_offsets(plan: &Plan) -> String {
    plan.time_offsets.iter().map(|o| format!("{} {} {}\n", o.clock, o.secs, o.nanosecs)).collect()
}

/// A user namespace with these mappings, for id-mapped mounts: made by a process that is gone again at once.
pub(super) fn user_namespace(
    maps: &crate::plan::IdMaps,
    rootless: bool,
    watch: Option<&Watch>,
) -> Result<std::os::fd::OwnedFd> {
    let (ours, theirs) = wire::pair()?;
    match process::clone_single_threaded(Kind::User.flag(), None)? {
        Cloned::Child => {
            drop(ours);
            // Waits for the end of the wire.
            let _ = theirs.answer();
            process::exit_now(0)
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let child = Child::new(pid, pidfd);
            super::maps::write(child.pid(), maps, rootless, watch)?;
            let path = mount::c_string(&format!("/proc/{pid}/ns/user"));
            Ok(crate::sys::namespace::open(&path, Kind::User)?)
        }
    }
}
