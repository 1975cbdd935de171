//! Changes of the mounts of a container that lives: the parent's half. Finds out which namespaces are the container's,
//! opens what only the host can reach, clones a process that does the rest (`child::running_mounts`), and waits for it.
//!
//! Called by `cmd::mounts`, which holds the container's lock.

use super::{Child, Failed, or_ending, sources, steps};
use crate::child::running_mounts::{Beside, Task, main};
use crate::plan::namespaces::Joined;
use crate::plan::{Place, Plan};
use crate::sys::error::errno;
use crate::sys::namespace::{self, Identity, Kind};
use crate::sys::process::{self, Cloned};
use crate::sys::{fd, mount, pidfd, proc};
use crate::wire::{self, Answer, Failure, Question, Step};
use anyhow::{Context, Result};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How long a file system may keep us waiting.
const DEADLINE_S: u16 = 30;
/// How long the process that mounts may take to die.
const DEATH_MS: u16 = 2000;

/// The container that is changed.
#[derive(Debug)]
pub struct Running<'a> {
    /// Pidfd of its first process.
    pub init: BorrowedFd<'a>,
    /// Its pid.
    pub pid: i32,
    /// The user and the mount namespace that it was created in, if known.
    pub created_in: Option<(Identity, Identity)>,
    /// Whether the caller lacks real root.
    pub rootless: bool,
}

impl Running<'_> {
    /// Mounts all mounts of the plan in the container, or none.
    pub fn add(&self, mut plan: Plan) -> Result<()> {
        process::set_undumpable()?;
        let theirs = self.namespaces()?;
        plan.namespaces.user = theirs.user();
        let mut inputs = sources::open(&plan, self.rootless, None)?;
        inputs.pid_namespace = theirs.pids;
        carry_out(&plan, theirs.mounts, theirs.joins, Task::Add(inputs))
    }

    /// Takes away what is mounted at these paths in the container, or nothing of it.
    pub fn remove(&self, mut plan: Plan, targets: Vec<CString>) -> Result<()> {
        process::set_undumpable()?;
        let theirs = self.namespaces()?;
        plan.namespaces.user = theirs.user();
        let user: Vec<_> = theirs.joins.into_iter().filter(|(kind, _)| *kind == Kind::User).collect();
        carry_out(&plan, theirs.mounts, user, Task::Remove(targets))
    }

    /// The container's namespaces, held from here on: its first process may go elsewhere at any moment.
    fn namespaces(&self) -> Result<Theirs> {
        self.open_namespaces().map_err(|error| or_ending(error, (self.pid, self.init)))
    }

    fn open_namespaces(&self) -> Result<Theirs> {
        let open = |kind| namespace::of_process(self.pid, kind);
        let mounts = open(Kind::Mount)?;
        if namespace::is_own(mounts.as_fd(), Kind::Mount)? {
            let message = "the container has no mount namespace of its own: its mounts are the host's";
            let advice = "use mount(8) and umount(8) on the host";
            return Err(refusal(message.to_string(), advice).into());
        }
        let user = open(Kind::User)?;
        self.check_home(user.as_fd(), mounts.as_fd())?;
        let mut joins = Vec::new();
        for (kind, fd) in
            [(Kind::User, user), (Kind::Network, open(Kind::Network)?), (Kind::Ipc, open(Kind::Ipc)?)]
        {
            if !namespace::is_own(fd.as_fd(), kind)? {
                joins.push((kind, fd));
            }
        }
        let pids = open(Kind::Pid)?;
        let pids = (!namespace::is_own(pids.as_fd(), Kind::Pid)?).then_some(pids);
        // It had this pid before, and lives: so it was no other process that was looked at.
        if pidfd::wait_end(self.init, 0)? {
            return Err(Failed::container_ended(self.pid).into());
        }
        Ok(Theirs { mounts, joins, pids })
    }

    /// In a user namespace that the first process has made for itself it may do with our mounts what it likes: a bind mount
    /// that was asked to be read-only would be writable. The number of a namespace that has ended may be given to
    /// another one; but a user namespace does not end while one below it lives, and who may change the mount
    /// namespace alone may change its mounts anyway.
    fn check_home(&self, user: BorrowedFd<'_>, mounts: BorrowedFd<'_>) -> Result<()> {
        let advice = "give the mounts to the container in config.json";
        match self.created_in {
            None => {
                let message = "it is not known in which namespaces the container was created \
                    (an older version of tare has created it, or /proc did not tell)";
                Err(refusal(message.to_string(), advice).into())
            }
            Some(home) if home == (namespace::identity(user)?, namespace::identity(mounts)?) => Ok(()),
            Some(_) => {
                let message = "the container's first process has left the namespaces it was created in: \
                    it could do with these mounts what it is not allowed to";
                Err(refusal(message.to_string(), advice).into())
            }
        }
    }
}

/// What is the container's.
struct Theirs {
    mounts: OwnedFd,
    /// Those that are not ours.
    joins: Vec<(Kind, OwnedFd)>,
    /// If it is not ours.
    pids: Option<OwnedFd>,
}

impl Theirs {
    /// The user namespace, for the plan, however it came to be: the mapping of an id-mapped mount can be the container's.
    fn user(&self) -> Place {
        match self.joins.iter().find(|(kind, _)| *kind == Kind::User) {
            None => Place::Shared,
            Some((_, user)) => {
                // The one that is held here, wherever its process goes.
                let path = mount::c_string(&format!("/proc/self/fd/{}", user.as_raw_fd()));
                Place::Join(Joined { path, index: 0 })
            }
        }
    }
}

fn carry_out(plan: &Plan, mounts: OwnedFd, joins: Vec<(Kind, OwnedFd)>, task: Task) -> Result<()> {
    let proc = proc::host_procfs()?;
    let removed = match &task {
        Task::Remove(targets) => targets.clone(),
        Task::Add(_) => Vec::new(),
    };
    let (ours, wire) = wire::pair()?;
    let child = match process::clone_single_threaded(0, None)? {
        Cloned::Child => {
            drop(ours);
            main(Beside { plan, wire, mounts, proc, joins }, task)
        }
        Cloned::Parent { pid, pidfd } => Child::new(pid, pidfd),
    };
    drop(wire);
    // If it is gone already, the next question says so.
    let _ = ours.answer(Answer::Go);
    if fd::poll_readable(&[ours.as_fd()], Some(DEADLINE_S * 1000))? != [true] {
        return Err(hung(child)?.into());
    }
    match ours.question()? {
        Some(Question::Ready) => child.wait().map(|_| ()).context("wait for the process that mounts"),
        Some(Question::Failed(failure)) => Err(explain(plan, &removed, &failure).into()),
        _ => Err(refusal("the process that mounts was killed".to_string(), "see the kernel's log").into()),
    }
}

/// Ends a process that waits for a file system which does not answer.
fn hung(child: Child) -> Result<Failed> {
    let pid = child.pid();
    let end = match child.kill_within(DEATH_MS)? {
        true => "was killed".to_string(),
        false => format!("cannot be killed as long as that lasts (process {pid})"),
    };
    let message = format!(
        "a file system did not answer for {DEADLINE_S} seconds; the process that waited for it {end}"
    );
    Ok(refusal(message, "see /proc/PID/mountinfo of the container for what is mounted"))
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
