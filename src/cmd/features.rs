//! `features`: what this runtime can do, as JSON (features.md and features-linux.md of the runtime specification).
//!
//! Everything but `supportedFlags` is about the program, not about this machine, and comes from the tables that carry
//! it out. Needs no environment, no root and no particular current folder.

use super::{OCI_VERSION, print, version};
use crate::plan::caps::NAMES as CAPABILITIES;
use crate::plan::{annotations, mount_options, scheduling, seccomp};
use crate::sys::probe;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Features {
    oci_version_min: &'static str,
    oci_version_max: &'static str,
    hooks: [&'static str; 6],
    mount_options: Vec<&'static str>,
    linux: Linux,
    annotations: BTreeMap<&'static str, &'static str>,
    /// Every annotation that changes what is done, refusals included.
    potentially_unsafe_config_annotations: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    namespaces: [&'static str; 8],
    capabilities: Vec<String>,
    cgroup: Cgroup,
    seccomp: Seccomp,
    apparmor: Enabled,
    selinux: Enabled,
    intel_rdt: IntelRdt,
    memory_policy: MemoryPolicy,
    mount_extensions: MountExtensions,
    net_devices: Enabled,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cgroup {
    v1: bool,
    v2: bool,
    systemd: bool,
    systemd_user: bool,
    rdma: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seccomp {
    enabled: bool,
    actions: [&'static str; 9],
    operators: [&'static str; 7],
    archs: Vec<&'static str>,
    known_flags: [&'static str; 4],
    supported_flags: Vec<&'static str>,
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Serialize)]
struct IntelRdt {
    enabled: bool,
    schemata: bool,
    monitoring: bool,
}

#[derive(Serialize)]
struct MemoryPolicy {
    modes: Vec<&'static str>,
    flags: Vec<&'static str>,
}

#[derive(Serialize)]
struct MountExtensions {
    idmap: Enabled,
}

pub(super) fn features() -> Result<u8> {
    print(&features_json()?)?;
    Ok(0)
}

/// The JSON text, with a line break at its end.
pub fn features_json() -> Result<String> {
    let mut mount_options: Vec<&'static str> = mount_options::names().collect();
    mount_options.sort_unstable();
    let features = Features {
        oci_version_min: "1.0.0",
        oci_version_max: OCI_VERSION,
        hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        mount_options,
        linux: linux(),
        annotations: BTreeMap::from([
            ("tare.version", env!("CARGO_PKG_VERSION")),
            ("tare.commit", version::COMMIT),
            ("tare.checkpoint.enabled", "true"),
        ]),
        potentially_unsafe_config_annotations: annotations::KNOWN.iter().map(|(name, _)| *name).collect(),
    };
    let mut text = serde_json::to_string_pretty(&features).context("the features")?;
    text.push('\n');
    Ok(text)
}

fn linux() -> Linux {
    Linux {
        namespaces: ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
        capabilities: CAPABILITIES.iter().map(|name| format!("CAP_{name}")).collect(),
        cgroup: Cgroup { v1: true, v2: true, systemd: true, systemd_user: true, rdma: true },
        seccomp: Seccomp {
            enabled: true,
            actions: seccomp::ACTIONS,
            operators: seccomp::OPERATORS,
            archs: seccomp::architectures().collect(),
            known_flags: seccomp::FLAGS,
            supported_flags: supported_flags(),
        },
        apparmor: Enabled { enabled: true },
        selinux: Enabled { enabled: true },
        intel_rdt: IntelRdt { enabled: true, schemata: true, monitoring: true },
        memory_policy: MemoryPolicy {
            modes: scheduling::memory_policy_modes().collect(),
            flags: scheduling::memory_policy_flags().collect(),
        },
        mount_extensions: MountExtensions { idmap: Enabled { enabled: true } },
        net_devices: Enabled { enabled: true },
    }
}

/// The flags that this kernel knows too.
fn supported_flags() -> Vec<&'static str> {
    let flags = seccomp::FLAGS.iter().zip(seccomp::FLAG_BITS);
    flags.filter(|(_, bit)| probe::seccomp_flag(*bit)).map(|(name, _)| *name).collect()
}
