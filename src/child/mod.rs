//! The child's half of a birth: from the clone to the execution of the last stage.
//!
//! `launch::spawn` calls [`init`] in the new process, which has the plan in its own memory. [`steps`] is the birth,
//! one line a step, in the order that security and the kernel ask for. A step never formats prose: it fails with its
//! number, an errno and a position, and the parent, which has the same plan, writes the sentence. Nothing here may
//! log, print, read config.json, or return: the end is an execve(2) or _exit(2).

pub mod cgroup_mount;
mod console;
mod copy_up;
pub mod devices;
pub mod exec;
mod home;
mod hop;
pub mod mount;
mod namespaces;
mod new_filesystem;
pub mod paths;
mod procfs_guard;
pub mod rootfs;
pub mod running_mounts;
mod stage;
mod stdio;
pub mod sysctls;

use crate::hook;
use crate::plan::Plan;
use crate::sys::namespace::Kind;
use crate::sys::{self, attribute, cred, fd, netlink, proc, process};
use crate::wire::{Answer, ChildWire, Detail, Failure, Question, Step};
use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;

/// What the child has from its parent, beside the plan. All descriptors are close-on-exec.
#[derive(Debug)]
pub struct Inherited<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The child's end of the wire.
    pub wire: ChildWire,
    /// v1: `tasks` files to write `0` into, with their paths.
    pub tasks: Vec<(OwnedFd, String)>,
    /// The same for those that count memory, which are entered as late as possible.
    pub memory_tasks: Vec<(OwnedFd, String)>,
    /// Descriptors that our parent has used to make the groups.
    pub pile: fd::Pile,
    /// v2: `cgroup.procs` of the group below the container's that is given to it, with its path.
    pub delegated: Option<(OwnedFd, String)>,
    /// Namespaces to join here, with their position in config.json; the parent has joined the others for us.
    pub joins: Vec<Join>,
    /// Whether the real child is cloned by the hop, inside of what that has joined.
    pub hop: Option<Hop>,
    /// `timens_offsets` lines, if the time namespace is made here.
    pub time_offsets: Option<String>,
    /// What the parent has opened for the mounts.
    pub mounts: mount::Inputs,
    /// Which of our standard streams are the host's /dev/null.
    pub host_nulls: Vec<RawFd>,
    /// A unix socket that takes the terminal's master.
    pub console: Option<OwnedFd>,
    /// The listening gate; None for `run`.
    pub gate: Option<OwnedFd>,
    /// Where hooks write.
    pub hook_files: Rc<hook::Files>,
    /// The caller's descriptors that the container's process gets.
    pub preserved: Vec<RawFd>,
    /// Number of the last capability the kernel knows.
    pub last_capability: u8,
}

/// A namespace to join.
#[derive(Debug)]
pub struct Join {
    /// Which kind.
    pub kind: Kind,
    /// The namespace.
    pub fd: OwnedFd,
    /// Position in config.json#/linux/namespaces.
    pub index: u16,
}

/// A second clone, made inside of joined namespaces: so that the new ones belong to the user namespace among them, or as nobody could
/// come back from them.
#[derive(Debug, Clone, Copy)]
pub struct Hop {
    /// CLONE_NEW* of the second clone.
    pub flags: u64,
}

/// A step's result.
pub type Stepped<T> = Result<T, Failure>;

/// The life of the child. Never returns.
pub fn init(inherited: Inherited<'_>) -> ! {
    let failed = match hop::cross(inherited) {
        Ok(mut birth) => match steps(&mut birth) {
            Err(failure) => (birth.wire, failure),
            Ok(never) => match never {},
        },
        Err(failed) => failed,
    };
    // If the parent is gone, nobody is left to tell.
    let _ = failed.0.tell(&Question::Failed(failed.1));
    process::exit_now(1)
}

