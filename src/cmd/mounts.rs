//! `mounts`: changes the mounts of a container that exists.
//!
//! All of the list or nothing of it. What is added is not written down: it ends with the container, as its mount
//! namespace does.

use super::lock::alone_with_init;
use super::{Session, birth, input};
use crate::bundle::config::Mount;
use crate::bundle::{self, Bundle, Invalid};
use crate::cli;
use crate::launch::Failed;
use crate::launch::running_mounts::Running;
use crate::plan::{Options, Plan};
use crate::state::{Container, Refused, Status};
use crate::sys::signal::Held;
use anyhow::Result;
use std::os::fd::AsFd;

pub(super) fn mounts(session: &Session, args: &cli::Mounts) -> Result<u8> {
    let (of, change) = match &args.change {
        cli::MountsChange::Add(of) => (of, Change::Add),
        cli::MountsChange::Remove(of) => (of, Change::Remove),
    };
    let name = input::name(&of.file);
    let mounts = bundle::mounts_from_json(&input::text(&of.file)?);
    let mounts = mounts.map_err(|invalid| invalid.in_file(&name, ""))?;
    let container = session.container_to_change(&of.id)?;
    let done = carry_out(session, container, mounts, change);
    done.map(|()| 0).map_err(|error| in_file(&name, error))
}

/// What is done with the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Add,
    Remove,
}

fn carry_out(session: &Session, mut container: Container, mounts: Vec<Mount>, change: Change) -> Result<()> {
    // Two changes at a time could undo each other; a deletion waits until we are done.
    let (status, init) = alone_with_init(&mut container)?;
    match status {
        Status::Creating => return Err(Refused::StillCreating.into()),
        Status::Created | Status::Running | Status::Paused => {}
        status => return Err(Refused::NotAlive { status }.into()),
    }
    let Some(init) = init else { return Err(Refused::NotRunning.into()) };
    let config = Bundle::from_json(container.config()?)?.config;
    let host = birth::host(session)?;
    let options = Options {
        id: container.id().to_string(),
        bundle: container.record.bundle.clone(),
        ..Options::default()
    };
    let pid = container.record.pid();
    let created_in = container.record.namespaces.map(|namespaces| (namespaces.user, namespaces.mount));
    let running = Running { init: init.as_fd(), pid, created_in, rootless: host.rootless };
    // Our death would be that of the process that mounts, and half of the list would be done. Also until the lock is given
    // back: a process that cannot be killed has it as we do.
    let _held = Held::ending()?;
    let done = match change {
        Change::Add => {
            let plan = Plan::for_added_mounts(&config, mounts, &options, &host)?;
            plan.warnings.iter().for_each(|warning| session.log.warn(warning));
            running.add(plan)
        }
        Change::Remove => {
            let (plan, targets) = Plan::for_removed_mounts(&config, &mounts, &options, &host)?;
            plan.warnings.iter().for_each(|warning| session.log.warn(warning));
            running.remove(plan, targets)
        }
    };
    container.unlock()?;
    done
}

/// Puts the place of an error into the file that the user gave, if it is there: the list is config.json's `mounts` to
/// everybody else.
fn in_file(name: &str, error: anyhow::Error) -> anyhow::Error {
    let error = match error.downcast::<Invalid>() {
        Ok(invalid) => return invalid.in_file(name, "/mounts").into(),
        Err(error) => error,
    };
    match error.downcast::<Failed>() {
        Ok(failed) => failed.in_file(name, "/mounts").into(),
        Err(error) => error,
    }
}
