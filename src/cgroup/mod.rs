//! Control groups: where a container is accounted, limited, frozen and killed.
//!
//! Called by `cmd` and `launch` (create: [`Handle::choose`], then [`Handle::prepare`]), and by every later command
//! through the stored [`Handle`] (kill, delete, pause, state, update, exec), which needs no detection and no flags.
//! Must not know a plan, a record or a process beyond its pid, and moves no process itself: the child does
//! (a foreign pid written to cgroup.procs waits 10 ms for an RCU grace period).
//!
//! ```text
//! create:  let layout = Layout::detect()?;                        // v1, v2 or hybrid; own place; no side effect
//!          let handle = Handle::choose(manager, caller, &layout, plan.cgroups_path.as_deref(), &plan.id)?;
//!          store.journal(&handle);                                // before anything exists
//!          let started = handle.start_unit(&layout, &plan.limits, wishes)?; // with systemd only; then the journal again
//!          let entry = handle.prepare(&layout, &plan.limits, started)?; // groups made, limits written
//!          clone3(CLONE_INTO_CGROUP if let Some(fd) = entry.born_into)
//!          child: for file in entry.tasks { write "0" to file.fd } // single-threaded, any time before exec
//! exec:    let entry = handle.join(init, &[])?;                   // the same descriptors, nothing written
//! update:  handle.update(&wanted, &merged, &mut undo)?;            // undo.restore(): as it was
//! later:   handle.pids() kill_all(SIGKILL) freeze() thaw() is_frozen() exists() stats() watch_oom() oom_kills() remove()
//! ```
//!
//! | file | its part |
//! |---|---|
//! | `detect` | which hierarchies there are, and where we are in them |
//! | `translate` | pure: limits + layout -> what is to be written where |
//! | `v1`, `v2` | pure: limits -> list of writes |
//! | `devices_v1`, `devices_bpf` | pure: device rules -> list of writes, or a BPF program |
//! | `fs` | the one writer of such a list; explains what cgroupfs answers |
//! | `enable` | hands controllers of v2 down |
//! | `choose` | where the groups go, by cgroupsPath |
//! | `prepare`, `delegate` | makes the groups; gives one to the container |
//! | `join` | the ways into groups that exist |
//! | `update`, `undo` | changes the limits of groups that exist, all or none |
//! | `effective` | reads the limits back |
//! | `kill`, `freeze`, `remove` | the processes in them, and their end |
//! | `files` | reads the files of one group |
//! | `stats`, `oom` | what they use, and when it is too much |
//! | `unit`, `properties` | pure: cgroupsPath -> a systemd unit, files -> its properties |
//! | `systemd`, `keeper` | has systemd make the groups |
//! | `rdt` | Intel RDT's resctrl groups |

mod choose;
pub mod delegate;
pub mod detect;
pub mod devices_bpf;
pub mod devices_v1;
mod effective;
mod enable;
mod files;
mod freeze;
pub mod fs;
mod join;
mod keeper;
mod kill;
mod oom;
pub mod prepare;
pub mod properties;
pub mod rdt;
mod remove;
pub mod stats;
mod systemd;
pub mod translate;
pub mod undo;
pub mod unit;
mod update;
pub mod v1;
pub mod v2;

pub use detect::Layout;
pub use effective::Effective;
pub use fs::Refusal;
pub use join::Below;
pub use keeper::Keeper;
pub use oom::{Oom, OomWatch};
pub use remove::Past;
pub use systemd::{Latecomer, Started, Wishes};
pub use undo::Undo;
pub use unit::Unit;

use crate::plan::limits::Limits;
use crate::sys::dir::Dir;
use crate::sys::fd::Pile;
use crate::sys::mountinfo;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Who makes the control groups. Stored with the container: later commands come without the flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// We do, in cgroupfs.
    #[default]
    Cgroupfs,
    /// systemd does, as a unit (`--systemd-cgroup`).
    Systemd,
    /// Nobody: the container stays in the caller's groups (`--cgroup-manager disabled`).
    Disabled,
}

/// What the caller may do with the host's control groups (`Host::rootless`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Caller {
    /// Root of the host.
    #[default]
    Root,
    /// An unprivileged user, or root of a user namespace.
    Rootless,
}

/// One group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// v1: the hierarchy's controllers (`cpu`, `cpuacct`; or `name=systemd`). v2: empty, the kernel knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
    /// The group below it, without a leading slash, never empty.
    pub path: String,
}

impl Tree {
    /// The group's folder.
    pub fn dir(&self) -> PathBuf {
        self.mount.join(&self.path)
    }
}

