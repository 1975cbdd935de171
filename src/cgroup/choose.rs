//! Where a container's groups go. Pure.
//!
//! Called by [`Handle::choose`]. Makes nothing, and reads nothing but what `detect` has found.

use super::detect::Layout;
use super::fs::{Refusal, code};
use super::{Caller, Handle, Manager, Tree, Unit};
use crate::sys::process;

/// See [`Handle::choose`].
pub fn choose(
    manager: Manager,
    caller: Caller,
    layout: &Layout,
    cgroups_path: Option<&str>,
    id: &str,
) -> Result<Handle, Refusal> {
    let named = cgroups_path.is_some_and(|path| !path.is_empty());
    let handle = Handle { manager, caller, named, ..Handle::default() };
    match manager {
        Manager::Disabled => Ok(handle),
        Manager::Systemd => {
            let unit = Unit::choose(caller, cgroups_path, id)?.pinned_by(process::own_pid());
            Ok(Handle { unit: Some(unit), ..handle })
        }
        Manager::Cgroupfs => in_cgroupfs(handle, layout, cgroups_path.filter(|_| named).unwrap_or(id)),
    }
}

fn in_cgroupfs(handle: Handle, layout: &Layout, path: &str) -> Result<Handle, Refusal> {
    let inner = checked_path(path)?;
    let absolute = path.starts_with('/');
    let below = |own: &str| match absolute || own.is_empty() {
        true => inner.clone(),
        false => format!("{own}/{inner}"),
    };
    let v2 = layout.v2.as_ref().map(|unified| {
        let beside = unified.own.rsplit_once('/').map_or("", |(parent, _)| parent);
        Tree { controllers: Vec::new(), mount: unified.mount.clone(), path: below(beside) }
    });
    let v1 = layout.v1.iter().map(|hierarchy| Tree {
        controllers: hierarchy.controllers.clone(),
        mount: hierarchy.mount.clone(),
        path: below(&hierarchy.own),
    });
    Ok(Handle { v2, v1: v1.collect(), ..handle })
}

/// cgroupsPath without empty and `.` parts. Cgroupfs is a trusted tree, so a path that stays below its start is safe.
fn checked_path(path: &str) -> Result<String, Refusal> {
    let refuse = |problem: String| Refusal::limit(code::PLACE, "/linux/cgroupsPath", problem);
    let shown = path.escape_debug();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(refuse(format!("cgroupsPath \"{shown}\" must not contain \"..\"")));
    }
    if parts.is_empty() {
        let refusal =
            refuse(format!("cgroupsPath \"{shown}\" names the root group, which cannot be limited"));
        return Err(refusal.advise("name a group of the container's own"));
    }
    if path.contains(|c: char| c.is_control()) || parts.iter().any(|part| part.len() > 255) {
        return Err(refuse(format!("cgroupsPath \"{shown}\" is no path of control groups")));
    }
    Ok(parts.join("/"))
}
