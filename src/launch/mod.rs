//! The parent's half of a birth: from the plan to a process that stands at its gate, or runs.
//!
//! `cmd::create` and `cmd::run` call, in this order: [`begin`] (the process exists and waits), then they write its pid
//! down, [`Newborn::raise`] (it is set up; hooks run), then they write down that it is created, and then
//! [`Ready::stand`] or [`Ready::start`]. So the pid is on disk before anything can be lost, and whoever drops a
//! [`Newborn`] or a [`Ready`] kills and reaps it. The other half stands in `child`, line by line.

pub mod console;
pub mod exec;
pub mod flags;
pub mod foreground;
mod guard;
mod joins;
mod last_steps;
mod maps;
pub mod net;
pub mod notify;
pub mod running_mounts;
mod sources;
mod spawn;
pub mod start;
mod steps;

pub use guard::Child;
pub use last_steps::after_gate;
pub use maps::host_uid;
pub use sources::hierarchies;
pub use steps::{CODES, Failed};

use crate::cgroup::fs::code;
use crate::cgroup::{Entry, Refusal};
use crate::child::cgroup_mount::Hierarchy;
use crate::hook::{self, Beside};
use crate::plan::Plan;
use crate::plan::hooks::Hook;
use crate::sys::error::{SysError, errno};
use crate::sys::{cred, fd, pidfd, proc, process};
use crate::wire::{Answer, ParentWire, Question};
use anyhow::{Context, Result};
use foreground::{Interrupted, Watch, wait_readable};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;

/// What a birth needs from the caller, beside the plan.
pub struct Given<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The ways into the container's cgroups.
    pub entry: Entry,
    /// What a mount of type `cgroup` shows ([`hierarchies`]).
    pub hierarchies: Vec<Hierarchy>,
    /// Folder of the container's own group in the cgroup2 hierarchy.
    pub own_cgroup2: Option<PathBuf>,
    /// A unix socket that takes the terminal's master, if the container has a terminal.
    pub console: Option<OwnedFd>,
    /// The listening gate, for `create`.
    pub gate: Option<OwnedFd>,
    /// The caller's descriptors that the container gets.
    pub preserved: Vec<RawFd>,
    /// Number of the last capability the kernel knows.
    pub last_capability: u8,
    /// Whether the caller lacks real root.
    pub rootless: bool,
    /// Where hooks write.
    pub hook_files: Rc<hook::Files>,
    /// Whether somebody in the foreground may ask us to end.
    pub watch: Option<&'a Watch>,
    /// Takes what is worth a warning.
    pub warn: &'a dyn Fn(&str),
}

/// A process that has been cloned and waits for Go.
pub struct Newborn<'a> {
    plan: &'a Plan,
    child: Child,
    wire: ParentWire,
    rootless: bool,
    hook_files: Rc<hook::Files>,
    watch: Option<&'a Watch>,
    warn: &'a dyn Fn(&str),
}

/// A process that is set up and waits to be let go.
pub struct Ready<'a> {
    plan: &'a Plan,
    child: Child,
    wire: ParentWire,
    /// The container's first process and the container's status, if this is one more process (`exec`).
    container: Option<(i32, &'a str)>,
    watch: Option<&'a Watch>,
}

/// Clones the container's process. It does nothing yet, and dies with us.
pub fn begin<'a>(given: Given<'a>) -> Result<Newborn<'a>> {
    let (plan, rootless, watch, warn) = (given.plan, given.rootless, given.watch, given.warn);
    let hook_files = Rc::clone(&given.hook_files);
    // Inherited by the clone, so that there is no moment in which the child can be looked into (CVE-2016-9962), by the hop's
    // path also from another container's pid namespace. A parent who is an ordinary user must write the maps first, which needs
    // the files of a dumpable child: that one does it itself. Those of an undumpable one are root's, also of a user namespace.
    let owns_files_of_undumpable = !rootless || cred::own_ids().0 == 0;
    if owns_files_of_undumpable && !broken!("cve_2016_9962") {
        process::set_undumpable()?;
    }
    let host_nulls = furnish_stdio(plan);
    let (child, wire) = spawn::spawn(given, host_nulls)?;
    if let Some(maps) = &plan.id_maps {
        maps::write(child.pid(), maps, rootless, watch).context("map the ids of the user namespace")?;
    }
    if let Some(maps) = &plan.expected_id_maps {
        maps::compare(child.pid(), maps)?;
    }
    Ok(Newborn { plan, child, wire, rootless, hook_files, watch, warn })
}

