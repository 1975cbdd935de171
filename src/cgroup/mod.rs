//! Control groups: where a container is accounted, limited, frozen and killed.
//!
//! Called by `cmd` and `launch` (create: [`Handle::choose`], then [`Handle::prepare`]), and by every later command
//! through the stored [`Handle`] (kill, delete, pause, state, update, exec), which needs no detection and no flags.
//! Must not know a plan, a record or a process beyond its pid, and moves no process itself: the child does
//! (a foreign pid written to cgroup.procs waits 10 ms for an RCU grace period).
//!
//! ```text
//! create:  let layout = Layout::detect()?;                        // v1, v2 or hybrid; own place; no side effect
//!          let handle = Handle::choose(manager, &layout, plan.cgroups_path.as_deref(), &plan.id)?;
//!          store.journal(&handle);                                // before anything exists
//!          let entry = handle.prepare(&layout, &plan.limits)?;    // folders made, limits written
//!          clone3(CLONE_INTO_CGROUP if let Some(fd) = entry.born_into)
//!          child: for file in entry.tasks { write "0" to file.fd } // single-threaded, any time before exec
//! exec:    let entry = handle.join()?;                            // the same descriptors, nothing written
//! later:   handle.pids() kill_all(SIGKILL) freeze() thaw() is_frozen() exists() oom_kills() remove()
//! ```
//!
//! | file | its part |
//! |---|---|
//! | `detect` | which hierarchies there are, and where we are in them |
//! | `v1`, `v2` | pure: limits -> list of writes |
//! | `devices_v1`, `devices_bpf` | pure: device rules -> list of writes, or a BPF program |
//! | `fs` | the one writer of such a list; explains what cgroupfs answers |
//! | `prepare` | makes the folders |
//! | `kill` | pids, signals, freezing, removal |
//! | `rdt` | Intel RDT's resctrl groups |

pub mod detect;
pub mod fs;

pub use detect::Layout;

use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::plan::limits::Limits;
use anyhow::Result;

/// Who makes the control groups. Stored with the container: later commands come without the flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    /// We do, in cgroupfs.
    #[default]
    Cgroupfs,
    /// systemd does, as a scope unit (`--systemd-cgroup`). Not there yet: [`Handle::choose`] refuses it.
    Systemd,
    /// Nobody: the container stays in the caller's groups (`--cgroup-manager disabled`).
    Disabled,
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
    /// The group in the unified hierarchy (also on a hybrid host: for cgroup.kill, cgroup.freeze and hugetlb).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v2: Option<Tree>,
    /// The groups in the v1 hierarchies, named ones included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub v1: Vec<Tree>,
    /// The caller named no cgroupsPath and is not root on the host: groups that cannot be made are done without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub best_effort: bool,
}

/// How a new process gets into the groups. The descriptors are close-on-exec; drop it when the child is in.
#[derive(Debug, Default)]
pub struct Entry {
    /// v2 and hybrid: the folder for clone3(2) with CLONE_INTO_CGROUP.
    pub born_into: Option<OwnedFd>,
    /// v1 and hybrid: the child writes `0` into each of these, in order.
    pub tasks: Vec<TasksFile>,
    /// What was done without, one sentence each (a rootless caller's missing groups).
    pub warnings: Vec<String>,
}

/// A v1 `tasks` file, open for writing.
#[derive(Debug)]
pub struct TasksFile {
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
    ///
    /// # Errors
    /// A path with `..`, or that names the root; a manager that is not there.
    pub fn choose(manager: Manager, layout: &Layout, cgroups_path: Option<&str>, id: &str) -> Result<Handle> {
        let _ = (manager, layout, cgroups_path, id);
        anyhow::bail!("control groups are not built yet")
    }

    /// Makes the groups, checks that they are ours to use, writes the limits, and opens the ways in.
    /// What it made is removed again if it fails.
    ///
    /// # Errors
    /// [`fs::Refusal`] for a limit that cannot be carried out or that the kernel refuses; `container's cgroup is not
    /// empty`; `container's cgroup unexpectedly frozen`.
    pub fn prepare(&self, layout: &Layout, limits: &Limits) -> Result<Entry> {
        let _ = (layout, limits);
        anyhow::bail!("control groups are not built yet")
    }

    /// The ways into groups that exist, for `exec`.
    ///
    /// # Errors
    /// A group that is gone.
    pub fn join(&self) -> Result<Entry> {
        anyhow::bail!("control groups are not built yet")
    }

    /// Gives the v2 group to `uid` (a host id), so that the container can make groups in it: the folder and the files
    /// that /sys/kernel/cgroup/delegate names (config-linux.md, "Cgroup ownership"). On v1: nothing, by that section.
    ///
    /// # Errors
    /// fchownat(2).
    pub fn delegate(&self, uid: u32) -> Result<()> {
        let _ = uid;
        Ok(())
    }

    /// Fallback where clone3 cannot place a child (EOPNOTSUPP, EBUSY, EACCES): moves `pid` into the v2 group.
    ///
    /// # Errors
    /// The write's.
    pub fn attach(&self, pid: i32) -> Result<()> {
        let _ = pid;
        Ok(())
    }

    /// Whether any of the groups exists.
    pub fn exists(&self) -> bool {
        false
    }

    /// The processes in the group and its subgroups, as pids of our pid namespace, sorted. None if it is gone.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn pids(&self) -> Result<Vec<i32>> {
        Ok(Vec::new())
    }

    /// Signals every process in the group and its subgroups. SIGKILL: nobody escapes by forking (cgroup.kill, or
    /// freeze, kill, thaw), also when the container is paused. A group that is gone is no error.
    ///
    /// # Errors
    /// The kernel's; processes that are still there after several rounds.
    pub fn kill_all(&self, signal: i32) -> Result<()> {
        let _ = signal;
        Ok(())
    }

    /// Stops all processes in the group, and waits until they are stopped (at most a few seconds, then thaws).
    ///
    /// # Errors
    /// No freezer; the time is up.
    pub fn freeze(&self) -> Result<()> {
        Ok(())
    }

    /// Lets them run again.
    ///
    /// # Errors
    /// No freezer; the write's.
    pub fn thaw(&self) -> Result<()> {
        Ok(())
    }

    /// Whether the group is frozen or being frozen. A group that is gone is not.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_frozen(&self) -> Result<bool> {
        Ok(false)
    }

    /// How many processes of the group the OOM killer has ended; None where the kernel does not say.
    pub fn oom_kills(&self) -> Option<u64> {
        None
    }

    /// Removes the groups, deepest first, with what the container made below. Waits, bounded, for processes that are
    /// ending. Repeatable: a group that is gone is no error. Parents are left: others may use them.
    ///
    /// # Errors
    /// Processes that do not end, by pid.
    pub fn remove(&self) -> Result<()> {
        Ok(())
    }
}
