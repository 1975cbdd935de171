//! `delete`: ends a container and removes all that was made for it (runtime.md, "Delete").
//!
//! Every step can be repeated, and the record stays until all is done but for the folder: whenever a deletion dies, the next
//! one goes on.

use super::lock::alone;
use super::start::hook_files;
use super::state::status_of;
use super::{Session, matching_ids};
use crate::cgroup::Past;
use crate::cli;
use crate::error::{self, UNKILLABLE};
use crate::hook;
use crate::log::Log;
use crate::state::{Container, Phase, Refused, Status, Store};
use crate::sys::error::errno::ESRCH;
use crate::sys::{pidfd, signal_name};
use anyhow::{Context, Result};
use std::os::fd::AsFd;

/// How long a process may take to end after SIGKILL.
const DEADLINE_MS: u16 = 10_000;

pub(super) fn delete(session: &Session, args: &cli::Delete) -> Result<u8> {
    let force = if args.force { Force::Yes } else { Force::No };
    if !args.regex {
        crate::state::check_id(&args.id)?;
    }
    let Some(store) = session.store()? else {
        return match force {
            Force::Yes => Ok(0),
            Force::No if args.regex => Ok(0),
            Force::No => Err(Refused::NotFound { id: args.id.clone() }.into()),
        };
    };
    if !args.regex {
        delete_one(&store, &session.log, &args.id, force)?;
        return Ok(0);
    }
    let mut first = None;
    for id in matching_ids(&store, &args.id)? {
        match delete_one(&store, &session.log, &id, force) {
            // A pattern may match what is not ours, or what somebody else has just deleted.
            Err(e) if is(&e, |r| matches!(r, Refused::Foreign { .. } | Refused::NotFound { .. })) => {}
            Err(e) => first = first.or(Some(e.context(format!("container {id}")))),
            Ok(()) => {}
        }
    }
    first.map_or(Ok(0), Err)
}

/// Whether a living container is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    Yes,
    No,
}

fn is(error: &anyhow::Error, kind: fn(&Refused) -> bool) -> bool {
    error.downcast_ref::<Refused>().is_some_and(kind)
}

fn delete_one(store: &Store, log: &Log, id: &str, force: Force) -> Result<()> {
    let mut container = match (store.load_to_change(id), force) {
        (Ok(container), _) => container,
        (Err(e), Force::Yes) if is(&e, |r| matches!(r, Refused::NotFound { .. })) => return Ok(()),
        (Err(e), Force::Yes) if is(&e, |r| matches!(r, Refused::Damaged { .. })) => {
            log.warn(&format!("delete {id}: {e}: only its state folder is removed"));
            return store.remove_damaged(id);
        }
        (Err(e), _) => return Err(e),
    };
    match force {
        Force::No => {
            refuse_what_runs(&mut container)?;
            if !container.has_lock() {
                // A `start` with a slow hook: what was created may run when it is through.
                if is_gone_once_alone(&mut container)? {
                    return Ok(());
                }
                refuse_what_runs(&mut container)?;
            }
        }
        // Somebody has the lock: a creator or a `start` with a slow hook, which sees the death, and lets go.
        Force::Yes if !container.has_lock() => kill_init(&container)?,
        Force::Yes => {}
    }
    retire(container, log)
}

/// Without `--force` only what has stopped, or never started, is deleted.
fn refuse_what_runs(container: &mut Container) -> Result<()> {
    let status = status_of(container)?;
    match status {
        Status::Creating | Status::Running | Status::Paused => {
            Err(Refused::NotStopped { id: container.id().to_string(), status }.into())
        }
        Status::Created | Status::Stopped => Ok(()),
    }
}

/// Ends a container and removes it, alone: whoever else deletes, creates or starts it is waited for. Also the end of a
/// foreground `run`.
pub fn retire(mut container: Container, log: &Log) -> Result<()> {
    if is_gone_once_alone(&mut container)? {
        return Ok(());
    }
    container.forget_other_boots()?;
    end_processes(&container)?;
    dismantle(container, log)
}