impl<'a> Newborn<'a> {
    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Lets it set itself up, and answers what it asks, until it is ready.
    pub fn raise(self) -> Result<Ready<'a>> {
        let Newborn { plan, child, wire, rootless, hook_files, watch, warn } = self;
        set_oom_score_adj(plan, child.pid(), rootless, warn)?;
        raise_limits(plan, child.pid())?;
        let devices = move_devices(plan, &child)?;
        let hooks = |pid: i32| runtime_hooks(plan, pid, &hook_files, watch);
        match answer_questions(plan, &child, &wire, &hooks, watch, warn) {
            Ok(()) => Ok(Ready { plan, child, wire, watch, container: None }),
            Err(error) => {
                devices.take_back();
                Err(error)
            }
        }
    }
}

fn answer_questions(
    plan: &Plan,
    child: &Child,
    wire: &ParentWire,
    hooks: &dyn Fn(i32) -> Result<()>,
    watch: Option<&Watch>,
    warn: &dyn Fn(&str),
) -> Result<()> {
    // If the child is gone already, the next question says so.
    let _ = wire.answer(Answer::Go);
    loop {
        // A createContainer hook may take its time.
        wait_readable(wire.as_fd(), watch)?;
        match wire.question()? {
            Some(Question::AtHooks) => {
                hooks(child.pid())?;
                let _ = wire.answer(Answer::Done(child.pid()));
            }
            Some(Question::Ready) => return Ok(()),
            Some(Question::Note(note)) => warn(&steps::explain(plan, &note).to_string()),
            Some(Question::Failed(failure)) => return Err(steps::explain(plan, &failure).into()),
            Some(Question::Born(_) | Question::Listener(_) | Question::Executing) | None => {
                return Err(child.died().into());
            }
        }
    }
}

/// prestart and createRuntime: in the runtime's namespaces, after the container's exist (config.md, "Hooks").
pub fn runtime_hooks(plan: &Plan, pid: i32, files: &hook::Files, watch: Option<&Watch>) -> Result<()> {
    let state = hook::state_json(&plan.id, "creating", pid, &plan.bundle, &plan.annotations);
    run_hooks("prestart", &plan.hooks.prestart, &state, plan, files, watch)?;
    run_hooks("createRuntime", &plan.hooks.create_runtime, &state, plan, files, watch)
}

/// The tmpfs of masks, detached, for a restore.
pub fn masks(plan: &Plan) -> crate::sys::Result<OwnedFd> {
    crate::child::paths::empty_tree(plan.rootfs.mount_label.as_ref().map(|label| label.label.as_c_str()))
}

