//! The systemd manager: a container's groups are those of a unit, which systemd makes, and whose limits it knows.
//!
//! Called by [`Handle`] (`start_unit`, `is_ours`), `prepare`, `update`, `undo`, `remove` and [`Latecomer`]. What systemd has no property for, and every exact value, goes into
//! the files afterwards, by the same writers as without systemd. Moves no container process itself, but for a user whom
//! the kernel does not let.

use super::detect::Layout;
use super::fs::{self, Refusal, Write, code};
use super::keeper::Keeper;
use super::properties::{Bandwidth, NAMED, Properties, unsayable_device};
use super::translate::{Orders, orders};
use super::undo::Undo;
use super::unit::Unit;
use super::{Handle, Tree};
use crate::plan::gvariant::{Type, Value};
use crate::plan::limits::Limits;
use crate::plan::unit_properties::UnitProperty;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::{SysError, bpf, kernel_file};
use crate::systemd::{Failure, Kind, Systemd, Which, name};
use std::ffi::CString;
use std::os::fd::AsFd;
use std::path::Path;

/// Where a device program has a name while its unit runs: systemd attaches it again from there after a daemon-reload.
const PINS: &str = "/sys/fs/bpf/tare";

/// What a container's unit is told beside its limits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// The container's name, for the description.
    pub id: &'a str,
    /// Annotations `org.systemd.property.NAME`. Limits win over them.
    pub properties: &'a [UnitProperty],
}

/// A unit that has been started.
#[derive(Debug)]
pub struct Started {
    /// What it was told of the limits, and more that is to be written.
    pub(super) orders: Orders,
    /// The one process in it; a slice has none.
    pub(super) keeper: Option<Keeper>,
    /// The kernel's number of the device program that systemd has been given.
    device_program: Option<u32>,
}

impl Started {
    /// Whether systemd has attached to the unit's group what it was given: an older one does not know how, and another may not
    /// have been able to.
    pub(super) fn has_attached(&self, group: &Dir) -> Result<bool, SysError> {
        let Some(ours) = self.device_program else { return Ok(false) };
        let attached = bpf::device_programs(group.as_fd(), &group.path().display().to_string())?;
        Ok(attached.contains(&ours))
    }
}

/// Starts the unit with all its limits, and notes in the handle where its groups are.
pub(super) fn start(
    handle: &mut Handle,
    layout: &Layout,
    limits: &Limits,
    wishes: Wishes<'_>,
) -> Result<Started, Refusal> {
    let Some(unit) = handle.unit.clone() else { return Err(no_unit()) };
    let orders = orders(layout, limits)?;
    let has_device_lists =
        layout.v1.iter().any(|hierarchy| hierarchy.controllers.iter().any(|name| name == "devices"));
    if let Some(rule) = unsayable_device(&limits.devices).filter(|_| has_device_lists) {
        return Err(unsayable(rule));
    }
    let mut systemd = connect(&unit)?;
    let version = systemd.version().map_err(refusal)?;
    let keeper = match unit.is_slice() {
        true => None,
        false => Some(Keeper::start().map_err(|error| {
            Refusal::system(code::SYSTEMD, &error, "making the first process of the scope")
        })?),
    };
    let pinned = match (&orders.device_program, unit.systemd) {
        // systemd takes foreign programs only where all is v2.
        (Some(program), Which::System) if version >= 249 && layout.v1.is_empty() => pin(&unit, program),
        _ => None,
    };
    let mut properties = Properties::default();
    set_basics(&mut properties, &unit, keeper.as_ref(), wishes, layout.v1.is_empty());
    properties.set_limits(&orders, Bandwidth::default(), version);
    if !unit.is_slice() {
        properties.set_oom_policy(&orders, version);
    }
    if unit.systemd == Which::System {
        properties.set_devices(&limits.devices);
    }
    if let Some(pinned) = &pinned {
        let program = Value::Tuple(vec![Value::Str("device".to_owned()), Value::Str(pinned.path.clone())]);
        properties
            .asked_by("/linux/resources/devices")
            .set("BPFProgram", Value::Array(&NAMED, vec![program]));
    }
    if let Err(failure) = systemd.start_transient(&unit.name, properties.list()) {
        unpin(&unit);
        return Err(not_started(&unit, failure, &properties));
    }
    match identify(handle, layout, &unit, keeper.as_ref(), &mut systemd) {
        Ok(()) => Ok(Started { orders, keeper, device_program: pinned.map(|pinned| pinned.id) }),
        Err(refusal) => {
            // A scope ends with its keeper.
            if unit.is_slice() {
                let _ = systemd.stop(&unit.name);
            }
            unpin(&unit);
            Err(refusal)
        }
    }
}

