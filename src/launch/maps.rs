//! uid_map and gid_map of a new user namespace (user_namespaces(7)): directly, or by newuidmap(1) and newgidmap(1).
//!
//! Called by `launch` while the child waits.

use super::Failed;
use super::foreground::{Interrupted, Watch};
use crate::capture::{Captured, Interrupt, Invocation, capture, find};
use crate::plan::idmap::{cut, outside, parse};
use crate::plan::{IdMap, IdMaps, Plan};
use crate::sys::error::describe;
use crate::sys::error::errno::{ENOENT, EPERM};
use crate::sys::process::Ended;
use crate::sys::{SysError, probe, proc};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::time::Duration;

/// How long newuidmap(1) or newgidmap(1) may take: they may ask a directory service for the user's ranges.
const HELPER_LIMIT: Duration = Duration::from_secs(30);
/// They print nothing but errors.
const HELPER_LIMIT_BYTES: usize = 4096;

/// Writes both maps. Directly where we may; a rootless caller with more than its own id goes by the set-uid helpers.
pub fn write(pid: i32, maps: &IdMaps, rootless: bool, watch: Option<&Watch>) -> Result<()> {
    match write_directly(pid, "uid_map", &maps.uids, rootless) {
        Err(e) if e.is(EPERM) => helper("newuidmap", pid, &maps.uids, watch).map_err(|helped| {
            let is_the_reason = !is_single(&maps.uids) || helped.is::<Interrupted>();
            if is_the_reason { helped } else { anyhow::Error::new(e) }
        })?,
        other => other?,
    }
    match write_directly(pid, "gid_map", &maps.gids, rootless) {
        Err(e) if rootless && e.is(EPERM) => {}
        other => return other.map_err(Into::into),
    }
    if is_single(&maps.gids) {
        // Without a privilege the kernel takes our own gid alone, and only from who gives up setgroups(2).
        proc::write_of_process(pid, "setgroups", "deny")?;
        if proc::write_of_process(pid, "gid_map", &text(&maps.gids)).is_ok() {
            return Ok(());
        }
    }
    helper("newgidmap", pid, &maps.gids, watch)
}

/// The kernel wants each range to lie in one range of our own user namespace, which may have been put together of several.
fn write_directly(pid: i32, file: &str, maps: &[IdMap], rootless: bool) -> crate::sys::Result<()> {
    let written = proc::write_of_process(pid, file, &text(maps));
    if !rootless || !written.as_ref().is_err_and(|error| error.is(EPERM)) {
        return written;
    }
    let own = parse(&proc::read_of_process(crate::sys::process::own_pid(), file)?);
    let cut = cut(maps, &own);
    if cut.len() == maps.len() { written } else { proc::write_of_process(pid, file, &text(&cut)) }
}

fn is_single(maps: &[IdMap]) -> bool {
    matches!(maps, [IdMap { size: 1, .. }])
}

fn text(maps: &[IdMap]) -> String {
    maps.iter().map(|m| format!("{} {} {}\n", m.container_id, m.host_id, m.size)).collect()
}

fn helper(program: &str, pid: i32, maps: &[IdMap], watch: Option<&Watch>) -> Result<()> {
    let mut args = vec![pid.to_string()];
    for map in maps {
        args.extend([map.container_id, map.host_id, map.size].map(|number| number.to_string()));
    }
    let look = || watch.map_or(Ok(None), Watch::ending);
    let interrupt = watch.map(|watch| Interrupt { fd: watch.fd(), look: &look });
    let (limit, limit_bytes) = (HELPER_LIMIT, HELPER_LIMIT_BYTES);
    let run = |path: &Path| capture(&Invocation { path, args: &args, limit, limit_bytes, interrupt });
    let found = find(program);
    if found.is_none() && probe::euid() == 0 {
        bail!(
            "write the map: {}: it has ids that the caller's own user namespace has not (/proc/self/uid_map, gid_map)",
            describe(EPERM)
        );
    }
    let found = found.ok_or_else(|| SysError::new("execve", program, ENOENT));
    match found
        .and_then(|path| run(&path))
        .with_context(|| format!("{program} (of the package uidmap) maps ids for a user who is not root"))?
    {
        Captured::Ended { ended: Ended::Exited(0), .. } => Ok(()),
        Captured::Ended { errors, .. } => {
            bail!("{program}: {}: see the user's ranges in /etc/subuid and /etc/subgid", errors.trim())
        }
        Captured::Interrupted(signal) => Err(Interrupted { signal }.into()),
        Captured::TooLong => {
            bail!("{program}: it did not do its work within {} s and was killed", HELPER_LIMIT.as_secs())
        }
        Captured::TooMuch => {
            bail!(
                "{program}: it printed more than {HELPER_LIMIT_BYTES} bytes and was killed; is it the one of uidmap?"
            )
        }
    }
}

/// The mappings given beside a joined user namespace must be the ones that it has.
pub fn compare(pid: i32, expected: &IdMaps) -> Result<()> {
    for (file, pointer, wanted) in
        [("uid_map", "/linux/uidMappings", &expected.uids), ("gid_map", "/linux/gidMappings", &expected.gids)]
    {
        let found = parse(&proc::read_of_process(pid, file)?);
        if found.len() != wanted.len() || !wanted.iter().all(|map| found.contains(map)) {
            return Err(Failed::different_maps(pointer, &text(&found)).into());
        }
    }
    Ok(())
}

/// The mappings that a process's user namespace has.
pub(super) fn read(pid: i32) -> crate::sys::Result<IdMaps> {
    let map = |file: &str| proc::read_of_process(pid, file).map(|text| parse(&text));
    Ok(IdMaps { uids: map("uid_map")?, gids: map("gid_map")? })
}

/// The host's number of a user of the container, as far as the plan knows the maps.
pub fn host_uid(plan: &Plan, uid: u32) -> u32 {
    let maps = plan.id_maps.as_ref().or(plan.expected_id_maps.as_ref());
    maps.map_or(uid, |maps| outer_uid(maps, uid))
}

/// The id outside of a user namespace; one that is not mapped stands for itself.
pub(super) fn outer_uid(maps: &IdMaps, uid: u32) -> u32 {
    outside(&maps.uids, uid).unwrap_or(uid)
}