/// Waits until nobody else works on the container. Whether somebody has deleted it meanwhile.
fn is_gone_once_alone(container: &mut Container) -> Result<bool> {
    match alone(container) {
        Err(e) if is(&e, |r| matches!(r, Refused::NotFound { .. })) => Ok(true),
        done => done.map(|()| false),
    }
}

/// Kills what is alive of the container, and waits for it.
fn end_processes(container: &Container) -> Result<()> {
    let record = &container.record;
    kill_init(container)?;
    // With a pid namespace of its own, the kernel has ended the others with the first. Where there never was a first,
    // whoever is in the group was there before the container.
    if !record.private_pids
        && record.init.is_some()
        && let Some(cgroup) = container.groups()?
    {
        cgroup.kill_all(signal_name::KILL).context("kill the container's processes")?;
    }
    Ok(())
}

fn kill_init(container: &Container) -> Result<()> {
    let record = &container.record;
    if let Some(criu) = container.criu()? {
        // It traces them, and a traced process has ended only when its tracer knows (ptrace(2)). If it has ended
        // meanwhile there is nothing to kill.
        let _ = pidfd::send_signal(criu.as_fd(), signal_name::KILL, "CRIU");
        pidfd::wait_end(criu.as_fd(), DEADLINE_MS)?;
    }
    let Some(init) = container.init()? else { return Ok(()) };
    let pid = record.pid();
    match pidfd::send_signal(init.as_fd(), signal_name::KILL, &format!("process {pid}")) {
        Err(e) if !e.is(ESRCH) => {
            return Err(anyhow::Error::new(e).context("kill the container's first process"));
        }
        _ => {}
    }
    // After the signal, so that a frozen process does nothing but die.
    if let Some(cgroup) = &record.cgroup
        && cgroup.is_frozen()?
    {
        cgroup.thaw().context("thaw the container")?;
    }
    if pidfd::wait_end(init.as_fd(), DEADLINE_MS)? {
        return Ok(());
    }
    let problem = format!("the container's process {pid} did not end within ten seconds after SIGKILL");
    let advice = "it waits in the kernel, for a device or a network file system (see its stack in /proc), or for a process of \
                  `exec` that has ended and that its parent outside does not collect: try again";
    Err(error::coded(UNKILLABLE, problem, Some(advice)))
}

/// Removes all that was made for a container whose processes have ended: cgroups, then the poststop hooks, then the
/// folder. Also the end of a `create` that came to
/// nothing, which holds the lock and has reaped its child.
pub fn dismantle(mut container: Container, log: &Log) -> Result<()> {
    if let Some(cgroup) = &container.record.cgroup {
        let past = if container.record.init.is_some() { Past::Used } else { Past::Unused };
        cgroup.remove(past).context("remove the cgroup")?;
    }
    if let Some(group) = &container.record.rdt {
        group.remove().context("remove the resctrl group")?;
    }
    let hooks = std::mem::take(&mut container.record.poststop);
    // Of a container that never had a process, there is nothing to be told.
    if !hooks.is_empty() && container.record.init.is_some() {
        // Written down first: hooks run once, even if this process dies among them.
        container.record.phase = Phase::Deleting;
        container.save()?;
        let record = &container.record;
        let state = hook::state_json(&record.id, "stopped", 0, &record.bundle, &record.annotations);
        // An engine may have removed it already.
        let bundle = Some(record.bundle.clone()).filter(|bundle| crate::sys::dir::Dir::open(bundle).is_ok());
        let files = hook_files(record, log);
        for (index, hook) in hooks.iter().enumerate() {
            let run = hook::Run {
                hook,
                moment: "poststop",
                index,
                state: &state,
                place: hook::Place::Runtime,
                dir: bundle.as_deref(),
                files: &files,
            };
            if let Err(failed) = run.run() {
                // runtime.md, "Lifecycle", 13: a failure is a warning, and the lifecycle continues.
                log.warn(&format!("delete {}: {failed}", record.id));
            }
        }
    }
    container.remove()
}
