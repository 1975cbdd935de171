//! Reads the limits in force back from the kernel's files, in the words of config.json's `linux.resources`.
//!
//! Called by [`Handle::effective`], for `update --json`. What is printed can be given to `update --resources` again:
//! -1 is no limit, a list names only what has one, and what v2 counts in another unit stands under `unified`.

use super::Handle;
use super::files::{Files, groups_present};
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use serde::Serialize;
use std::collections::BTreeMap;

/// The limits in force; a field that the host has no controller for is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Effective {
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub memory: Section,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub cpu: Section,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub pids: Section,
    #[serde(rename = "blockIO", skip_serializing_if = "BlockIo::is_empty")]
    pub block_io: BlockIo,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hugepage_limits: Vec<Hugepage>,
    #[serde(skip_serializing_if = "Section::is_empty")]
    pub network: Section,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rdma: BTreeMap<String, Section>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unified: BTreeMap<String, String>,
}

/// The fields of one section.
pub type Section = BTreeMap<&'static str, Value>;

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Value {
    Number(i64),
    Switch(bool),
    Text(String),
}

/// `blockIO`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct BlockIo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub throttle_read_bps_device: Vec<Rate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub throttle_write_bps_device: Vec<Rate>,
    #[serde(rename = "throttleReadIOPSDevice", skip_serializing_if = "Vec::is_empty")]
    pub throttle_read_iops_device: Vec<Rate>,
    #[serde(rename = "throttleWriteIOPSDevice", skip_serializing_if = "Vec::is_empty")]
    pub throttle_write_iops_device: Vec<Rate>,
}

impl BlockIo {
    fn is_empty(&self) -> bool {
        *self == BlockIo::default()
    }
}

/// A device and its rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Rate {
    pub major: i64,
    pub minor: i64,
    pub rate: i64,
}

/// One of `hugepageLimits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Hugepage {
    pub page_size: String,
    pub limit: i64,
}

/// No limit, in config.json.
const NO_LIMIT: i64 = -1;

/// The kernel counts v1's memory in pages: "no limit" is the largest number of whole ones, whatever their size.
const V1_NO_LIMIT_BYTES: u64 = (i64::MAX as u64) & !0xffff;

/// See [`Handle::effective`].
pub fn effective(handle: &Handle) -> Result<Effective, SysError> {
    let before = groups_present(handle);
    let mut found = Effective::default();
    if let Some(group) = handle.open_v2().map(|dir| Group(Files(dir))) {
        group.memory_of_v2(&mut found)?;
        group.cpu_of_v2(&mut found)?;
        group.io_of_v2(&mut found)?;
        group.common(&mut found)?;
        group.hugepages("max", &mut found)?;
    }
    for tree in &handle.v1 {
        let Ok(group) = Dir::open(&tree.dir()).map(|dir| Group(Files(dir))) else { continue };
        // Co-mounted controllers share a folder; each file is looked for by its own name.
        group.memory_of_v1(&mut found)?;
        group.cpu_of_v1(&mut found)?;
        group.io_of_v1(&mut found)?;
        group.common(&mut found)?;
        group.hugepages("limit_in_bytes", &mut found)?;
        group.network(&mut found)?;
    }
    if groups_present(handle) == before {
        Ok(found)
    } else {
        Err(SysError::new("read", handle.place(), errno::ENODEV))
    }
}

struct Group(Files);

impl Group {
    fn number(&self, file: &str) -> Result<Option<i64>, SysError> {
        self.0.parsed(file, limit)
    }

