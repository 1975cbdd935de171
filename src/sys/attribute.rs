//! What a process has beside its identity: scheduling, I/O priority, CPU affinity, personality, memory policy.
//!
//! Used by `child`, for itself. All of these survive execve(2).

use super::{Result, SysError};

/// struct sched_attr of sched_setattr(2).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
#[allow(missing_docs)]
pub struct SchedAttr {
    pub size_bytes: u32,
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime_ns: u64,
    pub deadline_ns: u64,
    pub period_ns: u64,
}

/// sched_setattr(2), Linux 3.14, of a process of ours; 0 is this one.
pub fn set_scheduler(pid: i32, mut attributes: SchedAttr) -> Result<()> {
    attributes.size_bytes = size_of::<SchedAttr>() as u32;
    // SAFETY: a live sched_attr of the size it names.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, pid, &raw const attributes, 0) } {
        0 => Ok(()),
        _ => Err(SysError::last("sched_setattr", format!("policy {}", attributes.policy))),
    }
}

/// ioprio_set(2): class << 13 | level.
pub fn set_io_priority(priority: u16) -> Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    // SAFETY: integers only.
    match unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, libc::c_int::from(priority)) } {
        0 => Ok(()),
        _ => Err(SysError::last("ioprio_set", format!("priority {priority:#x}"))),
    }
}

/// personality(2).
pub fn set_personality(domain: u32) -> Result<()> {
    // SAFETY: an integer only.
    match unsafe { libc::personality(libc::c_ulong::from(domain)) } {
        -1 => Err(SysError::last("personality", format!("{domain:#x}"))),
        _ => Ok(()),
    }
}

/// set_mempolicy(2): MPOL_* with flags, and nodes as a bit mask of 64 a word.
pub fn set_memory_policy(mode: u32, nodes: &[u64]) -> Result<()> {
    let bits = nodes.len() * 64;
    let address = if nodes.is_empty() { std::ptr::null() } else { nodes.as_ptr() };
    // The kernel reads one bit less than it is told (set_mempolicy(2), "Notes"): hence the one more.
    let maximum = if nodes.is_empty() { 0 } else { bits + 1 };
    // SAFETY: the mask is live and has the words that its length tells.
    match unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, address, maximum) } {
        0 => Ok(()),
        _ => Err(SysError::last("set_mempolicy", format!("mode {mode:#x}"))),
    }
}

/// Lets this process run on these CPUs only: a bit mask of 64 a word (sched_setaffinity(2)).
pub fn set_affinity(cpus: &[u64]) -> Result<()> {
    // SAFETY: the mask is live and of the size given; pid 0 is this process.
    match unsafe { libc::syscall(libc::SYS_sched_setaffinity, 0, size_of_val(cpus), cpus.as_ptr()) } {
        -1 => Err(SysError::last("sched_setaffinity", "CPUs of execCPUAffinity")),
        _ => Ok(()),
    }
}

/// Lets this process run on every CPU that its cpuset allows, whatever affinity the caller had: the kernel cuts the mask.
pub fn reset_affinity() -> Result<()> {
    // As many CPUs as any kernel is built for (CONFIG_NR_CPUS).
    let every = [u64::MAX; 8192 / 64];
    set_affinity(&every)
}
