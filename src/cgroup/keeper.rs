//! A process that holds a systemd scope while the container is not born yet.
//!
//! Made by `systemd`, which puts it into the scope: there is no scope without a process. So the container's own process can be
//! cloned into the group, limits and all, in place of being moved into it later (a foreign pid written to cgroup.procs
//! waits for an RCU grace period), and where the groups are is read from this process. It does nothing, and ends with us. As it
//! counts as a task, it has room for itself while it is there.

use super::fs::Write;
use crate::sys::dir::Dir;
use crate::sys::proc;
use crate::sys::process::{self, Cloned};
use crate::sys::{Result, pidfd, signal_name};
use std::os::fd::{AsFd, OwnedFd};

/// Killed and reaped when dropped.
#[derive(Debug)]
pub struct Keeper {
    pid: i32,
    pidfd: OwnedFd,
    /// The group whose tasks are limited, and to how many.
    limit: Option<(Dir, String)>,
}

impl Keeper {
    /// Clones it.
    ///
    /// # Errors
    /// clone3(2)
    pub fn start() -> Result<Keeper> {
        let parent = process::own_pid();
        match process::clone_single_threaded(0, None)? {
            Cloned::Child => keep(parent),
            Cloned::Parent { pid, pidfd } => {
                // So that it is there to see who else has been killed. Not everybody may; it is no protection.
                let _ = proc::write_of_process(pid, "oom_score_adj", "-1000");
                Ok(Keeper { pid, pidfd, limit: None })
            }
        }
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// One task more, for as long as it is there: a container of one process could not be born beside it.
    ///
    /// # Errors
    /// The write's.
    pub(super) fn make_room(&mut self, group: &Dir, writes: &[Write]) -> Result<()> {
        let limit = writes.iter().rev().find(|write| write.file == TASKS_MAX);
        let Some((tasks, write)) = limit.and_then(|write| Some((write.value.parse::<u64>().ok()?, write)))
        else {
            return Ok(());
        };
        group.write_existing(TASKS_MAX, tasks.saturating_add(1).to_string().as_bytes())?;
        self.limit = Some((group.reopen()?, write.value.clone()));
        Ok(())
    }

    /// Ends it; then the limit of tasks is what it is to be.
    ///
    /// # Errors
    /// The write's.
    pub fn leave(mut self) -> Result<()> {
        let limit = self.limit.take();
        drop(self);
        limit.map_or(Ok(()), |(group, tasks)| group.write_existing(TASKS_MAX, tasks.as_bytes()))
    }
}

const TASKS_MAX: &str = "pids.max";

impl Drop for Keeper {
    fn drop(&mut self) {
        // If it has ended already there is nothing to kill, but still something to reap.
        let _ = pidfd::send_signal(self.pidfd.as_fd(), signal_name::KILL, "process in the scope");
        let _ = process::reap(self.pidfd.as_fd());
    }
}

/// The process.
fn keep(parent: i32) -> ! {
    if process::die_with_parent().is_err() || process::parent_pid() != parent {
        process::exit_now(1);
    }
    // Our locks and sockets are none of its own.
    process::idle()
}
