//! Statistics of cgroup v2 (Documentation/admin-guide/cgroup-v2.rst), controller by controller, and pressure.
//!
//! Called by the parent module with the container's group of the unified hierarchy.

use super::{BlkioEntry, Files, Hugetlb, MAX, MemoryEntry, Pressure, Psi, Stats};
use crate::sys::SysError;

/// v2 counts CPU time in microseconds.
pub(super) const US_IN_NS: u64 = 1000;

pub(super) fn cpu_usage(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let fields = files.fields("cpu.stat")?;
    let time_ns = |key| fields.get(key).copied().unwrap_or(0).saturating_mul(US_IN_NS);
    let usage = &mut stats.cpu.usage;
    usage.total = time_ns("usage_usec");
    (usage.kernel, usage.user) = (time_ns("system_usec"), time_ns("user_usec"));
    Ok(())
}

/// What is in force: cpuset.cpus is empty unless it was set.
pub(super) fn cpuset(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    stats.cpuset.cpus = files.list("cpuset.cpus.effective")?;
    stats.cpuset.mems = files.list("cpuset.mems.effective")?;
    Ok(())
}

pub(super) fn memory(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let memory = &mut stats.memory;
    memory.raw = files.fields("memory.stat")?;
    memory.cache = memory.raw.get("file").copied().unwrap_or(0);
    memory.usage = MemoryEntry {
        limit: files.number("memory.max")?,
        usage: files.number("memory.current")?,
        // Since Linux 5.19.
        max: files.number("memory.peak")?,
        failcnt: 0,
    };
    // Without swap accounting there is nothing to add up.
    if files.text("memory.swap.current")?.is_none() {
        return Ok(());
    }
    // Readers expect v1's sum of memory and swap; of two peaks there is no sum.
    let (limit, usage) = (files.number("memory.swap.max")?, files.number("memory.swap.current")?);
    let unlimited = limit == MAX || memory.usage.limit == MAX;
    memory.swap = MemoryEntry {
        limit: if unlimited { MAX } else { limit.saturating_add(memory.usage.limit) },
        usage: usage.saturating_add(memory.usage.usage),
        ..MemoryEntry::default()
    };
    Ok(())
}

/// Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`, perhaps with more keys.
pub(super) fn blkio(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    let file = "io.stat";
    let text = files.text(file)?.unwrap_or_default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        // A device without any I/O so far can be a line of its own without keys.
        let Some(device) = words.next() else { continue };
        let number = |text: &str| text.parse::<u64>().map_err(|_| files.odd(file));
        let (major, minor) = device.split_once(':').ok_or_else(|| files.odd(file))?;
        let (major, minor) = (number(major)?, number(minor)?);
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (op, into) = match key {
                "rbytes" => ("Read", &mut stats.blkio.io_service_bytes_recursive),
                "wbytes" => ("Write", &mut stats.blkio.io_service_bytes_recursive),
                "dbytes" => ("Discard", &mut stats.blkio.io_service_bytes_recursive),
                "rios" => ("Read", &mut stats.blkio.io_serviced_recursive),
                "wios" => ("Write", &mut stats.blkio.io_serviced_recursive),
                "dios" => ("Discard", &mut stats.blkio.io_serviced_recursive),
                // io.cost and io.latency add keys that have no place in this format.
                _ => continue,
            };
            into.push(BlkioEntry { major, minor, op: op.to_owned(), value: number(value)? });
        }
    }
    Ok(())
}

pub(super) fn hugetlb(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    for size in files.page_sizes("current")? {
        let reserved = format!("hugetlb.{size}.rsvd.current");
        let usage = match files.text(&reserved)? {
            Some(_) => files.number(&reserved)?,
            None => files.number(&format!("hugetlb.{size}.current"))?,
        };
        let events = files.fields(&format!("hugetlb.{size}.events"))?;
        let failcnt = events.get("max").copied().unwrap_or(0);
        stats.hugetlb.insert(size, Hugetlb { usage, max: 0, failcnt });
    }
    Ok(())
}

pub(super) fn pressure(files: &Files, stats: &mut Stats) -> Result<(), SysError> {
    stats.cpu.psi = psi(files, "cpu.pressure")?;
    stats.memory.psi = psi(files, "memory.pressure")?;
    stats.blkio.psi = psi(files, "io.pressure")?;
    Ok(())
}

/// Two lines, `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and `full` (for the CPU since Linux 5.13).
fn psi(files: &Files, file: &str) -> Result<Option<Psi>, SysError> {
    let Some(text) = files.text(file)? else { return Ok(None) };
    let mut psi = Psi::default();
    for line in text.lines() {
        let (kind, values) = line.split_once(' ').ok_or_else(|| files.odd(file))?;
        let parsed = parse_pressure(values).ok_or_else(|| files.odd(file))?;
        match kind {
            "some" => psi.some = parsed,
            "full" => psi.full = parsed,
            _ => {}
        }
    }
    Ok(Some(psi))
}

fn parse_pressure(values: &str) -> Option<Pressure> {
    let mut pressure = Pressure::default();
    for (key, value) in values.split_ascii_whitespace().filter_map(|word| word.split_once('=')) {
        match key {
            "avg10" => pressure.avg10 = percent(value)?,
            "avg60" => pressure.avg60 = percent(value)?,
            "avg300" => pressure.avg300 = percent(value)?,
            "total" => pressure.total = value.parse().ok()?,
            _ => {}
        }
    }
    Some(pressure)
}

/// The kernel prints two decimals. Counted in hundredths, so that no parser of floating point numbers is linked in.
fn percent(text: &str) -> Option<f64> {
    let (whole, hundredths) = text.split_once('.')?;
    if hundredths.len() != 2 {
        return None;
    }
    let value = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths.parse().ok()?)?;
    Some(f64::from(value) / 100.0)
}