fn run_hooks(
    moment: &'static str,
    hooks: &[Hook],
    state: &str,
    plan: &Plan,
    files: &hook::Files,
    watch: Option<&Watch>,
) -> Result<()> {
    let look = || watch.map_or(Ok(None), Watch::ending);
    let wait =
        |hook: &[BorrowedFd<'_>], end| watch.map_or(Ok(Vec::new()), |watch| watch.wait_beside(hook, end));
    let beside = watch.map(|_| Beside { wait: &wait, look: &look });
    for (index, hook) in hooks.iter().enumerate() {
        let dir = Some(plan.bundle.as_path());
        let run = hook::Run { hook, moment, index, state, place: hook::Place::Runtime, dir, files };
        run.run_beside(beside).map_err(|failed| match failed.reason {
            hook::Reason::Interrupted(signal) => anyhow::Error::new(Interrupted { signal }),
            _ => failed.into(),
        })?;
    }
    Ok(())
}

fn set_oom_score_adj(plan: &Plan, pid: i32, rootless: bool, warn: &dyn Fn(&str)) -> Result<()> {
    let Some(score) = plan.process.oom_score_adj else { return Ok(()) };
    match proc::write_of_process(pid, "oom_score_adj", &score.to_string()) {
        Err(e) if rootless && (e.is(errno::EACCES) || e.is(errno::EPERM)) => {
            // What a hop has set before it closed its files to us is there. Only real root may lower it: a limit on who is killed
            // first, not a protection of anybody else.
            let is_set = proc::read_of_process(pid, "oom_score_adj")?.trim() == score.to_string();
            if !is_set {
                warn(&format!("process.oomScoreAdj {score} is left out: lowering it needs CAP_SYS_RESOURCE"));
            }
            Ok(())
        }
        other => other.map_err(|e| steps::attribute("/process/oomScoreAdj", "set oom_score_adj", e).into()),
    }
}

/// Pipes that are the container's standard streams belong to its user, so that it can open /dev/stdout by name. Gives
/// those that are the host's /dev/null.
fn furnish_stdio(plan: &Plan) -> Vec<RawFd> {
    let streams = (0..3).map(|number| (number, fd::stream_of(number)));
    let streams: Vec<_> = streams.filter(|(_, stream)| *stream != fd::Stream::Other).collect();
    if plan.process.terminal.is_none() {
        let uid = maps::host_uid(plan, plan.process.user.uid);
        let pipes = streams.iter().filter(|(_, stream)| *stream == fd::Stream::Pipe);
        pipes.for_each(|(number, _)| fd::give_to(*number, uid));
    }
    streams.into_iter().filter(|(_, stream)| *stream == fd::Stream::Null).map(|(number, _)| number).collect()
}

fn move_devices(plan: &Plan, child: &Child) -> Result<net::Moved> {
    if plan.net_devices.is_empty() {
        return net::move_devices(&[], child.pidfd());
    }
    // By the pidfd's process, which waits: its network namespace exists since the clone, or is joined by path.
    let netns = joins::network_of(plan, child.pid())?;
    net::move_devices(&plan.net_devices, netns.as_fd())
}

/// The network of a restored process that has a new and empty namespace for it: loopback, and the host's interfaces.
pub fn furnish_network(plan: &Plan, pid: i32) -> Result<Option<net::Moved>> {
    if !plan.namespaces.network.is_new() {
        return Ok(None);
    }
    let netns = joins::network_of(plan, pid)?;
    let mut inside = crate::sys::namespace::ForChild::default();
    inside.join(netns.as_fd(), crate::sys::namespace::Kind::Network)?;
    let raised = crate::sys::netlink::loopback_up();
    drop(inside);
    raised.context("raise the loopback interface")?;
    net::move_devices(&plan.net_devices, netns.as_fd()).map(Some)
}

/// Raises the hard limits that are higher than our own, for which the host's privileges are needed. The process itself
/// lowers the others, last of all: a limit on files or memory must not hit its birth.
fn raise_limits(plan: &Plan, pid: i32) -> Result<()> {
    for limit in &plan.process.rlimits {
        let refused = |e| steps::attribute(&format!("/process/rlimits/{}", limit.index), "set the limit", e);
        let own = process::own_limit(limit.resource, limit.name).map_err(refused)?;
        if limit.hard > own.hard {
            process::set_limit(pid, limit.resource, limit.name, own.soft, limit.hard).map_err(refused)?;
        }
    }
    Ok(())
}

impl Ready<'_> {
    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Leaves it standing at the gate. From here on it outlives us.
    pub fn stand(self) -> Result<()> {
        // Our death is not its own any more since it said that it is ready, and this word waits for it if we are gone first.
        self.wire.answer(Answer::Stand).map_err(|_| self.child.died())?;
        self.child.release();
        Ok(())
    }

    /// Lets it execute its program, and waits until it has.
    pub fn start(self) -> Result<Child> {
        self.wire.answer(Answer::Start).map_err(|_| self.child.died())?;
        let listener = self.plan.seccomp.as_ref().and_then(|filter| filter.listener.clone());
        let (init, status) = self.container.unwrap_or((self.child.pid(), "creating"));
        let told = start::Told {
            id: &self.plan.id,
            bundle: &self.plan.bundle,
            annotations: &self.plan.annotations,
            pid: self.child.pid(),
            status,
            init,
            listener: listener.as_ref(),
        };
        match start::until_executed(&self.wire, self.child.pidfd(), &told, self.watch)? {
            start::Outcome::Executed => Ok(self.child),
            start::Outcome::Failed(failure) => Err(steps::explain(self.plan, &failure).into()),
            start::Outcome::Died if self.container.is_some() => {
                Err(Failed::died_inside(self.child.pid()).into())
            }
            start::Outcome::Died => Err(self.child.died().into()),
        }
    }
}

