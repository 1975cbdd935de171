//! Which namespaces stay outside of the image: those that the configuration joins by path.
//!
//! A network or pid namespace is external to CRIU: it is named at the dump and given at the restore. CRIU joins ipc and
//! uts namespaces itself. A network namespace of the container's own is saved empty, as runc does: interfaces and
//! routes are the engine's, which makes them again.

use super::messages::JoinNamespace;
use super::{Failed, UNFIT};
use crate::plan::{Namespaces, Place};
use crate::sys::namespace::{self, Kind};
use anyhow::{Context, Result};
use std::os::fd::OwnedFd;

/// The names by which runc's images call them.
const EXTERNAL: [(Kind, &str); 2] = [(Kind::Network, "extRootNetNS"), (Kind::Pid, "extRootPidNS")];

fn place(namespaces: &Namespaces, kind: Kind) -> &Place {
    match kind {
        Kind::User => &namespaces.user,
        Kind::Mount => &namespaces.mount,
        Kind::Pid => &namespaces.pid,
        Kind::Network => &namespaces.network,
        Kind::Ipc => &namespaces.ipc,
        Kind::Uts => &namespaces.uts,
        Kind::Cgroup => &namespaces.cgroup,
        Kind::Time => &namespaces.time,
    }
}

/// Refuses what CRIU cannot bring back.
pub fn check(namespaces: &Namespaces) -> Result<(), Failed> {
    if !namespaces.mount.is_new() {
        let problem = "a container without a mount namespace of its own cannot be checkpointed or restored";
        return Err(Failed::new(UNFIT, problem, Some("add {\"type\": \"mount\"} to linux.namespaces")));
    }
    for kind in [Kind::User, Kind::Cgroup, Kind::Time] {
        if place(namespaces, kind).joined().is_some() {
            let problem =
                format!("CRIU cannot put a container back into the {} namespace of others", kind.name());
            return Err(Failed::new(UNFIT, problem, Some("leave out the path of that namespace")));
        }
    }
    Ok(())
}

/// `net[INODE]:extRootNetNS` for each that is external, by the namespaces of the process.
pub fn external(namespaces: &Namespaces, pid: i32) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for (kind, name) in EXTERNAL {
        if place(namespaces, kind).joined().is_some() {
            let inode = namespace::inode_of(pid, kind).context("the namespace that is joined by path")?;
            keys.push(format!("{}[{inode}]:{name}", kind.file()));
        }
    }
    Ok(keys)
}

/// The external ones, opened by the paths of the configuration, with their names.
pub fn open_external(namespaces: &Namespaces) -> Result<Vec<(&'static str, OwnedFd)>> {
    let mut opened = Vec::new();
    for (kind, name) in EXTERNAL {
        if let Some(joined) = place(namespaces, kind).joined() {
            let fd = namespace::open(&joined.path, kind)
                .with_context(|| format!("join the {} namespace", kind.name()))?;
            opened.push((name, fd));
        }
    }
    Ok(opened)
}

/// Those that CRIU joins itself.
pub fn joined(namespaces: &Namespaces) -> Vec<JoinNamespace> {
    let join = |kind: Kind| {
        let joined = place(namespaces, kind).joined()?;
        Some(JoinNamespace { ns: kind.file().into(), ns_file: joined.path.to_string_lossy().into_owned() })
    };
    [Kind::Ipc, Kind::Uts].into_iter().filter_map(join).collect()
}
