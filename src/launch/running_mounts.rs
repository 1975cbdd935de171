//! Changes of the mounts of a container that lives: the parent's half. Finds out which namespaces are the container's,
//! opens what only the host can reach, clones a process that does the rest (`child::running_mounts`), and waits for it.
//!
//! Called by `cmd::mounts`, which holds the container's lock.

use super::{Child, Failed, sources, steps};
use crate::child::running_mounts::{Beside, Task, main};
use crate::plan::namespaces::Joined;
use crate::plan::{Place, Plan};
use crate::sys::error::errno;
use crate::sys::namespace::{self, Kind};
use crate::sys::process::{self, Cloned};
use crate::sys::{SysError, mount, pidfd, proc};
use crate::wire::{self, Answer, Failure, Question, Step};
use anyhow::{Context, Result};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The container that is changed.
#[derive(Debug)]
pub struct Running<'a> {
    /// Pidfd of its first process.
    pub init: BorrowedFd<'a>,
    /// Its pid.
    pub pid: i32,
    /// Whether the caller lacks real root.
    pub rootless: bool,
}

impl Running<'_> {
    /// Mounts all mounts of the plan in the container, or none.
    pub fn add(&self, mut plan: Plan) -> Result<()> {
        process::set_undumpable()?;
        let theirs = self.namespaces(&mut plan)?;
        let mut inputs = sources::open(&plan, None, self.rootless)?;
        inputs.pid_namespace = theirs.pid_namespace;
        self.carry_out(&plan, theirs.root, theirs.joins, Task::Add(inputs))
    }

    /// Takes away what is mounted at these paths in the container, or nothing of it.
    pub fn remove(&self, mut plan: Plan, targets: Vec<CString>) -> Result<()> {
        process::set_undumpable()?;
        let theirs = self.namespaces(&mut plan)?;
        let user = theirs.joins.into_iter().filter(|kind| *kind == Kind::User).collect();
        self.carry_out(&plan, theirs.root, user, Task::Remove(targets))
    }

    fn path(&self, file: &str) -> CString {
        mount::c_string(&format!("/proc/{}/{file}", self.pid))
    }

    fn open(&self, kind: Kind, file: &str) -> Result<OwnedFd, SysError> {
        namespace::open(&self.path(&format!("ns/{file}")), kind)
    }

    /// What the process has to join; and the plan learns which user namespace there is, however it came to be.
    fn namespaces(&self, plan: &mut Plan) -> Result<Theirs> {
        let is_own = |kind, file: &str| namespace::is_own(self.open(kind, file)?.as_fd(), kind);
        if is_own(Kind::Mount, "mnt")? {
            let message = "the container has no mount namespace of its own: its mounts are the host's";
            let advice = "use mount(8) and umount(8) on the host";
            return Err(refusal(message.to_string(), advice).into());
        }
        let mut joins = Vec::new();
        for (kind, file) in [(Kind::User, "user"), (Kind::Network, "net"), (Kind::Ipc, "ipc")] {
            if !is_own(kind, file)? {
                joins.push(kind);
            }
        }
        plan.namespaces.user = match joins.contains(&Kind::User) {
            // The mapping of an id-mapped mount can be that of the container's.
            true => Place::Join(Joined { path: self.path("ns/user"), index: 0 }),
            false => Place::Shared,
        };
        let pids = self.open(Kind::Pid, "pid")?;
        let pid_namespace = (!namespace::is_own(pids.as_fd(), Kind::Pid)?).then_some(pids);
        let root = mount::open_path(&self.path("root")).context("open the container's root")?;
        // It had this pid before, and lives: so it was no other process that was looked at.
        if pidfd::wait_end(self.init, 0)? {
            return Err(refusal("the container has ended meanwhile".to_string(), "").into());
        }
        Ok(Theirs { root, joins, pid_namespace })
    }

    fn carry_out(&self, plan: &Plan, root: OwnedFd, joins: Vec<Kind>, task: Task) -> Result<()> {
        let proc = proc::host_procfs()?;
        let init = self.init.try_clone_to_owned().map_err(|e| SysError::io("dup", "pidfd", &e))?;
        let removed = match &task {
            Task::Remove(targets) => targets.clone(),
            Task::Add(_) => Vec::new(),
        };
        let (ours, wire) = wire::pair()?;
        let child = match process::clone_single_threaded(0, None)? {
            Cloned::Child => {
                drop(ours);
                main(Beside { plan, wire, init, root, proc, joins }, task)
            }
            Cloned::Parent { pid, pidfd } => Child::new(pid, pidfd),
        };
        drop(wire);
        // If it is gone already, the next question says so.
        let _ = ours.answer(Answer::Go);
        match ours.question()? {
            Some(Question::Ready) => child.wait().map(|_| ()).context("wait for the process that mounts"),
            Some(Question::Failed(failure)) => Err(explain(plan, &removed, &failure).into()),
            _ => {
                Err(refusal("the process that mounts was killed".to_string(), "see the kernel's log").into())
            }
        }
    }
}

/// What is the container's.
struct Theirs {
    root: OwnedFd,
    joins: Vec<Kind>,
    /// If it is not ours.
    pid_namespace: Option<OwnedFd>,
}

fn refusal(message: String, advice: &str) -> Failed {
    Failed::new("mount", &format!("{:?}", Step::Mount), message).advise(advice)
}

/// A failed step in words: of a birth's, but that nothing can be made in a root that has become read-only, and that
/// unmounting is no step of a birth.
fn explain(plan: &Plan, removed: &[CString], failure: &Failure) -> Failed {
    let mut failed = steps::explain(plan, failure);
    let index = failure.index.map(usize::from);
    if let Some((index, target)) = index.and_then(|index| Some((index, removed.get(index)?))) {
        let why = crate::sys::error::describe(failure.errno);
        failed.message = format!("unmount {}: {}: {why}", target.to_string_lossy(), failure.object);
        failed.pointer = format!("/mounts/{index}/destination");
        failed.advice = String::new();
    } else if failure.step == Step::Mount && failure.errno == errno::EROFS {
        failed.advice = "on a read-only file system the destination must exist".to_string();
    } else if failure.object.contains("'pidns'") {
        failed.advice =
            "the procfs of another PID namespace needs Linux 6.17: give it to the container in config.json"
                .to_string();
    }
    failed
}
