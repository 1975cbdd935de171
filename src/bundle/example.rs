//! The config.json that `tare spec` writes: a shell in a busybox root file system, with the defaults of the engines.
//! For an unprivileged user it differs in what such a user may not do.
//!
//! Types of its own rather than oci-spec's: their sets of capabilities come out in another order each time.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// For whom the example is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// A caller who is root.
    Root,
    /// An ordinary user, by effective user and group id: they become root in a user namespace.
    Rootless {
        /// Effective user id.
        uid: u32,
        /// Effective group id.
        gid: u32,
    },
}

/// The example's text, indented by tabs, without a line break at the end.
pub fn text(audience: For) -> String {
    let mut json = Vec::new();
    let mut writer = Serializer::with_formatter(&mut json, PrettyFormatter::with_indent(b"\t"));
    match example(audience).serialize(&mut writer) {
        Ok(()) => String::from_utf8(json).unwrap_or_default(),
        // Only a writer that fails, or a map with keys that are no strings, could be an error.
        Err(_) => String::new(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Example {
    oci_version: &'static str,
    process: Process,
    root: Root,
    hostname: &'static str,
    mounts: Vec<Mount>,
    linux: Linux,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Process {
    terminal: bool,
    user: User,
    args: [&'static str; 1],
    env: [&'static str; 2],
    cwd: &'static str,
    capabilities: Capabilities,
    rlimits: [Rlimit; 1],
    no_new_privileges: bool,
}

#[derive(Serialize)]
struct User {
    uid: u32,
    gid: u32,
}

#[derive(Serialize)]
struct Capabilities {
    bounding: [&'static str; 3],
    effective: [&'static str; 3],
    permitted: [&'static str; 3],
    /// Never: an inheritable set lets a file of the image raise it (CVE-2022-24769, CVE-2022-29162).
    #[serde(skip_serializing_if = "Option::is_none")]
    inheritable: Option<[&'static str; 3]>,
}

#[derive(Serialize)]
struct Rlimit {
    r#type: &'static str,
    hard: u64,
    soft: u64,
}

#[derive(Serialize)]
struct Root {
    path: &'static str,
    readonly: bool,
}

#[derive(Serialize)]
struct Mount {
    destination: &'static str,
    r#type: &'static str,
    source: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gid_mappings: Vec<IdMapping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Resources>,
    namespaces: Vec<Namespace>,
    masked_paths: [&'static str; 11],
    readonly_paths: [&'static str; 5],
}

#[derive(Serialize)]
struct IdMapping {
    #[serde(rename = "containerID")]
    container_id: u32,
    #[serde(rename = "hostID")]
    host_id: u32,
    size: u32,
}

#[derive(Serialize)]
struct Resources {
    devices: [DeviceRule; 1],
}

#[derive(Serialize)]
struct DeviceRule {
    allow: bool,
    access: &'static str,
}

#[derive(Serialize)]
struct Namespace {
    r#type: &'static str,
}

const CAPABILITIES: [&str; 3] = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

fn example(audience: For) -> Example {
    Example {
        oci_version: "1.3.0",
        process: Process {
            terminal: true,
            user: User { uid: 0, gid: 0 },
            args: ["sh"],
            env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            cwd: "/",
            capabilities: Capabilities {
                bounding: CAPABILITIES,
                effective: CAPABILITIES,
                permitted: CAPABILITIES,
                inheritable: broken!("cve_2022_29162").then_some(CAPABILITIES),
            },
            rlimits: [Rlimit { r#type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
            no_new_privileges: true,
        },
        root: Root { path: "rootfs", readonly: true },
        hostname: "tare",
        mounts: mounts(audience),
        linux: linux(audience),
    }
}

fn mounts(audience: For) -> Vec<Mount> {
    let mount = |destination, r#type, source, options: &[&'static str]| {
        let options = options.to_vec();
        Mount { destination, r#type, source, options }
    };
    let devpts: &[&str] = match audience {
        For::Root => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        // Group 5 has no mapping in a namespace with one id.
        For::Rootless { .. } => &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
    };
    let sys = match audience {
        For::Root => mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        // Who has no network namespace of their own may not mount sysfs.
        For::Rootless { .. } => mount("/sys", "none", "/sys", &["rbind", "nosuid", "noexec", "nodev", "ro"]),
    };
    vec![
        mount("/proc", "proc", "proc", &[]),
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", "devpts", devpts),
        mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        sys,
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]
}

fn linux(audience: For) -> Linux {
    let namespaces: &[&str] = match audience {
        For::Root => &["pid", "network", "ipc", "uts", "mount", "cgroup"],
        For::Rootless { .. } => &["pid", "ipc", "uts", "mount", "cgroup", "user"],
    };
    let mapping = |host_id| IdMapping { container_id: 0, host_id, size: 1 };
    let (uid_mappings, gid_mappings, resources) = match audience {
        For::Root => {
            let everything = DeviceRule { allow: false, access: "rwm" };
            (Vec::new(), Vec::new(), Some(Resources { devices: [everything] }))
        }
        For::Rootless { uid, gid } => (vec![mapping(uid)], vec![mapping(gid)], None),
    };
    Linux {
        uid_mappings,
        gid_mappings,
        resources,
        namespaces: namespaces.iter().map(|r#type| Namespace { r#type }).collect(),
        masked_paths: [
            "/proc/acpi",
            "/proc/asound",
            "/proc/interrupts",
            "/proc/kcore",
            "/proc/keys",
            "/proc/latency_stats",
            "/proc/timer_list",
            "/proc/timer_stats",
            "/proc/sched_debug",
            "/sys/firmware",
            "/proc/scsi",
        ],
        readonly_paths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    }
}
