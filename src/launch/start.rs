//! From "let it go" to "it has executed its program": the last words on a wire, for `run` and for `start`.

use super::foreground::{Watch, wait_hung_up, wait_readable, wait_readable_passing_on};
use super::steps::listener_not_sent;
use crate::hook::OCI_VERSION;
use crate::plan::seccomp::Listener;
use crate::sys::error::errno::EPERM;
use crate::sys::{process, socket};
use crate::wire::{Answer, Failure, ParentWire, Question, Sent};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// What a seccomp agent is told of the container (config-linux.md, "Container Process State").
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Told<'a> {
    pub id: &'a str,
    pub bundle: &'a Path,
    pub annotations: &'a BTreeMap<String, String>,
    pub pid: i32,
    /// The status of the container.
    pub status: &'a str,
    /// The pid of its first process.
    pub init: i32,
    pub listener: Option<&'a Listener>,
}

/// How it went.
#[derive(Debug)]
pub enum Outcome {
    /// The wire closed at the execve.
    Executed,
    /// A step failed.
    Failed(Failure),
    /// The process ended without a word.
    Died,
}

/// Waits until the process behind `pidfd` has executed its program.
pub fn until_executed(
    wire: &ParentWire,
    pidfd: BorrowedFd<'_>,
    told: &Told<'_>,
    watch: Option<&Watch>,
) -> Result<Outcome> {
    let mut executing = false;
    // Usually all that comes is the end, with a last word before it: one wake-up does for both. Who hands a listener over
    // waits for an answer.
    if told.listener.is_none() {
        wait_hung_up(wire.as_fd(), watch)?;
    }
    loop {
        // A startContainer hook may take its time. From the last word on, a signal is one for the program.
        if executing {
            wait_readable_passing_on(wire.as_fd(), pidfd, watch)?;
        } else {
            wait_readable(wire.as_fd(), watch)?;
        }
        match wire.question()? {
            Some(Question::Failed(failure)) => return Ok(Outcome::Failed(failure)),
            Some(Question::Listener(number)) => {
                match take_listener(wire, pidfd, number, told, watch)? {
                    Ok(notify) => hand_over(&notify, told).context("hand the seccomp listener over")?,
                    Err(failure) => return Ok(Outcome::Failed(failure)),
                }
                // If it is gone, the next question says so.
                let _ = wire.answer(Answer::Done(0));
            }
            Some(Question::Executing) => executing = true,
            Some(_) => {}
            // The wire ends at an execve and at a death alike.
            None if executing => return Ok(Outcome::Executed),
            None => return Ok(Outcome::Died),
        }
    }
}

const TAKING: &str = "take the seccomp listener";

/// Takes the listener out of the process, or has it sent: one that was executed outside of the container's user namespace, for
/// `exec`, belongs to that of the host, where an ordinary user may not look into what is not dumpable (ptrace(2)).
fn take_listener(
    wire: &ParentWire,
    pidfd: BorrowedFd<'_>,
    number: i32,
    told: &Told<'_>,
    watch: Option<&Watch>,
) -> Result<Result<OwnedFd, Failure>> {
    let error = match process::descriptor_of(pidfd, number) {
        Err(error) if error.is(EPERM) => error,
        other => return Ok(Ok(other.context(TAKING)?)),
    };
    if told.listener.is_none_or(|listener| listener.decides_sending) {
        return Err(listener_not_sent("the profile has the agent decide read or sendmsg", &error).into());
    }
    // If it is gone, there is nothing to receive.
    let _ = wire.answer(Answer::Send);
    wait_readable_passing_on(wire.as_fd(), pidfd, watch)?;
    match wire.descriptor().context(TAKING)? {
        Sent::Descriptor(notify) => Ok(Ok(notify)),
        Sent::Failed(failure) => Ok(Err(failure)),
        Sent::Nothing => Err(listener_not_sent("the process has ended", &error).into()),
    }
}

/// Sends it to the agent, with the state as one message.
fn hand_over(notify: &OwnedFd, told: &Told<'_>) -> Result<()> {
    let Some(listener) = told.listener else { return Ok(()) };
    let agent = socket::connect_stream(&listener.path)?;
    let mut state = serde_json::json!({
        "ociVersion": OCI_VERSION,
        "fds": ["seccompFd"],
        "pid": told.pid,
        "state": {
            "ociVersion": OCI_VERSION,
            "id": told.id,
            "status": told.status,
            "pid": told.init,
            "bundle": told.bundle.to_string_lossy(),
        },
    });
    if let Some(metadata) = &listener.metadata {
        state["metadata"] = metadata.as_str().into();
    }
    if !told.annotations.is_empty() {
        state["state"]["annotations"] = serde_json::json!(told.annotations);
    }
    Ok(socket::send_descriptor(agent.as_fd(), state.to_string().as_bytes(), notify.as_fd())?)
}
