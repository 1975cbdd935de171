//! Limits -> files of cgroup v1, controller by controller. Pure.
//!
//! Called by `translate`; the golden tests show each field's file. Kernel: Documentation/admin-guide/cgroup-v1.
//! Device rules are next door, in `devices_v1`.

use super::fs::{Refusal, Tolerate, Write, code};
use super::translate::Controller;
use crate::plan::limits::{BlockIo, Cpu, Limits, Max, Memory, POINTER, Throttle};

/// The writes for one controller, in order; none if the limits ask nothing of it.
///
/// # Errors
/// A value that v1 cannot express.
pub fn writes(controller: Controller, limits: &Limits) -> Result<Vec<Write>, Refusal> {
    Ok(match controller {
        Controller::Memory => memory(&limits.memory),
        Controller::Cpu => cpu(&limits.cpu)?,
        Controller::Cpuset => cpuset(&limits.cpu),
        Controller::Pids => {
            limits.pids_max.iter().map(|max| write("pids.max", word(*max), "pids/limit")).collect()
        }
        Controller::Io => io(&limits.block_io),
        Controller::Hugetlb => hugetlb(limits),
        Controller::NetCls => {
            let class = limits.network.class_id.iter();
            class.map(|id| write("net_cls.classid", id, "network/classID")).collect()
        }
        Controller::NetPrio => net_prio(limits),
        Controller::Rdma => super::v2::rdma(limits),
    })
}

fn write(file: impl Into<String>, value: impl std::fmt::Display, field: &str) -> Write {
    Write::new(file, value, format!("{POINTER}/{field}"))
}

/// Byte limits: v1 says -1 for "no limit".
fn bytes(max: Max) -> String {
    max.or_word("-1")
}

/// Counts: also v1 says `max`.
fn word(max: Max) -> String {
    max.or_word("max")
}

fn memory(memory: &Memory) -> Vec<Write> {
    let mut writes = Vec::new();
    if let Some(on) = memory.use_hierarchy {
        // Before the limits: kernels that let it be chosen do so only in a group without children.
        writes.push(write("memory.use_hierarchy", u8::from(on), "memory/useHierarchy"));
    }
    if let Some(max) = memory.max_bytes {
        writes.push(write("memory.limit_in_bytes", bytes(max), "memory/limit").batch("memory"));
    }
    match (memory.memory_and_swap_bytes, memory.max_bytes) {
        (Some(max), _) => {
            writes.push(write("memory.memsw.limit_in_bytes", bytes(max), "memory/swap").batch("memory"));
        }
        // Memory without limit is meant to be without limit, also where swap had one.
        (None, Some(Max::Unlimited)) => writes.push(
            write("memory.memsw.limit_in_bytes", "-1", "memory/limit")
                .batch("memory")
                .tolerate(Tolerate::Missing),
        ),
        _ => {}
    }
    let limits = [
        (memory.reservation_bytes, "memory.soft_limit_in_bytes", "memory/reservation"),
        (memory.kernel_bytes, "memory.kmem.limit_in_bytes", "memory/kernel"),
        (memory.kernel_tcp_bytes, "memory.kmem.tcp.limit_in_bytes", "memory/kernelTCP"),
    ];
    for (max, file, field) in limits {
        writes.extend(max.map(|max| write(file, bytes(max), field)));
    }
    writes.extend(memory.swappiness.map(|percent| write("memory.swappiness", percent, "memory/swappiness")));
    if let Some(disabled) = memory.oom_killer_disabled {
        writes.push(write("memory.oom_control", u8::from(disabled), "memory/disableOOMKiller"));
    }
    writes
}

