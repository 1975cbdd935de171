//! What `create` and `run` have in common: from the command line to a container that is ready to start.
//!
//! The order is the journal's: the record names what will be made before it is made, so that whoever dies at whatever
//! moment leaves a folder from which `delete --force` can clean up.

use super::delete::dismantle;
use super::{Session, apart, notify, pid_file};
use crate::bundle::{Bundle, CONFIG_NAME};
use crate::cgroup::detect::Layout;
use crate::cgroup::{Caller, Entry, Handle, Keeper, Manager, Wishes, rdt};
use crate::cli::{self, CgroupManager};
use crate::error;
use crate::hook;
use crate::host::Host;
use crate::launch::console::Console;
use crate::launch::foreground::Watch;
use crate::launch::{self, Child, Failed, Given, Ready};
use crate::log::{Fraction, rfc3339};
use crate::plan::{Options, Plan};
use crate::state::{Container, Namespaces, Phase, Record, Store, identify};
use crate::sys::error::errno;
use crate::sys::namespace::{self, Kind};
use crate::sys::{SysError, probe, subordinate};
use anyhow::{Context, Result};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A plan, and what it was made for.
pub(super) struct Planned {
    /// Never given back: the process ends with its container's birth, or with the container.
    pub plan: &'static Plan,
    /// The text of the configuration, to be kept.
    config: String,
    /// The text of its profile, if that is to be known from now on.
    profile: Option<String>,
    /// The folder of all containers, if it was there: it knows a profile.
    store: Option<Store>,
    host: Host,
}

/// Whether the container stands at a gate that `start` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// It does: `create`.
    Closed,
    /// It is let go by ourselves: `run`.
    None,
}

/// What a birth has from its command, beside the plan.
pub(super) struct Attended<'a> {
    /// Whether it stands at a gate in the end.
    pub gate: Gate,
    /// Who gets the terminal's master.
    pub console: Option<OwnedFd>,
    /// Signals to us, if we stay in the foreground.
    pub watch: Option<&'a Watch>,
    /// Takes what is worth a warning.
    pub warn: &'a dyn Fn(&str),
}

/// Reads the bundle, and what is known of its profile, and decides everything. No side effect.
pub(super) fn plan(session: &Session, args: &cli::Birth) -> Result<Planned> {
    crate::state::check_id(&args.id)?;
    let dir = tidy(&absolute(args.bundle.as_deref().unwrap_or(Path::new(".")))?);
    // As crun: a relative FILE is below the bundle.
    let config = args.config.as_deref().unwrap_or(Path::new(CONFIG_NAME));
    let store = session.store()?;
    let known = store.as_ref().and_then(Store::known_profile);
    let known_text = known.as_ref().map(|known| known.text.as_str());
    let bundle = Bundle::load(&dir, &config.to_string_lossy(), known_text);
    // A file that was named is called by that name.
    let bundle = match &args.config {
        Some(name) => bundle.map_err(|invalid| invalid.in_config(&name.to_string_lossy())),
        None => bundle,
    };
    let bundle = bundle.with_context(|| format!("bundle {}", dir.display()))?;
    let mut host = host(session)?;
    if Plan::needs_lent_ids(&bundle, &host) {
        host.lent = subordinate::of_user(host.euid)?;
    }
    let listen = super::listening();
    let options = Options {
        id: args.id.clone(),
        bundle: dir,
        preserve_fds: args.preserve_fds.max(listen.as_ref().map_or(0, |listen| listen.count)),
        listen,
        notify_folder: notify::folder(session, &args.id)?,
        no_pivot: args.no_pivot,
        no_new_keyring: args.no_new_keyring,
        seccomp_receiver: seccomp_receiver()?,
        known_filter: known.map(|known| known.filter),
    };
    let plan = apart(|| Plan::for_create(&bundle, &options, &host).map(|plan| &*Box::leak(Box::new(plan))))?;
    for warning in &plan.warnings {
        session.log.warn(warning);
    }
    session.log.debug(&format!(
        "{}: planned: {} mounts, rootless: {}",
        plan.id,
        plan.rootfs.mounts.len(),
        host.rootless
    ));
    session.tell_left_out_groups(plan);
    if session.globals.manager() != CgroupManager::Systemd {
        for left_out in plan.asked.only_for_systemd() {
            session.log.debug(&format!("{}: {left_out}", plan.id));
        }
    }
    let profile = if plan.is_filter_reusable { bundle.profile().map(str::to_owned) } else { None };
    Ok(Planned { plan, config: bundle.text, profile, store, host })
}

/// This machine, and what the caller says of it.
pub(super) fn host(session: &Session) -> Result<Host> {
    let mut host = probe::host()?;
    match session.globals.rootless {
        Some(cli::Rootless::Yes) => host.rootless = true,
        Some(cli::Rootless::No) => host.rootless = false,
        Some(cli::Rootless::Auto) | None => {}
    }
    Ok(host)
}

