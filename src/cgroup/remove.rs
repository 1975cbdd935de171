//! Removes a container's groups.
//!
//! Called by [`Handle::remove`]. Kills nobody: `delete` has seen to that; but the last processes may still be on their
//! way out, which is waited for, bounded.

use super::freeze::{is_gone, wait_for_event};
use super::fs::{Refusal, code};
use super::kill::{self, DEEPEST};
use super::systemd::{self, Stopped};
use super::{Handle, Tree};
use crate::sys::dir::{Dir, remove_empty};
use crate::sys::error::errno;
use crate::sys::{SysError, pidfd};
use std::cell::OnceCell;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Who has been in a container's groups.
#[derive(Debug, Clone, Copy)]
pub enum Past {
    /// Its processes: whoever is still there is on his way out.
    Used,
    /// None of them, as its `create` died early: whoever is there is somebody else, who was there before, and the group is
    /// left alone.
    Unused,
}

impl Past {
    /// How long the last process may take to end.
    fn deadline(self) -> Duration {
        match self {
            Past::Used => Duration::from_secs(5),
            // A child that dies with its parent.
            Past::Unused => Duration::from_millis(300),
        }
    }
}

/// See [`Handle::remove`].
pub fn remove(handle: &Handle, past: Past) -> Result<(), Refusal> {
    let stop = |unit| match past {
        Past::Used => systemd::stop(unit),
        Past::Unused => systemd::stop_unused(unit),
    };
    let start = OnceCell::new();
    // systemd's unit goes first: it would miss its group.
    if handle.unit.as_ref().map(stop).transpose()? == Some(Stopped::AndSucceeded) {
        return Ok(());
    }
    // v1 first: the v2 group, while it is there, is the one that can say when the last process has ended.
    for tree in handle.v1.iter().chain(&handle.v2) {
        remove_one(handle, tree, past, &start)?;
    }
    Ok(())
}

/// `start`: when the first group was found busy.
fn remove_one(handle: &Handle, tree: &Tree, past: Past, start: &OnceCell<Instant>) -> Result<(), Refusal> {
    let explain = |error: SysError| Refusal::system(code::BUSY, &error, "removing the control group");
    let path = tree.dir();
    // Straight away first: usually there is nothing below and nobody in it.
    match remove_empty(&path) {
        Ok(()) => return Ok(()),
        Err(error) if is_gone(&error) => return Ok(()),
        // Said before anybody has looked whether there is such a group: there may never have been one.
        Err(error) if error.is(errno::EROFS) && Dir::open(&path).is_err_and(|error| is_gone(&error)) => {
            return Ok(());
        }
        Err(error) if is_busy(&error) => {}
        Err(error) => return Err(explain(error)),
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let parent = match Dir::open(parent) {
        Err(error) if is_gone(&error) => return Ok(()),
        result => result.map_err(explain)?,
    };
    let start = start.get_or_init(Instant::now);
    let mut pause = Duration::from_micros(100);
    loop {
        match remove_tree(&parent, name, DEEPEST) {
            Ok(()) => return Ok(()),
            Err(error) if !is_busy(&error) => return Err(explain(error)),
            Err(_) => {}
        }
        let Some(left) = past.deadline().checked_sub(start.elapsed()) else {
            return match past {
                Past::Used => Err(still_busy(handle, tree)),
                Past::Unused => Ok(()),
            };
        };
        wait_for_the_last(handle, left).map_err(explain)?;
        // Nobody is listed any more, and v1 says it is busy: a process in the midst of its exit, of which no
        // event tells.
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Somebody is in it, or something below it.
fn is_busy(error: &SysError) -> bool {
    error.is(errno::EBUSY) || error.is(errno::ENOTEMPTY)
}

/// rmdir(2), and if that is refused, the subgroups first.
fn remove_tree(parent: &Dir, name: &str, levels: u32) -> Result<(), SysError> {
    match parent.remove_dir(name) {
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) if is_busy(&error) => {}
        result => return result,
    }
    let dir = match parent.open_dir(name) {
        Err(error) if is_gone(&error) => return Ok(()),
        result => result?,
    };
    let Some(below) = levels.checked_sub(1) else {
        return Err(SysError::new("rmdir", dir.path().display().to_string(), errno::ELOOP));
    };
    for entry in dir.entries()?.iter().filter(|entry| entry.is_dir) {
        remove_tree(&dir, &entry.name, below)?;
    }
    match parent.remove_dir(name) {
        Err(error) if is_gone(&error) => Ok(()),
        result => result,
    }
}

/// Waits until the group is empty, or the time is up: by cgroup.events on v2, by the processes' pidfds on v1.
fn wait_for_the_last(handle: &Handle, left: Duration) -> Result<(), SysError> {
    if let Some(dir) = handle.open_v2() {
        wait_for_event(&dir, "populated", 0, left)?;
        return Ok(());
    }
    let start = Instant::now();
    for (_, process) in kill::open_all(handle)? {
        let Some(left) = left.checked_sub(start.elapsed()) else { return Ok(()) };
        pidfd::wait_end(process.as_fd(), u16::try_from(left.as_millis()).unwrap_or(u16::MAX))?;
    }
    Ok(())
}

fn still_busy(handle: &Handle, tree: &Tree) -> Refusal {
    let pids = kill::pids(handle).unwrap_or_default();
    let shown: Vec<String> = pids.iter().take(8).map(i32::to_string).collect();
    let problem = match shown.is_empty() {
        true => "the kernel still keeps the control group busy".to_owned(),
        false => format!("{} process(es) did not end: {}", pids.len(), shown.join(" ")),
    };
    Refusal::new(code::BUSY, tree.dir().display().to_string(), problem)
        .advise("see ps for a process in an uninterruptible sleep, then delete again")
}
