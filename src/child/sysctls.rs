//! Kernel parameters (config-linux.md, "Sysctl").
//!
//! Called by the step list after the createRuntime hooks (only then does net.ipv4.conf.eth0 exist) and before the
//! switch of roots (the fallback needs the host's /proc). The container's own /proc is not used: it may be anything
//! (CVE-2025-52881).

use crate::plan::Sysctl;
use crate::sys::error::errno::EACCES;
use crate::sys::{Result, fd, mount, proc};
use crate::wire::{Failure, Step};
use std::os::fd::{AsFd, BorrowedFd};

/// Writes each parameter once, through a procfs of our own, into the namespaces of this process.
///
/// Fails when: the kernel has no such parameter (ENOENT), refuses the value, or the namespace is not ours.
pub fn write(sysctls: &[Sysctl]) -> std::result::Result<(), Failure> {
    if sysctls.is_empty() {
        return Ok(());
    }
    let own =
        proc::private_procfs(proc::Subset::Whole).map_err(|error| Failure::new(Step::Sysctl, &error))?;
    for (index, sysctl) in sysctls.iter().enumerate() {
        let written = match write_one(own.as_fd(), sysctl) {
            // A profile of AppArmor around us cannot name a file of a detached mount: once more through the host's.
            Err(error) if error.is(EACCES) => {
                let host = proc::host_procfs().and_then(|host| write_one(host.as_fd(), sysctl));
                host.map_err(|_| error)
            }
            other => other,
        };
        written.map_err(|error| Failure::new(Step::Sysctl, &error).at(index))?;
    }
    Ok(())
}

/// What a careless runtime would write through, for `integration/break`: the container's /proc.
#[cfg(feature = "break-guards")]
static ROOT: std::sync::Mutex<Option<std::os::fd::OwnedFd>> = std::sync::Mutex::new(None);

/// Keeps the root for [`write_one`] with a broken guard.
#[cfg(feature = "break-guards")]
pub(super) fn remember_root(root: &crate::sys::path::Root) {
    if let Ok(mut slot) = ROOT.lock() {
        *slot = fd::duplicate(root.as_fd(), 3).ok();
    }
}

#[cfg(feature = "break-guards")]
fn write_carelessly(sysctl: &Sysctl) -> Result<()> {
    let guard = ROOT.lock().ok();
    let Some(root) = guard.as_ref().and_then(|slot| slot.as_ref()) else { return Ok(()) };
    let host = proc::host_procfs()?;
    let path = format!("/proc/sys/{}", sysctl.path.to_string_lossy());
    let root = crate::sys::path::Root::new(fd::duplicate(root.as_fd(), 3)?);
    let file = root.resolve(path.as_ref(), crate::sys::path::Symlinks::Follow)?;
    let file = proc::reopen(host.as_fd(), file.as_fd(), proc::Access::Write, &path)?;
    fd::write_once(file.as_fd(), &sysctl.key, sysctl.value.as_bytes())
}

fn write_one(proc: BorrowedFd<'_>, sysctl: &Sysctl) -> Result<()> {
    #[cfg(feature = "break-guards")]
    if broken!("cve_2019_16884") || broken!("cve_2025_52881") || broken!("cve_2025_62596") {
        return write_carelessly(sysctl);
    }
    let path = format!("sys/{}", sysctl.path.to_string_lossy());
    let file = proc::open_in(proc, &mount::c_string(&path), proc::Access::Write)?;
    fd::write_once(file.as_fd(), &sysctl.key, sysctl.value.as_bytes())
}