/// The seccomp agent of containers that name none, from the environment as crun has it.
pub(super) fn seccomp_receiver() -> Result<Option<PathBuf>> {
    const VARIABLE: &str = "RUN_OCI_SECCOMP_RECEIVER";
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from) {
        Some(path) if path.is_relative() => {
            let problem = format!("{VARIABLE} must be an absolute path, is {path:?}");
            Err(error::coded(error::USAGE, problem, Some("give the path of the seccomp agent's socket")))
        }
        path => Ok(path),
    }
}

/// The path from the root on.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    if path.is_absolute() {
        return Ok(path.to_path_buf());
    }
    let here = std::env::current_dir();
    Ok(here.map_err(|e| crate::sys::SysError::io("getcwd", "current folder", &e))?.join(path))
}

/// The path without `.` and doubled slashes; `..` stays, for it may cross a symlink.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

/// Makes the container, up to the moment where it only has to be let go. On an error nothing of it is left.
pub(super) fn bear<'a>(
    session: &'a Session,
    planned: &'a Planned,
    attended: Attended<'a>,
) -> Result<(Container, Ready<'a>)> {
    let (mut container, layout) = register(session, planned)?;
    let born = bear_in(&mut container, &layout, planned, session, attended);
    // Whatever is freed while the child shares our memory is copied for it first.
    std::mem::forget(layout);
    match born {
        Ok(ready) => Ok((container, ready)),
        Err(error) => Err(undo(container, session, error)),
    }
}

/// Decides where the control groups go, and writes the record of the new container: nothing of it exists yet.
pub(super) fn register(session: &Session, planned: &Planned) -> Result<(Container, Layout)> {
    let plan = planned.plan;
    let layout = Layout::detect()?;
    let manager = manager(session)?;
    let caller = if planned.host.rootless { Caller::Rootless } else { Caller::Root };
    let handle = Handle::choose(manager, caller, &layout, plan.cgroups_path.as_deref(), &plan.id)?
        .delegating(&layout, plan.asked.delegate_cgroup.as_deref())?
        .living_in(&layout, plan.asked.systemd_subgroup.name())?;
    let group = match &plan.rdt {
        Some(wanted) => {
            Some(rdt::Group::choose(&rdt::find_mount(Path::new("/proc/self"))?, wanted, &plan.id)?)
        }
        None => None,
    };
    let made;
    let store = match &planned.store {
        Some(store) => store,
        None => {
            made = session.new_store()?;
            &made
        }
    };
    let container = store.create(record(plan, handle, group))?;
    if let (Some(profile), Some(filter)) = (&planned.profile, &plan.seccomp) {
        store.know_profile(profile, filter);
    }
    Ok((container, layout))
}

/// What a delegated cgroup does not keep the container from.
const LIMITS_WITHIN_REACH: &str = "run.oci.delegate-cgroup: the container can change its own limits, as its root is the \
    owner of its control group and cgroup2 is mounted without nsdelegate: mount it so (systemd does), or give the \
    container a user namespace in which its root is somebody else";

/// Keeps the configuration and the filter, and makes the groups with their limits: the ways into them.
pub(super) fn make_groups(
    container: &mut Container,
    layout: &Layout,
    planned: &Planned,
    warn: &dyn Fn(&str),
) -> Result<Entry> {
    let plan = planned.plan;
    container.save_config(&planned.config)?;
    plan.seccomp.as_ref().map_or(Ok(()), |filter| container.save_filter(filter))?;
    let wishes = Wishes { id: &plan.id, properties: &plan.asked.unit_properties };
    let started = with_groups(container, |handle| handle.start_unit(layout, &plan.limits, wishes))?;
    if started.is_some() {
        container.save()?;
    }
    let entry = with_groups(container, |handle| handle.prepare(layout, &plan.limits, started))?;
    let handle = container.record.cgroup.get_or_insert_default();
    entry.warnings.iter().for_each(|warning| warn(warning));
    give_cgroup(planned, handle, warn).context("give the cgroup to the container")?;
    if handle.delegated.is_some() && handle.are_limits_within_reach(launch::host_uid(plan, 0))? {
        warn(LIMITS_WITHIN_REACH);
    }
    if let (Some(group), Some(wanted)) = (&mut container.record.rdt, &plan.rdt) {
        group.prepare(wanted)?;
    }
    Ok(entry)
}

/// Makes something of the groups, or else nothing: what is still there then is somebody else's, and not for `undo` to empty.
fn with_groups<T>(container: &mut Container, make: impl FnOnce(&mut Handle) -> Result<T>) -> Result<T> {
    let made = make(container.record.cgroup.get_or_insert_default());
    if made.is_err() {
        container.record.cgroup = None;
    }
    made
}

