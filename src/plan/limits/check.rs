//! The checks behind [`Limits::from_spec`], section by section in the order of config-linux.md.

use super::*;
use crate::bundle::escape;
use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDeviceCgroup, LinuxDeviceType, LinuxHugepageLimit, LinuxMemory,
    LinuxNetwork, LinuxRdma, LinuxThrottleDevice, LinuxWeightDevice,
};
use std::collections::HashMap;

type Checked<T> = Result<T, Invalid>;

fn invalid(pointer: impl AsRef<str>, problem: impl Into<String>, advice: impl Into<String>) -> Invalid {
    Invalid::value(format!("{POINTER}{}", pointer.as_ref()), problem).advise(advice)
}

pub(super) fn limits(resources: Option<&LinuxResources>) -> Checked<(Limits, Vec<String>)> {
    let mut limits = Limits::default();
    let mut warnings = Vec::new();
    if let Some(resources) = resources {
        for (index, rule) in resources.devices().iter().flatten().enumerate() {
            device_rule(rule, index, &mut limits.devices)?;
        }
        if let Some(memory) = resources.memory() {
            limits.memory = self::memory(memory)?;
        }
        if let Some(cpu) = resources.cpu() {
            limits.cpu = self::cpu(cpu)?;
        }
        if let Some(pids) = resources.pids() {
            limits.pids_max = Some(pids_max(pids.limit())?);
        }
        if let Some(block_io) = resources.block_io() {
            limits.block_io = self::block_io(block_io)?;
        }
        limits.hugepages = hugepages(resources.hugepage_limits().as_deref().unwrap_or_default())?;
        if let Some(network) = resources.network() {
            limits.network = self::network(network)?;
        }
        limits.rdma = resources.rdma().as_ref().map_or_else(|| Ok(Vec::new()), rdma)?;
        limits.unified = resources.unified().as_ref().map_or_else(|| Ok(Vec::new()), unified)?;
    }
    limits.devices.extend(devices_of_every_container());
    if limits.memory.oom_killer_disabled == Some(true) && limits.memory.max_bytes.is_none() {
        warnings.push(format!(
            "config.json#{POINTER}/memory/disableOOMKiller: without a memory limit it can stop the host's processes"
        ));
    }
    if limits.memory.kernel_bytes.is_some() {
        warnings.push(format!(
            "config.json#{POINTER}/memory/kernel: kernels since 5.16 take the limit and do not keep it"
        ));
    }
    Ok((limits, warnings))
}

// --- devices

/// What runc and the engines expect every container to be allowed: making any node (opening it is another matter),
/// the default devices of config-linux.md, pseudo terminals, and tun.
fn devices_of_every_container() -> impl Iterator<Item = DeviceRule> {
    use DeviceKind::{Block, Char};
    let rule = |kind, major, minor, access| DeviceRule {
        allow: true,
        kind: Some(kind),
        major,
        minor,
        access,
        index: None,
    };
    let make_any = [rule(Char, None, None, MKNOD), rule(Block, None, None, MKNOD)];
    // null, zero, full, random, urandom, tty, ptmx, net/tun
    let named = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 200)];
    let pseudo_terminals = rule(Char, Some(136), None, ALL_ACCESS);
    make_any
        .into_iter()
        .chain(named.map(|(major, minor)| rule(Char, Some(major), Some(minor), ALL_ACCESS)))
        .chain([pseudo_terminals])
}

fn device_rule(rule: &LinuxDeviceCgroup, index: usize, rules: &mut Vec<DeviceRule>) -> Checked<()> {
    let pointer = format!("/devices/{index}");
    let access = access_bits(rule.access().as_deref().unwrap_or_default(), &pointer)?;
    let major = device_number(rule.major(), &format!("{pointer}/major"), 12)?;
    let minor = device_number(rule.minor(), &format!("{pointer}/minor"), 20)?;
    let kinds: &[Option<DeviceKind>] = match rule.typ() {
        Some(LinuxDeviceType::B) => &[Some(DeviceKind::Block)],
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => &[Some(DeviceKind::Char)],
        Some(LinuxDeviceType::P) => {
            let problem = "\"p\" is no kind of device that access is checked for";
            return Err(invalid(format!("{pointer}/type"), problem, "use \"a\", \"b\" or \"c\""));
        }
        None | Some(LinuxDeviceType::A) if major.is_none() && minor.is_none() && access == ALL_ACCESS => {
            &[None]
        }
        // The kernel's own "a" ignores numbers and access; what is written here means both kinds.
        None | Some(LinuxDeviceType::A) => &[Some(DeviceKind::Block), Some(DeviceKind::Char)],
    };
    rules.extend(kinds.iter().map(|kind| DeviceRule {
        allow: rule.allow(),
        kind: *kind,
        major,
        minor,
        access,
        index: Some(index),
    }));
    Ok(())
}