/// On cgroup v1 there is nothing but systemd's list, which it writes again at every change.
fn unsayable(rule: String) -> Refusal {
    let problem = "systemd's list of devices cannot say this rule on cgroup v1";
    Refusal::limit(code::NO_CONVERSION, rule, problem).advise(
        "deny all devices by the first rule and allow some by the others, each with its major number, or use --cgroup-manager \
         cgroupfs",
    )
}

/// What every unit of ours has, then what the annotations say.
fn set_basics(
    properties: &mut Properties,
    unit: &Unit,
    keeper: Option<&Keeper>,
    wishes: Wishes<'_>,
    is_v2: bool,
) {
    let mut set = |name: &str, value: Value| properties.set(name, value);
    set("Description", Value::Str(format!("container {}", wishes.id)));
    match keeper {
        Some(keeper) => {
            set("Slice", Value::Str(unit.slice.clone()));
            set("Delegate", Value::Bool(true));
            set("PIDs", Value::Array(&Type::U32, vec![Value::U32(keeper.pid().unsigned_abs())]));
            // A scope that has ended in any way is forgotten: nobody would come to reset it.
            set("CollectMode", Value::Str("inactive-or-failed".to_owned()));
        }
        None => set("Wants", Value::Array(&Type::Str, vec![Value::Str(unit.slice.clone())])),
    }
    set("DefaultDependencies", Value::Bool(false));
    for account in ["MemoryAccounting", "CPUAccounting", "TasksAccounting"] {
        set(account, Value::Bool(true));
    }
    set(if is_v2 { "IOAccounting" } else { "BlockIOAccounting" }, Value::Bool(true));
    for UnitProperty { name, value } in wishes.properties {
        properties.asked_by(format!("/annotations/org.systemd.property.{name}")).set(name, value.clone());
    }
}

/// Tells systemd of limits that have been written, and writes them again: systemd rounds some.
/// `former`: the bandwidth before.
pub(super) fn tell(
    unit: &Unit,
    handle: &Handle,
    orders: &Orders,
    former: Bandwidth,
    undo: &mut Undo,
) -> Result<(), Refusal> {
    let bandwidth = bandwidth(handle);
    let (mut systemd, properties) = limits_for(unit, orders, bandwidth)?;
    if properties.list().is_empty() {
        return Ok(());
    }
    undo.tell_as_well(unit, former);
    let told = systemd.set_properties(&unit.name, properties.list());
    told.map_err(|failure| refused_property(failure, &properties))?;
    write_again(handle, orders)?;
    // systemd has a period of its own where there is no quota.
    bandwidth.after(orders).map_or(Ok(()), |bandwidth| write_bandwidth(handle, bandwidth))
}

/// Who is told, and the limits as this version of it knows them.
fn limits_for(unit: &Unit, orders: &Orders, in_force: Bandwidth) -> Result<(Systemd, Properties), Refusal> {
    let mut systemd = connect(unit)?;
    let version = systemd.version().map_err(refusal)?;
    let mut properties = Properties::default();
    properties.set_limits(orders, in_force, version);
    Ok((systemd, properties))
}

fn write_bandwidth(handle: &Handle, bandwidth: Bandwidth) -> Result<(), Refusal> {
    let Bandwidth { quota_us, period_us } = bandwidth;
    if let Some(dir) = handle.open_v1("cpu") {
        let period = Write::new("cpu.cfs_period_us", period_us, "").batch("bandwidth");
        let quota = Write::new("cpu.cfs_quota_us", quota_us.or_word("-1"), "").batch("bandwidth");
        return fs::write_all(&dir, &[period, quota]);
    }
    let value = format!("{} {period_us}", quota_us.or_word("max"));
    match handle.open_v2() {
        Some(dir) => fs::write_all(&dir, &[Write::new("cpu.max", value, "")]),
        None => Ok(()),
    }
}

fn write_again(handle: &Handle, orders: &Orders) -> Result<(), Refusal> {
    for (controller, writes) in &orders.v1 {
        if let Some(dir) = handle.open_v1(controller) {
            fs::write_all(&dir, writes)?;
        }
    }
    match handle.open_v2() {
        Some(dir) => fs::write_all(&dir, &orders.v2),
        None => Ok(()),
    }
}

