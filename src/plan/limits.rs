//! `linux.resources` -> Limits: neutral of cgroup version, with the unit in each field's name.
//!
//! Called by `plan` (and by `update`); read by `cgroup`, whose translators turn it into files of v1 or v2. Pure:
//! checks what no kernel could take; whether this one has a controller is the translators' and the writer's affair.

mod check;

use crate::bundle::Invalid;
use oci_spec::runtime::LinuxResources;

/// Where the limits stand in config.json: every pointer below begins with it.
pub const POINTER: &str = "/linux/resources";

/// Resource limits, neutral of cgroup version. A field that is None or empty is left as the kernel has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Limits {
    /// In order, a later rule overriding an earlier one; what no rule names is denied. Ends with the devices that
    /// every container may use.
    pub devices: Vec<DeviceRule>,
    pub memory: Memory,
    pub cpu: Cpu,
    /// Tasks (threads), at least 1.
    pub pids_max: Option<Max>,
    pub block_io: BlockIo,
    pub hugepages: Vec<Hugepage>,
    pub network: Network,
    pub rdma: Vec<Rdma>,
    /// v2 file name -> content, sorted by name.
    pub unified: Vec<(String, String)>,
}

/// A limit that may be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Max {
    /// `-1` in config.json: `max` on v2, `-1` on v1.
    Unlimited,
    /// So many, in the unit of the field's name.
    At(u64),
}

impl Max {
    /// The number, or what a file of the kernel has for no limit.
    pub fn or_word(self, unlimited: &str) -> String {
        match self {
            Max::Unlimited => unlimited.to_owned(),
            Max::At(number) => number.to_string(),
        }
    }
}

/// `memory`. A limit of 0 counts as not given, as runc and the engines have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// `limit`.
    pub max_bytes: Option<Max>,
    /// `reservation`, the soft limit.
    pub reservation_bytes: Option<Max>,
    /// `swap`: memory and swap together.
    pub memory_and_swap_bytes: Option<Max>,
    /// `kernel`.
    pub kernel_bytes: Option<Max>,
    /// `kernelTCP`.
    pub kernel_tcp_bytes: Option<Max>,
    /// `swappiness`, 0 to 100.
    pub swappiness: Option<u8>,
    /// `disableOOMKiller`.
    pub oom_killer_disabled: Option<bool>,
    /// `useHierarchy`.
    pub use_hierarchy: Option<bool>,
    /// `checkBeforeUpdate`: refuse a limit below what is in use.
    pub check_before_update: bool,
}

/// `cpu`. Zero counts as not given, as runc has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Cpu {
    /// Relative weight in v1's scale: 2 to 262144, 1024 being one share.
    pub shares: Option<u64>,
    pub quota_us: Option<Max>,
    pub period_us: Option<u64>,
    pub burst_us: Option<u64>,
    /// SCHED_IDLE.
    pub idle: Option<bool>,
    /// -1: no limit.
    pub realtime_runtime_us: Option<i64>,
    pub realtime_period_us: Option<u64>,
    /// CPU list, cpuset(7) "List format".
    pub cpus: Option<String>,
    /// Memory node list, likewise.
    pub mems: Option<String>,
}

/// `blockIO`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct BlockIo {
    /// 10 to 1000.
    pub weight: Option<u16>,
    pub leaf_weight: Option<u16>,
    pub weight_devices: Vec<WeightDevice>,
    /// In the order of [`Throttle`]'s variants, then of the config.
    pub throttles: Vec<ThrottleDevice>,
}

/// One of `blockIO.weightDevice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WeightDevice {
    pub major: u32,
    pub minor: u32,
    pub weight: Option<u16>,
    pub leaf_weight: Option<u16>,
    /// Position in the config.
    pub index: usize,
}

/// One of `blockIO.throttle*Device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ThrottleDevice {
    pub throttle: Throttle,
    pub major: u32,
    pub minor: u32,
    /// Bytes or operations in a second; 0 lifts the limit.
    pub rate: u64,
    /// Position in its list of the config.
    pub index: usize,
}

/// Which of a block device's rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Throttle {
    ReadBytes,
    WriteBytes,
    ReadOperations,
    WriteOperations,
}

impl Throttle {
    /// The list's name in config.json.
    pub fn field(self) -> &'static str {
        match self {
            Throttle::ReadBytes => "throttleReadBpsDevice",
            Throttle::WriteBytes => "throttleWriteBpsDevice",
            Throttle::ReadOperations => "throttleReadIOPSDevice",
            Throttle::WriteOperations => "throttleWriteIOPSDevice",
        }
    }
}

/// One of `hugepageLimits`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hugepage {
    /// As in the name of the kernel's file: `2MB`.
    pub page_size: String,
    /// Of pages of that size.
    pub max_bytes: u64,
}

/// `network`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// net_cls.
    pub class_id: Option<u32>,
    /// net_prio: interface and priority.
    pub priorities: Vec<(String, u32)>,
}

/// One of `rdma`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Rdma {
    pub device: String,
    pub hca_handles: Option<u32>,
    pub hca_objects: Option<u32>,
}

/// One rule of the device list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRule {
    /// Allow, or deny.
    pub allow: bool,
    /// Which kind of node; None: both. Then the numbers are None too and the access is all of it.
    pub kind: Option<DeviceKind>,
    /// None: any.
    pub major: Option<u32>,
    /// None: any.
    pub minor: Option<u32>,
    /// [`READ`], [`WRITE`] and [`MKNOD`], at least one.
    pub access: u8,
    /// Position in `devices`; None for the devices that every container may use.
    pub index: Option<usize>,
}

/// Which kind of device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum DeviceKind {
    Block,
    Char,
}

/// mknod(2); the values are the kernel's BPF_DEVCG_ACC_*.
pub const MKNOD: u8 = 1;
/// open(2) for reading.
pub const READ: u8 = 2;
/// open(2) for writing.
pub const WRITE: u8 = 4;
/// All three.
pub const ALL_ACCESS: u8 = MKNOD | READ | WRITE;

impl Limits {
    /// Checks `linux.resources` and takes it over; returns the limits and what the user should be warned of.
    ///
    /// # Errors
    /// The first value that no kernel could take; the pointer names the field.
    pub fn from_spec(resources: Option<&LinuxResources>) -> Result<(Limits, Vec<String>), Invalid> {
        check::limits(resources)
    }

    /// The first thing asked for beside device rules, as a JSON pointer; None if there is none.
    /// For a caller that can do without control groups exactly if nobody wants a limit.
    pub fn first_asked(&self) -> Option<String> {
        let sections = [
            ("memory", self.memory != Memory::default()),
            ("cpu", self.cpu != Cpu::default()),
            ("pids", self.pids_max.is_some()),
            ("blockIO", self.block_io != BlockIo::default()),
            ("hugepageLimits", !self.hugepages.is_empty()),
            ("network", self.network != Network::default()),
            ("rdma", !self.rdma.is_empty()),
            ("unified", !self.unified.is_empty()),
        ];
        sections.iter().find(|(_, asked)| *asked).map(|(section, _)| format!("{POINTER}/{section}"))
    }
}
