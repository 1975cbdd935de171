//! What a container has used: files of its groups -> [`Stats`], in the shape and the units of runc's `events`.
//!
//! Called by [`Handle::stats`]. Each controller is read from the hierarchy where the container has it; a controller or
//! a file that the kernel does not have leaves zeros, which are not printed. What is there and cannot be understood is
//! an error: no number is made up. PSI exists in v2 only (Documentation/accounting/psi.rst).

mod rdt;
mod v1;
mod v2;

pub use rdt::IntelRdt;
pub(super) use rdt::read as read_rdt;

use super::Handle;
use super::files::{Files, MAX, groups_present};
use crate::sys::SysError;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a container has used.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Stats {
    pub cpu: Cpu,
    pub cpuset: Cpuset,
    pub memory: Memory,
    pub pids: Pids,
    pub blkio: Blkio,
    pub hugetlb: BTreeMap<String, Hugetlb>,
}

/// CPU time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Cpu {
    pub usage: CpuUsage,
    pub throttling: Throttling,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// CPU time that was used, in nanoseconds; by CPU on v1 only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct CpuUsage {
    #[serde(skip_serializing_if = "is_zero")]
    pub total: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_kernel: Vec<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percpu_user: Vec<u64>,
    pub kernel: u64,
    pub user: u64,
}

/// How often the CPU quota was used up; the time in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Throttling {
    #[serde(skip_serializing_if = "is_zero")]
    pub periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub throttled_periods: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub throttled_time: u64,
}

/// Pressure stall information: how long some, and all, of the processes waited.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Psi {
    pub some: Pressure,
    pub full: Pressure,
}

/// Shares of the last 10, 60 and 300 seconds in percent; the total in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Pressure {
    pub avg10: f64,
    pub avg60: f64,
    pub avg300: f64,
    pub total: u64,
}

/// CPUs and memory nodes. The flags exist on v1 only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Cpuset {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<u16>,
    pub cpu_exclusive: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mems: Vec<u16>,
    pub mem_hardwall: u64,
    pub mem_exclusive: u64,
    pub memory_migrate: u64,
    pub memory_spread_page: u64,
    pub memory_spread_slab: u64,
    pub memory_pressure: u64,
    pub sched_load_balance: u64,
    pub sched_relax_domain_level: i64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Memory {
    #[serde(skip_serializing_if = "is_zero")]
    pub cache: u64,
    pub usage: MemoryEntry,
    pub swap: MemoryEntry,
    pub kernel: MemoryEntry,
    #[serde(rename = "kernelTCP")]
    pub kernel_tcp: MemoryEntry,
    /// memory.stat, line by line.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub raw: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// One kind of memory. `swap` is memory and swap together, as v1 counts it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct MemoryEntry {
    pub limit: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub max: u64,
    pub failcnt: u64,
}

/// Processes and threads. No limit is 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Pids {
    #[serde(skip_serializing_if = "is_zero")]
    pub current: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub limit: u64,
}

/// Block I/O by device and kind of operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Blkio {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_bytes_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_serviced_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_queue_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_service_time_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_wait_time_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_merged_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub io_time_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sectors_recursive: Vec<BlkioEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// One counter of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct BlkioEntry {
    #[serde(skip_serializing_if = "is_zero")]
    pub major: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub minor: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub op: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub value: u64,
}

/// Huge pages of one size, in bytes: what is reserved, where the kernel counts that, else what is used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Hugetlb {
    #[serde(skip_serializing_if = "is_zero")]
    pub usage: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub max: u64,
    pub failcnt: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// See [`Handle::stats`].
pub(super) fn read(handle: &Handle) -> Result<Option<Stats>, SysError> {
    let before = groups_present(handle);
    if before == 0 {
        return Ok(None);
    }
    let mut stats = Stats::default();
    let v2 = handle.open_v2().map(Files);
    let mut each = |controller: &str, of_v1: Reader, of_v2: Reader| match handle.open_v1(controller) {
        Some(dir) => of_v1(&Files(dir), &mut stats),
        None => v2.as_ref().map_or(Ok(()), |files| of_v2(files, &mut stats)),
    };
    each("cpuacct", v1::cpu_usage, v2::cpu_usage)?;
    each("cpu", throttling_of_v1, throttling_of_v2)?;
    each("cpuset", v1::cpuset, v2::cpuset)?;
    each("memory", v1::memory, v2::memory)?;
    each("pids", pids, pids)?;
    each("blkio", v1::blkio, v2::blkio)?;
    each("hugetlb", v1::hugetlb, v2::hugetlb)?;
    if let Some(files) = &v2 {
        v2::pressure(files, &mut stats)?;
    }
    Ok((groups_present(handle) == before).then_some(stats))
}

/// Reads one controller.
type Reader = fn(&Files, &mut Stats) -> Result<(), SysError>;

/// v1 counts the time in nanoseconds, v2 in microseconds.
fn throttling_of_v1(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    throttling(files, "throttled_time", 1, stats)
}

fn throttling_of_v2(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    throttling(files, "throttled_usec", v2::US_IN_NS, stats)
}

fn throttling(files: &Files, time: &str, unit_ns: u64, stats: &mut Stats) -> Result<(), SysError> {
    let fields = files.fields("cpu.stat")?;
    let field = |key| fields.get(key).copied().unwrap_or(0);
    stats.cpu.throttling = Throttling {
        periods: field("nr_periods"),
        throttled_periods: field("nr_throttled"),
        throttled_time: field(time).saturating_mul(unit_ns),
    };
    Ok(())
}

/// pids.current and pids.max are the same on both versions.
fn pids(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    stats.pids.current = files.number("pids.current")?;
    let limit = files.number("pids.max")?;
    stats.pids.limit = if limit == MAX { 0 } else { limit };
    Ok(())
}
