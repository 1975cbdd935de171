//! Masked and read-only paths (config-linux.md, "Masked Paths", "Readonly Paths").
//!
//! Called by the step list after the switch of roots: nothing outside the container can be named any more. Targets
//! are descriptors of the path layer; a target that is missing has nothing to hide and is skipped.

use crate::plan::Rootfs;
use crate::sys::error::errno::{EINVAL, ENOENT, ENOTDIR};
use crate::sys::mount::{self, Change, Context, Depth, attr};
use crate::sys::path::{Root, Symlinks, as_path};
use crate::sys::{Result, inode, statx};
use crate::wire::{Failure, Step};
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Component;

const LOCKED_DOWN: u64 = attr::NOSUID | attr::NODEV | attr::NOEXEC;
const READONLY: Change = Change { set: attr::RDONLY, clear: 0, propagation: 0 };

/// Remounts each read-only path read-only with all that is mounted below it; the other flags stay as they are.
///
/// Fails when: the kernel refuses, never because a path is missing.
pub fn readonly(root: &Root, plan: &Rootfs) -> std::result::Result<(), Failure> {
    for (index, path) in plan.readonly_paths.iter().enumerate() {
        make_readonly(root, plan, path)
            .map_err(|error| Failure::new(Step::ReadonlyPath, &error).at(index))?;
    }
    Ok(())
}

fn make_readonly(root: &Root, plan: &Rootfs, path: &CStr) -> Result<()> {
    let object = path.to_string_lossy();
    let (target, may_be_mount) = match root.resolve(as_path(path), Symlinks::Refuse) {
        Ok(fd) => (fd, plan.is_shared() || !is_below_proc(path)),
        Err(error) if error.is(ENOENT) || error.is(ENOTDIR) => return Ok(()),
        Err(_) => match find(root, path)? {
            Some(fd) => (fd, true),
            None => return Ok(()),
        },
    };
    // Nothing is put on a mount itself: if that is a shared one its peers, the host's perhaps, would get it too; and what
    // lies on the root is below everybody's feet.
    if may_be_mount && statx::of(target.as_fd(), &object)?.mount_root {
        return mount::set_attributes(target.as_fd(), READONLY, Depth::Tree, &object);
    }
    let tree = mount::clone_changed_of(target.as_fd(), READONLY, Depth::Tree, &object)?;
    mount::attach(tree.as_fd(), target.as_fd(), &object)?;
    root.done_with(tree);
    root.done_with(target);
    Ok(())
}

/// Whether a path without symlinks in it names something in /proc. What is mounted there has no peers, if the root is not a shared
/// one: then it does no harm to put something on it.
fn is_below_proc(path: &CStr) -> bool {
    let Ok(below) = as_path(path).strip_prefix("/proc") else { return false };
    let mut names = below.components().peekable();
    names.peek().is_some() && names.all(|name| matches!(name, Component::Normal(_)))
}

