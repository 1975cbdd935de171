//! `wait`: blocks until a container has ended, and prints how. Called by anybody, not only by the parent of its process.
//!
//! The kernel forgets how a process ended when its parent has taken note of it (it is reaped). Before that, procfs
//! tells; after it, a pidfd does that was opened before (Linux 6.15). Who comes later has only the record, where
//! `run --keep` and `wait` itself write down what they have learned. Where none of them knows, the answer says so and
//! has an exit code of its own: never a guess.

use super::{Session, print};
use crate::cli;
use crate::state::{Container, End, Init, Refused, Status};
use crate::sys::pidfd;
use crate::sys::process::Ended;
use crate::sys::signal_name;
use anyhow::{Context, Result};
use serde_json::json;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The container has ended, but nobody can tell how.
const EXIT_UNKNOWN: u8 = 2;
/// The time of `--timeout` is up; timeout(1) has the same.
const EXIT_TIMEOUT: u8 = 124;

/// What `wait` has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has ended so.
    Ended(End),
    /// It has ended, and how is not known.
    Unknown,
    /// It has not ended within the time that was given.
    Alive,
}

pub(super) fn wait(session: &Session, args: &cli::Wait) -> Result<u8> {
    let mut container = session.container(&args.id)?;
    let deadline = args.timeout.and_then(|limit| Instant::now().checked_add(limit.0));
    let outcome = until_end(session, &mut container, deadline)?;
    let line = if args.json { outcome.json(&args.id) } else { outcome.text() };
    print(&format!("{line}\n"))?;
    Ok(match outcome {
        Outcome::Ended(_) => 0,
        Outcome::Unknown => EXIT_UNKNOWN,
        Outcome::Alive => EXIT_TIMEOUT,
    })
}

fn until_end(session: &Session, container: &mut Container, deadline: Option<Instant>) -> Result<Outcome> {
    let Some(init) = container.record.init.clone() else {
        // A creation at work has no process to wait for yet; one that came to nothing never had any.
        return Err(match container.status().context("find out the status")? {
            Status::Creating => Refused::StillCreating.into(),
            _ => Refused::NotRunning.into(),
        });
    };
    let Some(pidfd) = container.init_alive_or_dead()? else { return Ok(from_record(container)) };
    if !has_ended(pidfd.as_fd(), deadline)? {
        return Ok(Outcome::Alive);
    }
    let Some(ended) = how(pidfd.as_fd(), &init, deadline)? else {
        // Whoever has reaped it may be about to write it down.
        std::thread::sleep(Duration::from_millis(100));
        container.reload()?;
        return Ok(from_record(container));
    };
    if let Err(error) = container.keep_end(ended.into()) {
        // Whoever asks later will not know, but this answer is right.
        session.log.debug(&format!("{}: its end is not written down: {error:#}", container.id()));
    }
    Ok(Outcome::Ended(ended.into()))
}

fn from_record(container: &Container) -> Outcome {
    container.record.end.map_or(Outcome::Unknown, Outcome::Ended)
}

/// Waits for the end of the process; `false`: the time is up.
fn has_ended(pidfd: BorrowedFd<'_>, deadline: Option<Instant>) -> Result<bool> {
    loop {
        // In slices that fit the 16 bits of the argument.
        let slice_ms = remaining_ms(deadline).min(60_000);
        if pidfd::wait_end(pidfd, slice_ms as u16)? {
            return Ok(true);
        }
        if remaining_ms(deadline) == 0 {
            return Ok(false);
        }
    }
}

/// How it ended; None: nobody can tell, or not within the time.
fn how(pidfd: BorrowedFd<'_>, init: &Init, deadline: Option<Instant>) -> Result<Option<Ended>> {
    loop {
        match pidfd::end(pidfd, init.pid)? {
            pidfd::End::Known(ended) => return Ok(Some(ended)),
            pidfd::End::Untold => return Ok(None),
            pidfd::End::Unreaped if remaining_ms(deadline) == 0 => return Ok(None),
            // A kernel before 6.9 does not announce the reaping: looked for once a second.
            pidfd::End::Unreaped => pidfd::wait_reaped(pidfd, remaining_ms(deadline).min(1000) as u16)?,
        }
    }
}

/// Rounded up, so that the last slice does not turn into many of nothing.
fn remaining_ms(deadline: Option<Instant>) -> u128 {
    let Some(deadline) = deadline else { return u128::MAX };
    deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000)
}

impl Outcome {
    /// One line for people.
    pub fn text(self) -> String {
        match self {
            Outcome::Ended(End::Exited(code)) => format!("exit code {code}"),
            Outcome::Ended(End::Signalled(signal)) => match signal_name::name(signal) {
                Some(name) => format!("killed by signal {signal} ({name})"),
                None => format!("killed by signal {signal}"),
            },
            Outcome::Unknown => {
                "ended, how is not known: it was reaped before, or the kernel is older than Linux 6.15"
                    .to_string()
            }
            Outcome::Alive => "still alive".to_string(),
        }
    }

    /// One JSON object. `how` is always there; `code` is what a shell would say, 128 + signal for a death by one.
    pub fn json(self, id: &str) -> String {
        let object = match self {
            Outcome::Ended(End::Exited(code)) => json!({"id": id, "how": "exited", "code": code}),
            Outcome::Ended(End::Signalled(signal)) => json!({
                "id": id, "how": "killed", "code": 128 + signal, "signal": signal,
                "signalName": signal_name::name(signal),
            }),
            Outcome::Unknown => json!({"id": id, "how": "unknown"}),
            Outcome::Alive => json!({"id": id, "how": "alive"}),
        };
        object.to_string()
    }
}