/// Tells systemd what is in the files again after an `update` that was taken back.
pub(super) fn tell_former(
    unit: &Unit,
    files: Vec<(String, String)>,
    bandwidth: Bandwidth,
) -> Result<(), Refusal> {
    let writes = files.into_iter().map(|(file, value)| Write::new(file, value, ""));
    let orders = Orders { v2: writes.collect(), ..Orders::default() };
    let (mut systemd, properties) = limits_for(unit, &orders, bandwidth)?;
    systemd.set_properties(&unit.name, properties.list()).map_err(refusal)
}

/// The bandwidth in force.
pub(super) fn bandwidth(handle: &Handle) -> Bandwidth {
    let v2 = || {
        let text = handle.open_v2()?.read("cpu.max", fs::FILE_LIMIT_BYTES).ok()?;
        Bandwidth::of_words(&String::from_utf8_lossy(&text))
    };
    let v1 = || {
        let dir = handle.open_v1("cpu")?;
        let word =
            |file| Some(String::from_utf8_lossy(&dir.read(file, fs::FILE_LIMIT_BYTES).ok()?).into_owned());
        Bandwidth::of_words(&format!("{} {}", word("cpu.cfs_quota_us")?.trim(), word("cpu.cfs_period_us")?))
    };
    v1().or_else(v2).unwrap_or_default()
}

/// What has become of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It is gone, and so is its name: groups that are left are its own.
    ForGood,
    /// It is gone, and another one has its name and its groups.
    AndSucceeded,
}

/// Ends the unit, whatever is left of it. Where systemd cannot be reached, its groups are left to who removes them: a unit
/// without a group ends by itself.
pub(super) fn stop(unit: &Unit) -> Result<Stopped, Refusal> {
    unpin(unit);
    let stopped = Systemd::connect(unit.systemd).and_then(|mut systemd| {
        if let Some(object) = systemd.find_run(&unit.run)? {
            systemd.stop_run(&object, &unit.name)?;
            return Ok(Stopped::ForGood);
        }
        Ok(match systemd.has_processes(&unit.name)? {
            None => Stopped::ForGood,
            Some(_) => Stopped::AndSucceeded,
        })
    });
    if_reachable(stopped, Stopped::ForGood)
}

/// The same of a unit that no process of the container has been in. Where nobody has seen it start, a scope without any process is
/// ended: it may be what a runtime leaves that was killed while systemd started it, as systemd moves a process that has
/// just ended into the group without an error, and waits for its end from then on. A slice may be anybody's.
pub(super) fn stop_unused(unit: &Unit) -> Result<Stopped, Refusal> {
    if !unit.run.is_empty() {
        return stop(unit);
    }
    unpin(unit);
    let stopped = Systemd::connect(unit.systemd).and_then(|mut systemd| {
        match systemd.has_processes(&unit.name)? {
            Some(false) if !unit.is_slice() => systemd.stop(&unit.name)?,
            _ => {}
        }
        Ok(Stopped::ForGood)
    });
    if_reachable(stopped, Stopped::ForGood)
}

/// Whether the unit's groups are still its own, and not those of another of its name.
pub(super) fn is_there(unit: &Unit) -> Result<bool, Refusal> {
    let found = Systemd::connect(unit.systemd).and_then(|mut systemd| systemd.find_run(&unit.run));
    Ok(found.map_err(refusal)?.is_some())
}

fn if_reachable<T>(answer: Result<T, Failure>, otherwise: T) -> Result<T, Refusal> {
    match answer {
        Err(failure) if failure.kind == Kind::Unreachable => Ok(otherwise),
        result => result.map_err(refusal),
    }
}

/// Who may not be cloned into the unit's group, and is moved there by systemd.
#[derive(Debug)]
pub struct Latecomer {
    unit: Unit,
    /// The group below the unit's own, from there on.
    below: String,
}

impl Latecomer {
    /// For `group`, one of the unit's in the unified hierarchy. None: there is no unit.
    pub(super) fn of(handle: &Handle, group: &Path) -> Option<Latecomer> {
        let unit = handle.unit.clone()?;
        let below = group.strip_prefix(handle.v2.as_ref()?.dir()).ok()?;
        Some(Latecomer { unit, below: format!("/{}", below.display()) })
    }

    /// Has a process of ours moved.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn attach(&self, pid: i32) -> anyhow::Result<()> {
        Ok(connect(&self.unit)?.attach(&self.unit.name, &self.below, pid).map_err(refusal)?)
    }
}

fn connect(unit: &Unit) -> Result<Systemd, Refusal> {
    Systemd::connect(unit.systemd).map_err(refusal)
}