/// How long a process without namespaces may take to be one that has ended.
const ENDING_MS: u16 = 1000;

/// And when its control groups are gone, which only follows its end.
const REMOVED_MS: u16 = 100;

/// Whatever was refused on the way into a container that is no more: its end is the reason.
///
/// A process that ends loses its namespaces and its root before its pidfd tells (ENOENT or ESRCH when we look at it, ESRCH when
/// the last stage joins them), a pid namespace takes no more processes before that (ENOMEM), and its control groups are removed:
/// then the end is near, and waited for.
pub fn or_ended(error: anyhow::Error, (pid, pidfd): (i32, BorrowedFd<'_>)) -> anyhow::Error {
    let looked = error.downcast_ref().map(|error: &SysError| error.errno);
    let entered = error.downcast_ref().and_then(|failed: &Failed| failed.errno);
    let is_removed = looked.or(entered) == Some(errno::ENODEV)
        || error.downcast_ref().is_some_and(|refusal: &Refusal| refusal.code == code::PLACE);
    let is_near = looked == Some(errno::ENOENT)
        || looked.or(entered).is_some_and(|errno| [errno::ESRCH, errno::ENOMEM].contains(&errno));
    let patience_ms = match is_near {
        true => ENDING_MS,
        // A group that is missing may have been removed for that reason.
        false if is_removed => REMOVED_MS,
        false => 0,
    };
    match pidfd::wait_end(pidfd, patience_ms) {
        Ok(true) => Failed::container_ended(pid).into(),
        _ => error,
    }
}

/// The same of a look at a container's first process. One that has no namespaces ends, also if that takes for ever: a process of
/// `exec` that its parent outside has not collected holds the pid namespace.
pub(super) fn or_ending(error: anyhow::Error, init: (i32, BorrowedFd<'_>)) -> anyhow::Error {
    match error.downcast_ref().is_some_and(|error: &SysError| error.is(errno::ENOENT)) {
        true => Failed::container_ended(init.0).into(),
        false => or_ended(error, init),
    }
}

/// Connects to whoever waits for the process's pidfd (`--pidfd-socket`).
pub fn pidfd_socket(path: &std::path::Path) -> Result<OwnedFd> {
    crate::sys::socket::connect_stream(path).context("connect to the pidfd socket")
}

/// Sends it.
pub fn send_pidfd(socket: &OwnedFd, child: &Child) -> Result<()> {
    crate::sys::socket::send_descriptor(socket.as_fd(), b"pidfd", child.pidfd()).context("send the pidfd")
}
