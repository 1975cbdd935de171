//! The lock of a container: one command at a time works on it.
//!
//! Called by the commands that change a container that exists. `create` and `run` hold the lock from the making of the
//! folder on.

use super::state::{status_and_init, status_of};
use crate::error;
use crate::state::{Container, Phase, Refused, Status};
use anyhow::Result;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long another command may take that works on the container.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until nobody else works on the container, and keeps others out until it is dropped or unlocked. What was waited
/// for may have changed it: its record is read anew. One that was opened to be changed usually has the lock already.
///
/// # Errors
/// [`Refused::NotFound`] if it was deleted meanwhile.
pub(super) fn alone(container: &mut Container) -> Result<()> {
    if container.has_lock() {
        return Ok(());
    }
    if !container.lock_within(DEADLINE)? {
        let problem = format!(
            "another command works on the container for ten seconds already, and holds the lock of {}",
            container.path().display()
        );
        return Err(error::coded(
            error::BUSY,
            problem,
            Some("wait for it, or end that process, then try again"),
        ));
    }
    if container.is_as_written()? {
        return Ok(());
    }
    if container.is_gone()? {
        return Err(Refused::NotFound { id: container.id().to_string() }.into());
    }
    container.reload()
}

/// The same for a command that a container must have been made for, and its status then. One that is being made is not
/// waited for: it is not locked, and the caller refuses it with words of its own.
pub(super) fn alone_once_made(container: &mut Container) -> Result<Status> {
    Ok(alone_with_init(container)?.0)
}

/// The same with a descriptor of its first process, if that is alive.
pub(super) fn alone_with_init(container: &mut Container) -> Result<(Status, Option<OwnedFd>)> {
    // No other phase is that of one that is being made.
    if container.record.phase == Phase::Creating && status_of(container)? == Status::Creating {
        return Ok((Status::Creating, None));
    }
    alone(container)?;
    status_and_init(container)
}