fn refusal(failure: Failure) -> Refusal {
    Refusal::new(code::SYSTEMD, "", failure.problem).advise(failure.advice)
}

fn no_unit() -> Refusal {
    Refusal::new(code::SYSTEMD, "", "the record of the container names no unit")
}

/// The same about the field of config.json that the property came from.
fn refused_property(failure: Failure, properties: &Properties) -> Refusal {
    let field = properties.field_in(&failure.problem).unwrap_or_default().to_owned();
    refusal(failure).at(field)
}

fn not_started(unit: &Unit, failure: Failure, properties: &Properties) -> Refusal {
    if failure.is(name::UNIT_EXISTS) {
        let problem = format!("the unit {} runs already", unit.name);
        return Refusal::limit(code::SYSTEMD, "/linux/cgroupsPath", problem)
            .advise(format!("see `systemctl status {}`: stop it, or name another cgroupsPath", unit.name));
    }
    let mut refusal = refused_property(failure, properties);
    refusal.problem = format!("starting the unit {}: {}", unit.name, refusal.problem);
    refusal
}

/// Which run of the unit it is, and where its groups are: what /proc says of the process in it, or systemd of a slice.
fn identify(
    handle: &mut Handle,
    layout: &Layout,
    unit: &Unit,
    keeper: Option<&Keeper>,
    systemd: &mut Systemd,
) -> Result<(), Refusal> {
    let path = match keeper {
        Some(keeper) => group_of(keeper.pid(), &unit.name)?,
        None => systemd.control_group_of_slice(&unit.name).map_err(refusal)?,
    };
    let path = path.trim_matches('/').to_owned();
    if path.is_empty() {
        let problem = format!("the unit {} has no control group", unit.name);
        return Err(Refusal::new(code::SYSTEMD, "", problem));
    }
    let run = systemd.run_of(&unit.name).map_err(refusal)?;
    if run.is_empty() {
        let problem = format!("the unit {} has ended before its container was made", unit.name);
        return Err(
            Refusal::new(code::SYSTEMD, "", problem).advise("see `journalctl -b` for what has stopped it")
        );
    }
    handle.unit = Some(Unit { run, ..unit.clone() });
    // The same place in every hierarchy, also in those that systemd does not know.
    let tree = |controllers: &[String], mount: &Path| Tree {
        controllers: controllers.to_vec(),
        mount: mount.to_path_buf(),
        path: path.clone(),
    };
    handle.v2 = layout.v2.as_ref().map(|unified| tree(&[], &unified.mount));
    handle.v1 = layout.v1.iter().map(|hierarchy| tree(&hierarchy.controllers, &hierarchy.mount)).collect();
    Ok(())
}

/// The group of process `pid` whose name is the unit's, from any hierarchy that systemd has put it in.
fn group_of(pid: i32, unit: &str) -> Result<String, Refusal> {
    let text = kernel_file::read(&format!("/proc/{pid}/cgroup"))
        .map_err(|error| Refusal::system(code::SYSTEMD, &error, "finding the groups of the unit"))?;
    let mut paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let found = paths.find(|path| path.rsplit('/').next() == Some(unit));
    found.map(str::to_owned).ok_or_else(|| {
        let problem =
            format!("systemd has started {unit}, but its first process is in no group of that name");
        Refusal::new(code::SYSTEMD, format!("/proc/{pid}/cgroup"), problem)
            .advise("see `systemctl status` and `journalctl -b` for what moved it")
    })
}

/// A device program that has a name.
struct Pinned {
    path: String,
    /// The kernel's number of it.
    id: u32,
}

/// Loads and pins a device program. None: it cannot be handed over (no BPF file system is mounted); then it is attached by us.
fn pin(unit: &Unit, program: &[u64]) -> Option<Pinned> {
    let path = Path::new(PINS).join(&unit.pin);
    match Dir::make(Path::new(PINS), 0o700) {
        Err(error) if error.is(errno::EEXIST) => {}
        result => result.ok()?,
    }
    unpin(unit);
    let path = path.to_str()?.to_owned();
    let pinned = || -> Result<u32, SysError> {
        let program = bpf::load_device_program(program)?;
        let name = CString::new(path.as_str()).map_err(|_| SysError::new("bpf", &path, errno::EINVAL))?;
        bpf::pin(program.as_fd(), &name)?;
        bpf::id_of(program.as_fd())
    };
    pinned().ok().map(|id| Pinned { path, id })
}

fn unpin(unit: &Unit) {
    // It need not be there.
    let _ = Dir::open(Path::new(PINS)).and_then(|dir| dir.remove_file(&unit.pin));
}
