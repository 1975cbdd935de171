//! Limits -> files of cgroup v2, controller by controller. Pure.
//!
//! Called by `translate`; the golden tests show each field's file. Kernel: Documentation/admin-guide/cgroup-v2.rst.
//! Device rules are next door, in `devices_bpf`: v2 has no files for them. What v2 has no counterpart for is refused
//! (config-linux.md, "Unified": "If the conversion is not possible the runtime MUST generate an error").

use super::fs::{Refusal, Tolerate, Write, code};
use super::translate::{Controller, InForce};
use crate::plan::limits::{BlockIo, Cpu, Limits, Max, Memory, POINTER, Throttle};

/// The writes for one controller, in order; none if the limits ask nothing of it.
///
/// # Errors
/// A field that v2 has no counterpart for.
pub fn writes(controller: Controller, limits: &Limits, in_force: &InForce) -> Result<Vec<Write>, Refusal> {
    Ok(match controller {
        Controller::Memory => memory(&limits.memory, in_force)?,
        Controller::Cpu => cpu(&limits.cpu, in_force)?,
        Controller::Cpuset => cpuset(&limits.cpu),
        Controller::Pids => {
            limits.pids_max.iter().map(|max| write("pids.max", word(*max), "pids/limit")).collect()
        }
        Controller::Io => io(&limits.block_io)?,
        Controller::Hugetlb => hugetlb(limits),
        Controller::NetCls if limits.network.class_id.is_some() => {
            return Err(only_v1("network/classID", NETWORK));
        }
        Controller::NetPrio if !limits.network.priorities.is_empty() => {
            return Err(only_v1("network/priorities", NETWORK));
        }
        Controller::NetCls | Controller::NetPrio => Vec::new(),
        Controller::Rdma => rdma(limits),
    })
}

/// `unified`: each line of a value is a write of its own, as io.max and its like take one device at a time.
pub fn unified(file: &str, value: &str) -> Vec<Write> {
    let pointer = format!("{POINTER}/unified/{}", file.replace('~', "~0"));
    let mut lines: Vec<&str> = value.lines().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        lines.push("");
    }
    lines.into_iter().map(|line| Write::new(file, line, &pointer)).collect()
}

const NETWORK: &str = "classify the traffic with BPF or nftables";

fn only_v1(field: &str, advice: &str) -> Refusal {
    let problem = "cgroup v2, which this host uses, has no such limit";
    Refusal::limit(code::NO_CONVERSION, format!("{POINTER}/{field}"), problem).advise(advice)
}

fn write(file: impl Into<String>, value: impl std::fmt::Display, field: &str) -> Write {
    Write::new(file, value, format!("{POINTER}/{field}"))
}

fn word(max: Max) -> String {
    max.or_word("max")
}

fn memory(memory: &Memory, in_force: &InForce) -> Result<Vec<Write>, Refusal> {
    if matches!(memory.kernel_bytes, Some(Max::At(_))) {
        return Err(only_v1("memory/kernel", "kernel memory is part of memory.limit: remove the field"));
    }
    if matches!(memory.kernel_tcp_bytes, Some(Max::At(_))) {
        return Err(only_v1("memory/kernelTCP", "socket memory is part of memory.limit: remove the field"));
    }
    if memory.swappiness.is_some() {
        return Err(only_v1("memory/swappiness", "set a swap limit instead"));
    }
    if memory.oom_killer_disabled == Some(true) {
        return Err(only_v1(
            "memory/disableOOMKiller",
            "use unified \"memory.high\", which slows down and does not kill",
        ));
    }
    if memory.use_hierarchy == Some(false) {
        return Err(only_v1("memory/useHierarchy", "v2 is always hierarchical: remove the field"));
    }
    let mut writes = Vec::new();
    if let Some(max) = memory.max_bytes {
        let mut limit = write("memory.max", word(max), "memory/limit");
        if let (true, Max::At(bytes)) = (memory.check_before_update, max) {
            limit.not_below = Some(("memory.current", bytes));
        }
        writes.push(limit);
    }
    writes.extend(swap(memory, in_force)?);
    writes.extend(memory.reservation_bytes.map(|max| write("memory.low", word(max), "memory/reservation")));
    Ok(writes)
}

