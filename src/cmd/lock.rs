//! The lock of a container: one command at a time works on it.
//!
//! Called by the commands that change a container that exists. `create` and `run` hold the lock from the making of the
//! folder on.

use super::state::status_of;
use crate::error;
use crate::state::{Container, Refused, Status};
use anyhow::Result;
use std::time::Duration;

/// How long another command may take that works on the container.
const DEADLINE: Duration = Duration::from_secs(10);

/// Waits until nobody else works on the container, and keeps others out until it is dropped or unlocked. What was waited
/// for may have changed it: its record is read anew.
///
/// # Errors
/// [`Refused::NotFound`] if it was deleted meanwhile.
pub(super) fn alone(container: &mut Container) -> Result<()> {
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
    if container.is_gone()? {
        return Err(Refused::NotFound { id: container.id().to_string() }.into());
    }
    container.reload()
}

/// The same for a command that a container must have been made for, and its status then. One that is being made is not
/// waited for: it is not locked, and the caller refuses it with words of its own.
pub(super) fn alone_once_made(container: &mut Container) -> Result<Status> {
    if status_of(container)? == Status::Creating {
        return Ok(Status::Creating);
    }
    alone(container)?;
    status_of(container)
}
