//! The processes of a group, and signals to all of them.
//!
//! Called by [`Handle::kill_all`] and [`Handle::pids`], and by `prepare` and `remove`. Only the groups say who belongs
//! to the container: no pid of the record is used here.

use super::Handle;
use super::freeze::{self, is_gone};
use super::fs::{FILE_LIMIT_BYTES, Refusal, code};
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::{SysError, pidfd, process};
use std::os::fd::{AsFd, OwnedFd};

/// SIGKILL (signal(7)).
const SIGKILL: i32 = 9;

/// How often a group that keeps forking is gone through, where it cannot be frozen.
const ROUNDS: usize = 64;

/// The deepest subgroup that is looked into (cgroup.max.depth is unlimited; this is a fence against a hostile tree).
pub(super) const DEEPEST: u32 = 64;

/// See [`Handle::pids`].
pub fn pids(handle: &Handle) -> Result<Vec<i32>, SysError> {
    // Any hierarchy knows all processes. The v2 group is best: on v1 a container with the right to may have moved a
    // process in one hierarchy and not in another.
    let dir = handle.open_v2().or_else(|| handle.v1.iter().find_map(|tree| Dir::open(&tree.dir()).ok()));
    let mut pids = Vec::new();
    if let Some(dir) = dir {
        collect(&dir, DEEPEST, &mut pids)?;
    }
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

fn collect(dir: &Dir, levels: u32, pids: &mut Vec<i32>) -> Result<(), SysError> {
    match pids_in(dir, "cgroup.procs") {
        Ok(found) => pids.extend(found),
        // EOPNOTSUPP: a threaded group; its processes are listed in the group above.
        Err(error) if is_gone(&error) || error.is(errno::EOPNOTSUPP) => {}
        Err(error) => return Err(error),
    }
    let Some(below) = levels.checked_sub(1) else { return Ok(()) };
    for entry in dir.entries()?.iter().filter(|entry| entry.is_dir) {
        match dir.open_dir(&entry.name) {
            Ok(child) => collect(&child, below, pids)?,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The pids in one file. A process of another pid namespace, which we could not name, shows as 0 and is left out.
pub(super) fn pids_in(dir: &Dir, file: &str) -> Result<Vec<i32>, SysError> {
    let text = dir.read(file, FILE_LIMIT_BYTES)?;
    let pids = String::from_utf8_lossy(&text)
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect::<Vec<i32>>();
    Ok(pids.into_iter().filter(|pid| *pid > 0).collect())
}

/// See [`Handle::kill_all`].
pub fn kill_all(handle: &Handle, signal: i32) -> Result<(), Refusal> {
    let explain =
        |error: SysError| Refusal::system(code::BUSY, &error, "signalling the processes of the container");
    if signal == SIGKILL
        && let Some(dir) = handle.open_v2()
    {
        match dir.write_existing("cgroup.kill", b"1") {
            // Frozen by v1's freezer they would die only when thawed.
            Ok(()) => return freeze::thaw(handle),
            // Before Linux 5.14.
            Err(error) if is_gone(&error) || error.is(errno::EOPNOTSUPP) => {}
            Err(error) => return Err(explain(error)),
        }
    }
    let ourselves = process::own_pid();
    let first = pids(handle).map_err(explain)?;
    if first.is_empty() {
        return Ok(());
    }
    // Whoever is frozen cannot fork, and its pid cannot pass to another process. If we are in the group ourselves, that
    // must not be; and a group that is frozen already stays so for anything but SIGKILL.
    let was_frozen = freeze::is_frozen(handle).map_err(explain)?;
    let frozen = was_frozen || (!first.contains(&ourselves) && freeze::freeze(handle).is_ok());
    let result = if frozen || signal != SIGKILL {
        signal_each(handle, signal, ourselves).map(|_| ())
    } else {
        kill_in_rounds(handle, ourselves)
    };
    if frozen && (!was_frozen || signal == SIGKILL) {
        freeze::thaw(handle)?;
    }
    result.map_err(explain)
}

/// Signals everybody in the group once; returns how many there were.
fn signal_each(handle: &Handle, signal: i32, except: i32) -> Result<usize, SysError> {
    let mut signalled = 0;
    for pid in pids(handle)?.into_iter().filter(|pid| *pid != except) {
        let Some(process) = open_member(handle, pid)? else { continue };
        match pidfd::send_signal(process.as_fd(), signal, &format!("process {pid}")) {
            Err(error) if error.is(errno::ESRCH) => {}
            result => {
                result?;
                signalled += 1;
            }
        }
    }
    Ok(signalled)
}

/// A descriptor of a process that is in the group also after it was opened: between the reading of the list and the
/// opening the pid could have passed to a stranger. None: it has ended, or left.
fn open_member(handle: &Handle, pid: i32) -> Result<Option<OwnedFd>, SysError> {
    let process = match pidfd::open(pid) {
        Err(error) if error.is(errno::ESRCH) || error.is(errno::EINVAL) => return Ok(None),
        result => result?,
    };
    Ok(pids(handle)?.contains(&pid).then_some(process))
}

/// Without a freezer: until a round finds nobody. What is killed cannot fork, so the rounds win unless the group forks
/// faster than we read.
fn kill_in_rounds(handle: &Handle, except: i32) -> Result<(), SysError> {
    for _ in 0..ROUNDS {
        if signal_each(handle, SIGKILL, except)? == 0 {
            return Ok(());
        }
    }
    let object = handle.place();
    Err(SysError::new("kill", object, errno::EBUSY))
}

/// Descriptors of all processes in the group, to wait for their end.
pub(super) fn open_all(handle: &Handle) -> Result<Vec<(i32, OwnedFd)>, SysError> {
    let mut processes = Vec::new();
    for pid in pids(handle)? {
        if let Some(process) = open_member(handle, pid)? {
            processes.push((pid, process));
        }
    }
    Ok(processes)
}