fn access_bits(text: &str, pointer: &str) -> Checked<u8> {
    let pointer = format!("{pointer}/access");
    let mut bits = 0;
    for letter in text.chars() {
        bits |= match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MKNOD,
            _ => {
                return Err(invalid(
                    pointer,
                    format!("unknown access \"{letter}\""),
                    "use letters of \"rwm\"",
                ));
            }
        };
    }
    match bits {
        0 => Err(invalid(pointer, "device access cannot be empty", "use letters of \"rwm\"")),
        bits => Ok(bits),
    }
}

/// A device number of so many bits (kernel include/linux/kdev_t.h); None and -1 are the wildcard.
fn device_number(number: Option<i64>, pointer: &str, bits: u32) -> Checked<Option<u32>> {
    match number {
        None | Some(-1) => Ok(None),
        Some(number) => in_range(number, 0, (1 << bits) - 1, pointer).map(|n| Some(n as u32)),
    }
}

fn in_range(number: i64, lowest: i64, highest: i64, pointer: &str) -> Checked<i64> {
    if (lowest..=highest).contains(&number) {
        return Ok(number);
    }
    Err(invalid(pointer, format!("{number} is out of range"), format!("use {lowest} to {highest}")))
}

// --- memory

fn memory(memory: &LinuxMemory) -> Checked<Memory> {
    let checked = Memory {
        max_bytes: bytes(memory.limit(), "limit")?,
        reservation_bytes: bytes(memory.reservation(), "reservation")?,
        memory_and_swap_bytes: bytes(memory.swap(), "swap")?,
        kernel_bytes: bytes(memory.kernel(), "kernel")?,
        kernel_tcp_bytes: bytes(memory.kernel_tcp(), "kernelTCP")?,
        swappiness: match memory.swappiness() {
            None => None,
            Some(percent) if percent <= 100 => Some(percent as u8),
            Some(percent) => {
                return Err(invalid(
                    "/memory/swappiness",
                    format!("{percent} is out of range"),
                    "use 0 to 100",
                ));
            }
        },
        oom_killer_disabled: memory.disable_oom_killer(),
        use_hierarchy: memory.use_hierarchy(),
        check_before_update: memory.check_before_update() == Some(true),
    };
    if let (Some(Max::At(both)), Some(Max::At(memory_alone))) =
        (checked.memory_and_swap_bytes, checked.max_bytes)
        && both < memory_alone
    {
        let problem =
            format!("{both} is memory and swap together, and less than the memory limit {memory_alone}");
        return Err(invalid("/memory/swap", problem, "use at least the memory limit, or -1"));
    }
    Ok(checked)
}

fn bytes(value: Option<i64>, field: &str) -> Checked<Option<Max>> {
    match value {
        None | Some(0) => Ok(None),
        Some(-1) => Ok(Some(Max::Unlimited)),
        Some(bytes) => match u64::try_from(bytes) {
            Ok(bytes) => Ok(Some(Max::At(bytes))),
            Err(_) => {
                let advice = "use bytes, or -1 for no limit";
                Err(invalid(format!("/memory/{field}"), format!("{bytes} is negative"), advice))
            }
        },
    }
}

// --- cpu

/// The kernel's bounds of a CFS period (kernel/sched/core.c, max_bw_cfs_quota_period and its minimum).
const PERIOD_US: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;

fn cpu(cpu: &LinuxCpu) -> Checked<Cpu> {
    let quota_us = match cpu.quota().unwrap_or(0) {
        0 => None,
        quota if quota < 0 => Some(Max::Unlimited),
        quota if quota < 1_000 => {
            return Err(invalid(
                "/cpu/quota",
                format!("{quota} microseconds are too few"),
                "use 1000 or more, or -1",
            ));
        }
        quota => Some(Max::At(quota.unsigned_abs())),
    };
    let period_us = cpu.period().filter(|period| *period != 0);
    if let Some(period) = period_us
        && !PERIOD_US.contains(&period)
    {
        let problem = format!("{period} microseconds are out of range");
        return Err(invalid("/cpu/period", problem, "use 1000 to 1000000"));
    }
    if let (Some(burst), Some(Max::At(quota))) = (cpu.burst(), quota_us)
        && burst > quota
    {
        let problem = format!("{burst} microseconds are more than the quota {quota}");
        return Err(invalid("/cpu/burst", problem, "use at most the quota"));
    }
    if let Some(runtime) = cpu.realtime_runtime()
        && runtime < -1
    {
        return Err(invalid(
            "/cpu/realtimeRuntime",
            format!("{runtime} is negative"),
            "use microseconds, or -1",
        ));
    }
    Ok(Cpu {
        shares: cpu.shares().filter(|shares| *shares != 0),
        quota_us,
        period_us,
        burst_us: cpu.burst(),
        idle: cpu.idle().map(|idle| in_range(idle, 0, 1, "/cpu/idle")).transpose()?.map(|idle| idle == 1),
        realtime_runtime_us: cpu.realtime_runtime(),
        realtime_period_us: cpu.realtime_period().filter(|period| *period != 0),
        cpus: number_list(cpu.cpus().as_deref(), "/cpu/cpus")?,
        mems: number_list(cpu.mems().as_deref(), "/cpu/mems")?,
    })
}

