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

fn write_one(proc: BorrowedFd<'_>, sysctl: &Sysctl) -> Result<()> {
    let path = format!("sys/{}", sysctl.path.to_string_lossy());
    let file = proc::open_in(proc, &mount::c_string(&path), proc::Access::Write)?;
    fd::write_once(file.as_fd(), &sysctl.key, sysctl.value.as_bytes())
}
