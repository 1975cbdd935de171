//! `pause` and `resume`: stops and continues all processes of a container.
//!
//! Nothing is written down: whether a container is paused is what the kernel says of its cgroup. Whoever dies in the
//! middle leaves a group that is being frozen, which `resume`, `kill` and `delete --force` thaw.

use super::Session;
use super::state::status_of;
use crate::cgroup::Handle;
use crate::cli;
use crate::error;
use crate::state::{Container, Refused, Status};
use anyhow::{Context, Result};
use std::time::Duration;

/// How long another command may take that works on the container.
const LOCK_DEADLINE: Duration = Duration::from_secs(10);

/// As runc: running and created containers can be paused.
pub(super) fn pause(session: &Session, args: &cli::Pause) -> Result<u8> {
    let container = alone(session.container(&args.id)?)?;
    match status_of(&container)? {
        Status::Running | Status::Created => {}
        Status::Paused => return Err(Refused::AlreadyPaused.into()),
        Status::Stopped | Status::Creating => return Err(Refused::NotRunning.into()),
    }
    let cgroup = cgroup_of(&container);
    cgroup.freeze().context("freeze the container's cgroup")?;
    if container.status()? == Status::Stopped {
        cgroup.thaw().context("thaw the container's cgroup")?;
        return Err(Refused::NotRunning.into());
    }
    // An empty group freezes too, and then nobody has been stopped.
    if cgroup.pids()?.is_empty() {
        cgroup.thaw().context("thaw the container's cgroup")?;
        let problem = "the container's processes are not in its cgroup any more: nobody could be stopped";
        return Err(error::coded(
            error::OTHER,
            problem,
            Some("somebody has moved them: see /proc/PID/cgroup"),
        ));
    }
    Ok(0)
}

pub(super) fn resume(session: &Session, args: &cli::Resume) -> Result<u8> {
    let container = alone(session.container(&args.id)?)?;
    let status = status_of(&container)?;
    let cgroup = cgroup_of(&container);
    let is_resumable = match status {
        Status::Paused => true,
        // A `pause` that was killed while the processes were stopping.
        Status::Running | Status::Created => cgroup.is_freezing()?,
        Status::Stopped | Status::Creating => false,
    };
    if !is_resumable {
        return Err(Refused::NotPaused { status }.into());
    }
    cgroup.thaw().context("thaw the container's cgroup")?;
    cgroup.wait_thawed().context("resume")?;
    Ok(0)
}

/// The container, locked: one command at a time changes its cgroup. Its record is the one on disk now.
pub(super) fn alone(mut container: Container) -> Result<Container> {
    if status_of(&container)? == Status::Creating {
        return Ok(container);
    }
    if !container.lock_within(LOCK_DEADLINE)? {
        let problem = "another command works on the container for ten seconds already";
        return Err(error::coded(error::BUSY, problem, Some("wait for it, then try again")));
    }
    if container.is_gone()? {
        return Err(Refused::NotFound { id: container.id().to_string() }.into());
    }
    container.reload()?;
    Ok(container)
}

/// Its cgroup; one without any is as one whose manager is disabled.
pub(super) fn cgroup_of(container: &Container) -> Handle {
    let none = || Handle { manager: crate::cgroup::Manager::Disabled, ..Handle::default() };
    container.record.cgroup.clone().unwrap_or_else(none)
}
