//! Groups that are given to the container: its own one (config-linux.md, "Cgroup ownership"), or one below it that the
//! annotation `run.oci.delegate-cgroup` names.
//!
//! Called by [`Handle`] and `prepare`. With a group below, the limits stay on the group above, which is not given away.
//! Who has the user id of its owner can change them all the same, unless cgroup2 is mounted with `nsdelegate` and the
//! process is in a cgroup namespace that is rooted there (Documentation/admin-guide/cgroup-v2.rst, "Delegation
//! Containment"); see [`are_limits_within_reach`]. cgroup v2 only: a v1 group that can be written has files that undo its
//! parent's choices (cgroups(7), "Cgroups delegation").

use super::fs::{Refusal, code};
use super::{Handle, Layout, Manager, TasksFile, enable, kill};
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::mountinfo::Mounted;
use std::path::Path;

/// The annotations, as JSON pointers.
const POINTER: &str = "/annotations/run.oci.delegate-cgroup";
const SUBGROUP_POINTER: &str = "/annotations/run.oci.systemd.subgroup";

/// See [`Handle::delegating`].
pub fn delegating(mut handle: Handle, layout: &Layout, name: Option<&str>) -> Result<Handle, Refusal> {
    let Some(name) = name else { return Ok(handle) };
    let problem = match (&layout.v2, handle.manager) {
        (_, Manager::Disabled) => "control groups are disabled: there is no group to delegate",
        (Some(_), _) if layout.v1.is_empty() => {
            handle.delegated = Some(name.to_owned());
            return Ok(handle);
        }
        _ => {
            "a control group can be delegated only where cgroup v2 has all controllers, and this host mounts v1"
        }
    };
    Err(Refusal::limit(code::PLACE, POINTER, problem).advise("remove the annotation run.oci.delegate-cgroup"))
}

/// See [`Handle::living_in`].
pub fn living_in(mut handle: Handle, layout: &Layout, name: Option<&str>) -> Result<Handle, Refusal> {
    let Some(name) = name.filter(|_| handle.unit.is_some()) else { return Ok(handle) };
    let problem = match (&layout.v2, &handle.delegated) {
        (_, Some(_)) => {
            "a container has one group below its unit's: run.oci.delegate-cgroup names it already"
        }
        (Some(_), None) if layout.v1.is_empty() => {
            handle.subgroup = Some(name.to_owned());
            return Ok(handle);
        }
        _ => "a group below the unit's needs cgroup v2 for all controllers, and this host mounts v1",
    };
    Err(Refusal::limit(code::PLACE, SUBGROUP_POINTER, problem)
        .advise("remove the annotation run.oci.systemd.subgroup"))
}

/// Makes the group that the container lives in, or finds it without processes; says whether it was there. None: there is to be
/// no such group.
pub(super) fn make(handle: &Handle, above: &Dir) -> Result<Option<(Dir, bool)>, Refusal> {
    let Some(name) = handle.inner() else { return Ok(None) };
    let pointer = if handle.delegated.is_some() { POINTER } else { SUBGROUP_POINTER };
    let place = |error: SysError| {
        Refusal::system(code::PLACE, &error, "making the delegated control group").at(pointer)
    };
    let found = match above.make_dir(name, 0o755) {
        Ok(()) => false,
        Err(error) if error.is(errno::EEXIST) => true,
        Err(error) => return Err(place(error)),
    };
    let group = above.open_dir(name).map_err(place)?;
    let pids = kill::pids_in(&group, "cgroup.procs").map_err(place)?;
    if pids.is_empty() {
        return Ok(Some((group, found)));
    }
    let problem = format!("delegated cgroup is not empty: {} process(es) found", pids.len());
    let refusal = Refusal::new(code::PLACE, group.path().display().to_string(), problem);
    Err(refusal.at(pointer).advise("end them, or name another linux.cgroupsPath"))
}

/// The way into it. Opened by us: the kernel asks who opened the file whether the move is allowed.
pub(super) fn procs_file(group: &Dir) -> Result<TasksFile, Refusal> {
    let fd = group.open_for_writing("cgroup.procs");
    let fd = fd.map_err(|error| Refusal::system(code::PLACE, &error, "opening"))?;
    Ok(TasksFile { counts_memory: false, fd, path: group.path_of("cgroup.procs") })
}

/// The group below `above` that the container lives in, if there is to be one and it is there. The container may have removed it.
pub(super) fn open(handle: &Handle, above: &Dir) -> Result<Option<Dir>, SysError> {
    let Some(name) = handle.inner() else { return Ok(None) };
    match above.open_dir(name) {
        Err(error) if error.is(errno::ENOENT) => Ok(None),
        other => other.map(Some),
    }
}

/// See [`Handle::hand_down`].
pub fn hand_down(handle: &Handle) -> Result<Vec<String>, Refusal> {
    let Some(above) = handle.open_v2().filter(|_| handle.inner().is_some()) else { return Ok(Vec::new()) };
    let controllers = enable::words(&above, "cgroup.controllers")?;
    let names: Vec<&str> = controllers.iter().map(String::as_str).collect();
    Ok(enable::enable_all(&above, &names).into_iter().map(|(name, _)| name.to_owned()).collect())
}

/// Whether a process of `uid` in a cgroup namespace of its own may write the limits above the delegated group; `mounts`
/// are the caller's. The host's root may write everything that its namespaces let it see.
pub fn are_limits_within_reach(handle: &Handle, uid: u32, mounts: &[Mounted]) -> Result<bool, SysError> {
    let (Some(tree), Some(above)) = (&handle.v2, handle.open_v2()) else { return Ok(false) };
    let is_contained = |mounted: &Mounted| {
        mounted.point == tree.mount && mounted.options.iter().any(|option| option == "nsdelegate")
    };
    let is_owner = above.stat(".")?.is_some_and(|stat| stat.st_uid == uid);
    Ok((uid == 0 || is_owner) && !mounts.iter().any(is_contained))
}

/// See [`Handle::delegate`]; `kernel` is /sys/kernel/cgroup, whose file `delegate` names the files.
pub fn give(handle: &Handle, kernel: &Path, uid: u32) -> Result<(), SysError> {
    // Beside v1 hierarchies nothing is given away: the container's view there is v1.
    let Some(dir) = handle.open_v2().filter(|_| handle.v1.is_empty()) else { return Ok(()) };
    let dir = open(handle, &dir)?.unwrap_or(dir);
    dir.change_owner(".", uid)?;
    let files = match Dir::open(kernel).and_then(|kernel| kernel.read("delegate", 4096)) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        // Before Linux 4.15; the list is config-linux.md's.
        Err(error) if error.is(errno::ENOENT) => {
            "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n".to_owned()
        }
        Err(error) => return Err(error),
    };
    for file in files.lines().filter(|file| !file.is_empty() && !file.contains('/')) {
        match dir.change_owner(file, uid) {
            Err(error) if error.is(errno::ENOENT) => {}
            result => result?,
        }
    }
    Ok(())
}
