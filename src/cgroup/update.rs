//! Changes the limits of groups that exist.
//!
//! Called by [`Handle::update`]. What this host cannot do is found before anything is written. Devices are never touched:
//! runc leaves them alone too, and engines send their list with every update.

use super::detect::{Hierarchy, Layout, Unified};
use super::enable::{self, Which, enable_controllers};
use super::fs::{self, Refusal, code};
use super::translate::{InForce, Orders, limit_orders};
use super::undo::Undo;
use super::{Handle, Manager, Tree, freeze, systemd};
use crate::plan::limits::{Limits, Max};
use crate::sys::dir::Dir;
use std::path::{Path, PathBuf};

/// See [`Handle::update`].
pub fn update(handle: &Handle, wanted: &Limits, merged: &Limits, undo: &mut Undo) -> Result<(), Refusal> {
    let Some(first) = wanted.first_asked() else { return Ok(()) };
    if handle.manager == Manager::Disabled {
        return Err(freeze::disabled("has no limits").at(first));
    }
    let layout = layout(handle)?;
    let wanted = with_shares(handle, wanted, merged);
    let orders = limit_orders(&layout, &wanted, &in_force(handle, merged))?;
    hand_down(handle, &orders)?;
    let former = handle.unit.as_ref().map(|_| systemd::bandwidth(handle));
    for (controller, writes) in &orders.v1 {
        let dir = handle.open_v1(controller).ok_or_else(|| gone(handle))?;
        fs::write_all_undoably(&dir, writes, undo)?;
    }
    if !orders.v2.is_empty() {
        let dir = handle.open_v2().ok_or_else(|| gone(handle))?;
        fs::write_all_undoably(&dir, &orders.v2, undo)?;
    }
    match &handle.unit {
        Some(unit) => systemd::tell(unit, handle, &orders, former.unwrap_or_default(), undo),
        None => Ok(()),
    }
}

/// The hierarchies as the container's creator found them. A group that was never made (a rootless caller's) counts as a
/// controller that is missing.
fn layout(handle: &Handle) -> Result<Layout, Refusal> {
    let is_there = |tree: &&Tree| Dir::open(&tree.dir()).is_ok();
    let hierarchy = |tree: &Tree| Hierarchy {
        controllers: tree.controllers.clone(),
        mount: tree.mount.clone(),
        own: tree.path.clone(),
        sees_own: true,
    };
    let v1: Vec<Hierarchy> = handle.v1.iter().filter(is_there).map(hierarchy).collect();
    let unified = |tree: &Tree| -> Result<Unified, Refusal> {
        let mount =
            Dir::open(&tree.mount).map_err(|error| Refusal::system(code::PLACE, &error, "opening"))?;
        Ok(Unified {
            mount: tree.mount.clone(),
            own: tree.path.clone(),
            sees_own: true,
            controllers: enable::words(&mount, "cgroup.controllers")?,
        })
    };
    let v2 = handle.v2.as_ref().filter(is_there).map(unified).transpose()?;
    if v1.is_empty() && v2.is_none() {
        return Err(gone(handle));
    }
    let first = handle.v1.first().or(handle.v2.as_ref());
    let root = first.and_then(|tree| tree.mount.parent()).map_or_else(PathBuf::new, Path::to_path_buf);
    Ok(Layout { root, v2, v1 })
}

fn gone(handle: &Handle) -> Refusal {
    let object = handle.place();
    Refusal::new(code::PLACE, object, "the container's control group does not exist")
        .advise("a rootless container has one only if its part of the tree is delegated to the user")
}

/// An idle group has no shares: the kernel refuses them, and sets its default when the group is idle no more. So shares
/// beside `idle: 1` wait, in what is remembered, for the end of it, and come back then.
fn with_shares(handle: &Handle, wanted: &Limits, merged: &Limits) -> Limits {
    let mut wanted = wanted.clone();
    match wanted.cpu.idle {
        Some(true) if is_idle(handle) => wanted.cpu.shares = None,
        Some(false) => {
            wanted.cpu.shares = wanted.cpu.shares.or(merged.cpu.shares);
            let weight = named_in_unified(merged, "cpu.weight");
            wanted
                .unified
                .extend(weight.filter(|_| named_in_unified(&wanted, "cpu.weight").is_none()).cloned());
        }
        _ => {}
    }
    wanted
}

fn named_in_unified<'a>(limits: &'a Limits, file: &str) -> Option<&'a (String, String)> {
    limits.unified.iter().find(|(name, _)| name == file)
}

fn is_idle(handle: &Handle) -> bool {
    let dir = handle.open_v1("cpu").or_else(|| handle.open_v2());
    matches!(dir.map(|dir| fs::read_number(&dir, "cpu.idle")), Some(Ok(Some(1))))
}

/// What the files of v2 hold that take two values, or one that depends on another.
fn in_force(handle: &Handle, merged: &Limits) -> InForce {
    // A configuration can name both: `unified` is written last, so it counts.
    let is_in_unified = named_in_unified(merged, "memory.swap.max").is_some();
    let memory_and_swap_bytes = merged.memory.memory_and_swap_bytes.filter(|_| !is_in_unified);
    let Some(dir) = handle.open_v2() else { return InForce::default() };
    let first_word = |file: &str| {
        let text = dir.read(file, fs::FILE_LIMIT_BYTES).ok()?;
        match String::from_utf8_lossy(&text).split_whitespace().next()? {
            "max" => Some(Max::Unlimited),
            number => number.parse().ok().map(Max::At),
        }
    };
    InForce {
        memory_max_bytes: first_word("memory.max"),
        memory_and_swap_bytes,
        quota_us: first_word("cpu.max"),
    }
}

/// A controller that no limit has needed until now may not reach the group yet (on a hybrid host, or where somebody else
/// made the groups above).
fn hand_down(handle: &Handle, orders: &Orders) -> Result<(), Refusal> {
    let (Some(tree), Some(group)) = (&handle.v2, handle.open_v2()) else { return Ok(()) };
    let present = enable::words(&group, "cgroup.controllers")?;
    let missing: Vec<_> =
        orders.v2_controllers.iter().filter(|(name, _)| !present.contains(name)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let open = |error| Refusal::system(code::PLACE, &error, "opening");
    let mut dir = Dir::open(&tree.mount).map_err(open)?;
    for name in tree.path.split('/') {
        enable_controllers(&dir, &missing, Which::Needed)?;
        dir = dir.open_dir(name).map_err(open)?;
    }
    Ok(())
}
