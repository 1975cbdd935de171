//! Namespaces that are joined by path: opened and checked before the clone, where their position in config.json is known.

use super::steps;
use crate::child::Join;
use crate::plan::{Namespaces, Place, Plan};
use crate::sys::namespace::{self, Kind};
use crate::sys::{SysError, mount, probe};
use anyhow::Result;
use std::os::fd::{AsFd, OwnedFd};

fn places(namespaces: &Namespaces) -> [(Kind, &Place); 8] {
    [
        (Kind::User, &namespaces.user),
        (Kind::Ipc, &namespaces.ipc),
        (Kind::Uts, &namespaces.uts),
        (Kind::Network, &namespaces.network),
        (Kind::Cgroup, &namespaces.cgroup),
        (Kind::Time, &namespaces.time),
        (Kind::Pid, &namespaces.pid),
        (Kind::Mount, &namespaces.mount),
    ]
}

/// Opens every namespace that is joined, our own ones too.
pub fn open_all(namespaces: &Namespaces) -> Result<Vec<Join>> {
    let mut joins = Vec::new();
    for (kind, place) in places(namespaces) {
        let Some(joined) = place.joined() else { continue };
        let fd = namespace::open(&joined.path, kind)
            .map_err(|error| steps::bad_namespace(kind, joined.index, error))?;
        joins.push(Join { kind, fd, index: joined.index });
    }
    Ok(joins)
}

/// CLONE_NEWUSER, in [`foreign_to_us`].
pub const USER: u32 = 0x1000_0000;

/// CLONE_NEW* of the namespaces of a container's process that `exec` joins: those that are not our own, or may be joined once more
/// for less than it costs to find out. `own`: what the container was made with. Joining one's own user namespace would be refused
/// (setns(2)), and a rootless caller has no right to join what is the host's.
pub fn foreign_to_us(pid: i32, own: &Namespaces) -> Result<u32, SysError> {
    let mut flags = 0;
    // The cgroup namespace comes last: it depends on what is joined beside it.
    let others = places(own).into_iter().filter(|(kind, _)| *kind != Kind::Cgroup);
    for (kind, place) in others.chain([(Kind::Cgroup, &own.cgroup)]) {
        // What was made for the container is hardly ours, and joining it once more would do no harm: the root that comes with a
        // mount namespace is the container's. Of a user namespace it would be an error; and before Linux 6.1 an execve(2) does
        // not enter a new time namespace, so that the first process may still be in the host's.
        let is_known = place.is_new() && !matches!(kind, Kind::User | Kind::Time);
        if is_known || needs_no_look(kind, flags) || !namespace::is_shared_with(pid, kind)? {
            flags |= kind.flag() as u32;
        }
    }
    Ok(flags)
}

/// Many containers are in the host's cgroup namespace. To join one's own once more changes nothing; and whoever joins namespaces
/// of `others` from the initial user namespace, and no user namespace, has the one right that it takes (setns(2): CAP_SYS_ADMIN in
/// its owner).
fn needs_no_look(kind: Kind, others: u32) -> bool {
    kind == Kind::Cgroup && others != 0 && others & USER == 0 && probe::in_initial_user_namespace()
}

/// A sysctl of a joined namespace must not reach the host's own (config-linux.md, "Sysctl"): the plan knows paths
/// only, here is the namespace itself.
pub fn check_sysctls(plan: &Plan, joins: &[Join]) -> Result<()> {
    for sysctl in &plan.sysctls {
        let Some(kind) = kind_of(&sysctl.key.replace('/', ".")) else { continue };
        let Some(join) = joins.iter().find(|join| join.kind == kind) else { continue };
        if namespace::is_own(join.fd.as_fd(), kind)? {
            return Err(steps::host_sysctl(&sysctl.key, kind).into());
        }
    }
    Ok(())
}

fn kind_of(key: &str) -> Option<Kind> {
    match key {
        key if key.starts_with("net.") => Some(Kind::Network),
        "kernel.domainname" | "kernel.hostname" => Some(Kind::Uts),
        key if key.starts_with("kernel.") || key.starts_with("fs.mqueue.") => Some(Kind::Ipc),
        _ => None,
    }
}

/// The network namespace that the container's process is in, or will join.
pub fn network_of(plan: &Plan, pid: i32) -> Result<OwnedFd, SysError> {
    match plan.namespaces.network.joined() {
        Some(joined) => namespace::open(&joined.path, Kind::Network),
        None => namespace::open(&mount::c_string(&format!("/proc/{pid}/ns/net")), Kind::Network),
    }
}
