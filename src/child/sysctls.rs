//! (being written) Kernel parameters.
use super::rootfs::At;
use crate::plan::Sysctl;

/// Step Sysctl: writes them through a procfs of our own. After the createRuntime hooks (net.ipv4.conf.eth0 exists then)
/// and BEFORE the switch of roots (the fallback needs the host's /proc).
pub fn write(sysctls: &[Sysctl]) -> Result<(), At> {
    let _ = sysctls;
    Ok(())
}
