//! The commands about a container's control groups: pause, resume, update, events.

use super::{Bytes, Interval};
use clap::Args;
use std::path::PathBuf;

/// `pause`.
#[derive(Debug, Clone, Default, Args)]
pub struct Pause {
    /// The container
    pub id: String,
}

/// `resume`.
#[derive(Debug, Clone, Default, Args)]
pub struct Resume {
    /// The container
    pub id: String,
}

/// `events`.
#[derive(Debug, Clone, Default, Args)]
pub struct Events {
    /// Time between two statistics, as 5s or 500ms
    #[arg(long, value_name = "TIME", default_value = "5s")]
    pub interval: Interval,
    /// Print the statistics once, and end
    #[arg(long)]
    pub stats: bool,
    /// The container
    pub id: String,
}

/// `update`: what is not named keeps its value.
#[derive(Debug, Clone, Default, Args)]
#[command(allow_negative_numbers = true)]
pub struct Update {
    /// JSON file in the form of `linux.resources`; - is standard input
    #[arg(short, long, value_name = "FILE", help_heading = "All at once")]
    pub resources: Option<PathBuf>,
    /// Print the limits that are in force afterwards as JSON
    #[arg(long, help_heading = "All at once")]
    pub json: bool,

    /// Memory, as 64M or 1g; -1 is no limit
    #[arg(long, value_name = "BYTES", help_heading = "Memory")]
    pub memory: Option<Bytes>,
    /// Memory that is kept when memory runs short
    #[arg(long, value_name = "BYTES", help_heading = "Memory")]
    pub memory_reservation: Option<Bytes>,
    /// Memory and swap together; -1 is no limit
    #[arg(long, value_name = "BYTES", help_heading = "Memory")]
    pub memory_swap: Option<Bytes>,
    /// Accepted for older callers, without effect
    #[arg(long, value_name = "BYTES", hide = true)]
    pub kernel_memory: Option<Bytes>,
    /// Accepted for older callers, without effect
    #[arg(long, value_name = "BYTES", hide = true)]
    pub kernel_memory_tcp: Option<Bytes>,

    /// CPU time in each period; -1 is no limit
    #[arg(long, value_name = "MICROSECONDS", help_heading = "CPU")]
    pub cpu_quota: Option<i64>,
    /// Length of the period
    #[arg(long, value_name = "MICROSECONDS", help_heading = "CPU")]
    pub cpu_period: Option<u64>,
    /// Unused CPU time that can be spent later
    #[arg(long, value_name = "MICROSECONDS", help_heading = "CPU")]
    pub cpu_burst: Option<u64>,
    /// Weight against other groups
    #[arg(long, value_name = "SHARES", help_heading = "CPU")]
    pub cpu_share: Option<u64>,
    /// 1: run only when nobody else wants the CPU
    #[arg(long, value_name = "0|1", help_heading = "CPU")]
    pub cpu_idle: Option<i64>,
    /// Realtime CPU time in each realtime period (cgroup v1)
    #[arg(long, value_name = "MICROSECONDS", help_heading = "CPU")]
    pub cpu_rt_runtime: Option<i64>,
    /// Length of the realtime period (cgroup v1)
    #[arg(long, value_name = "MICROSECONDS", help_heading = "CPU")]
    pub cpu_rt_period: Option<u64>,
    /// CPUs it may use, as 0-3,7
    #[arg(long, value_name = "LIST", help_heading = "CPU")]
    pub cpuset_cpus: Option<String>,
    /// Memory nodes it may use, as 0-1
    #[arg(long, value_name = "LIST", help_heading = "CPU")]
    pub cpuset_mems: Option<String>,

    /// Number of processes and threads; -1 is no limit
    #[arg(long, value_name = "N", help_heading = "Other")]
    pub pids_limit: Option<i64>,
    /// Weight of its block I/O, 10 to 1000
    #[arg(long, value_name = "WEIGHT", help_heading = "Other")]
    pub blkio_weight: Option<u16>,
    /// Intel RDT schema of the L3 cache
    #[arg(long, value_name = "SCHEMA", help_heading = "Other")]
    pub l3_cache_schema: Option<String>,
    /// Intel RDT schema of the memory bandwidth
    #[arg(long, value_name = "SCHEMA", help_heading = "Other")]
    pub mem_bw_schema: Option<String>,

    /// The container
    pub id: String,
}
