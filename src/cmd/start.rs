//! `start`: opens the gate (runtime.md, "Start").

use super::lock::alone_with_init;
use super::{Session, notify};
use crate::cli;
use crate::hook;
use crate::launch::start::{Outcome, Told, until_executed};
use crate::launch::{Failed, after_gate};
use crate::log::Log;
use crate::state::{Container, Record, Refused, Status};
use crate::sys::pidfd;
use crate::wire::{Answer, ParentWire};
use anyhow::Result;
use std::os::fd::AsFd;

/// How long a process may take to its end that has closed its side of the gate.
const ENDING_MS: u16 = 1000;

/// Starts a created container, and waits until its program is executed.
pub(super) fn start(session: &Session, args: &cli::Start) -> Result<u8> {
    let mut container = session.container_to_change(&args.id)?;
    // Two starts must not stand at one gate.
    let (status, init) = alone_with_init(&mut container)?;
    match status {
        Status::Created => {}
        Status::Running => return Err(Refused::AlreadyRunning.into()),
        Status::Stopped => return Err(Refused::HasStopped.into()),
        status @ (Status::Creating | Status::Paused) => return Err(Refused::CannotStart { status }.into()),
    }
    let Some(init) = init else { return Err(Refused::HasStopped.into()) };
    let Some(gate) = container.open_gate()? else {
        // Nobody stands there: it is at its end, or was let through by a `start` that died behind the gate.
        let ended = pidfd::wait_end(init.as_fd(), ENDING_MS)?;
        return Err(if ended { Refused::HasStopped } else { Refused::AlreadyRunning }.into());
    };
    let gate = ParentWire::from_gate(gate);
    let pid = container.record.pid();
    // If the caller is a service, it counts as started when the container says so.
    let notify = notify::proxy(session, &container)?;
    gate.answer(Answer::Start).map_err(|_| Failed::died(pid))?;
    let told = Told {
        id: container.id(),
        bundle: &container.record.bundle,
        annotations: &container.record.annotations,
        pid,
        status: "creating",
        init: pid,
        listener: container.record.seccomp_listener.as_ref(),
    };
    let outcome = until_executed(&gate, init.as_fd(), &told, None)?;
    container.remove_gate()?;
    match outcome {
        Outcome::Executed => {}
        Outcome::Died => return Err(Failed::died(pid).into()),
        Outcome::Failed(failure) => return Err(after_gate(&container.record.program, &failure).into()),
    }
    // A hook of the user may take its time: others may kill and delete the container meanwhile.
    container.unlock()?;
    poststart(&mut container, &session.log, None)?;
    if let Some(notify) = notify {
        notify::tell_readiness(session, &args.id, &notify, init.as_fd(), pid);
    }
    Ok(0)
}

/// Where the hooks of an existing container write. A file that cannot be opened any more keeps no hook from its work.
pub(super) fn hook_files(record: &Record, log: &Log) -> hook::Files {
    hook::Files::open(&record.hook_output).unwrap_or_else(|error| {
        log.warn(&format!("{}: the output of hooks goes to no file: {error}", record.id));
        hook::Files::default()
    })
}

/// Runs the poststart hooks: a failure is a warning, and the lifecycle goes on (runtime.md, "Lifecycle", 9).
pub(super) fn poststart(
    container: &mut Container,
    log: &Log,
    beside: Option<hook::Beside<'_>>,
) -> Result<()> {
    let hooks = std::mem::take(&mut container.record.poststart);
    if hooks.is_empty() {
        return Ok(());
    }
    let record = &container.record;
    let files = hook_files(record, log);
    let pid = record.pid();
    for (index, hook) in hooks.iter().enumerate() {
        let state = hook::state_json(&record.id, "running", pid, &record.bundle, &record.annotations);
        let place = hook::Place::Runtime;
        let dir = Some(record.bundle.as_path());
        let run = hook::Run { hook, moment: "poststart", index, state: &state, place, dir, files: &files };
        if let Err(failed) = run.run_beside(beside) {
            log.warn(&format!("start {}: {failed}", record.id));
        }
    }
    Ok(())
}