    /// Puts the numbers of files into a section.
    fn numbers(&self, files: &[(&'static str, &str)], section: &mut Section) -> Result<(), SysError> {
        for (field, file) in files {
            section.extend(self.number(file)?.map(|number| (*field, Value::Number(number))));
        }
        Ok(())
    }

    fn memory_of_v1(&self, found: &mut Effective) -> Result<(), SysError> {
        let files = [
            ("limit", "memory.limit_in_bytes"),
            ("reservation", "memory.soft_limit_in_bytes"),
            ("swap", "memory.memsw.limit_in_bytes"),
            ("swappiness", "memory.swappiness"),
        ];
        self.numbers(&files, &mut found.memory)?;
        let control = self.0.text("memory.oom_control")?.unwrap_or_default();
        let disabled = control.lines().find_map(|line| line.strip_prefix("oom_kill_disable "));
        found.memory.extend(disabled.map(|word| ("disableOOMKiller", Value::Switch(word == "1"))));
        Ok(())
    }

    fn memory_of_v2(&self, found: &mut Effective) -> Result<(), SysError> {
        self.numbers(&[("limit", "memory.max"), ("reservation", "memory.low")], &mut found.memory)?;
        let (max, swap) = (self.number("memory.max")?, self.number("memory.swap.max")?);
        let both = match (max, swap) {
            (_, None) => None,
            (_, Some(NO_LIMIT)) => Some(NO_LIMIT),
            (Some(max), Some(swap)) if max != NO_LIMIT => max.checked_add(swap),
            // Swap alone is limited, for which config.json has no field.
            (_, Some(swap)) => {
                found.unified.insert("memory.swap.max".to_owned(), swap.to_string());
                None
            }
        };
        found.memory.extend(both.map(|both| ("swap", Value::Number(both))));
        Ok(())
    }

    fn cpu_of_v1(&self, found: &mut Effective) -> Result<(), SysError> {
        let files = [
            ("quota", "cpu.cfs_quota_us"),
            ("period", "cpu.cfs_period_us"),
            ("burst", "cpu.cfs_burst_us"),
            ("idle", "cpu.idle"),
            ("realtimeRuntime", "cpu.rt_runtime_us"),
            ("realtimePeriod", "cpu.rt_period_us"),
        ];
        self.numbers(&files, &mut found.cpu)?;
        // What an idle group shows is no shares (its weight is fixed).
        if found.cpu.get("idle") != Some(&Value::Number(1)) {
            self.numbers(&[("shares", "cpu.shares")], &mut found.cpu)?;
        }
        self.list("cpus", "cpuset.cpus", found)?;
        self.list("mems", "cpuset.mems", found)
    }

    fn cpu_of_v2(&self, found: &mut Effective) -> Result<(), SysError> {
        let bandwidth = self.0.text("cpu.max")?.unwrap_or_default();
        let mut words = bandwidth.split_whitespace().map(limit);
        for field in ["quota", "period"] {
            found.cpu.extend(words.next().flatten().map(|number| (field, Value::Number(number))));
        }
        self.numbers(&[("burst", "cpu.max.burst"), ("idle", "cpu.idle")], &mut found.cpu)?;
        // v1's shares cannot be told from a weight.
        if found.cpu.get("idle") != Some(&Value::Number(1)) {
            self.unified("cpu.weight", found)?;
        }
        self.list("cpus", "cpuset.cpus.effective", found)?;
        self.list("mems", "cpuset.mems.effective", found)
    }

    fn list(&self, field: &'static str, file: &str, found: &mut Effective) -> Result<(), SysError> {
        let list = self.0.text(file)?.filter(|list| !list.is_empty());
        found.cpu.extend(list.map(|list| (field, Value::Text(list))));
        Ok(())
    }

    fn unified(&self, file: &str, found: &mut Effective) -> Result<(), SysError> {
        let text = self.0.text(file)?.filter(|text| !text.is_empty());
        found.unified.extend(text.map(|text| (file.to_owned(), text)));
        Ok(())
    }

    fn io_of_v1(&self, found: &mut Effective) -> Result<(), SysError> {
        for file in ["blkio.bfq.weight", "blkio.weight"] {
            found.block_io.weight = found.block_io.weight.or(self.number(file)?);
        }
        let lists = [
            ("read_bps", &mut found.block_io.throttle_read_bps_device),
            ("write_bps", &mut found.block_io.throttle_write_bps_device),
            ("read_iops", &mut found.block_io.throttle_read_iops_device),
            ("write_iops", &mut found.block_io.throttle_write_iops_device),
        ];
        for (name, list) in lists {
            let text = self.0.text(&format!("blkio.throttle.{name}_device"))?.unwrap_or_default();
            list.extend(text.lines().filter_map(|line| {
                let (device, number) = line.split_once(' ')?;
                rate(device, number)
            }));
        }
        Ok(())
    }

    fn io_of_v2(&self, found: &mut Effective) -> Result<(), SysError> {
        // `default 100`: BFQ has v1's scale, io.weight one of its own.
        let weight = self.0.text("io.bfq.weight")?.unwrap_or_default();
        let weight = weight.lines().next().and_then(|line| limit(line.trim_start_matches("default ")));
        found.block_io.weight = weight;
        if weight.is_none() {
            self.unified("io.weight", found)?;
        }
        let io = &mut found.block_io;
        for line in self.0.text("io.max")?.unwrap_or_default().lines() {
            let (device, settings) = line.split_once(' ').unwrap_or_default();
            for (key, number) in settings.split_whitespace().filter_map(|setting| setting.split_once('=')) {
                let list = match key {
                    "rbps" => &mut io.throttle_read_bps_device,
                    "wbps" => &mut io.throttle_write_bps_device,
                    "riops" => &mut io.throttle_read_iops_device,
                    "wiops" => &mut io.throttle_write_iops_device,
                    _ => continue,
                };
                list.extend(rate(device, number));
            }
        }
        Ok(())
    }

    /// Files that both versions have under one name.
    fn common(&self, found: &mut Effective) -> Result<(), SysError> {
        self.numbers(&[("limit", "pids.max")], &mut found.pids)?;
        for line in self.0.text("rdma.max")?.unwrap_or_default().lines() {
            let (device, settings) = line.split_once(' ').unwrap_or_default();
            let mut section = Section::new();
            for (key, number) in settings.split_whitespace().filter_map(|setting| setting.split_once('=')) {
                let field = if key == "hca_handle" { "hcaHandles" } else { "hcaObjects" };
                let number = limit(number).filter(|number| *number != NO_LIMIT);
                section.extend(number.map(|number| (field, Value::Number(number))));
            }
            if !section.is_empty() {
                found.rdma.insert(device.to_owned(), section);
            }
        }
        Ok(())
    }

    /// `hugetlb.2MB.max`, `hugetlb.2MB.limit_in_bytes`.
    fn hugepages(&self, ending: &str, found: &mut Effective) -> Result<(), SysError> {
        for page_size in self.0.page_sizes(ending)? {
            let limit = self.0.parsed(&format!("hugetlb.{page_size}.{ending}"), |text| {
                let limit = limit(text)?;
                Some(if is_below_no_hugepage_limit(limit, &page_size) { limit } else { NO_LIMIT })
            })?;
            if let Some(limit) = limit.filter(|limit| *limit != NO_LIMIT) {
                found.hugepage_limits.push(Hugepage { page_size, limit });
            }
        }
        Ok(())
    }

    fn network(&self, found: &mut Effective) -> Result<(), SysError> {
        self.numbers(&[("classID", "net_cls.classid")], &mut found.network)
    }
}

/// A number as the kernel writes it: `max`, and v1's largest, are no limit.
fn limit(text: &str) -> Option<i64> {
    match text.parse::<u64>() {
        _ if text == "max" => Some(NO_LIMIT),
        Ok(number) if number >= V1_NO_LIMIT_BYTES => Some(NO_LIMIT),
        _ => text.parse().ok(),
    }
}

/// Whether a limit of v1's huge pages is one: "no limit" is the largest number of whole ones (`hugetlb_cgroup_init`).
fn is_below_no_hugepage_limit(limit: i64, page_size: &str) -> bool {
    let no_limit = |page_bytes: i64| i64::MAX - i64::MAX % page_bytes;
    page_size_bytes(page_size).is_none_or(|page_bytes| limit < no_limit(page_bytes))
}

/// `64KB`, `2MB`, `1GB`: as the kernel names its files (`mem_fmt`).
fn page_size_bytes(name: &str) -> Option<i64> {
    let units = [("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)];
    let (number, unit_bytes) =
        units.iter().find_map(|(unit, bytes)| Some((name.strip_suffix(unit)?, bytes)))?;
    number.parse::<i64>().ok()?.checked_mul(*unit_bytes).filter(|bytes| *bytes > 0)
}

/// A device's rate; None: it has no limit.
fn rate(device: &str, number: &str) -> Option<Rate> {
    let (major, minor) = device.split_once(':')?;
    let rate = limit(number).filter(|rate| *rate != NO_LIMIT)?;
    Some(Rate { major: major.parse().ok()?, minor: minor.parse().ok()?, rate })
}
