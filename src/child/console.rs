//! The container's terminal: a pty of its own devpts, on standard input, output and error, and on /dev/console.
//!
//! Called by the step list in `child` after the switch of roots, when only the container's devpts can be reached.

use super::{Inherited, Stepped, failed};
use crate::plan::process::Terminal;
use crate::sys::mount::{self, Depth};
use crate::sys::path::{Root, Symlinks};
use crate::sys::{Result, SysError, error::errno, inode, process, pty, socket};
use crate::wire::Step;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// statfs(2) magic of devpts.
const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;

/// Does: opens a pty, gives the master to whoever holds the console socket, keeps the slave.
/// Fails when: no devpts is mounted on /dev/pts, or the socket's reader is gone.
pub fn set_up(birth: &mut Inherited<'_>, root: &Root) -> Stepped<()> {
    let Some(terminal) = birth.plan.process.terminal else { return Ok(()) };
    let Some(socket) = birth.console.take() else { return Ok(()) };
    let made = || -> Result<()> {
        let slave = new_terminal(root, terminal, birth.plan.process.user.uid, socket.as_fd())?;
        cover_console(root, &slave)?;
        pty::make_controlling(slave.as_fd())?;
        process::become_stdio(slave.as_fd())
    };
    made().map_err(failed(Step::Console))?;
    // All three streams are the terminal now, whatever the caller's were.
    birth.host_nulls.clear();
    Ok(())
}

/// A terminal of the container's devpts for user `uid`, as this user namespace counts; its master goes to `socket`.
pub fn new_terminal(root: &Root, terminal: Terminal, uid: u32, socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    let pty = pty::from_ptmx(open_ptmx(root)?)?;
    if let Some(size) = terminal.size {
        pty::set_size(pty.slave.as_fd(), size)?;
    }
    match pty::set_owner(pty.slave.as_fd(), uid) {
        // A devpts of another user namespace: the terminal works, only reopening it by name does not.
        Err(e) if e.is(errno::EPERM) || e.is(errno::EINVAL) => {}
        other => other?,
    }
    let name = format!("/dev/pts/{}", pty.number);
    socket::send_descriptor(socket, name.as_bytes(), pty.master.as_fd())?;
    Ok(pty.slave)
}

/// The devpts is checked to be one, and `ptmx` is opened in it without following a link (CVE-2025-52565).
fn open_ptmx(root: &Root) -> Result<OwnedFd> {
    use crate::sys::dir::Dir;
    let symlinks = if broken!("cve_2025_52565") { Symlinks::Follow } else { Symlinks::Refuse };
    let no_devpts = || {
        SysError::new("open", "/dev/pts/ptmx (a terminal needs a devpts mount on /dev/pts)", errno::ENODEV)
    };
    let dir = match root.resolve(Path::new("/dev/pts"), symlinks) {
        Err(error) if error.is(errno::ENOENT) => return Err(no_devpts()),
        found => Dir::from_fd(found?, "/dev/pts"),
    };
    if dir.filesystem_magic()? != DEVPTS_SUPER_MAGIC && !broken!("cve_2025_52565") {
        return Err(no_devpts());
    }
    pty::open_ptmx(dir.as_fd())
}

/// Puts the terminal on /dev/console: on a file that is made for it, never through a link (CVE-2026-88264).
fn cover_console(root: &Root, slave: &OwnedFd) -> Result<()> {
    let path = Path::new("/dev/console");
    let slot = root.slot(path)?;
    let target = match inode::open(slot.dir.as_fd(), &slot.name, "/dev/console")? {
        _ if broken!("cve_2026_88264") => root.make_file(path, 0o600)?,
        Some(fd) if !crate::sys::statx::of(fd.as_fd(), "/dev/console")?.is_symlink() => fd,
        found => {
            if found.is_some() {
                inode::remove(slot.dir.as_fd(), &slot.name, "/dev/console")?;
            }
            match inode::make(slot.dir.as_fd(), &slot.name, inode::Node::File, 0o600, "/dev/console") {
                // A read-only /dev without a console: the terminal works without that name.
                Err(e) if e.is(errno::EROFS) => return Ok(()),
                other => other?,
            }
            inode::open(slot.dir.as_fd(), &slot.name, "/dev/console")?
                .ok_or_else(|| SysError::new("open", "/dev/console", errno::ENOENT))?
        }
    };
    if broken!("cve_2025_52565") {
        let named = root.resolve(Path::new("/dev/pts/0"), Symlinks::Follow)?;
        let tree = mount::clone_tree_of(named.as_fd(), Depth::Mount, "/dev/console")?;
        return mount::attach(tree.as_fd(), target.as_fd(), "/dev/console");
    }
    let tree = mount::clone_tree_of(slave.as_fd(), Depth::Mount, "/dev/console")?;
    mount::attach(tree.as_fd(), target.as_fd(), "/dev/console")
}