/// Where a container's control groups are. Small; stored in its record before the groups exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// Who made them.
    #[serde(default)]
    pub manager: Manager,
    /// The systemd unit whose groups they are. With one, the groups are not known before it has been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The group in the unified hierarchy (also on a hybrid host: for cgroup.kill, cgroup.freeze and hugetlb).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2: Option<Tree>,
    /// The groups in the v1 hierarchies, named ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub v1: Vec<Tree>,
    /// Who asked for them.
    #[serde(default)]
    pub caller: Caller,
    /// Name of a group below the one in the unified hierarchy: the container's own to divide, and its process lives in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated: Option<String>,
    /// With systemd: name of a group below the unit's, which the container has for its own (`run.oci.systemd.subgroup`).
    /// The limits stay on the unit's, the files of which are systemd's to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subgroup: Option<String>,
    /// Whether config.json names the place. A rootless caller who names none does without the groups that cannot be made.
    #[serde(default)]
    pub named: bool,
}

/// How a new process gets into the groups. The descriptors are close-on-exec; drop it when the child is in.
#[derive(Debug, Default)]
pub struct Entry {
    /// v2 and hybrid: the folder for clone3(2) with CLONE_INTO_CGROUP.
    pub born_into: Option<OwnedFd>,
    /// The path of that folder.
    pub group2: Option<PathBuf>,
    /// v1 and hybrid: the child writes `0` into each of these, in order.
    pub tasks: Vec<TasksFile>,
    /// v2: `cgroup.procs` of the delegated group. The child writes `0` into it once it is in its cgroup namespace.
    pub delegated: Option<TasksFile>,
    /// With systemd: who moves a process that the kernel does not let us clone into the group.
    pub latecomer: Option<Latecomer>,
    /// With systemd: holds the scope until somebody else is in it. Dropped when the child is in all groups.
    pub keeper: Option<Keeper>,
    /// What was done without, one sentence each (a rootless caller's missing groups).
    pub warnings: Vec<String>,
    /// Descriptors that were used to make them.
    pub pile: Pile,
}

/// A v1 `tasks` file, or a v2 `cgroup.procs`, open for writing.
#[derive(Debug)]
pub struct TasksFile {
    /// Whether whoever enters here is charged for memory from then on.
    pub counts_memory: bool,
    /// The descriptor.
    pub fd: OwnedFd,
    /// Its path, for messages.
    pub path: String,
}

impl Handle {
    /// Decides where the groups of container `id` go, in every hierarchy; makes nothing.
    ///
    /// `cgroups_path` absolute: below the hierarchy's mount point. Relative: v1 below our own group, v2 beside it
    /// (our own holds processes, so that it could not hand controllers down). Absent: as relative, with `id`.
    /// With systemd it names the unit, and where the groups are is seen when that is there.
    ///
    /// # Errors
    /// [`Refusal`]: a path with `..`, or that names the root, or no unit.
    pub fn choose(
        manager: Manager,
        caller: Caller,
        layout: &Layout,
        cgroups_path: Option<&str>,
        id: &str,
    ) -> Result<Handle> {
        Ok(choose::choose(manager, caller, layout, cgroups_path, id)?)
    }

    /// The same with a group `name` below it that is given to the container (`run.oci.delegate-cgroup`).
    ///
    /// # Errors
    /// [`Refusal`]: there are v1 hierarchies, whose limits such a container could undo; or no groups at all.
    pub fn delegating(self, layout: &Layout, name: Option<&str>) -> Result<Handle> {
        Ok(delegate::delegating(self, layout, name)?)
    }

    /// The same with a group `name` below it in which the container lives (`run.oci.systemd.subgroup`).
    ///
    /// # Errors
    /// [`Refusal`]: there are v1 hierarchies; there is a delegated group already.
    pub fn living_in(self, layout: &Layout, name: Option<&str>) -> Result<Handle> {
        Ok(delegate::living_in(self, layout, name)?)
    }

    /// The folder of the unified hierarchy that is the container's root of control groups.
    pub fn home(&self) -> Option<PathBuf> {
        let dir = self.v2.as_ref()?.dir();
        Some(self.subgroup.as_ref().map(|name| dir.join(name)).unwrap_or(dir))
    }

    /// The group below the one with the limits in which the container's process lives.
    fn inner(&self) -> Option<&str> {
        self.delegated.as_deref().or(self.subgroup.as_deref())
    }

