//! config.json of runtime-spec 1.3 as types: names, nesting and JSON types only. What the values mean is decided in
//! `check` and in `plan`; field names are those of config.md and config-linux.md, and are explained there.
//!
//! oci-spec's types serve where they say the same as the specification (namespaces, resources). The others
//! are here because oci-spec 0.10 refuses unknown capabilities (a warning by the specification), misspells three
//! scheduler flags, looks for `enableCMT` as `enableCmt`, makes a missing `pids.limit`, rlimit or mapping a zero,
//! requires `process.user`, reads parts of other platforms, and brings a regex engine of 1.4 MB for
//! `execCPUAffinity`. Unknown properties are ignored (config.md, "Extensibility").

use super::names::Names;
use super::read::{list, map, object, object_map, object_or_default, objects};
use oci_spec::runtime::{
    Arch, LinuxDeviceType, LinuxNamespace, LinuxResources, LinuxSeccompAction, LinuxSeccompArg,
    LinuxSeccompFilterFlag,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Config {
    pub oci_version: String,
    #[serde(default, deserialize_with = "object")]
    pub root: Option<Root>,
    #[serde(default, deserialize_with = "objects")]
    pub mounts: Vec<Mount>,
    #[serde(default, deserialize_with = "object")]
    pub process: Option<Process>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub hooks: Option<Hooks>,
    #[serde(default, deserialize_with = "map")]
    pub annotations: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "object")]
    pub linux: Option<Linux>,
}

/// `root`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Root {
    pub path: String,
    pub readonly: Option<bool>,
}

/// One of `mounts`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Mount {
    pub destination: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub source: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub options: Vec<String>,
    #[serde(default, deserialize_with = "objects")]
    pub uid_mappings: Vec<IdMapping>,
    #[serde(default, deserialize_with = "objects")]
    pub gid_mappings: Vec<IdMapping>,
}

/// A range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct IdMapping {
    #[serde(rename = "containerID")]
    pub container_id: u32,
    #[serde(rename = "hostID")]
    pub host_id: u32,
    pub size: u32,
}

/// `process`, and the file given to `exec --process`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Process {
    pub terminal: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    pub console_size: Option<ConsoleSize>,
    #[serde(default, deserialize_with = "object_or_default")]
    pub user: User,
    #[serde(default, deserialize_with = "list")]
    pub args: Vec<String>,
    #[serde(default, deserialize_with = "list")]
    pub env: Vec<String>,
    pub cwd: String,
    #[serde(default, deserialize_with = "object")]
    pub capabilities: Option<Capabilities>,
    #[serde(default, deserialize_with = "objects")]
    pub rlimits: Vec<Rlimit>,
    pub no_new_privileges: Option<bool>,
    pub apparmor_profile: Option<String>,
    pub selinux_label: Option<String>,
    pub oom_score_adj: Option<i32>,
    #[serde(default, deserialize_with = "object")]
    pub scheduler: Option<Scheduler>,
    #[serde(default, deserialize_with = "object")]
    pub io_priority: Option<IoPriority>,
    #[serde(rename = "execCPUAffinity", default, deserialize_with = "object")]
    pub exec_cpu_affinity: Option<ExecCpuAffinity>,
}

/// `process.consoleSize`, in characters.
#[derive(Debug, Clone, Copy, Deserialize)]
#[allow(missing_docs)]
pub struct ConsoleSize {
    pub height: u64,
    pub width: u64,
}

/// `process.user`. Go programs that write this file leave out neither id, others take 0 for granted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub umask: Option<u32>,
    #[serde(deserialize_with = "list")]
    pub additional_gids: Vec<u32>,
}

/// `process.capabilities`: names, as given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Capabilities {
    #[serde(deserialize_with = "list")]
    pub bounding: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub effective: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub inheritable: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub permitted: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub ambient: Vec<String>,
}

/// One of `process.rlimits`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Rlimit {
    #[serde(rename = "type")]
    pub kind: String,
    pub soft: u64,
    pub hard: u64,
}

/// `process.scheduler`.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs)]
pub struct Scheduler {
    pub policy: String,
    pub nice: Option<i32>,
    pub priority: Option<i32>,
    #[serde(default, deserialize_with = "list")]
    pub flags: Vec<String>,
    pub runtime: Option<u64>,
    pub deadline: Option<u64>,
    pub period: Option<u64>,
}

/// `process.ioPriority`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct IoPriority {
    pub class: String,
    pub priority: i64,
}

/// `process.execCPUAffinity`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct ExecCpuAffinity {
    pub initial: Option<String>,
    pub r#final: Option<String>,
}