fn cpu(cpu: &Cpu) -> Result<Vec<Write>, Refusal> {
    let mut writes = Vec::new();
    // Realtime first: without a budget no realtime process could be moved in.
    if let Some(period) = cpu.realtime_period_us {
        writes.push(write("cpu.rt_period_us", period, "cpu/realtimePeriod").batch("realtime"));
    }
    if let Some(runtime) = cpu.realtime_runtime_us {
        writes.push(write("cpu.rt_runtime_us", runtime, "cpu/realtimeRuntime").batch("realtime"));
    }
    if let Some(shares) = cpu.shares {
        if !(2..=262_144).contains(&shares) {
            let limit = if shares < 2 {
                "minimum allowed cpu-shares is 2"
            } else {
                "maximum allowed cpu-shares is 262144"
            };
            return Err(Refusal::limit(
                code::LIMIT,
                format!("{POINTER}/cpu/shares"),
                format!("{shares}: the {limit}"),
            ));
        }
        writes.push(write("cpu.shares", shares, "cpu/shares").batch("weight"));
    }
    if let Some(idle) = cpu.idle {
        writes.push(write("cpu.idle", u8::from(idle), "cpu/idle").batch("weight"));
    }
    if let Some(period) = cpu.period_us {
        writes.push(write("cpu.cfs_period_us", period, "cpu/period").batch("bandwidth"));
    }
    if let Some(quota) = cpu.quota_us {
        writes.push(write("cpu.cfs_quota_us", bytes(quota), "cpu/quota").batch("bandwidth"));
    }
    if let Some(burst) = cpu.burst_us {
        writes.push(write("cpu.cfs_burst_us", burst, "cpu/burst").batch("bandwidth"));
    }
    Ok(writes)
}

fn cpuset(cpu: &Cpu) -> Vec<Write> {
    let cpus = cpu.cpus.iter().map(|list| write("cpuset.cpus", list, "cpu/cpus"));
    cpus.chain(cpu.mems.iter().map(|list| write("cpuset.mems", list, "cpu/mems"))).collect()
}

/// The weights belong to an I/O scheduler: BFQ's files, or those of CFQ, which Linux 5.0 dropped.
fn io(block_io: &BlockIo) -> Vec<Write> {
    let mut writes = Vec::new();
    let either = |bfq: &str, cfq: &str, value: String, field: &str| {
        write(bfq, &value, field).tolerate(Tolerate::Or(cfq.to_owned(), value))
    };
    if let Some(weight) = block_io.weight {
        writes.push(either("blkio.bfq.weight", "blkio.weight", weight.to_string(), "blockIO/weight"));
    }
    if let Some(weight) = block_io.leaf_weight {
        writes.push(write("blkio.leaf_weight", weight, "blockIO/leafWeight"));
    }
    for device in &block_io.weight_devices {
        let field = format!("blockIO/weightDevice/{}", device.index);
        if let Some(weight) = device.weight {
            let value = format!("{}:{} {weight}", device.major, device.minor);
            let field = format!("{field}/weight");
            writes.push(either("blkio.bfq.weight_device", "blkio.weight_device", value, &field));
        }
        if let Some(weight) = device.leaf_weight {
            let value = format!("{}:{} {weight}", device.major, device.minor);
            writes.push(write("blkio.leaf_weight_device", value, &format!("{field}/leafWeight")));
        }
    }
    for device in &block_io.throttles {
        let file = match device.throttle {
            Throttle::ReadBytes => "blkio.throttle.read_bps_device",
            Throttle::WriteBytes => "blkio.throttle.write_bps_device",
            Throttle::ReadOperations => "blkio.throttle.read_iops_device",
            Throttle::WriteOperations => "blkio.throttle.write_iops_device",
        };
        let field = format!("blockIO/{}/{}", device.throttle.field(), device.index);
        writes.push(write(file, format!("{}:{} {}", device.major, device.minor, device.rate), &field));
    }
    writes
}

/// The limit at the fault, and the better one at the reservation (Linux 5.7).
fn hugetlb(limits: &Limits) -> Vec<Write> {
    let writes = limits.hugepages.iter().enumerate().flat_map(|(index, limit)| {
        let (size, field) = (&limit.page_size, format!("hugepageLimits/{index}/limit"));
        let used = write(format!("hugetlb.{size}.limit_in_bytes"), limit.max_bytes, &field);
        let reserved = write(format!("hugetlb.{size}.rsvd.limit_in_bytes"), limit.max_bytes, &field);
        [used, reserved.tolerate(Tolerate::Missing)]
    });
    writes.collect()
}

fn net_prio(limits: &Limits) -> Vec<Write> {
    let priorities = limits.network.priorities.iter().enumerate();
    let line = |(index, (name, priority)): (usize, &(String, u32))| {
        write("net_prio.ifpriomap", format!("{name} {priority}"), &format!("network/priorities/{index}"))
    };
    priorities.map(line).collect()
}
