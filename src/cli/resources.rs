//! The commands about a container's control groups: pause, resume, update, events.

use super::argument::arguments;
use super::{Bytes, Interval};
use std::path::PathBuf;

arguments! {
    /// `pause`.
    pub struct Pause {
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `resume`.
    pub struct Resume {
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `events`.
    pub struct Events {
        /// Time between two statistics, as 5s or 500ms
        interval: Interval = value("interval", "TIME").default("5s"),
        /// Print the statistics once, and end
        stats: bool = flag("stats"),
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `update`: what is not named keeps its value.
    pub struct Update {
        /// JSON file in the form of `linux.resources`; - is standard input
        resources: Option<PathBuf> = value("resources", "FILE").short("r").under("All at once"),
        /// Print the limits that are in force afterwards as JSON
        json: bool = flag("json").under("All at once"),

        /// Memory, as 64M or 1g; -1 is no limit
        memory: Option<Bytes> = value("memory", "BYTES").under("Memory"),
        /// Memory that is kept when memory runs short
        memory_reservation: Option<Bytes> = value("memory-reservation", "BYTES").under("Memory"),
        /// Memory and swap together; -1 is no limit
        memory_swap: Option<Bytes> = value("memory-swap", "BYTES").under("Memory"),
        /// Accepted for older callers, without effect
        kernel_memory: Option<Bytes> = value("kernel-memory", "BYTES").hidden(),
        /// Accepted for older callers, without effect
        kernel_memory_tcp: Option<Bytes> = value("kernel-memory-tcp", "BYTES").hidden(),

        /// CPU time in each period; -1 is no limit
        cpu_quota: Option<i64> = value("cpu-quota", "MICROSECONDS").under("CPU"),
        /// Length of the period
        cpu_period: Option<u64> = value("cpu-period", "MICROSECONDS").under("CPU"),
        /// Unused CPU time that can be spent later
        cpu_burst: Option<u64> = value("cpu-burst", "MICROSECONDS").under("CPU"),
        /// Weight against other groups
        cpu_share: Option<u64> = value("cpu-share", "SHARES").under("CPU"),
        /// 1: run only when nobody else wants the CPU
        cpu_idle: Option<i64> = value("cpu-idle", "0|1").under("CPU"),
        /// Realtime CPU time in each realtime period (cgroup v1)
        cpu_rt_runtime: Option<i64> = value("cpu-rt-runtime", "MICROSECONDS").under("CPU"),
        /// Length of the realtime period (cgroup v1)
        cpu_rt_period: Option<u64> = value("cpu-rt-period", "MICROSECONDS").under("CPU"),
        /// CPUs it may use, as 0-3,7
        cpuset_cpus: Option<String> = value("cpuset-cpus", "LIST").under("CPU"),
        /// Memory nodes it may use, as 0-1
        cpuset_mems: Option<String> = value("cpuset-mems", "LIST").under("CPU"),

        /// Number of processes and threads; -1 is no limit
        pids_limit: Option<i64> = value("pids-limit", "N").under("Other"),
        /// Weight of its block I/O, 10 to 1000
        blkio_weight: Option<u16> = value("blkio-weight", "WEIGHT").under("Other"),
        /// Intel RDT schema of the L3 cache
        l3_cache_schema: Option<String> = value("l3-cache-schema", "SCHEMA").under("Other"),
        /// Intel RDT schema of the memory bandwidth
        mem_bw_schema: Option<String> = value("mem-bw-schema", "SCHEMA").under("Other"),

        /// The container
        id: String = operand("id", "ID"),
    }
}
