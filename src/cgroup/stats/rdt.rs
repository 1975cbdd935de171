//! Statistics of Intel RDT (Documentation/filesystems/resctrl.rst): schemata and monitoring of a container's group.
//!
//! Called through [`Group::stats`], only for a container that has a group.

use super::is_zero;
use crate::cgroup::freeze::is_gone;
use crate::cgroup::fs::FILE_LIMIT_BYTES;
use crate::cgroup::rdt::Group;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use serde::Serialize;
use std::path::Path;

/// Everything about the group; what the processor does not have is not printed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct IntelRdt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l3_cache_info: Option<L3CacheInfo>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub l3_cache_schema_root: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub l3_cache_schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem_bw_info: Option<MemBwInfo>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mem_bw_schema_root: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mem_bw_schema: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mbm_stats: Vec<Bandwidth>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmt_stats: Vec<Occupancy>,
}

/// What the L3 cache can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct L3CacheInfo {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cbm_mask: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub min_cbm_bits: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_closids: u64,
}

/// What the memory controller can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct MemBwInfo {
    #[serde(skip_serializing_if = "is_zero")]
    pub bandwidth_gran: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_linear: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub min_bandwidth: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub num_closids: u64,
}

/// Memory bandwidth of one L3 domain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Bandwidth {
    pub mbm_total_bytes: u64,
    pub mbm_local_bytes: u64,
}

/// Cache occupancy of one L3 domain, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Occupancy {
    pub llc_occupancy: u64,
}

/// See [`Group::stats`].
pub(in crate::cgroup) fn read(group: &Group) -> Result<IntelRdt, SysError> {
    let root = text(&group.mount, "schemata")?.unwrap_or_default();
    let own = text(&group.dir(), "schemata")?.unwrap_or_default();
    let mut rdt = IntelRdt {
        l3_cache_schema_root: schema(&root, "L3"),
        l3_cache_schema: schema(&own, "L3"),
        mem_bw_schema_root: schema(&root, "MB"),
        mem_bw_schema: schema(&own, "MB"),
        ..IntelRdt::default()
    };
    let l3 = group.mount.join("info/L3");
    rdt.l3_cache_info = text(&l3, "cbm_mask")?.map(|mask| L3CacheInfo {
        cbm_mask: mask.trim().to_owned(),
        min_cbm_bits: number(&l3, "min_cbm_bits").unwrap_or(0),
        num_closids: number(&l3, "num_closids").unwrap_or(0),
    });
    let mb = group.mount.join("info/MB");
    rdt.mem_bw_info = text(&mb, "bandwidth_gran")?.map(|_| MemBwInfo {
        bandwidth_gran: number(&mb, "bandwidth_gran").unwrap_or(0),
        delay_linear: number(&mb, "delay_linear").unwrap_or(0),
        min_bandwidth: number(&mb, "min_bandwidth").unwrap_or(0),
        num_closids: number(&mb, "num_closids").unwrap_or(0),
    });
    // The root group's counters are the whole machine's.
    let monitored = group.monitor_dir().or_else(|| (!group.name.is_empty()).then(|| group.dir()));
    if let Some(monitored) = monitored {
        read_monitoring(&monitored.join("mon_data"), &mut rdt)?;
    }
    Ok(rdt)
}

/// One folder for each L3 domain. A counter that is missing, or `Unavailable` in one of them, is left out for all: the
/// place in the list is the domain.
fn read_monitoring(mon_data: &Path, rdt: &mut IntelRdt) -> Result<(), SysError> {
    let entries = match Dir::open(mon_data) {
        Ok(dir) => dir.entries()?,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let domains = entries.iter().filter(|entry| entry.is_dir && entry.name.starts_with("mon_L3_"));
    let mut names: Vec<&str> = domains.map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    let domains: Vec<_> = names.iter().map(|name| mon_data.join(name)).collect();
    let bandwidth = domains.iter().map(|domain| {
        let (mbm_total_bytes, mbm_local_bytes) =
            (number(domain, "mbm_total_bytes")?, number(domain, "mbm_local_bytes")?);
        Some(Bandwidth { mbm_total_bytes, mbm_local_bytes })
    });
    rdt.mbm_stats = bandwidth.collect::<Option<_>>().unwrap_or_default();
    let occupancy =
        domains.iter().map(|domain| Some(Occupancy { llc_occupancy: number(domain, "llc_occupancy")? }));
    rdt.cmt_stats = occupancy.collect::<Option<_>>().unwrap_or_default();
    Ok(())
}

fn text(folder: &Path, file: &str) -> Result<Option<String>, SysError> {
    match Dir::open(folder).and_then(|dir| dir.read(file, FILE_LIMIT_BYTES)) {
        Ok(text) => Ok(Some(String::from_utf8_lossy(&text).into_owned())),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn number(folder: &Path, file: &str) -> Option<u64> {
    text(folder, file).ok().flatten()?.trim().parse().ok()
}

/// The line of one resource, as `L3:0=7ff`.
fn schema(schemata: &str, resource: &str) -> String {
    let of_resource = |line: &&str| line.strip_prefix(resource).is_some_and(|rest| rest.starts_with(':'));
    schemata.lines().map(str::trim).find(of_resource).unwrap_or_default().to_owned()
}
