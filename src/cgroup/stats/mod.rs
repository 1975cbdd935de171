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
use super::freeze::is_gone;
use super::fs::FILE_LIMIT_BYTES;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
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
    let present = || handle.trees().filter(|tree| Dir::open(&tree.dir()).is_ok()).count();
    let before = present();
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
    each("cpu", v1::throttling, v2::throttling)?;
    each("cpuset", v1::cpuset, v2::cpuset)?;
    each("memory", v1::memory, v2::memory)?;
    each("pids", pids, pids)?;
    each("blkio", v1::blkio, v2::blkio)?;
    each("hugetlb", v1::hugetlb, v2::hugetlb)?;
    if let Some(files) = &v2 {
        v2::pressure(files, &mut stats)?;
    }
    // A group that was removed meanwhile has files no more: what was read is only a part.
    Ok((present() == before).then_some(stats))
}

/// Reads one controller.
type Reader = fn(&Files, &mut Stats) -> Result<(), SysError>;

/// pids.current and pids.max are the same on both versions.
fn pids(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    stats.pids.current = files.number("pids.current")?;
    let limit = files.number("pids.max")?;
    stats.pids.limit = if limit == NO_LIMIT { 0 } else { limit };
    Ok(())
}

/// `max`.
const NO_LIMIT: u64 = u64::MAX;

/// The files of one group.
struct Files(Dir);

impl Files {
    /// A file's text. None: there is no such file, or the kernel has switched it off (EOPNOTSUPP: PSI).
    fn text(&self, file: &str) -> Result<Option<String>, SysError> {
        match self.0.read(file, FILE_LIMIT_BYTES) {
            Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            Err(error) if is_gone(&error) || error.is(errno::EOPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The error of a file with a text that is not understood.
    fn odd(&self, file: &str) -> SysError {
        SysError::new("read", format!("{} (a value is not a number)", self.0.path_of(file)), errno::EINVAL)
    }

    /// A file of one number; 0 if there is none.
    fn number(&self, file: &str) -> Result<u64, SysError> {
        match self.text(file)? {
            None => Ok(0),
            Some(text) => number(text.trim()).ok_or_else(|| self.odd(file)),
        }
    }

    /// A file of numbers between spaces.
    fn numbers(&self, file: &str) -> Result<Vec<u64>, SysError> {
        let text = self.text(file)?.unwrap_or_default();
        text.split_ascii_whitespace().map(|word| number(word).ok_or_else(|| self.odd(file))).collect()
    }

    /// A file of `KEY NUMBER` lines.
    fn fields(&self, file: &str) -> Result<BTreeMap<String, u64>, SysError> {
        let text = self.text(file)?.unwrap_or_default();
        let field = |line: &str| {
            let (key, value) = line.trim_end().split_once(' ')?;
            Some((key.to_owned(), number(value.trim())?))
        };
        text.lines().map(|line| field(line).ok_or_else(|| self.odd(file))).collect()
    }

    /// A list of the form `0-3,7` (cpuset(7), "List format").
    fn list(&self, file: &str) -> Result<Vec<u16>, SysError> {
        let text = self.text(file)?.unwrap_or_default();
        let mut list = Vec::new();
        for part in text.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
                return Err(self.odd(file));
            };
            list.extend(first..=last);
        }
        Ok(list)
    }

    /// The sizes of huge pages that the group has files for: `2MB`, from `hugetlb.2MB.SUFFIX`.
    fn page_sizes(&self, suffix: &str) -> Result<Vec<String>, SysError> {
        let size = |name: &str| Some(name.strip_prefix("hugetlb.")?.strip_suffix(suffix)?.to_owned());
        let sizes = self.0.entries()?.iter().filter_map(|entry| size(&entry.name)).collect::<Vec<_>>();
        Ok(sizes.into_iter().filter(|size| !size.contains('.')).collect())
    }
}

fn number(word: &str) -> Option<u64> {
    if word == "max" { Some(NO_LIMIT) } else { word.parse().ok() }
}