/// cpuset(7), "List format": `0-3,5`, also `0-31:2/8`. Empty: not given, as runc has it.
fn number_list(list: Option<&str>, pointer: &str) -> Checked<Option<String>> {
    let Some(list) = list.map(str::trim).filter(|list| !list.is_empty()) else { return Ok(None) };
    match list.split(',').find(|item| !is_number_range(item)) {
        None => Ok(Some(list.to_owned())),
        Some(item) => {
            let problem = format!("\"{}\" is no number and no range", item.escape_debug());
            Err(invalid(pointer, problem, "use a list like \"0-3,5\""))
        }
    }
}

fn is_number_range(item: &str) -> bool {
    let number =
        |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    let (range, group) = item.split_once(':').map_or((item, None), |(range, group)| (range, Some(group)));
    let range_is_right = match range.split_once('-') {
        None => number(range).is_some() && group.is_none(),
        Some((first, last)) => {
            matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
        }
    };
    let group_is_right = group.is_none_or(|group| {
        let parts = group.split_once('/').map(|(used, size)| (number(used), number(size)));
        matches!(parts, Some((Some(used), Some(size))) if used > 0 && used <= size)
    });
    range_is_right && group_is_right
}

// --- pids

/// 0 is a real limit (spec 1.3). It is carried out as 1: with the container's process inside, both mean that there
/// is no second one, and on v2 a process could not even be born into a group of 0.
fn pids_max(limit: i64) -> Checked<Max> {
    match limit {
        -1 => Ok(Max::Unlimited),
        0 => Ok(Max::At(1)),
        limit => match u64::try_from(limit) {
            Ok(tasks) => Ok(Max::At(tasks)),
            Err(_) => {
                let advice = "use a number of tasks, or -1 for no limit";
                Err(invalid("/pids/limit", format!("{limit} is negative"), advice))
            }
        },
    }
}

// --- blockIO

fn block_io(block_io: &LinuxBlockIo) -> Checked<BlockIo> {
    let mut weight_devices = Vec::new();
    for (index, device) in block_io.weight_device().iter().flatten().enumerate() {
        weight_devices.push(weight_device(device, index)?);
    }
    let mut throttles = Vec::new();
    let lists = [
        (Throttle::ReadBytes, block_io.throttle_read_bps_device()),
        (Throttle::WriteBytes, block_io.throttle_write_bps_device()),
        (Throttle::ReadOperations, block_io.throttle_read_iops_device()),
        (Throttle::WriteOperations, block_io.throttle_write_iops_device()),
    ];
    for (throttle, list) in lists {
        for (index, device) in list.iter().flatten().enumerate() {
            throttles.push(throttle_device(throttle, device, index)?);
        }
    }
    Ok(BlockIo {
        weight: io_weight(block_io.weight(), "/blockIO/weight")?,
        leaf_weight: io_weight(block_io.leaf_weight(), "/blockIO/leafWeight")?,
        weight_devices,
        throttles,
    })
}

fn io_weight(weight: Option<u16>, pointer: &str) -> Checked<Option<u16>> {
    let Some(weight) = weight.filter(|weight| *weight != 0) else { return Ok(None) };
    in_range(i64::from(weight), 10, 1000, pointer).map(|_| Some(weight))
}

fn weight_device(device: &LinuxWeightDevice, index: usize) -> Checked<WeightDevice> {
    let pointer = format!("/blockIO/weightDevice/{index}");
    let (major, minor) = block_device(device.major(), device.minor(), &pointer)?;
    let weight = io_weight(device.weight(), &format!("{pointer}/weight"))?;
    let leaf_weight = io_weight(device.leaf_weight(), &format!("{pointer}/leafWeight"))?;
    if weight.is_none() && leaf_weight.is_none() {
        return Err(invalid(pointer, "neither \"weight\" nor \"leafWeight\" is given", "give one of them"));
    }
    Ok(WeightDevice { major, minor, weight, leaf_weight, index })
}

fn throttle_device(
    throttle: Throttle,
    device: &LinuxThrottleDevice,
    index: usize,
) -> Checked<ThrottleDevice> {
    let pointer = format!("/blockIO/{}/{index}", throttle.field());
    let (major, minor) = block_device(device.major(), device.minor(), &pointer)?;
    Ok(ThrottleDevice { throttle, major, minor, rate: device.rate(), index })
}