/// The birth, step by step.
fn steps(birth: &mut Inherited<'_>) -> Stepped<Infallible> {
    let plan = birth.plan;

    // Who we are. After the wait the pid is on disk, and maps and limits are in place: from here on everything is
    // accounted, but for memory (is_charged_late).
    let time_offsets = namespaces::open_time_offsets(birth);
    wait_for_go(birth)?;
    let time_offsets = time_offsets?;
    process::reset_signals().map_err(failed(Step::Go))?;
    enter_cgroup(&mut birth.tasks, &mut birth.pile)?;
    if !is_charged_late(plan) {
        enter_cgroup(&mut birth.memory_tasks, &mut birth.pile)?;
    }
    namespaces::join(&birth.joins)?;
    namespaces::become_root(plan)?;
    // Where nothing has changed our ids both still hold.
    if !plan.namespaces.user.is_shared() {
        stay_guarded()?;
    }
    // Rooted at the container's own group, so only now that we are in it.
    namespaces::leave_cgroup(plan)?;
    enter_delegated(birth)?;
    namespaces::new_time(birth, time_offsets)?;
    own_session(plan)?;
    namespaces::name(plan)?;
    loopback(plan)?;

    // The root filesystem, while the host's paths can still be reached.
    rootfs::isolate(&plan.rootfs)?;
    let mut root = rootfs::bind(&plan.rootfs)?;
    root.done_with_all(std::mem::take(&mut birth.pile));
    birth.mounts.wants_null = !birth.host_nulls.is_empty();
    let made = mount::all(&mut root, plan, std::mem::take(&mut birth.mounts))?;
    devices::rest(&root, &plan.rootfs, &made)?;
    if has_early_hooks(plan) {
        // A hook may unmount what we have mounted.
        root.close_done();
    }
    let pid = at_hooks(birth)?;
    create_container_hooks(birth, pid)?;
    // After the hooks, which may bring interfaces; before the switch, for the fallback needs the host's /proc.
    sysctls::write(&plan.sysctls)?;
    let passwd = home::passwd(plan, &root);
    let has_null = birth.host_nulls.is_empty() || made.null.is_some();
    let wants_proc = !plan.namespaces.user.is_shared() || !has_null || passwd.is_some();
    let proc = wants_proc.then(proc::host_procfs).and_then(Result::ok);
    let label_proc = stage::label_procfs(plan)?;
    let groups = stage::may_set_groups(plan, proc.as_ref().map(AsFd::as_fd));

    // The point of no return: from here on a mistake can only hit the container (CVE-2024-21626 and its family).
    rootfs::switch(&root, &plan.rootfs)?;
    rootfs::propagate(&root, &plan.rootfs)?;
    console::set_up(birth, &root)?;
    stdio::leave_host_null(&birth.host_nulls, made.null, &root, proc.as_ref().map(AsFd::as_fd))?;
    make_cwd(plan, &root)?;
    let home = home::of_user(plan, passwd, proc.as_ref().map(AsFd::as_fd));
    drop(proc);
    // Now that nothing more has to be made in it.
    rootfs::readonly(&root, &plan.rootfs)?;
    paths::readonly(&root, &plan.rootfs)?;
    paths::mask(&root, &plan.rootfs)?;

    // Attributes that survive the execve. Affinity first: a DEADLINE policy wants it whole.
    schedule(plan)?;
    attributes(plan)?;
    no_new_privileges(plan)?;
    let leaving = stage::Leaving {
        plan,
        memory_tasks: std::mem::take(&mut birth.memory_tasks),
        wire: birth.wire.as_fd(),
        gate: birth.gate.as_ref().map(AsFd::as_fd),
        hook_files: Some(&birth.hook_files),
        target: None,
        preserved: &birth.preserved,
        last_capability: birth.last_capability,
    };
    stage::execute(leaving, pid, stage::Last { home, proc: label_proc, groups })
}

fn failed(step: Step) -> impl Fn(sys::SysError) -> Failure {
    move |error| Failure::new(step, &error)
}

/// Does: waits for the parent's Go. Here because: until then our pid is not on disk, and a crash would lose us.
/// Fails when: the parent dies; then there is nobody to tell.
fn wait_for_go(birth: &Inherited<'_>) -> Stepped<()> {
    if birth.hop.is_none() {
        process::die_with_parent().map_err(failed(Step::Go))?;
        expect(birth, Answer::Go)?;
    }
    process::set_undumpable().map_err(failed(Step::Go))
}

/// Does: dies with its parent, shows nothing. Here because: a change of ids has undone both (CVE-2016-9962).
fn stay_guarded() -> Stepped<()> {
    process::die_with_parent().map_err(failed(Step::BecomeRoot))?;
    process::set_undumpable().map_err(failed(Step::BecomeRoot))
}

fn expect(birth: &Inherited<'_>, wanted: Answer) -> Stepped<()> {
    match birth.wire.answer() {
        Some(answer) if answer == wanted => Ok(()),
        _ => process::exit_now(1),
    }
}

