//! `pause` and `resume`: stops and continues all processes of a container.
//!
//! Nothing is written down: whether a container is paused is what the kernel says of its cgroup. Whoever dies in the
//! middle leaves a group that is being frozen, which `resume`, `kill` and `delete --force` thaw.

use super::Session;
use super::lock::{alone_once_made, alone_with_init};
use crate::cgroup::Handle;
use crate::cli;
use crate::error;
use crate::state::{Container, Refused, Status};
use crate::sys::pidfd;
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd};

/// As runc: running and created containers can be paused.
pub(super) fn pause(session: &Session, args: &cli::Pause) -> Result<u8> {
    let mut container = session.container_to_change(&args.id)?;
    let (status, init) = alone_with_init(&mut container)?;
    match status {
        Status::Running | Status::Created => {}
        Status::Paused => return Err(Refused::AlreadyPaused.into()),
        Status::Stopped | Status::Creating => return Err(Refused::NotRunning.into()),
    }
    let init = init.ok_or(Refused::NotRunning)?;
    let cgroup = cgroup_of(&container);
    cgroup.freeze().context("freeze the container's cgroup")?;
    if let Err(error) = somebody_stands_still(init.as_fd(), &cgroup) {
        cgroup.thaw().context(format!("thaw the container's cgroup, as it cannot be paused ({error:#})"))?;
        return Err(error);
    }
    Ok(0)
}

/// An empty group freezes, too, and then nobody has been stopped.
fn somebody_stands_still(init: BorrowedFd<'_>, cgroup: &Handle) -> Result<()> {
    if pidfd::wait_end(init, 0)? {
        return Err(Refused::NotRunning.into());
    }
    if !cgroup.pids().context("list the processes that have been stopped")?.is_empty() {
        return Ok(());
    }
    let problem = "the container's processes are not in its cgroup any more: nobody could be stopped";
    Err(error::coded(error::OTHER, problem, Some("somebody has moved them: see /proc/PID/cgroup")))
}

pub(super) fn resume(session: &Session, args: &cli::Resume) -> Result<u8> {
    let mut container = session.container_to_change(&args.id)?;
    let status = alone_once_made(&mut container)?;
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

/// Its cgroup; one without any is as one whose manager is disabled.
pub(super) fn cgroup_of(container: &Container) -> Handle {
    let none = || Handle { manager: crate::cgroup::Manager::Disabled, ..Handle::default() };
    container.record.cgroup.clone().unwrap_or_else(none)
}
