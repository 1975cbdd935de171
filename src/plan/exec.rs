//! What `exec` runs: the container's own process, with what the caller changes of it.
//!
//! Called by `cmd::exec`. Whatever the caller does not name is the container's: its user, groups, capabilities, limits,
//! labels, filter, scheduling. So nothing is granted that the container's own process does not have, unless it is asked
//! for by name.

use super::annotations::Asked;
use super::caps::NAMES;
use super::process::Process;
use super::rootfs::{Rootfs, Switch};
use super::{Hooks, IdMaps, Namespaces, Plan, idmap, limits, namespaces, process, seccomp};
use crate::bundle::config::{self, Linux};
use crate::bundle::{Bundle, Invalid};
use crate::host::Host;
use std::path::PathBuf;

/// The larger parts of a configuration that say nothing of one more process: [`Plan::for_exec`] looks at none of them.
pub const OF_NO_USE: [&str; 4] = ["mounts", "resources", "maskedPaths", "readonlyPaths"];

/// Changes to the process, by the options of `exec`. What is empty or None changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Overrides {
    /// The program and its arguments.
    pub args: Vec<String>,
    pub cwd: Option<String>,
    /// `NAME=VALUE`, added to the environment.
    pub env: Vec<String>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Added to the supplementary groups.
    pub additional_gids: Vec<u32>,
    /// Names with `CAP_`, added to the bounding, effective and permitted sets, and to the ambient one where they are
    /// inheritable.
    pub capabilities: Vec<String>,
    pub terminal: bool,
    pub no_new_privileges: bool,
    pub apparmor_profile: Option<String>,
    pub selinux_label: Option<String>,
}

/// The process that runs: that of the caller's file, completed by the container's, or the container's own with another
/// program; then changed by `overrides`.
pub fn merged(
    container: Option<&config::Process>,
    file: Option<config::Process>,
    overrides: Overrides,
) -> config::Process {
    let container = container.cloned().unwrap_or_default();
    let mut process = match file {
        Some(file) => complete(file, container),
        None => config::Process { terminal: None, args: Vec::new(), ..container },
    };
    if process.cwd.is_empty() {
        process.cwd = "/".to_owned();
    }
    let Overrides { args, cwd, env, uid, gid, additional_gids, capabilities, .. } = overrides;
    if !args.is_empty() {
        process.args = args;
    }
    process.cwd = cwd.unwrap_or(process.cwd);
    process.env.extend(env);
    process.user.uid = uid.unwrap_or(process.user.uid);
    process.user.gid = gid.unwrap_or(process.user.gid);
    process.user.additional_gids.extend(additional_gids);
    if !capabilities.is_empty() {
        grant(process.capabilities.get_or_insert_default(), capabilities);
    }
    if overrides.terminal {
        process.terminal = Some(true);
    }
    if overrides.no_new_privileges {
        process.no_new_privileges = Some(true);
    }
    process.apparmor_profile = overrides.apparmor_profile.or(process.apparmor_profile);
    process.selinux_label = overrides.selinux_label.or(process.selinux_label);
    process
}

/// What confines a process comes from the container where the file says nothing: a file that leaves it out must not
/// give more than the container's own process has.
fn complete(file: config::Process, container: config::Process) -> config::Process {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    config::Process {
        capabilities: file.capabilities.or(container.capabilities),
        rlimits: if file.rlimits.is_empty() { container.rlimits } else { file.rlimits },
        no_new_privileges: file.no_new_privileges.or(container.no_new_privileges),
        apparmor_profile: given(file.apparmor_profile).or(container.apparmor_profile),
        selinux_label: given(file.selinux_label).or(container.selinux_label),
        oom_score_adj: file.oom_score_adj.or(container.oom_score_adj),
        scheduler: file.scheduler.or(container.scheduler),
        io_priority: file.io_priority.or(container.io_priority),
        exec_cpu_affinity: file.exec_cpu_affinity.or(container.exec_cpu_affinity),
        ..file
    }
}

fn grant(sets: &mut config::Capabilities, names: Vec<String>) {
    for name in names {
        // Only what is inheritable can be ambient (capabilities(7)).
        if sets.inheritable.contains(&name) {
            sets.ambient.push(name.clone());
        }
        sets.bounding.push(name.clone());
        sets.effective.push(name.clone());
        sets.permitted.push(name);
    }
}