/// Whether the child enters the v1 group that counts memory only when it becomes the stage: what a birth needs, which
/// is several times what the stage needs, would be charged to the container, and a small limit would stop it. Not with
/// hooks, for they are to find the container in all of its groups and run in them; not with a cgroup namespace, which
/// is rooted where we are; not with a user namespace, whose ids the group's owner may not move; and not if an image
/// decides how much is copied into a tmpfs.
fn is_charged_late(plan: &Plan) -> bool {
    !has_early_hooks(plan)
        && !plan.namespaces.cgroup.is_new()
        && plan.namespaces.user.is_shared()
        && plan.rootfs.mounts.iter().all(|op| !op.copy_up)
}

/// Whether hooks run before the container is made.
fn has_early_hooks(plan: &Plan) -> bool {
    let hooks = &plan.hooks;
    [&hooks.prestart, &hooks.create_runtime, &hooks.create_container].iter().any(|list| !list.is_empty())
}

/// Does: writes `0` into the v1 `tasks` files. Here because: our own thread may do it without the grace period of RCU
/// that a foreign pid in cgroup.procs costs (10 ms). Fails when: the group is full or gone.
fn enter_cgroup(tasks: &mut Vec<(OwnedFd, String)>, pile: &mut fd::Pile) -> Stepped<()> {
    write_memberships(tasks)?;
    tasks.drain(..).for_each(|(file, _)| pile.add(file));
    Ok(())
}

fn write_memberships(tasks: &[(OwnedFd, String)]) -> Stepped<()> {
    tasks
        .iter()
        .try_for_each(|(file, path)| fd::write_once(file.as_fd(), path, b"0").map_err(failed(Step::Cgroup)))
}

/// Does: moves on into the group that is given to the container. Here because: its cgroup namespace is rooted at the
/// group above, whose limits are not its own to change. Fails when: the group is gone.
fn enter_delegated(birth: &mut Inherited<'_>) -> Stepped<()> {
    let Some((file, path)) = birth.delegated.take() else { return Ok(()) };
    fd::write_once(file.as_fd(), &path, b"0").map_err(failed(Step::Cgroup))
}

/// Does: a session and a session keyring of our own, no umask: what is made has the permissions that it is given.
/// Here because: hooks and the console want a session, and the caller's keys and terminal must be out of reach
/// (CVE-2017-5226). Fails when: keys are used up.
fn own_session(plan: &Plan) -> Stepped<()> {
    if !broken!("cve_2017_5226") {
        process::new_session().map_err(failed(Step::Go))?;
    }
    process::set_umask(0);
    if plan.new_keyring { own_keyring(plan) } else { Ok(()) }
}

/// Does: joins the session keyring `_ses.ID`, labelled for the container under SELinux. Here because: `exec` joins it
/// by that name as the same root of the same user namespace, in which the kernel looks for it. Where there are no keys,
/// or a container around us forbids them, none are reached either.
fn own_keyring(plan: &Plan) -> Stepped<()> {
    let Ok(name) = std::ffi::CString::new(plan.session_keyring()) else { return Ok(()) };
    let label = plan.process.selinux_label.as_deref();
    let label_keys = |text: &[u8]| proc::label_new_keys(text).map_err(failed(Step::Keyring));
    label.map_or(Ok(()), |label| label_keys(label.to_bytes()))?;
    match cred::join_session_keyring(&name) {
        Err(e) if e.is(sys::error::errno::ENOSYS) || e.is(sys::error::errno::EPERM) => {}
        other => other.map_err(failed(Step::Keyring))?,
    }
    // Not for the keys that the program makes: those are labelled by its own domain.
    label.map_or(Ok(()), |_| label_keys(b"\n"))
}

fn loopback(plan: &Plan) -> Stepped<()> {
    if plan.namespaces.network.is_new() {
        netlink::loopback_up().map_err(failed(Step::Loopback))
    } else {
        Ok(())
    }
}

/// Does: lets the parent run prestart and createRuntime hooks, if there are any; learns our pid outside.
/// Here because: the spec wants them when the namespaces exist and before the switch of roots.
fn at_hooks(birth: &Inherited<'_>) -> Stepped<i32> {
    let hooks = &birth.plan.hooks;
    let wanted = [&hooks.prestart, &hooks.create_runtime, &hooks.create_container, &hooks.start_container];
    if wanted.iter().all(|list| list.is_empty()) {
        return Ok(0);
    }
    birth.wire.tell(&Question::AtHooks).map_err(failed(Step::AtHooks))?;
    match birth.wire.answer() {
        Some(Answer::Done(pid)) => Ok(pid),
        _ => process::exit_now(1),
    }
}

