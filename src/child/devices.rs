//! Device nodes and the links beside them (config-linux.md, "Default Devices", "Devices").
//!
//! [`fill`] is called by `mount` for a tmpfs on /dev that nobody can see yet; [`rest`] by the step list for everything
//! else, through the path layer. A node is never made through a symlink (CVE-2026-47766, CVE-2026-41579); where
//! mknod(2) is not allowed (user namespace) the host's node is bound onto a file.

use crate::plan::mounts::{MountKind, MountOp};
use crate::plan::rootfs::{Dev, Rootfs};
use crate::plan::{Device, devices::DeviceKind};
use crate::sys::error::errno::{EEXIST, EISDIR, ENODEV, EPERM};
use crate::sys::inode::{self, Node};
use crate::sys::mount::{self, Change, Depth, LastLink, attr};
use crate::sys::path::{Root, Slot, as_path};
use crate::sys::walk::c_path;
use crate::sys::{Result, SysError, cred, fd, statx};
use crate::wire::{Failure, Step};
use std::cell::OnceCell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

/// As of every directory that is made for a mount.
const MOUNT_POINT_MODE: u32 = 0o755;

/// How far a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is done yet.
    Missing,
    /// An empty file waits for the host's node to be bound onto it.
    File,
    /// It is there.
    Made,
}

/// Which devices and links were made in a detached /dev already.
#[derive(Debug, Default)]
pub struct Made {
    /// For each of `Dev::devices`.
    pub devices: Vec<State>,
    /// For each of `Dev::links`.
    pub links: Vec<bool>,
    /// The container's /dev/null, open, if it was asked for and is one that was made there.
    pub null: Option<OwnedFd>,
    /// The /dev itself, for as long as nothing is mounted but file systems right below it.
    pub(super) dev: Option<OwnedFd>,
    /// Names of the directories for these.
    pub(super) mount_points: Vec<CString>,
}

impl Made {
    /// Nothing yet.
    pub(super) fn none(plan: &Rootfs) -> Made {
        let (devices, links) = plan.dev.as_ref().map_or((0, 0), |dev| (dev.devices.len(), dev.links.len()));
        Made { devices: vec![State::Missing; devices], links: vec![false; links], ..Made::default() }
    }

    /// Where a new file system goes if that is a directory of ours right below the /dev that is still the last thing mounted
    /// but for others of this kind: nobody has to look for it in the root. Whatever else is mounted ends that.
    /// Each directory once: what is mounted on it next lies on a file system with a mode of its own.
    pub(super) fn place_below_dev(&mut self, op: &MountOp) -> Option<(BorrowedFd<'_>, CString)> {
        // The other things that may have to be done for a mount want a path, or the place itself.
        let MountKind::Filesystem { fstype, .. } = &op.kind else { return None };
        let is_plain = !(op.remount || op.copy_up || op.idmap.is_some());
        if !is_plain || fstype.as_c_str() == c"proc" || fstype.as_c_str() == c"sysfs" {
            return None;
        }
        let name = below_dev(&op.target).and_then(single_name)?;
        let dev = self.dev.as_ref()?;
        let known = self.mount_points.iter().position(|known| **known == *name)?;
        Some((dev.as_fd(), self.mount_points.swap_remove(known)))
    }
}

/// Whether a path names /dev.
pub(super) fn is_dev(path: &CStr) -> bool {
    as_path(path).components().eq(Path::new("/dev").components())
}