/// Where hooks write. Opened first of all: where they cannot write, nothing is made.
pub(super) fn hook_files(plan: &Plan) -> Result<Rc<hook::Files>> {
    let files = hook::Files::open(&plan.asked.hook_output);
    files.map(Rc::new).context("open the files for the output of hooks")
}

fn bear_in<'a>(
    container: &mut Container,
    layout: &Layout,
    planned: &'a Planned,
    session: &Session,
    attended: Attended<'a>,
) -> Result<Ready<'a>> {
    let Attended { gate, console, watch, warn } = attended;
    let plan = planned.plan;
    let hook_files = hook_files(plan)?;
    if plan.notify {
        container.make_notify()?;
    }
    let mut entry = make_groups(container, layout, planned, warn)?;
    let keeper = entry.keeper.take();
    let gate = if gate == Gate::Closed { Some(container.make_gate()?) } else { None };
    let given = Given {
        plan,
        hierarchies: launch::hierarchies(layout, &entry),
        entry,
        own_cgroup2: container.record.cgroup.as_ref().and_then(Handle::home),
        console,
        gate,
        preserved: session.preserved.clone(),
        last_capability: planned.host.last_capability,
        rootless: planned.host.rootless,
        watch,
        hook_files,
        warn,
    };
    // While the groups are there for certain: a scope goes with its last process.
    let ready = raise(container, session, given).map_err(|error| explain_death(error, container))?;
    keeper.map_or(Ok(()), Keeper::leave).context("end the process that held the scope")?;
    let groups = container.record.cgroup.as_ref();
    let lacking = groups.map_or(Ok(Vec::new()), Handle::hand_down);
    for controller in lacking.context("hand the controllers down")? {
        warn(&format!("the controller {controller} cannot be handed down to the container's cgroup"));
    }
    Ok(ready)
}

/// From the clone to a process that is set up.
fn raise<'a>(container: &mut Container, session: &Session, given: Given<'a>) -> Result<Ready<'a>> {
    let newborn = launch::begin(given)?;
    let pid = newborn.child().pid();
    session.log.debug(&format!("{}: born: process {pid}", container.record.id));
    container.record.init = Some(identify(pid).context("the container's process")?);
    container.save()?;
    if let Some(group) = &container.record.rdt {
        group.attach(pid)?;
    }
    newborn.raise()
}

/// What the container may divide: the group that the annotation names belongs to its root, or else its own group to its
/// user (config-linux.md, "Cgroup ownership").
fn give_cgroup(planned: &Planned, handle: &Handle, warn: &dyn Fn(&str)) -> Result<()> {
    let (plan, host) = (planned.plan, &planned.host);
    if handle.delegated.is_some() {
        return handle.delegate(launch::host_uid(plan, 0));
    }
    if plan.namespaces.user.joined().is_some() && plan.expected_id_maps.is_none() {
        // Nobody here knows who its user is on the host.
        return Ok(());
    }
    let uid = launch::host_uid(plan, plan.process.user.uid);
    if !may_delegate(plan) || host.rootless && uid == host.euid {
        return Ok(());
    }
    match handle.delegate(uid) {
        // An ordinary user can give away nothing, not even to an id that is lent to him.
        Err(error)
            if host.rootless && error.downcast_ref().is_some_and(|e: &SysError| e.is(errno::EPERM)) =>
        {
            warn(NOT_GIVEN);
            Ok(())
        }
        other => other,
    }
}

/// Said in place of a delegation (config-linux.md, "Cgroup ownership").
const NOT_GIVEN: &str = "the container's cgroup stays the caller's own, as giving it to process.user needs CAP_CHOWN: it can \
    make no groups below it";

/// Whether the container may make groups below its own: it sees nothing else, and its view can be written.
fn may_delegate(plan: &Plan) -> bool {
    use crate::plan::mounts::MountKind;
    let writable = |op: &crate::plan::MountOp| op.kind == MountKind::Cgroup && !op.is_readonly();
    plan.namespaces.cgroup.is_new() && plan.rootfs.mounts.iter().any(writable)
}

fn record(plan: &Plan, handle: Handle, rdt: Option<rdt::Group>) -> Record {
    Record {
        bundle: plan.bundle.clone(),
        rootfs: plan.rootfs.path.clone(),
        created: rfc3339(probe::now(), Fraction::Nanos),
        private_pids: plan.namespaces.pid.is_new(),
        cgroup: Some(handle),
        rdt,
        annotations: plan.annotations.clone(),
        poststart: plan.hooks.poststart.clone(),
        poststop: plan.hooks.poststop.clone(),
        hook_output: plan.asked.hook_output.clone(),
        seccomp_listener: plan.seccomp.as_ref().and_then(|filter| filter.listener.clone()),
        kept_filter: plan
            .seccomp
            .as_ref()
            .filter(|filter| filter.listener.is_none())
            .map(|filter| filter.flags),
        program: plan
            .process
            .args
            .first()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        terminal: plan.process.terminal.is_some(),
        new_keyring: plan.new_keyring,
        streams: streams(plan),
        ..Record::new(&plan.id)
    }
}