/// The name of a capability as the specification writes it, from what a caller may type: `net_raw`, `CAP_NET_RAW`.
/// None: there is no such capability.
pub fn capability(word: &str) -> Option<String> {
    let name = word.to_ascii_uppercase();
    let bare = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.contains(&bare).then(|| format!("CAP_{bare}"))
}

/// What `exec` knows beside the configuration and the process.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    /// The container's id.
    pub id: String,
    /// The bundle's absolute path, for the seccomp agent.
    pub bundle: PathBuf,
    /// As [`super::Options::preserve_fds`].
    pub preserve_fds: u32,
    /// As [`super::Options::seccomp_receiver`].
    pub seccomp_receiver: Option<PathBuf>,
    /// The container's filter, if it was kept at its creation: then the configuration's profile is not looked at.
    pub kept_filter: Option<seccomp::Filter>,
    /// Join the container's session keyring.
    pub keyring: bool,
}

impl Plan {
    /// Decides everything about one more process of a container. Its namespaces, cgroups and root filesystem exist.
    ///
    /// # Errors
    /// As [`Plan::for_create`], with pointers below `/process` for what `process` holds.
    pub fn for_exec(
        container: &Bundle,
        process: &config::Process,
        options: ExecOptions,
        host: &Host,
    ) -> Result<Plan, Invalid> {
        let no_linux = Linux::default();
        let linux = container.config.linux.as_ref().unwrap_or(&no_linux);
        let mut warnings = Vec::new();
        let mut decided = Process::from_config(process, None, host, &mut warnings)?;
        super::of_linux(&mut decided, linux)?;
        let asked = Asked::from_config(&container.config.annotations)?;
        let maps = namespaces::id_maps(linux)?;
        if let Some(maps) = &maps {
            idmap::check_user(&decided.user, maps)?;
        }
        let may_trace = |capabilities: &config::Capabilities| {
            capabilities.bounding.iter().any(|name| name == "CAP_SYS_PTRACE")
        };
        let own = container.config.process.as_ref().and_then(|process| process.capabilities.as_ref());
        Ok(Plan {
            namespaces: Namespaces::from_config(linux)?,
            among_tracers: own.into_iter().chain(&process.capabilities).any(may_trace),
            expected_id_maps: maps,
            process: decided,
            seccomp: match options.kept_filter {
                Some(filter) => Some(filter),
                // What is to be said of the profile was said at the container's creation.
                None => {
                    let receiver = options.seccomp_receiver.as_deref();
                    super::seccomp(linux, None, &asked, receiver, host, &mut Vec::new())?.0
                }
            },
            asked,
            annotations: container.config.annotations.clone(),
            new_keyring: options.keyring,
            preserve_fds: options.preserve_fds,
            warnings,
            ..Plan::empty(&options.id, &options.bundle)
        })
    }

    fn empty(id: &str, bundle: &std::path::Path) -> Plan {
        Plan {
            id: id.to_owned(),
            bundle: bundle.to_owned(),
            namespaces: Namespaces::default(),
            id_maps: None::<IdMaps>,
            expected_id_maps: None,
            time_offsets: Vec::new(),
            hostname: None,
            domainname: None,
            rootfs: Rootfs {
                path: PathBuf::new(),
                readonly: false,
                propagation: None,
                mounts: Vec::new(),
                dev: None,
                masked_paths: Vec::new(),
                readonly_paths: Vec::new(),
                switch: Switch::Chroot,
                mount_label: None,
            },
            sysctls: Vec::new(),
            net_devices: Vec::new(),
            process: process::Process::absent(),
            seccomp: None::<seccomp::Filter>,
            is_filter_reusable: false,
            limits: limits::Limits::default(),
            cgroups_path: None,
            rdt: None,
            hooks: Hooks::default(),
            annotations: Default::default(),
            asked: Asked::default(),
            new_keyring: false,
            preserve_fds: 0,
            notify: false,
            among_tracers: false,
            warnings: Vec::new(),
        }
    }
}
