//! Hands controllers of cgroup v2 down to the children of a group (cgroups(7), "cgroup.subtree_control").
//!
//! Called by `prepare` and `update` for each group on the way to the container's. Takes nothing away.

use super::fs::{self, Refusal, code};
use super::kill;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;

/// Which controllers are handed down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those that limits need.
    Needed,
    /// All that there are, where v2 is alone: whoever reads statistics expects them.
    All,
}

/// Enables controllers for the children of `parent`. `needed`: those that must be had, each with the field of
/// config.json that asks for it.
pub fn enable_controllers(parent: &Dir, needed: &[(String, String)], which: Which) -> Result<(), Refusal> {
    if needed.is_empty() && which == Which::Needed {
        return Ok(());
    }
    let (available, enabled) =
        (words(parent, "cgroup.controllers")?, words(parent, "cgroup.subtree_control")?);
    let is_needed = |name: &str| needed.iter().find(|(controller, _)| controller == name);
    if let Some((controller, pointer)) = needed.iter().find(|(controller, _)| !available.contains(controller))
    {
        let problem =
            format!("the requested cgroup controller `{controller}` is not available in this group");
        let refusal = Refusal::new(code::NO_CONTROLLER, parent.path_of("cgroup.controllers"), problem);
        return Err(refusal
            .at(pointer.as_str())
            .advise("enable it in cgroup.subtree_control of the groups above"));
    }
    let missing = available.iter().filter(|name| !enabled.contains(name));
    let missing: Vec<&str> =
        missing.filter(|name| which == Which::All || is_needed(name).is_some()).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    // The root has no cgroup.type, and may hold processes. Elsewhere the kernel refuses most controllers, and takes
    // those for threads, but then no process could be put into the child: better not to touch the group at all.
    if has_processes(parent)? {
        return match missing.iter().find_map(|name| is_needed(name)) {
            Some((controller, pointer)) => {
                let object = parent.path_of("cgroup.subtree_control");
                Err(cannot_enable(&SysError::new("write", object, errno::EBUSY), controller, pointer))
            }
            None => Ok(()),
        };
    }
    for (name, error) in enable_all(parent, &missing) {
        if let Some((_, pointer)) = is_needed(name) {
            return Err(cannot_enable(&error, name, pointer));
        }
    }
    Ok(())
}

/// Enables what can be had of these for the children of `parent`; returns the others, each with the kernel's answer.
pub(super) fn enable_all<'a>(parent: &Dir, names: &[&'a str]) -> Vec<(&'a str, SysError)> {
    let enable = |line: &str| parent.write_existing("cgroup.subtree_control", line.as_bytes());
    let each = |name: &&str| format!("+{name}");
    let line = names.iter().map(each).collect::<Vec<_>>().join(" ");
    // The kernel takes a line as a whole or not at all: one by one, what can be had is had.
    if names.is_empty() || enable(&line).is_ok() {
        return Vec::new();
    }
    names.iter().filter_map(|name| Some((*name, enable(&each(name)).err()?))).collect()
}

/// The words in a file of a group, as the names of controllers.
pub(super) fn words(group: &Dir, file: &str) -> Result<Vec<String>, Refusal> {
    let text = group.read(file, fs::FILE_LIMIT_BYTES);
    let text = text.map_err(|error| Refusal::system(code::PLACE, &error, "reading"))?;
    Ok(String::from_utf8_lossy(&text).split_ascii_whitespace().map(str::to_owned).collect())
}

/// Whether a group below the root holds processes itself.
fn has_processes(group: &Dir) -> Result<bool, Refusal> {
    let read = || match group.stat("cgroup.type")? {
        Some(_) => Ok(!kill::pids_in(group, "cgroup.procs")?.is_empty()),
        None => Ok(false),
    };
    read().map_err(|error: SysError| Refusal::system(code::PLACE, &error, "reading"))
}

fn cannot_enable(error: &SysError, controller: &str, pointer: &str) -> Refusal {
    let refusal =
        Refusal::system(code::NO_CONTROLLER, error, format!("enabling the controller `{controller}`"));
    let advice = match error.errno {
        errno::EBUSY => {
            "the group holds processes, and then it may hand down no controllers (\"no internal processes\", cgroups(7)): \
             name an absolute cgroupsPath elsewhere"
        }
        errno::EOPNOTSUPP => "the group is threaded: name a cgroupsPath elsewhere",
        errno::EACCES | errno::EPERM | errno::EROFS => {
            "it is not delegated to this user: for the user manager of systemd, add it to Delegate= of \
             `systemctl edit user@.service`, and run tare by `systemd-run --user --scope -p Delegate=yes`"
        }
        errno::ENOENT => "the controller is not enabled in the group above, or it is in use by cgroup v1",
        _ => "",
    };
    refusal.advise(advice).at(pointer)
}