/// v1 limits memory and swap together, v2 swap alone: what one of the two says is completed by what holds for the other.
fn swap(memory: &Memory, in_force: &InForce) -> Result<Option<Write>, Refusal> {
    let no_limit = |field| write("memory.swap.max", "max", field).tolerate(Tolerate::Missing);
    let rest = |both: u64, max: u64, field| write("memory.swap.max", both.saturating_sub(max), field);
    let max = memory.max_bytes.or(in_force.memory_max_bytes);
    Ok(match (memory.memory_and_swap_bytes, max) {
        (Some(Max::Unlimited), _) => Some(no_limit("memory/swap")),
        (Some(Max::At(both)), Some(Max::At(max))) => Some(rest(both, max, "memory/swap")),
        (Some(Max::At(_)), _) => {
            let problem = "a limit of memory and swap together needs a memory limit on cgroup v2";
            let refusal = Refusal::limit(code::NO_CONVERSION, format!("{POINTER}/memory/swap"), problem);
            return Err(refusal.advise("set memory.limit, or unified \"memory.swap.max\""));
        }
        (None, _) => match (memory.max_bytes, in_force.memory_and_swap_bytes) {
            (Some(Max::Unlimited), _) => Some(no_limit("memory/limit")),
            (Some(Max::At(max)), Some(Max::At(both))) => Some(rest(both, max, "memory/limit")),
            _ => None,
        },
    })
}

fn cpu(cpu: &Cpu, in_force: &InForce) -> Result<Vec<Write>, Refusal> {
    if cpu.realtime_runtime_us.is_some_and(|runtime| runtime != 0) {
        return Err(only_v1("cpu/realtimeRuntime", "remove the field"));
    }
    if cpu.realtime_period_us.is_some() {
        return Err(only_v1("cpu/realtimePeriod", "remove the field"));
    }
    let mut writes = Vec::new();
    if let Some(shares) = cpu.shares {
        writes.push(write("cpu.weight", weight_of_shares(shares), "cpu/shares").batch("weight"));
    }
    if let Some(idle) = cpu.idle {
        writes.push(write("cpu.idle", u8::from(idle), "cpu/idle").batch("weight"));
    }
    let quota = cpu.quota_us.or(in_force.quota_us).map_or_else(|| "max".to_owned(), word);
    match (cpu.quota_us, cpu.period_us) {
        (None, None) => {}
        (Some(_), None) => writes.push(write("cpu.max", quota, "cpu/quota").batch("bandwidth")),
        (_, Some(period)) => {
            let field = if cpu.quota_us.is_some() { "cpu/quota" } else { "cpu/period" };
            writes.push(write("cpu.max", format!("{quota} {period}"), field).batch("bandwidth"));
        }
    }
    if let Some(burst) = cpu.burst_us {
        writes.push(write("cpu.max.burst", burst, "cpu/burst").batch("bandwidth"));
    }
    Ok(writes)
}

/// The curve that runc and crun use since 2025: 2 -> 1, 1024 -> 100 (both defaults), 262144 -> 10000:
/// weight = ceil(10^((l^2 + 125 l) / 612 - 7/34)), l being the binary logarithm of the shares.
pub fn weight_of_shares(shares: u64) -> u64 {
    let logarithm = binary_logarithm(shares.clamp(2, 262_144));
    let exponent = (logarithm * logarithm + 125.0 * logarithm) / 612.0 - 7.0 / 34.0;
    // The three fixed points are whole numbers: rounding errors must not lift them by one.
    ((power_of_ten(exponent) - 1e-9).ceil() as u64).clamp(1, 10_000)
}

/// log2, bit after bit by squaring: the C library brings tables of 10 KB for its own and for pow.
fn binary_logarithm(number: u64) -> f64 {
    let whole = number.ilog2();
    let mut rest = number as f64 / (1u64 << whole) as f64;
    let (mut logarithm, mut bit) = (f64::from(whole), 1.0);
    for _ in 0..52 {
        rest *= rest;
        bit /= 2.0;
        if rest >= 2.0 {
            rest /= 2.0;
            logarithm += bit;
        }
    }
    logarithm
}

