//! The parent's half of `exec`: from a plan and a container's first process to one more process that waits to be let go.
//!
//! `cmd::exec` calls [`enter`], then writes the pid file, then [`Ready::start`](super::Ready::start). The other half is
//! `child::exec` and, inside of the container, `stage::join`.

use super::foreground::{Watch, wait_readable};
use super::{Child, Ready, joins, maps, or_ended, spawn, steps};
use crate::cgroup::Entry;
use crate::child::exec::{Visitor, init, set_scheduler};
use crate::plan::{IdMaps, Plan};
use crate::sys::path::Root;
use crate::sys::process::{self, Cloned};
use crate::sys::{attribute, fd, namespace, proc};
use crate::wire::{self, Answer, ParentWire, Question};
use anyhow::Result;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

/// What an `exec` needs from the caller, beside the plan.
pub struct Given<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The container's first process: its pid, and a descriptor that proves it.
    pub init: (i32, BorrowedFd<'a>),
    /// The container's status.
    pub status: &'a str,
    /// The ways into the container's cgroups.
    pub entry: Entry,
    /// A unix socket that takes the terminal's master, if the process has a terminal.
    pub console: Option<OwnedFd>,
    /// The caller's descriptors that the process gets.
    pub preserved: Vec<RawFd>,
    /// Number of the last capability the kernel knows.
    pub last_capability: u8,
    /// Whether the caller lacks real root.
    pub rootless: bool,
    /// Whether somebody in the foreground may ask us to end.
    pub watch: Option<&'a Watch>,
    /// Takes what is worth a warning.
    pub warn: &'a dyn Fn(&str),
}

