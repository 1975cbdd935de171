//! What a container is doing now: decided from its record and a few cheap facts, each asked for only when needed.
//!
//! Called through [`Container`](super::Container). The decision itself is a pure function of [`Facts`], so that the
//! tests can go through all of it. A process that is dead but not yet reaped (a zombie) has stopped.

use super::{GATE, Init, OPENING, Phase, Record};
use crate::sys::dir::{Dir, Lock};
use crate::sys::error::errno;
use crate::sys::{SysError, pidfd, socket, unix};
use anyhow::Result;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The statuses of the runtime specification (runtime.md, "State"), and `paused`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// `create` is at work on it.
    Creating,
    /// It waits for `start`.
    Created,
    /// The user's program runs.
    Running,
    /// Its cgroup is frozen.
    Paused,
    /// Its process has ended, or its creation did not come to an end.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        })
    }
}

/// What somebody at the gate answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateProbe {
    /// There is no gate: the container has been let through.
    Absent,
    /// Nobody has gone to open it yet.
    Closed,
    /// Somebody went to open it, and the container's process still stands there, or runs its startContainer hooks.
    Listening,
    /// Somebody has opened it, and died before it was removed: the user's program has taken over.
    Deserted,
}

/// The facts that a status depends on. Each is asked for at most once, in the order of the decision.
pub trait Facts {
    /// Whether somebody else holds the folder's lock.
    fn locked(&self) -> Result<bool>;
    /// Whether the recorded process is alive (a zombie is not).
    fn alive(&self, init: &Init) -> Result<bool>;
    /// What becomes of the gate.
    fn gate(&self) -> Result<GateProbe>;
    /// Whether the container's cgroup is frozen.
    fn frozen(&self, record: &Record) -> Result<bool>;
}

/// Decides the status of a container.
pub fn decide(record: &Record, facts: &dyn Facts) -> Result<Status> {
    if record.phase == Phase::Creating {
        return Ok(if facts.locked()? { Status::Creating } else { Status::Stopped });
    }
    let alive = match &record.init {
        Some(init) if record.phase != Phase::Deleting => facts.alive(init)?,
        _ => false,
    };
    if !alive {
        return Ok(Status::Stopped);
    }
    if facts.frozen(record)? {
        return Ok(Status::Paused);
    }
    let at_gate =
        record.phase == Phase::Created && matches!(facts.gate()?, GateProbe::Closed | GateProbe::Listening);
    Ok(if at_gate { Status::Created } else { Status::Running })
}

/// The facts of this machine.
pub(super) struct Probes<'a> {
    pub dir: &'a Dir,
    /// Whether we hold the folder's lock: then nobody else does.
    pub locked_by_us: bool,
    /// Whether the process is alive, if that is known already.
    pub alive: Option<bool>,
}

impl Facts for Probes<'_> {
    fn locked(&self) -> Result<bool> {
        // A shared lock of our own would last as long as our descriptor, so it is taken on a fresh one.
        Ok(!self.locked_by_us && !self.dir.reopen()?.lock(Lock::TryShared)?)
    }

    fn alive(&self, init: &Init) -> Result<bool> {
        self.alive.map_or_else(|| is_alive(init), Ok)
    }

    fn gate(&self) -> Result<GateProbe> {
        match self.dir.stat(GATE)? {
            None => return Ok(GateProbe::Absent),
            Some(stat) if stat.st_mode & 0o7777 != OPENING => return Ok(GateProbe::Closed),
            Some(_) => {}
        }
        let address = socket::path_in_folder(self.dir.as_fd(), GATE);
        Ok(if unix::is_listening(Path::new(&address))? { GateProbe::Listening } else { GateProbe::Deserted })
    }

    fn frozen(&self, record: &Record) -> Result<bool> {
        record.cgroup.as_ref().map_or(Ok(false), |cgroup| cgroup.is_frozen())
    }
}

/// Whether this very process lives: same boot, same pid, same start time, not a zombie.
fn is_alive(init: &Init) -> Result<bool> {
    Ok(find(init)?.is_some_and(|stat| !stat.is_dead()))
}

/// This very process, alive or not reaped yet: same boot, same pid, same start time.
fn find(init: &Init) -> Result<Option<pidfd::Stat>> {
    let Some(stat) = pidfd::stat(init.pid)?.filter(|stat| stat.start_time == init.start_time) else {
        return Ok(None);
    };
    // Last, for it is the least likely to differ: pid and start time repeat after a reboot only by chance.
    Ok((pidfd::boot_id()? == init.boot_id).then_some(stat))
}

/// A pidfd of a recorded process, if it lives.
pub(super) fn open_alive(process: Option<&Init>) -> Result<Option<OwnedFd>> {
    open(process, is_alive)
}

/// A pidfd of a recorded process, also if it only waits to be reaped.
pub(super) fn open_alive_or_dead(process: Option<&Init>) -> Result<Option<OwnedFd>> {
    open(process, |process| Ok(find(process)?.is_some()))
}

/// Opened before the comparison: the process that has the recorded start time has had its pid all along, so the
/// descriptor is its own.
fn open(process: Option<&Init>, is_it: fn(&Init) -> Result<bool>) -> Result<Option<OwnedFd>> {
    let Some(init) = process else { return Ok(None) };
    let pidfd = match pidfd::open(init.pid) {
        Ok(pidfd) => pidfd,
        // EINVAL: the number is now a thread's, not a process's.
        Err(e) if e.is(errno::ESRCH) || e.is(errno::EINVAL) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    if is_it(init)? { Ok(Some(pidfd)) } else { Ok(None) }
}

/// The record of a process that was just born, for the journal: to be saved before it may go on.
/// `ESRCH`: it has died already.
pub fn identify(pid: i32) -> Result<Init> {
    let stat =
        pidfd::stat(pid)?.ok_or_else(|| SysError::new("read", format!("/proc/{pid}/stat"), errno::ESRCH))?;
    Ok(Init { pid, start_time: stat.start_time, boot_id: pidfd::boot_id()?.to_string() })
}