/// 10^`exponent` for 0 to 4, by the series of e^x for a quarter of it.
fn power_of_ten(exponent: f64) -> f64 {
    let x = exponent * std::f64::consts::LN_10 / 4.0;
    let (mut sum, mut term) = (1.0, 1.0);
    for n in 1..32 {
        term *= x / f64::from(n);
        sum += term;
    }
    (sum * sum) * (sum * sum)
}

fn cpuset(cpu: &Cpu) -> Vec<Write> {
    let cpus = cpu.cpus.iter().map(|list| write("cpuset.cpus", list, "cpu/cpus"));
    cpus.chain(cpu.mems.iter().map(|list| write("cpuset.mems", list, "cpu/mems"))).collect()
}

/// BFQ takes v1's scale of 10 to 1000, the io.weight of other kernels 1 to 10000.
fn io(block_io: &BlockIo) -> Result<Vec<Write>, Refusal> {
    let leaf_weight = "v2 weighs a group's own processes as a child of their own: remove the field";
    if block_io.leaf_weight.is_some() {
        return Err(only_v1("blockIO/leafWeight", leaf_weight));
    }
    let mut writes = Vec::new();
    if let Some(weight) = block_io.weight {
        let otherwise = Tolerate::Or("io.weight".to_owned(), io_weight(weight).to_string());
        writes.push(write("io.bfq.weight", weight, "blockIO/weight").tolerate(otherwise));
    }
    for device in &block_io.weight_devices {
        let field = format!("blockIO/weightDevice/{}", device.index);
        if device.leaf_weight.is_some() {
            return Err(only_v1(&format!("{field}/leafWeight"), leaf_weight));
        }
        let Some(weight) = device.weight else { continue };
        let line = |weight: u64| format!("{}:{} {weight}", device.major, device.minor);
        let otherwise = Tolerate::Or("io.weight".to_owned(), line(io_weight(weight)));
        writes.push(
            write("io.bfq.weight", line(weight.into()), &format!("{field}/weight")).tolerate(otherwise),
        );
    }
    for device in &block_io.throttles {
        let key = match device.throttle {
            Throttle::ReadBytes => "rbps",
            Throttle::WriteBytes => "wbps",
            Throttle::ReadOperations => "riops",
            Throttle::WriteOperations => "wiops",
        };
        let rate = if device.rate == 0 { "max".to_owned() } else { device.rate.to_string() };
        let field = format!("blockIO/{}/{}", device.throttle.field(), device.index);
        writes.push(write("io.max", format!("{}:{} {key}={rate}", device.major, device.minor), &field));
    }
    Ok(writes)
}

/// Linear from 10..1000 to 1..10000, as runc and crun have it.
pub fn io_weight(weight: u16) -> u64 {
    1 + (u64::from(weight).saturating_sub(10)) * 9999 / 990
}

/// The limit at the fault, and the better one at the reservation (Linux 5.7).
fn hugetlb(limits: &Limits) -> Vec<Write> {
    let writes = limits.hugepages.iter().enumerate().flat_map(|(index, limit)| {
        let (size, field) = (&limit.page_size, format!("hugepageLimits/{index}/limit"));
        let used = write(format!("hugetlb.{size}.max"), limit.max_bytes, &field);
        let reserved = write(format!("hugetlb.{size}.rsvd.max"), limit.max_bytes, &field);
        [used, reserved.tolerate(Tolerate::Missing)]
    });
    writes.collect()
}

/// The same file in both versions (Documentation/admin-guide/cgroup-v1/rdma.rst).
pub(super) fn rdma(limits: &Limits) -> Vec<Write> {
    let line = |limit: &crate::plan::limits::Rdma| {
        let handles = limit.hca_handles.map(|number| format!(" hca_handle={number}")).unwrap_or_default();
        let objects = limit.hca_objects.map(|number| format!(" hca_object={number}")).unwrap_or_default();
        write("rdma.max", format!("{}{handles}{objects}", limit.device), &format!("rdma/{}", limit.device))
    };
    limits.rdma.iter().map(line).collect()
}