/// `hooks`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Hooks {
    #[serde(deserialize_with = "objects")]
    pub prestart: Vec<Hook>,
    #[serde(deserialize_with = "objects")]
    pub create_runtime: Vec<Hook>,
    #[serde(deserialize_with = "objects")]
    pub create_container: Vec<Hook>,
    #[serde(deserialize_with = "objects")]
    pub start_container: Vec<Hook>,
    #[serde(deserialize_with = "objects")]
    pub poststart: Vec<Hook>,
    #[serde(deserialize_with = "objects")]
    pub poststop: Vec<Hook>,
}

/// One hook.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs)]
pub struct Hook {
    pub path: String,
    #[serde(default, deserialize_with = "list")]
    pub args: Vec<String>,
    pub env: Option<Vec<String>>,
    pub timeout: Option<i64>,
}

/// `linux`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct Linux {
    #[serde(deserialize_with = "objects")]
    pub namespaces: Vec<LinuxNamespace>,
    #[serde(deserialize_with = "objects")]
    pub uid_mappings: Vec<IdMapping>,
    #[serde(deserialize_with = "objects")]
    pub gid_mappings: Vec<IdMapping>,
    #[serde(deserialize_with = "object_map")]
    pub time_offsets: BTreeMap<String, TimeOffset>,
    #[serde(deserialize_with = "objects")]
    pub devices: Vec<Device>,
    #[serde(deserialize_with = "object_map")]
    pub net_devices: BTreeMap<String, NetDevice>,
    pub cgroups_path: Option<String>,
    #[serde(deserialize_with = "super::resources::resources")]
    pub resources: Option<LinuxResources>,
    #[serde(default, deserialize_with = "object")]
    pub intel_rdt: Option<IntelRdt>,
    #[serde(deserialize_with = "map")]
    pub sysctl: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "object")]
    pub seccomp: Option<Seccomp>,
    /// In the place of a profile that is known already (`bundle::profile`): no key that a file could have.
    #[serde(rename = "\u{7f}eccomp")]
    pub stand_in: Option<IgnoredAny>,
    pub rootfs_propagation: Option<String>,
    #[serde(deserialize_with = "list")]
    pub masked_paths: Vec<String>,
    #[serde(deserialize_with = "list")]
    pub readonly_paths: Vec<String>,
    pub mount_label: Option<String>,
    #[serde(default, deserialize_with = "object")]
    pub personality: Option<Personality>,
    #[serde(default, deserialize_with = "object")]
    pub memory_policy: Option<MemoryPolicy>,
}

/// `linux.seccomp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Seccomp {
    pub default_action: LinuxSeccompAction,
    pub default_errno_ret: Option<u32>,
    #[serde(default, deserialize_with = "list")]
    pub architectures: Vec<Arch>,
    pub flags: Option<Vec<LinuxSeccompFilterFlag>>,
    pub listener_path: Option<PathBuf>,
    pub listener_metadata: Option<String>,
    #[serde(default, deserialize_with = "objects")]
    pub syscalls: Vec<Syscall>,
}

/// One of `linux.seccomp.syscalls`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Syscall {
    pub names: Names,
    pub action: LinuxSeccompAction,
    pub errno_ret: Option<u32>,
    #[serde(default, deserialize_with = "list")]
    pub args: Vec<LinuxSeccompArg>,
}

/// One of `linux.timeOffsets`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[allow(missing_docs)]
pub struct TimeOffset {
    pub secs: Option<i64>,
    pub nanosecs: Option<u32>,
}

/// One of `linux.devices`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub struct Device {
    #[serde(rename = "type")]
    pub kind: LinuxDeviceType,
    pub path: String,
    pub major: Option<i64>,
    pub minor: Option<i64>,
    pub file_mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
}

/// One of `linux.netDevices`.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs)]
pub struct NetDevice {
    pub name: Option<String>,
}

/// `linux.intelRdt`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs)]
pub struct IntelRdt {
    #[serde(rename = "closID")]
    pub clos_id: Option<String>,
    pub l3_cache_schema: Option<String>,
    pub mem_bw_schema: Option<String>,
    #[serde(deserialize_with = "list")]
    pub schemata: Vec<String>,
    pub enable_monitoring: Option<bool>,
    #[serde(rename = "enableCMT")]
    pub enable_cmt: Option<bool>,
    #[serde(rename = "enableMBM")]
    pub enable_mbm: Option<bool>,
}

/// `linux.personality`.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct Personality {
    pub domain: String,
    #[serde(default, deserialize_with = "list")]
    pub flags: Vec<String>,
}

/// `linux.memoryPolicy`.
#[derive(Debug, Clone, Default, Deserialize)]
#[allow(missing_docs)]
pub struct MemoryPolicy {
    pub mode: String,
    pub nodes: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub flags: Vec<String>,
}