/// The devices and links below /dev, made in a tmpfs that is to be mounted there as the `index`-th mount and that
/// nobody can reach yet. What a later mount will cover is left to [`rest`].
pub(super) fn fill(tmpfs: BorrowedFd<'_>, plan: &Rootfs, index: usize, made: &mut Made) -> Result<()> {
    let Some(dev) = &plan.dev else { return Ok(()) };
    let root = OnceCell::new();
    let root = || match root.get() {
        Some(root) => Ok(root),
        None => fd::duplicate(tmpfs, 3).map(|copy| root.get_or_init(|| Root::new(copy))),
    };
    let own_ids = cred::own_ids();
    made.mount_points = make_mount_points(tmpfs, plan, index);
    let covered = |path: &CStr| {
        let later = plan.mounts.iter().skip(index + 1);
        later.into_iter().any(|op| as_path(path).starts_with(as_path(&op.target)))
    };
    for (device, state) in dev.devices.iter().zip(made.devices.iter_mut()) {
        match below_dev(&device.path) {
            Some(path) if !covered(&device.path) => {
                let is_made = (device.uid, device.gid) == own_ids && make_fresh(tmpfs, path, device);
                *state = if is_made { State::Made } else { make(root()?, path, device)? };
            }
            _ => {}
        }
    }
    for ((link, target), is_made) in dev.links.iter().zip(made.links.iter_mut()) {
        match below_dev(link) {
            Some(path) if !covered(link) => {
                if !make_fresh_link(tmpfs, path, target) {
                    root()?.make_link(path, target)?;
                }
                *is_made = true;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The directories for the file systems that go right below /dev: made here at once they need not be looked for, missed
/// and made inside of the root later. Whatever fails is found then.
fn make_mount_points(tmpfs: BorrowedFd<'_>, plan: &Rootfs, index: usize) -> Vec<CString> {
    let mut made = Vec::new();
    for op in plan.mounts.iter().skip(index + 1) {
        let MountKind::Filesystem { fstype, .. } = &op.kind else { continue };
        // Without a mode of its own a tmpfs takes that of what it covers, unless that had to be made for it.
        let has_mode =
            fstype.as_c_str() != c"tmpfs" || op.data.iter().any(|(key, _)| key.as_c_str() == c"mode");
        if let Some(name) = below_dev(&op.target).and_then(single_name).filter(|_| has_mode)
            && inode::make_dir(tmpfs, &name, MOUNT_POINT_MODE, "").is_ok()
        {
            made.push(name);
        }
    }
    made
}

/// The container's /dev/null, if it was made in a /dev that nobody else could reach until now.
pub(super) fn open_null(tmpfs: BorrowedFd<'_>, plan: &Rootfs, made: &Made) -> Option<OwnedFd> {
    let mut devices = plan.dev.iter().flat_map(|dev| &dev.devices).zip(&made.devices);
    let is_null = |device: &Device| node_of(device) == Node::Char(1, 3) && *device.path == *c"/dev/null";
    devices.find(|(device, state)| is_null(device) && **state == State::Made)?;
    inode::open_device(tmpfs, c"null", "/dev/null").ok()
}

/// Makes a node in an empty directory that only we can reach, with our own ids. False: see with [`make`] what is the matter.
fn make_fresh(tmpfs: BorrowedFd<'_>, path: &Path, device: &Device) -> bool {
    let made = single_name(path)
        .map(|name| inode::make(tmpfs, &name, node_of(device), device.mode, &device.path.to_string_lossy()));
    made.is_some_and(|made| made.is_ok())
}

fn make_fresh_link(tmpfs: BorrowedFd<'_>, path: &Path, target: &CStr) -> bool {
    single_name(path).is_some_and(|name| inode::make_link(tmpfs, &name, target, "").is_ok())
}

/// A path of one component, which a symlink cannot lead elsewhere.
fn single_name(path: &Path) -> Option<CString> {
    let mut components = path.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(name)), None) => c_path(name.as_ref()).ok(),
        _ => None,
    }
}

fn below_dev(path: &CStr) -> Option<&Path> {
    as_path(path).strip_prefix("/dev").ok().filter(|below| !below.as_os_str().is_empty())
}

/// The devices and links that are not there yet.
///
/// Here because: mounts are made, a device may lie in one of them; and the host's nodes are still within reach.
/// Fails when: a directory is in the way, the root filesystem is read-only, or neither mknod nor a bind is allowed.
pub fn rest(root: &Root, plan: &Rootfs, made: &Made) -> std::result::Result<(), Failure> {
    let Some(Dev { devices, links }) = &plan.dev else { return Ok(()) };
    for (index, device) in devices.iter().enumerate() {
        let state = made.devices.get(index).copied().unwrap_or(State::Missing);
        finish(root, device, state).map_err(|error| Failure::new(Step::Device, &error).at(index))?;
    }
    for (index, (link, target)) in links.iter().enumerate() {
        if !made.links.get(index).copied().unwrap_or_default() {
            make_link(root, link, target)
                .map_err(|error| Failure::new(Step::DeviceLink, &error).at(index))?;
        }
    }
    Ok(())
}

/// A directory in the place of a link stays (some images have /dev/fd as one).
fn make_link(root: &Root, link: &CStr, target: &CStr) -> Result<()> {
    match root.make_link(as_path(link), target) {
        Err(error) if error.is(EISDIR) || error.is(EEXIST) => Ok(()),
        other => other,
    }
}

fn finish(root: &Root, device: &Device, state: State) -> Result<()> {
    let path = as_path(&device.path);
    let state = if state == State::Missing { make(root, path, device)? } else { state };
    if state == State::Made {
        return Ok(());
    }
    let object = device.path.to_string_lossy();
    let slot = root.slot(path)?;
    let file = inode::open(slot.dir.as_fd(), &slot.name, &object)?
        .ok_or_else(|| SysError::new("openat", &*object, ENODEV))?;
    let host = host_node(device)?;
    // Not nodev, or it could not be opened.
    let flags = Change { set: attr::NOSUID | attr::NOEXEC, ..Change::default() };
    mount::set_attributes(host.as_fd(), flags, Depth::Mount, &object)?;
    mount::attach(host.as_fd(), file.as_fd(), &object)
}

fn node_of(device: &Device) -> Node {
    match device.kind {
        DeviceKind::Char => Node::Char(device.major, device.minor),
        DeviceKind::Block => Node::Block(device.major, device.minor),
        DeviceKind::Fifo => Node::Fifo,
    }
}

/// Makes the node at `path` inside `root`, or an empty file where mknod(2) is not allowed. The right node that is there
/// already is kept; in the place of a default device anything else but a directory is replaced.
fn make(root: &Root, path: &Path, device: &Device) -> Result<State> {
    let object = device.path.to_string_lossy();
    let node = node_of(device);
    let slot = root.slot(path)?;
    if let Some(existing) = inode::open(slot.dir.as_fd(), &slot.name, &object)? {
        let stat = statx::of(existing.as_fd(), &object)?;
        let same = (stat.permissions(), stat.uid, stat.gid) == (device.mode, device.uid, device.gid);
        // A mounted node is somebody's choice, and its inode may be the host's.
        if node.is(&stat) && (same || stat.mount_root) {
            return Ok(State::Made);
        }
        if stat.is_dir() {
            return Err(SysError::new("mknod", &*object, EISDIR));
        }
        // A file that does not match a configured device is an error (config-linux.md, "Devices"); an empty one is
        // what a bind of a node leaves behind.
        let leftover = stat.file_type() == statx::Type::Regular && stat.size == 0;
        if device.index.is_some() && !node.is(&stat) && !leftover {
            return Err(SysError::new("mknod", &*object, EEXIST));
        }
        inode::remove(slot.dir.as_fd(), &slot.name, &object)?;
    }
    match inode::make(slot.dir.as_fd(), &slot.name, node, device.mode, &object) {
        Ok(()) => {}
        Err(error) if error.is(EPERM) && node != Node::Fifo => {
            inode::make(slot.dir.as_fd(), &slot.name, Node::File, device.mode, &object)?;
            return Ok(State::File);
        }
        Err(error) => return Err(error),
    }
    own(&slot, device, node, &object)?;
    Ok(State::Made)
}

/// Owner and permissions, through a descriptor that is proven to be the node just made.
fn own(slot: &Slot, device: &Device, node: Node, object: &str) -> Result<()> {
    let made = inode::open(slot.dir.as_fd(), &slot.name, object)?;
    let made = made.ok_or_else(|| SysError::new("openat", object, ENODEV))?;
    let stat = statx::of(made.as_fd(), object)?;
    if !node.is(&stat) {
        return Err(SysError::new("mknod", object, EEXIST));
    }
    if (stat.uid, stat.gid) != (device.uid, device.gid) {
        inode::set_owner(made.as_fd(), device.uid, device.gid, object)?;
    }
    if stat.permissions() != device.mode {
        inode::set_permissions(made.as_fd(), device.mode, object)?;
    }
    Ok(())
}

/// The host's node of the same name, or by its number; proven to be that device.
fn host_node(device: &Device) -> Result<OwnedFd> {
    let object = device.path.to_string_lossy();
    let kind = if device.kind == DeviceKind::Block { "block" } else { "char" };
    let by_number = mount::c_string(&format!("/dev/{kind}/{}:{}", device.major, device.minor));
    for path in [device.path.as_c_str(), &by_number] {
        let Ok(tree) = mount::clone_tree(path, Depth::Mount, LastLink::Follow) else { continue };
        if node_of(device).is(&statx::of(tree.as_fd(), &object)?) {
            return Ok(tree);
        }
    }
    Err(SysError::new("mknod", format!("{object} (and the host has no such node to bind)"), EPERM))
}
