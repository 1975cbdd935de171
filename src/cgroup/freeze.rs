//! Stopping and continuing all processes of a group: cgroup.freeze (v2) or the freezer hierarchy (v1).
//!
//! Called by [`Handle::freeze`] and its siblings, and by `kill`. On a hybrid host the v2 group is used: frozen there, a
//! process can still be killed. Whether the group is frozen is asked of both, as others may have used either.

use super::fs::{FILE_LIMIT_BYTES, Refusal, code, field, read_field};
use super::{Handle, Manager, Tree};
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::{SysError, fd, kernel_file};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the processes may take to stop: one in an uninterruptible sleep may never.
const DEADLINE: Duration = Duration::from_secs(2);

/// See [`Handle::freeze`].
pub fn freeze(handle: &Handle) -> Result<(), Refusal> {
    let (dir, done) = if let Some(dir) = handle.open_v2().filter(has_freezer) {
        let done = freeze_v2(&dir);
        (dir, done)
    } else if let Some(dir) = handle.open_v1("freezer") {
        let done = freeze_v1(&dir);
        (dir, done)
    } else {
        return Err(no_freezer(handle));
    };
    let object = dir.path().display().to_string();
    match done {
        Ok(true) => Ok(()),
        Ok(false) => {
            // Half frozen is worse than not: nobody could tell what state it is in.
            let _ = thaw(handle);
            let problem = format!("the processes did not stop within {} seconds", DEADLINE.as_secs());
            Err(Refusal::new(code::BUSY, object, problem)
                .advise("one may be in an uninterruptible sleep: see ps"))
        }
        Err(error) => {
            let _ = thaw(handle);
            Err(Refusal::system(code::BUSY, &error, "freezing"))
        }
    }
}

/// See [`Handle::freezer`].
pub fn folder(handle: &Handle) -> Option<PathBuf> {
    let dir = handle.open_v2().filter(has_freezer).or_else(|| handle.open_v1("freezer"))?;
    Some(dir.path().to_path_buf())
}

fn no_freezer(handle: &Handle) -> Refusal {
    if handle.manager == Manager::Disabled {
        return disabled("cannot be paused");
    }
    let object = handle.place();
    let problem = "the container has no control group that can be frozen";
    Refusal::new(code::NO_CONTROLLER, object, problem)
        .advise("it needs cgroup v2 (Linux 5.2), or v1's freezer controller")
}

/// The refusal for a container that was created with `--cgroup-manager disabled`.
pub(super) fn disabled(what: &str) -> Refusal {
    let problem = format!("the container has no control group of its own, so it {what}");
    Refusal::new(code::MANAGER, "", problem).advise("create it without --cgroup-manager disabled")
}

fn has_freezer(dir: &Dir) -> bool {
    matches!(dir.stat("cgroup.freeze"), Ok(Some(_)))
}

/// cgroup.events tells when the last process has stopped.
fn freeze_v2(dir: &Dir) -> Result<bool, SysError> {
    dir.write_existing("cgroup.freeze", b"1")?;
    wait_for_event(dir, "frozen", 1, DEADLINE)
}

/// Waits until `key` in the group's cgroup.events has this value; `Ok(false)`: the time is up. A group that is gone
/// has no processes, so every value is reached.
pub fn wait_for_event(dir: &Dir, key: &str, value: u64, deadline: Duration) -> Result<bool, SysError> {
    let start = Instant::now();
    let object = dir.path_of("cgroup.events");
    let file = match dir.open_for_reading("cgroup.events") {
        Err(error) if error.is(errno::ENOENT) => return Ok(true),
        result => result?,
    };
    loop {
        let text = match fd::read_from_start(file.as_fd(), &object, 4096) {
            Err(error) if error.is(errno::ENODEV) => return Ok(true),
            result => result?,
        };
        let text = String::from_utf8_lossy(&text);
        let now = text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        if now == Some(value) {
            return Ok(true);
        }
        let Some(left) = deadline.checked_sub(start.elapsed()) else { return Ok(false) };
        let left_ms = u16::try_from(left.as_millis()).unwrap_or(u16::MAX).max(1);
        fd::poll_change(file.as_fd(), &object, left_ms)?;
    }
}