/// Makes the process and has it enter the container. When this returns it waits for its last word, and whoever drops
/// the result kills and reaps it.
///
/// # Errors
/// The container has ended; a namespace, a cgroup, the user or the program is refused.
pub fn enter(given: Given<'_>) -> Result<Ready<'_>> {
    let (plan, watch, warn) = (given.plan, given.watch, given.warn);
    let (init, container) = (given.init, (given.init.0, given.status));
    if let Some(cpus) = plan.process.exec_cpu_affinity.as_ref().and_then(|affinity| affinity.initial.as_ref())
    {
        // config.md, "execCPUAffinity": the runtime's own, until the process is in the container's cgroup.
        let set = attribute::set_affinity(cpus);
        set.map_err(|error| {
            steps::attribute("/process/execCPUAffinity/initial", "set the affinity to", error)
        })?;
    }
    let inside = Inside::look(&given)?;
    let outer_uid = inside.outer_uid(plan.process.user.uid);
    if !given.rootless && !broken!("cve_2016_9962") {
        process::set_undumpable()?;
    }
    let (child, wire) = clone(given, inside, outer_uid).map_err(|error| or_ended(error, init))?;
    if plan.process.terminal.is_none() {
        (0..3).for_each(|number| fd::give_pipe_to(number, outer_uid));
    }
    super::raise_limits(plan, child.pid())?;
    // If the child is gone already, the next question says so.
    let _ = wire.answer(Answer::Go);
    match next(&wire, plan, watch, warn)? {
        Some(Question::Ready) => {}
        Some(Question::Failed(failure)) => return Err(or_ended(steps::explain(plan, &failure).into(), init)),
        _ => return Err(or_ended(super::Failed::died_inside(child.pid()).into(), init)),
    }
    if let Some(wanted) = &plan.process.scheduler {
        // From outside: a DEADLINE policy allows no fork, and the process is one.
        set_scheduler(child.pid(), wanted)
            .map_err(|error| steps::attribute("/process/scheduler", "set the scheduler to", error))?;
    }
    Ok(Ready { plan, child, wire, watch, container: Some(container) })
}

/// The next word of the child; notes are passed on as warnings.
fn next(
    wire: &ParentWire,
    plan: &Plan,
    watch: Option<&Watch>,
    warn: &dyn Fn(&str),
) -> Result<Option<Question>> {
    loop {
        wait_readable(wire.as_fd(), watch)?;
        match wire.question()? {
            Some(Question::Note(note)) => warn(&steps::explain(plan, &note).to_string()),
            other => return Ok(other),
        }
    }
}

/// What is to be known of the container's inside, all of it read from its first process.
struct Inside {
    root: OwnedFd,
    namespaces: u32,
    /// The mappings of its user namespace; None: it is ours.
    maps: Option<IdMaps>,
    setgroups_denied: bool,
}

impl Inside {
    fn look(given: &Given<'_>) -> Result<Inside> {
        let (pid, pidfd) = given.init;
        let ended = |error: crate::sys::SysError| {
            super::or_ending(anyhow::Error::new(error).context("look into the container"), given.init)
        };
        let namespaces = joins::foreign_to_us(pid, &given.plan.namespaces).map_err(ended)?;
        let root = proc::root_of_process(pid).map_err(ended)?;
        let (mut maps, mut setgroups_denied) = (None, false);
        if namespaces & joins::USER != 0 {
            maps = Some(maps::read(pid).map_err(ended)?);
            setgroups_denied = proc::read_of_process(pid, "setgroups").map_err(ended)?.starts_with("deny");
        }
        // All of it was of this very process, if it has not been reaped by now.
        match crate::sys::pidfd::wait_end(pidfd, 0)? {
            true => Err(super::Failed::container_ended(pid).into()),
            false => Ok(Inside { root, namespaces, maps, setgroups_denied }),
        }
    }

    fn outer_uid(&self, uid: u32) -> u32 {
        self.maps.as_ref().map_or(uid, |maps| maps::outer_uid(maps, uid))
    }
}

fn clone<'a>(given: Given<'a>, inside: Inside, outer_uid: u32) -> Result<(Child, ParentWire)> {
    let (plan, watch, warn) = (given.plan, given.watch, given.warn);
    let (parent_wire, child_wire) = wire::pair()?;
    let visitor = Visitor {
        plan,
        wire: child_wire,
        tasks: given.entry.tasks.into_iter().map(|file| (file.fd, file.path)).collect(),
        target: given.init.1,
        namespaces: inside.namespaces,
        root: Root::new(inside.root),
        outer_uid,
        setgroups_denied: inside.setgroups_denied,
        console: given.console,
        preserved: given.preserved,
        last_capability: given.last_capability,
        rootless: given.rootless,
    };
    let born_into = given.entry.born_into.as_ref().map(AsFd::as_fd);
    let mut careless = namespace::ForChild::default();
    if broken!("cve_2019_5736") {
        careless.join(visitor.target, namespace::Kind::Pid)?;
    }
    let refused = |error| match born_into {
        Some(_) => steps::clone_into_group(error),
        None => steps::clone(plan, error),
    };
    let (cloned, latecomer) = spawn::clone_into(0, born_into, given.entry.latecomer).map_err(refused)?;
    match cloned {
        Cloned::Child => {
            // Or our parent's death would never be the end of the wire.
            drop(parent_wire);
            std::mem::forget(careless);
            init(visitor)
        }
        Cloned::Parent { pid, pidfd } => {
            drop(careless);
            let Visitor { tasks, root, wire, console, .. } = visitor;
            // Or its death would never be the end of the wire.
            drop((wire, console));
            let mut pile = fd::Pile::default();
            spawn::leave_tasks(tasks, &mut pile);
            pile.add(root.into());
            drop(pile);
            let middle = Child::new(pid, pidfd);
            // In a frozen container this takes until it is thawed.
            let born = next(&parent_wire, plan, watch, warn)?;
            let child = spawn::real_child(plan, middle, born)?;
            spawn::attach(latecomer, &child)?;
            Ok((child, parent_wire))
        }
    }
}
