//! The ways into a container's groups for one more process.
//!
//! Called by [`Handle::join`], for `exec`. Makes nothing and writes nothing.

use super::fs::{FILE_LIMIT_BYTES, Refusal, code};
use super::prepare::{tasks_file, tasks_file_at};
use super::{Caller, Entry, Handle, Latecomer, TasksFile, Tree, delegate};
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use std::path::Path;

/// A group below the container's, in some hierarchies or in all (`exec --cgroup`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Below {
    /// v1 controllers whose hierarchies it is in; empty: all hierarchies.
    pub controllers: Vec<String>,
    /// Its path below the container's group; empty: that group itself.
    pub path: String,
}

impl Below {
    /// Reads `[CONTROLLER[,CONTROLLER...]:]PATH`. None: the path leads out of the container's group.
    pub fn parse(word: &str) -> Option<Below> {
        let (controllers, path) = match word.split_once(':') {
            Some((list, path)) => (list.split(',').map(str::to_owned).collect(), path),
            None => (Vec::new(), word),
        };
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        (!parts.contains(&"..")).then(|| Below { controllers, path: parts.join("/") })
    }
}

/// See [`Handle::join`].
pub fn join(handle: &Handle, init: i32, below: &[Below]) -> Result<Entry, Refusal> {
    check_controllers(handle, below)?;
    let mut entry = Entry::default();
    if let Some(tree) = &handle.v2 {
        // Beside v1 hierarchies the unified one is a help to us: there a group below need not be.
        let asked = below.iter().rev().find(|below| below.controllers.is_empty());
        let group = match asked {
            Some(below) if handle.v1.is_empty() => Some(open_below(tree, below)?),
            _ => own(handle, tree)?.filter(takes_processes),
        };
        let group = match group {
            None => of_init(tree, init)?,
            found => found,
        };
        // Beside v1 hierarchies it was not needed at birth either.
        if group.is_none() && handle.v1.is_empty() {
            must_be_there(handle, tree)?;
        }
        entry.latecomer = group.as_ref().and_then(|group| Latecomer::of(handle, group.path()));
        entry.born_into = group.map(Dir::into_fd);
    }
    for tree in &handle.v1 {
        let is_for = |below: &&Below| {
            below.controllers.is_empty()
                || below.controllers.iter().any(|name| tree.controllers.contains(name))
        };
        let group = match below.iter().rev().find(is_for) {
            Some(below) => open_below(tree, below)?,
            None => {
                if let Some(file) = own_tasks(tree)? {
                    entry.tasks.push(file);
                    continue;
                }
                let Some(group) = of_init(tree, init)? else {
                    must_be_there(handle, tree)?;
                    continue;
                };
                group
            }
        };
        let file = tasks_file(&group).map_err(|error| Refusal::system(code::PLACE, &error, "opening"))?;
        entry.tasks.push(file);
    }
    Ok(entry)
}

/// The way into the container's own group, by its path; None: the group is gone.
fn own_tasks(tree: &Tree) -> Result<Option<TasksFile>, Refusal> {
    match tasks_file_at(&tree.dir()) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.is(errno::ENOENT) => Ok(None),
        Err(error) => Err(Refusal::system(code::PLACE, &error, "opening")),
    }
}

/// Every controller that is named must be one of the container's v1 hierarchies.
fn check_controllers(handle: &Handle, below: &[Below]) -> Result<(), Refusal> {
    let known = |name: &&String| handle.v1.iter().any(|tree| tree.controllers.contains(name));
    let unknown = below.iter().flat_map(|below| &below.controllers).find(|name| !known(name));
    match unknown {
        None => Ok(()),
        Some(name) => {
            let problem =
                format!("--cgroup names the controller {name:?}, which the container has no v1 group of");
            Err(Refusal::new(code::NO_CONTROLLER, "", problem)
                .advise("give the path alone, or a controller of /proc/self/cgroup"))
        }
    }
}

fn open(tree: &Tree) -> Result<Option<Dir>, Refusal> {
    match Dir::open(&tree.dir()) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) if error.is(errno::ENOENT) => Ok(None),
        Err(error) => Err(Refusal::system(code::PLACE, &error, "opening")),
    }
}

/// The container's group, or the one below it that is the container's own to divide.
fn own(handle: &Handle, tree: &Tree) -> Result<Option<Dir>, Refusal> {
    let Some(group) = open(tree)? else { return Ok(None) };
    let delegated = delegate::open(handle, &group);
    let delegated = delegated.map_err(|error| Refusal::system(code::PLACE, &error, "opening"))?;
    Ok(Some(delegated.unwrap_or(group)))
}

/// A process without the container's limits is none of the container's. A rootless caller who named no place may never
/// have had this group.
fn must_be_there(handle: &Handle, tree: &Tree) -> Result<(), Refusal> {
    if handle.caller == Caller::Rootless && !handle.named {
        return Ok(());
    }
    let problem = "the container's control group is gone or takes no processes, and its first process is in none below it";
    Err(Refusal::new(code::PLACE, tree.dir().display().to_string(), problem)
        .advise("somebody has moved the process: move it back, or delete the container"))
}

/// What was asked for by name is never replaced by anything else.
fn open_below(tree: &Tree, below: &Below) -> Result<Dir, Refusal> {
    Dir::open(&tree.dir().join(&below.path)).map_err(|error| {
        Refusal::system(code::PLACE, &error, "opening the group of --cgroup").advise(
            "it must exist in each hierarchy of the container: make it first, or name the controllers",
        )
    })
}

/// A group that hands controllers down takes no processes itself (cgroups(7), "no internal processes").
fn takes_processes(group: &Dir) -> bool {
    let handed_down = group.read("cgroup.subtree_control", FILE_LIMIT_BYTES).unwrap_or_default();
    handed_down.trim_ascii().is_empty()
}

/// The group that the container's first process is in: its own, or one that it has made below.
fn of_init(tree: &Tree, init: i32) -> Result<Option<Dir>, Refusal> {
    let place = |error: &SysError| {
        Refusal::system(code::PLACE, error, "finding the group of the container's first process")
    };
    let proc = Dir::open(Path::new("/proc")).map_err(|error| place(&error))?;
    let text = match proc.read(&format!("{init}/cgroup"), FILE_LIMIT_BYTES) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) => return Err(place(&error)),
    };
    let path = text.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let is_it = match controllers {
            "" => tree.controllers.is_empty(),
            list => list.split(',').any(|name| tree.controllers.iter().any(|own| own == name)),
        };
        is_it.then(|| path.trim_start_matches('/').to_owned())
    });
    // Only what lies below the container's own: a process that was moved out by somebody is not followed.
    let Some(path) = path.filter(|path| Path::new(path).starts_with(&tree.path)) else { return Ok(None) };
    open(&Tree { path, ..tree.clone() })
}