    /// Lets the delegated group have all controllers of the group above. For when the container's process is in it: a group
    /// that holds processes may hand none down. Gives back the controllers that cannot be had.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn hand_down(&self) -> Result<Vec<String>> {
        Ok(delegate::hand_down(self)?)
    }

    /// Whether a container can change its own limits although it is given only the delegated group: `uid` is the host's
    /// id of its root.
    ///
    /// # Errors
    /// A mountinfo(5) or a group that cannot be read.
    pub fn are_limits_within_reach(&self, uid: u32) -> Result<bool> {
        Ok(delegate::are_limits_within_reach(self, uid, &mountinfo::read()?)?)
    }

    /// With systemd: has it start the unit with all limits, and notes which it is and where its groups are. To be kept before
    /// [`Handle::prepare`] makes more of them, in hierarchies that systemd does not know. None: no systemd.
    ///
    /// # Errors
    /// [`Refusal`]: systemd cannot be asked, or refuses; a unit of this name runs.
    pub fn start_unit(
        &mut self,
        layout: &Layout,
        limits: &Limits,
        wishes: Wishes<'_>,
    ) -> Result<Option<Started>> {
        match self.manager {
            Manager::Systemd => Ok(Some(systemd::start(self, layout, limits, wishes)?)),
            Manager::Cgroupfs | Manager::Disabled => Ok(None),
        }
    }

    /// Makes the groups, or goes on with those of the unit, checks that they are ours to use, writes the limits, and opens
    /// the ways in. What was made, the unit too, is removed again if it fails.
    ///
    /// # Errors
    /// [`Refusal`]: a limit that cannot be carried out or that the kernel refuses; `container's cgroup is not empty`;
    /// `container's cgroup unexpectedly frozen`; a place that cannot be made.
    pub fn prepare(&self, layout: &Layout, limits: &Limits, started: Option<Started>) -> Result<Entry> {
        Ok(prepare::prepare(self, layout, limits, started)?)
    }

    /// Changes the limits of the groups: what `wanted` does not name stays as it is, and the devices in any case.
    /// `merged`: all that was asked for until now, `wanted` on top of it. What was in the files that it has written is in
    /// `undo`, also if it fails: then the caller restores it.
    ///
    /// # Errors
    /// [`Refusal`]: as [`Handle::prepare`].
    pub fn update(&self, wanted: &Limits, merged: &Limits, undo: &mut Undo) -> Result<()> {
        Ok(update::update(self, wanted, merged, undo)?)
    }

    /// The limits in force, from the kernel's own files.
    ///
    /// # Errors
    /// [`Refusal`]: there is no group. A file that cannot be read.
    pub fn effective(&self) -> Result<Effective> {
        if self.manager == Manager::Disabled {
            return Err(freeze::disabled("has no limits").into());
        }
        Ok(effective::effective(self)?)
    }

    /// The ways into groups that exist, for `exec`: the container's, or those in `below` that are below them. Where the
    /// container's own is gone or takes no processes, the one that its first process, `init`, is in.
    ///
    /// # Errors
    /// [`Refusal`]: a group that cannot be opened; a group in `below` that is not there.
    pub fn join(&self, init: i32, below: &[Below]) -> Result<Entry> {
        Ok(join::join(self, init, below)?)
    }

    /// Gives the v2 group to `uid` (a host id), so that the container can make groups in it, or only the delegated group
    /// below it, if there is one: the folder and the files
    /// that /sys/kernel/cgroup/delegate names (config-linux.md, "Cgroup ownership"). On v1: nothing, by that section.
    ///
    /// # Errors
    /// fchownat(2).
    pub fn delegate(&self, uid: u32) -> Result<()> {
        Ok(delegate::give(self, Path::new("/sys/kernel/cgroup"), uid)?)
    }

    /// Fallback where clone3 cannot place a child (EOPNOTSUPP, EBUSY, EACCES): moves `pid` into the v2 group.
    ///
    /// # Errors
    /// The write's.
    pub fn attach(&self, pid: i32) -> Result<()> {
        let Some(dir) = self.open_v2() else { return Ok(()) };
        let dir = delegate::open(self, &dir)?.unwrap_or(dir);
        Ok(dir.write_existing("cgroup.procs", pid.to_string().as_bytes())?)
    }

    /// Whether any of the groups exists.
    pub fn exists(&self) -> bool {
        self.trees().any(|tree| Dir::open(&tree.dir()).is_ok())
    }

    /// Whether the groups of a container that has ended are still its own: another unit may have the name of its unit.
    ///
    /// # Errors
    /// [`Refusal`]: systemd cannot be asked.
    pub fn is_ours(&self) -> Result<bool> {
        Ok(self.unit.as_ref().map_or(Ok(true), systemd::is_there)?)
    }

    /// The processes in the group and its subgroups, as pids of our pid namespace, sorted. None if it is gone.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        Ok(kill::pids(self)?)
    }

    /// Signals every process in the group and its subgroups. SIGKILL: nobody escapes by forking (cgroup.kill, or
    /// freeze, kill, thaw), also when the container is paused. A group that is gone is no error.
    ///
    /// # Errors
    /// The kernel's; processes that are still there after several rounds.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        Ok(kill::kill_all(self, signal)?)
    }

    /// Stops all processes in the group, and waits until they are stopped (at most two seconds). On any error they
    /// are let go again.
    ///
    /// # Errors
    /// No freezer; the time is up.
    pub fn freeze(&self) -> Result<()> {
        Ok(freeze::freeze(self)?)
    }

    /// Lets them run again.
    ///
    /// # Errors
    /// The write's.
    pub fn thaw(&self) -> Result<()> {
        Ok(freeze::thaw(self)?)
    }

    /// The folder of the group that [`Handle::freeze`] uses; None if there is no freezer.
    pub fn freezer(&self) -> Option<PathBuf> {
        freeze::folder(self)
    }

    /// Whether the group is frozen. A group that is gone is not.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_frozen(&self) -> Result<bool> {
        Ok(freeze::is_frozen(self)?)
    }

    /// Whether somebody wants it frozen, also if not all of its processes have stopped yet (whoever froze it may have
    /// been killed in the middle).
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_freezing(&self) -> Result<bool> {
        Ok(freeze::is_freezing(self)?)
    }

    /// After [`Handle::thaw`]: waits until its processes run again, at most two seconds.
    ///
    /// # Errors
    /// [`Refusal`]: a group above it keeps them frozen.
    pub fn wait_thawed(&self) -> Result<()> {
        Ok(freeze::wait_thawed(self)?)
    }

    /// How many processes of the group the OOM killer has ended; None where the kernel does not say.
    pub fn oom_kills(&self) -> Option<u64> {
        let v1 = self.open_v1("memory").map(|dir| fs::read_field(&dir, "memory.oom_control", "oom_kill"));
        let v2 = || self.open_v2().map(|dir| fs::read_field(&dir, "memory.events", "oom_kill"));
        v1.or_else(v2)?.ok()?
    }

    /// What the container has used, each controller read where the container has it. None: the groups are gone.
    ///
    /// # Errors
    /// A file that cannot be read or understood. A missing one is no error.
    pub fn stats(&self) -> Result<Option<stats::Stats>> {
        Ok(stats::read(self)?)
    }

    /// Begins to watch for a lack of memory. None: the container has no memory controller.
    ///
    /// # Errors
    /// The kernel's.
    pub fn watch_oom(&self) -> Result<Option<OomWatch>> {
        Ok(oom::watch(self)?)
    }

    /// Removes the groups, deepest first, with what the container made below. Waits, bounded, for processes that are
    /// ending. Repeatable: a group that is gone is no error. Parents are left: others may use them.
    ///
    /// # Errors
    /// [`Refusal`]: of groups that were used, processes that do not end, by pid; of others, only what rmdir(2) says.
    pub fn remove(&self, past: Past) -> Result<()> {
        Ok(remove::remove(self, past)?)
    }

    /// The folder of the group that has this v1 controller, or else the v2 group.
    pub fn dir_of(&self, controller: &str) -> Option<PathBuf> {
        self.v1_of(controller).or(self.v2.as_ref()).map(Tree::dir)
    }

    /// One of its groups, for an error about all of them.
    fn place(&self) -> String {
        self.trees().next().map(|tree| tree.dir().display().to_string()).unwrap_or_default()
    }

    fn trees(&self) -> impl Iterator<Item = &Tree> {
        self.v2.iter().chain(&self.v1)
    }

    /// The v2 group, if it exists.
    fn open_v2(&self) -> Option<Dir> {
        self.v2.as_ref().and_then(|tree| Dir::open(&tree.dir()).ok())
    }

    /// The v1 group with this controller, if it exists.
    fn open_v1(&self, controller: &str) -> Option<Dir> {
        Dir::open(&self.v1_of(controller)?.dir()).ok()
    }

    /// The v1 hierarchy with this controller.
    fn v1_of(&self, controller: &str) -> Option<&Tree> {
        self.v1.iter().find(|tree| tree.controllers.iter().any(|name| name == controller))
    }
}