fn block_device(major: i64, minor: i64, pointer: &str) -> Checked<(u32, u32)> {
    let major = in_range(major, 0, (1 << 12) - 1, &format!("{pointer}/major"))?;
    let minor = in_range(minor, 0, (1 << 20) - 1, &format!("{pointer}/minor"))?;
    Ok((major as u32, minor as u32))
}

// --- the rest

fn hugepages(limits: &[LinuxHugepageLimit]) -> Checked<Vec<Hugepage>> {
    let check = |(index, limit): (usize, &LinuxHugepageLimit)| {
        let size = limit.page_size();
        let number = ["KB", "MB", "GB"].iter().find_map(|unit| size.strip_suffix(unit)).unwrap_or_default();
        if number.is_empty() || number.starts_with('0') || !number.bytes().all(|b| b.is_ascii_digit()) {
            let problem = format!("\"{}\" is no page size", size.escape_debug());
            return Err(invalid(
                format!("/hugepageLimits/{index}/pageSize"),
                problem,
                "use one like \"2MB\"",
            ));
        }
        let Ok(max_bytes) = u64::try_from(limit.limit()) else {
            let problem = format!("{} is negative", limit.limit());
            return Err(invalid(format!("/hugepageLimits/{index}/limit"), problem, "use bytes"));
        };
        Ok(Hugepage { page_size: size.clone(), max_bytes })
    };
    limits.iter().enumerate().map(check).collect()
}

fn network(network: &LinuxNetwork) -> Checked<Network> {
    let check = |(index, priority): (usize, &oci_spec::runtime::LinuxInterfacePriority)| {
        let name = priority.name();
        if name.is_empty()
            || name.len() > 15
            || name.contains(|c: char| c.is_whitespace() || c == '/' || c == '\0')
        {
            let pointer = format!("/network/priorities/{index}/name");
            let problem = format!("\"{}\" is no interface name", name.escape_debug());
            return Err(invalid(pointer, problem, "use 1 to 15 characters without space or slash"));
        }
        Ok((name.clone(), priority.priority()))
    };
    let priorities = network.priorities().iter().flatten().enumerate().map(check).collect::<Checked<_>>()?;
    Ok(Network { class_id: network.class_id(), priorities })
}

/// The entries by name, so that the same configuration gives the same plan.
fn in_order<T>(map: &HashMap<String, T>) -> impl Iterator<Item = (&str, &T)> {
    let mut names: Vec<&str> = map.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.into_iter().filter_map(|name| Some((name, map.get(name)?)))
}

fn rdma(devices: &HashMap<String, LinuxRdma>) -> Checked<Vec<Rdma>> {
    let mut checked = Vec::new();
    for (device, limit) in in_order(devices) {
        let pointer = format!("/rdma/{}", escape(device));
        if device.is_empty() || device.contains(|c: char| c.is_whitespace() || c == '\0') {
            return Err(invalid(pointer, "no device name", "use the name below /sys/class/infiniband"));
        }
        if limit.hca_handles().is_none() && limit.hca_objects().is_none() {
            return Err(invalid(
                pointer,
                "neither \"hcaHandles\" nor \"hcaObjects\" is given",
                "give one of them",
            ));
        }
        checked.push(Rdma {
            device: device.to_owned(),
            hca_handles: limit.hca_handles(),
            hca_objects: limit.hca_objects(),
        });
    }
    Ok(checked)
}

/// Files that place processes or shape the tree, instead of limiting: written by the runtime or by nobody.
const NO_PARAMETERS: [&str; 6] = [
    "cgroup.procs",
    "cgroup.threads",
    "cgroup.kill",
    "cgroup.freeze",
    "cgroup.type",
    "cgroup.subtree_control",
];

fn unified(files: &HashMap<String, String>) -> Checked<Vec<(String, String)>> {
    let mut checked = Vec::new();
    for (file, content) in in_order(files) {
        let pointer = format!("/unified/{}", escape(file));
        let shown = file.escape_debug();
        if file.contains('/') {
            let problem = format!("unified resource \"{shown}\" must be a file name (no slashes)");
            return Err(invalid(pointer, problem, "name a file of the container's own group"));
        }
        let has_both_parts =
            file.split_once('.').is_some_and(|(part, rest)| !part.is_empty() && !rest.is_empty());
        if !has_both_parts || file.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let problem = format!("the specified key \"{shown}\" has not the form CONTROLLER.VALUE");
            return Err(invalid(pointer, problem, "use a name like \"memory.high\""));
        }
        if NO_PARAMETERS.contains(&file) {
            let problem = format!("\"{shown}\" is no parameter: the runtime itself writes it");
            return Err(invalid(pointer, problem, "remove it"));
        }
        checked.push((file.to_owned(), content.clone()));
    }
    Ok(checked)
}
