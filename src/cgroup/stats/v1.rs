//! Statistics of cgroup v1 (Documentation/admin-guide/cgroup-v1), controller by controller.
//!
//! Called by the parent module, each with the group that has the controller.

use super::{BlkioEntry, Files, Hugetlb, MemoryEntry, Stats};
use crate::sys::SysError;

/// cpuacct.stat counts in ticks of USER_HZ, which is 100 for every program on Linux (time(7)).
const TICK_NS: u64 = 10_000_000;

pub(super) fn cpu_usage(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let usage = &mut stats.cpu.usage;
    usage.total = files.number("cpuacct.usage")?;
    usage.percpu = files.numbers("cpuacct.usage_percpu")?;
    // Before Linux 4.7 there are none.
    usage.percpu_kernel = files.numbers("cpuacct.usage_percpu_sys")?;
    usage.percpu_user = files.numbers("cpuacct.usage_percpu_user")?;
    let ticks = files.fields("cpuacct.stat")?;
    let time_ns = |key| ticks.get(key).copied().unwrap_or(0).saturating_mul(TICK_NS);
    (usage.kernel, usage.user) = (time_ns("system"), time_ns("user"));
    Ok(())
}

pub(super) fn cpuset(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let cpuset = &mut stats.cpuset;
    cpuset.cpus = files.list("cpuset.cpus")?;
    cpuset.mems = files.list("cpuset.mems")?;
    for (file, into) in [
        ("cpuset.cpu_exclusive", &mut cpuset.cpu_exclusive),
        ("cpuset.mem_hardwall", &mut cpuset.mem_hardwall),
        ("cpuset.mem_exclusive", &mut cpuset.mem_exclusive),
        ("cpuset.memory_migrate", &mut cpuset.memory_migrate),
        ("cpuset.memory_spread_page", &mut cpuset.memory_spread_page),
        ("cpuset.memory_spread_slab", &mut cpuset.memory_spread_slab),
        ("cpuset.memory_pressure", &mut cpuset.memory_pressure),
        ("cpuset.sched_load_balance", &mut cpuset.sched_load_balance),
    ] {
        *into = files.number(file)?;
    }
    let level = files.parsed("cpuset.sched_relax_domain_level", |text| text.parse().ok())?;
    cpuset.sched_relax_domain_level = level.unwrap_or(0);
    Ok(())
}

pub(super) fn memory(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let memory = &mut stats.memory;
    memory.raw = files.fields("memory.stat")?;
    memory.cache = memory.raw.get("cache").copied().unwrap_or(0);
    memory.usage = memory_entry(files, "memory")?;
    memory.swap = memory_entry(files, "memory.memsw")?;
    memory.kernel = memory_entry(files, "memory.kmem")?;
    memory.kernel_tcp = memory_entry(files, "memory.kmem.tcp")?;
    Ok(())
}

fn memory_entry(files: &Files, kind: &str) -> Result<MemoryEntry, SysError> {
    Ok(MemoryEntry {
        limit: files.number(&format!("{kind}.limit_in_bytes"))?,
        usage: files.number(&format!("{kind}.usage_in_bytes"))?,
        max: files.number(&format!("{kind}.max_usage_in_bytes"))?,
        failcnt: files.number(&format!("{kind}.failcnt"))?,
    })
}

pub(super) fn blkio(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let blkio = &mut stats.blkio;
    for (name, into) in [
        ("io_service_bytes_recursive", &mut blkio.io_service_bytes_recursive),
        ("io_serviced_recursive", &mut blkio.io_serviced_recursive),
        ("io_queued_recursive", &mut blkio.io_queue_recursive),
        ("io_service_time_recursive", &mut blkio.io_service_time_recursive),
        ("io_wait_time_recursive", &mut blkio.io_wait_time_recursive),
        ("io_merged_recursive", &mut blkio.io_merged_recursive),
        ("time_recursive", &mut blkio.io_time_recursive),
        ("sectors_recursive", &mut blkio.sectors_recursive),
    ] {
        // A device is counted by its scheduler, BFQ or (before Linux 5.0) CFQ, or else by the throttling layer: neither
        // knows all devices.
        for source in ["blkio.bfq", "blkio", "blkio.throttle"] {
            let more = device_counters(files, &format!("{source}.{name}"))?;
            let known: Vec<(u64, u64)> = into.iter().map(|entry| (entry.major, entry.minor)).collect();
            into.extend(more.into_iter().filter(|entry| !known.contains(&(entry.major, entry.minor))));
        }
    }
    Ok(())
}

/// Lines `8:0 Read 4096`, or `8:0 4096`; the last line is the sum over all devices, `Total 4096`.
fn device_counters(files: &Files, file: &str) -> Result<Vec<BlkioEntry>, SysError> {
    let entry = |line: &str| {
        let (device, rest) = line.split_once(' ')?;
        let (major, minor) = device.split_once(':')?;
        let (op, value) = rest.trim().rsplit_once(' ').unwrap_or(("", rest.trim()));
        let (major, minor, value) = (major.parse().ok()?, minor.parse().ok()?, value.parse().ok()?);
        Some(BlkioEntry { major, minor, op: op.to_owned(), value })
    };
    let text = files.text(file)?.unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with("Total") && !line.trim().is_empty());
    lines.map(|line| entry(line).ok_or_else(|| files.odd(file))).collect()
}

pub(super) fn hugetlb(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    for size in files.page_sizes("usage_in_bytes")? {
        // Reservations are counted since Linux 5.7; they are what a limit refuses first.
        let reserved = format!("hugetlb.{size}.rsvd");
        let prefix = match files.text(&format!("{reserved}.usage_in_bytes"))? {
            Some(_) => reserved,
            None => format!("hugetlb.{size}"),
        };
        let pages = Hugetlb {
            usage: files.number(&format!("{prefix}.usage_in_bytes"))?,
            max: files.number(&format!("{prefix}.max_usage_in_bytes"))?,
            failcnt: files.number(&format!("{prefix}.failcnt"))?,
        };
        stats.hugetlb.insert(size, pages);
    }
    Ok(())
}