/// Our standard streams, which will be the container's, if it has no terminal: `checkpoint` must know them.
fn streams(plan: &Plan) -> Vec<String> {
    match plan.process.terminal {
        Some(_) => Vec::new(),
        None => (0..3).map(|number| crate::sys::fd::link_of(number).unwrap_or_default()).collect(),
    }
}

/// The state is `created` (or, without a gate, running): on disk before anybody is told.
pub(super) fn settle(
    session: &Session,
    container: &mut Container,
    phase: Phase,
    args: &cli::Birth,
    pidfd_sockets: Vec<OwnedFd>,
    child: &Child,
) -> Result<()> {
    container.record.phase = phase;
    container.record.namespaces = namespaces_of(child.pid())
        .inspect_err(|error| session.log.debug(&format!("{}: its namespaces: {error}", args.id)))
        .ok();
    container.save()?;
    session.log.debug(&format!("{}: ready: process {}", args.id, child.pid()));
    for socket in pidfd_sockets {
        launch::send_pidfd(&socket, child)?;
    }
    if let Some(path) = &args.pid_file {
        pid_file::write(path, child.pid())?;
    }
    Ok(())
}

/// Where the container's process is now, before its program can take it elsewhere. Only `mounts` asks for it, and says so
/// if it is not known: no reason to have no container.
fn namespaces_of(pid: i32) -> crate::sys::Result<Namespaces> {
    let identity = |kind| namespace::identity_of(pid, kind);
    Ok(Namespaces { user: identity(Kind::User)?, mount: identity(Kind::Mount)? })
}

/// Removes what was made for a container that came to nothing; the first error is the one to report.
pub(super) fn undo(container: Container, session: &Session, error: anyhow::Error) -> anyhow::Error {
    let had_process = container.record.init.is_some();
    if let Some(cgroup) =
        container.record.cgroup.as_ref().filter(|_| had_process && !container.record.private_pids)
    {
        // Without a pid namespace of its own, hooks or the process may have left others in the group.
        let _ = cgroup.kill_all(crate::sys::signal_name::KILL);
    }
    if let Err(second) = dismantle(container, &session.log) {
        session.log.warn(&format!("cleaning up: {second:#}"));
    }
    error
}

/// A death without a word in a group where the OOM killer was at work has a name.
fn explain_death(error: anyhow::Error, container: &Container) -> anyhow::Error {
    let oom_kills = || container.record.cgroup.as_ref().and_then(Handle::oom_kills).unwrap_or(0);
    match error.downcast::<Failed>() {
        Ok(failed) if failed.code == "died" && oom_kills() > 0 => failed.by_oom().into(),
        Ok(failed) => failed.into(),
        Err(other) => other,
    }
}

fn manager(session: &Session) -> Result<Manager> {
    Ok(match session.globals.manager() {
        CgroupManager::Cgroupfs => Manager::Cgroupfs,
        CgroupManager::Systemd => Manager::Systemd,
        CgroupManager::Disabled => Manager::Disabled,
    })
}

/// Where the terminal goes. `stays`: whether we stay with the container, and can relay it ourselves.
pub(super) fn console(plan: &Plan, socket: Option<&Path>, stays: Stays) -> Result<Console> {
    // runc's rules: a socket is for a terminal whose runtime does not stay.
    match (&plan.process.terminal, socket, stays) {
        (Some(_), Some(path), Stays::No) => Console::at(path),
        (Some(_), None, Stays::Yes) => Console::ours(),
        (None, None, _) => Ok(Console::None),
        (Some(_), None, Stays::No) => Err(error::coded(
            error::USAGE,
            "cannot allocate tty if tare will detach without setting console socket",
            Some("give --console-socket, or no terminal (process.terminal, --tty)"),
        )),
        (_, Some(_), _) => Err(error::coded(
            error::USAGE,
            "cannot use console socket if tare will not detach or allocate tty",
            Some("ask for a terminal (process.terminal, --tty) and detach, or leave --console-socket out"),
        )),
    }
}

/// Whoever waits for the process's pidfd; asked before anything is made. The option is the engine's, the annotation the
/// container's: each gets its own, and one that is both gets one.
pub(super) fn pidfd_sockets(plan: &Plan, option: Option<&Path>) -> Result<Vec<OwnedFd>> {
    let annotation = plan.asked.pidfd_receiver.as_deref().filter(|path| Some(*path) != option);
    option.into_iter().chain(annotation).map(launch::pidfd_socket).collect()
}

/// Whether the command stays with its container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stays {
    Yes,
    No,
}