/// The v1 freezer announces nothing, and a process that forks meanwhile holds it up: the state is written and read
/// again, in growing steps.
fn freeze_v1(dir: &Dir) -> Result<bool, SysError> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(20);
    while start.elapsed() < DEADLINE {
        dir.write_existing("freezer.state", b"FROZEN")?;
        if v1_state(dir)? == "FROZEN" {
            return Ok(true);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
    Ok(false)
}

/// See [`Handle::thaw`].
pub fn thaw(handle: &Handle) -> Result<(), Refusal> {
    let explain = |error: SysError| Refusal::system(code::BUSY, &error, "thawing");
    if let Some(tree) = &handle.v2 {
        write_to(tree, "cgroup.freeze", "0").map_err(explain)?;
    }
    if let Some(tree) = handle.v1_of("freezer")
        && is_stopped_by_v1(tree).map_err(explain)?
    {
        write_to(tree, "freezer.state", "THAWED").map_err(explain)?;
    }
    Ok(())
}

/// See [`Handle::wait_thawed`].
pub fn wait_thawed(handle: &Handle) -> Result<(), Refusal> {
    let explain = |error: SysError| Refusal::system(code::BUSY, &error, "thawing");
    if let Some(tree) = &handle.v2
        && is_stopped_by_v2(tree).map_err(explain)?
        && let Some(dir) = handle.open_v2()
        && !wait_for_event(&dir, "frozen", 0, DEADLINE).map_err(explain)?
    {
        return Err(still_frozen(tree));
    }
    // v1's freezer has thawed its own group when the write returns.
    match handle.v1_of("freezer") {
        Some(tree) if is_stopped_by_v1(tree).map_err(explain)? => Err(still_frozen(tree)),
        _ => Ok(()),
    }
}

fn still_frozen(tree: &Tree) -> Refusal {
    let problem = "the control group is frozen still, although its own freezer is open";
    Refusal::new(code::BUSY, tree.dir().display().to_string(), problem)
        .advise("a group above it is frozen: thaw that one")
}

/// See [`Handle::is_freezing`].
pub fn is_freezing(handle: &Handle) -> Result<bool, SysError> {
    if let Some(dir) = handle.open_v2()
        && v2_is_frozen(&dir)?
    {
        return Ok(true);
    }
    handle.v1_of("freezer").map_or(Ok(false), is_stopped_by_v1)
}

/// See [`Handle::is_frozen`]. One file for each version, by its path: `state` asks it of every container.
pub fn is_frozen(handle: &Handle) -> Result<bool, SysError> {
    if let Some(tree) = &handle.v2
        && is_stopped_by_v2(tree)?
    {
        return Ok(true);
    }
    handle.v1_of("freezer").map_or(Ok(false), is_stopped_by_v1)
}

/// Whether all of its processes have stopped.
fn is_stopped_by_v2(tree: &Tree) -> Result<bool, SysError> {
    Ok(text_of(tree, "cgroup.events")?.is_some_and(|events| field(&events, "frozen") == Some(1)))
}

/// Whether they have, or are about to.
fn is_stopped_by_v1(tree: &Tree) -> Result<bool, SysError> {
    Ok(text_of(tree, "freezer.state")?.is_some_and(|state| is_stopping(state.trim())))
}

/// Writes a file of a group; one that is gone, or has no such file, has nothing to be thawed.
fn write_to(tree: &Tree, file: &str, text: &str) -> Result<(), SysError> {
    let path = tree.dir().join(file).display().to_string();
    let written = kernel_file::open_for_writing(Path::new(&path))
        .and_then(|open| fd::write_once(open.as_fd(), &path, text.as_bytes()));
    written.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
}

/// A file of a group; None: the group is gone, or has no such file.
fn text_of(tree: &Tree, file: &str) -> Result<Option<String>, SysError> {
    match kernel_file::read(&tree.dir().join(file).to_string_lossy()) {
        Err(error) if is_gone(&error) => Ok(None),
        other => other.map(Some),
    }
}

/// Whether somebody has asked for it (an empty group has nobody to freeze), or it is so because a group above is.
pub(super) fn v2_is_frozen(dir: &Dir) -> Result<bool, SysError> {
    let asked = match dir.read("cgroup.freeze", FILE_LIMIT_BYTES) {
        Ok(text) => text.trim_ascii() == b"1",
        Err(error) if is_gone(&error) => false,
        Err(error) => return Err(error),
    };
    Ok(asked || read_field(dir, "cgroup.events", "frozen").or_else(none_if_gone)? == Some(1))
}

/// The same of a v1 group; false outside the freezer hierarchy.
pub(super) fn v1_is_frozen(dir: &Dir) -> Result<bool, SysError> {
    match v1_state(dir) {
        Ok(state) => Ok(is_stopping(&state)),
        Err(error) if is_gone(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_stopping(v1_state: &str) -> bool {
    v1_state == "FROZEN" || v1_state == "FREEZING"
}

fn v1_state(dir: &Dir) -> Result<String, SysError> {
    let text = dir.read("freezer.state", FILE_LIMIT_BYTES)?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// The group was removed meanwhile (an open folder answers ENODEV), or there is no such file.
pub(super) fn is_gone(error: &SysError) -> bool {
    error.is(errno::ENOENT) || error.is(errno::ENODEV)
}

fn none_if_gone(error: SysError) -> Result<Option<u64>, SysError> {
    if is_gone(&error) { Ok(None) } else { Err(error) }
}
