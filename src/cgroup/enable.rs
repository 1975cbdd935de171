//! Hands controllers of cgroup v2 down to the children of a group (cgroups(7), "cgroup.subtree_control").
//!
//! Called by `prepare` and `update` for each group on the way to the container's. Takes nothing away.

use super::fs::{self, Refusal, code};
use super::kill;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use std::path::Path;

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
    if let Some(rule) = hindrance(parent)? {
        return match missing.iter().find_map(|name| is_needed(name)) {
            Some((controller, pointer)) => {
                let object = parent.path_of("cgroup.subtree_control");
                Err(cannot_enable(&SysError::new("write", object, rule), controller, pointer))
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

/// What keeps a group below the root from handing controllers down, as the error that the kernel has for it: it holds
/// processes itself, or it is one of threads, which cannot even be asked for them.
fn hindrance(group: &Dir) -> Result<Option<i32>, Refusal> {
    let pids = match group.stat("cgroup.type") {
        Ok(Some(_)) => kill::pids_in(group, "cgroup.procs"),
        Ok(None) => return Ok(None),
        Err(error) => Err(error),
    };
    match pids {
        Ok(pids) => Ok((!pids.is_empty()).then_some(errno::EBUSY)),
        Err(error) if error.is(errno::EOPNOTSUPP) => Ok(Some(errno::EOPNOTSUPP)),
        Err(error) => Err(Refusal::system(code::PLACE, &error, "reading")),
    }
}

/// Whether a group is the uppermost that there is here: in a container, its own.
fn is_uppermost(group: &Path) -> bool {
    group.parent().is_none_or(|above| !above.join("cgroup.procs").exists())
}

fn cannot_enable(error: &SysError, controller: &str, pointer: &str) -> Refusal {
    let refusal =
        Refusal::system(code::NO_CONTROLLER, error, format!("enabling the controller `{controller}`"));
    let group = Path::new(&error.object).parent().unwrap_or(Path::new(""));
    let advice = match error.errno {
        errno::EBUSY if is_uppermost(group) => {
            "the group holds processes, and then it may hand down no controllers (\"no internal processes\", cgroups(7)). It is \
             the uppermost one, as in a container: move its processes into a group below it first (mkdir DIR/init, then \
             write each pid of DIR/cgroup.procs to DIR/init/cgroup.procs)"
        }
        errno::EBUSY => {
            "the group holds processes, and then it may hand down no controllers (\"no internal processes\", cgroups(7)): \
             name an absolute cgroupsPath elsewhere"
        }
        errno::EOPNOTSUPP => {
            "the group is threaded (cgroups(7), \"Thread mode\"): name a cgroupsPath elsewhere"
        }
        errno::EACCES | errno::EPERM | errno::EROFS => {
            "it is not delegated to this user: for the user manager of systemd, add it to Delegate= of \
             `systemctl edit user@.service`, and run tare by `systemd-run --user --scope -p Delegate=yes`"
        }
        errno::ENOENT => "the controller is not enabled in the group above, or it is in use by cgroup v1",
        _ => "",
    };
    refusal.advise(advice).at(pointer)
}