/// What a path is inside the root; None if it is missing. Only here may ENOENT be ignored: if the mask itself
/// were missing, the path would stay open (CVE-2025-31133).
fn find(root: &Root, path: &CStr) -> Result<Option<OwnedFd>> {
    match root.resolve(as_path(path), Symlinks::Follow) {
        Ok(fd) => Ok(Some(fd)),
        Err(error) if error.is(ENOENT) || error.is(ENOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Hides each masked path: a directory below an empty one, anything else below an empty file, that
/// everybody may read: it is empty, and programs that look at it must not fail where they do not with others.
/// Both come from one read-only tmpfs of our own; the container's /dev/null, which an image can replace by
/// a link to anything, is not used (CVE-2025-31133).
pub fn mask(root: &Root, plan: &Rootfs) -> std::result::Result<(), Failure> {
    if plan.masked_paths.is_empty() {
        return Ok(());
    }
    let mut masks = Masks::make(plan.mount_label.as_ref().map(|label| &*label.label))
        .map_err(|error| Failure::new(Step::MaskedPath, &error))?;
    for (index, path) in plan.masked_paths.iter().enumerate() {
        if plan.masked_paths.iter().take(index).any(|earlier| earlier == path) {
            continue;
        }
        masks.hide(root, path).map_err(|error| Failure::new(Step::MaskedPath, &error).at(index))?;
    }
    masks.finish(root).map_err(|error| Failure::new(Step::MaskedPath, &error))
}

/// The tmpfs of masks, detached: an empty file `file` and an empty folder `dir`, for everybody to read and nobody to
/// write. Also for a restore, which binds them where they were (`criu::external`).
pub fn empty_tree(label: Option<&CStr>) -> Result<OwnedFd> {
    let context = Context::open(c"tmpfs")?;
    context.set(c"size", Some(c"4k"))?;
    context.set(c"mode", Some(c"0555"))?;
    if let Some(label) = label {
        // Always so: the masks are ours, and every file of them must be readable.
        context.set(c"context", Some(label))?;
    }
    context.create()?;
    let tmpfs = context.mount(LOCKED_DOWN)?;
    inode::make(tmpfs.as_fd(), c"file", inode::Node::File, 0o444, OBJECT)?;
    inode::make_dir(tmpfs.as_fd(), c"dir", 0o555, OBJECT)?;
    mount::set_attributes(tmpfs.as_fd(), READONLY, Depth::Mount, OBJECT)?;
    Ok(tmpfs)
}

struct Masks {
    tmpfs: OwnedFd,
    /// A copy of each that waits for its path.
    spare: Vec<(Mask, OwnedFd)>,
    stacked: bool,
}

/// What hides a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mask {
    Directory,
    File,
}

impl Mask {
    /// What the path probably is: asking is a system call, and being wrong costs one. The kernel checks it.
    fn probable(path: &CStr) -> [Mask; 2] {
        // Of what is masked in /proc most are files, in /sys all are directories.
        let is_folder = [c"/proc/acpi", c"/proc/asound", c"/proc/scsi"].contains(&path);
        match as_path(path).starts_with("/proc") && !is_folder {
            true => [Mask::File, Mask::Directory],
            false => [Mask::Directory, Mask::File],
        }
    }

    fn name(self) -> &'static CStr {
        match self {
            Mask::Directory => c"dir",
            Mask::File => c"file",
        }
    }
}

const OBJECT: &str = "tmpfs of masks";

impl Masks {
    fn make(label: Option<&CStr>) -> Result<Masks> {
        Ok(Masks { tmpfs: empty_tree(label)?, spare: Vec::new(), stacked: false })
    }

    fn hide(&mut self, root: &Root, path: &CStr) -> Result<()> {
        let object = path.to_string_lossy();
        let Some(target) = find(root, path)? else { return Ok(()) };
        if broken!("cve_2025_31133") || broken!("cve_2025_62161") {
            // As others did: whatever is called /dev/null, and nothing if it is missing.
            let Some(null) = find(root, c"/dev/null")? else { return Ok(()) };
            let mask = mount::clone_tree_of(null.as_fd(), Depth::Mount, &object)?;
            return mount::attach(mask.as_fd(), target.as_fd(), &object);
        }
        let [probable, other] = Mask::probable(path);
        match self.put(root, probable, target.as_fd(), &object) {
            // A directory goes on a directory only, and a file on a file.
            Err(error) if error.is(EINVAL) || error.is(ENOTDIR) => {
                self.put(root, other, target.as_fd(), &object)?;
            }
            done => done?,
        }
        root.done_with(target);
        Ok(())
    }

    fn put(&mut self, root: &Root, kind: Mask, target: BorrowedFd<'_>, object: &str) -> Result<()> {
        let spare = self.spare.iter().position(|(of, _)| *of == kind);
        let mask = match spare.map(|index| self.spare.swap_remove(index).1) {
            Some(spare) => spare,
            None => self.copy(root, kind, object)?,
        };
        match mount::attach(mask.as_fd(), target, object) {
            Ok(()) => root.done_with(mask),
            Err(error) => {
                self.spare.push((kind, mask));
                return Err(error);
            }
        }
        Ok(())
    }

    fn copy(&mut self, root: &Root, kind: Mask, object: &str) -> Result<OwnedFd> {
        match mount::clone_in(self.tmpfs.as_fd(), kind.name(), object) {
            Err(error) if error.is(EINVAL) && !self.stacked => {
                self.stack(root)?;
                mount::clone_in(self.tmpfs.as_fd(), kind.name(), object)
            }
            other => other,
        }
    }

    /// Before Linux 6.15 only what is attached can be cloned. So the tmpfs lies on top of / for a moment, where no
    /// path leads: lookups start at the root that lies below it.
    fn stack(&mut self, root: &Root) -> Result<()> {
        mount::attach(self.tmpfs.as_fd(), root.as_fd(), OBJECT)?;
        self.stacked = true;
        Ok(())
    }

    fn finish(self, root: &Root) -> Result<()> {
        root.done_with(self.tmpfs);
        if !self.stacked {
            return Ok(());
        }
        mount::enter(root.as_fd(), "/")?;
        mount::detach(c".")?;
        mount::enter_root()
    }
}