/// What hooks in the container are born with.
const HOOK_UMASK: u32 = 0o022;

/// Does: createContainer hooks, in the container's namespaces, with the host's paths.
/// Fails when: one of them does.
fn create_container_hooks(birth: &Inherited<'_>, pid: i32) -> Stepped<()> {
    let plan = birth.plan;
    if plan.hooks.create_container.is_empty() {
        return Ok(());
    }
    process::set_umask(HOOK_UMASK);
    let state = || hook::state_json(&plan.id, "creating", pid, &plan.bundle, &plan.annotations);
    for (index, hook) in plan.hooks.create_container.iter().enumerate() {
        let run = hook::Run {
            hook,
            moment: "createContainer",
            index,
            state: &state(),
            place: hook::Place::Container,
            dir: Some(&plan.bundle),
            files: &birth.hook_files,
        };
        run.run().map_err(|error| hook_failure(&error).at(index))?;
    }
    process::set_umask(0);
    Ok(())
}

fn hook_failure(error: &hook::Failed) -> Failure {
    use crate::sys::process::Ended;
    let (detail, errno) = match &error.reason {
        hook::Reason::System(error) => (Detail::None, error.errno),
        hook::Reason::Ended(Ended::Exited(status), _) => (Detail::HookStatus, *status),
        hook::Reason::Ended(Ended::Signalled(signal), _) => (Detail::HookSignal, *signal),
        hook::Reason::Timeout(limit_s) => (Detail::HookTimeout, i32::try_from(*limit_s).unwrap_or(i32::MAX)),
        // Nothing is looked after in here.
        hook::Reason::Interrupted(signal) => (Detail::HookSignal, *signal),
    };
    Failure {
        step: Step::CreateContainerHook,
        errno,
        detail,
        index: None,
        object: error.output.trim().to_string(),
    }
}

/// Does: makes the working directory, if it is missing. Here because: the root may be read-only after this.
fn make_cwd(plan: &Plan, root: &sys::path::Root) -> Stepped<()> {
    let cwd = sys::path::as_path(&plan.process.cwd);
    if cwd == Path::new("/") {
        return Ok(());
    }
    match root.make_dirs(cwd) {
        // It exists but root may not look into it, or cannot be made: the stage's chdir(2) will tell, as the user.
        Err(e) if e.is(sys::error::errno::EACCES) || e.is(sys::error::errno::EROFS) => Ok(()),
        other => other.map(|_| ()).map_err(failed(Step::Cwd)),
    }
}

fn schedule(plan: &Plan) -> Stepped<()> {
    // The caller's own affinity is not the container's: its cpuset is. Where that is refused, nothing is lost.
    let _ = attribute::reset_affinity();
    let wanted = plan.process.scheduler.as_ref();
    wanted.map_or(Ok(()), |wanted| set_scheduler(0, wanted).map_err(failed(Step::Scheduler)))
}

/// Sets the scheduling policy of a process; 0 is this one.
pub fn set_scheduler(pid: i32, wanted: &crate::plan::process::Scheduler) -> sys::Result<()> {
    let attributes = attribute::SchedAttr {
        size_bytes: 0,
        policy: wanted.policy,
        flags: wanted.flags,
        nice: wanted.nice,
        priority: wanted.priority,
        runtime_ns: wanted.runtime_ns,
        deadline_ns: wanted.deadline_ns,
        period_ns: wanted.period_ns,
    };
    attribute::set_scheduler(pid, attributes)
}

fn attributes(plan: &Plan) -> Stepped<()> {
    let process = &plan.process;
    process::set_umask(process.user.umask);
    if let Some(priority) = process.io_priority {
        attribute::set_io_priority(priority).map_err(failed(Step::IoPriority))?;
    }
    if let Some(policy) = &process.memory_policy {
        attribute::set_memory_policy(policy.mode, &policy.nodes).map_err(failed(Step::MemoryPolicy))?;
    }
    if let Some(domain) = process.personality {
        attribute::set_personality(domain).map_err(failed(Step::Personality))?;
    }
    Ok(())
}

fn no_new_privileges(plan: &Plan) -> Stepped<()> {
    if plan.process.no_new_privileges && !broken!("no_new_privileges") {
        process::set_no_new_privileges().map_err(failed(Step::NoNewPrivileges))?;
    }
    Ok(())
}
