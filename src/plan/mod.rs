//! Spec + options + host -> Plan: everything that can be decided before the clone, as owned, kernel-ready data.
//!
//! Called by `cmd`. Pure: no file is opened, no environment is read, nothing of this machine is known but what
//! [`Host`](crate::host::Host) says. `launch` and `child` carry the plan out; they decide nothing.
//! Wherever the kernel may refuse something, the plan keeps the position in config.json (`index`), so that the
//! error can point there.

pub mod annotations;
pub mod caps;
pub mod devices;
pub mod exec;
pub mod gvariant;
pub mod hooks;
pub mod idmap;
pub mod limits;
pub mod mount_options;
pub mod mounts;
pub mod namespaces;
mod net_devices;
pub mod notify;
pub mod process;
pub mod rdt;
pub mod rootfs;
mod running;
pub mod scheduling;
pub mod seccomp;
mod sysctls;
mod text;
pub mod unit_properties;

pub use devices::Device;
pub use hooks::{Hook, Hooks};
pub use idmap::{IdMap, IdMaps};
pub use mounts::MountOp;
pub use namespaces::{Namespaces, Place};
pub use process::Process;
pub use rootfs::Rootfs;

use crate::bundle::config::{Config, Linux};
use crate::bundle::{Bundle, Invalid};
use crate::host::Host;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;

/// What the caller asked for beside config.json. Filled by `cmd` from the command line.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The container's id, already checked.
    pub id: String,
    /// The bundle's absolute path.
    pub bundle: PathBuf,
    /// Descriptors from 3 on that the container inherits (`--preserve-fds`, or LISTEN_FDS if larger).
    pub preserve_fds: u32,
    /// The sockets that the caller was activated with; they are among the descriptors above.
    pub listen: Option<Listen>,
    /// The folder on the host in which the container will find its NOTIFY_SOCKET; None: the caller has none.
    pub notify_folder: Option<PathBuf>,
    /// `--no-pivot`: MS_MOVE and chroot instead of pivot_root, for a root on initramfs.
    pub no_pivot: bool,
    /// `--no-new-keyring`: keep the caller's session keyring.
    pub no_new_keyring: bool,
    /// RUN_OCI_SECCOMP_RECEIVER of the caller's environment, an absolute path: the seccomp agent of every container that
    /// needs one and names none.
    pub seccomp_receiver: Option<PathBuf>,
    /// The filter of the profile that the bundle was known to have (`Bundle::has_known_profile`).
    pub known_filter: Option<seccomp::Filter>,
}

/// Sockets of a service that is activated by them (sd_listen_fds(3)): descriptors from 3 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// LISTEN_FDS.
    pub count: u32,
    /// LISTEN_FDNAMES, as given.
    pub names: Option<String>,
}

/// A container, decided.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The container's id.
    pub id: String,
    /// The bundle's absolute path (for hooks and the state).
    pub bundle: PathBuf,
    /// Which namespaces are new, joined, or the caller's.
    pub namespaces: Namespaces,
    /// User namespace mappings; `Some` exactly if a new user namespace is made.
    pub id_maps: Option<IdMaps>,
    /// Mappings that the config gives beside a user namespace to join: that namespace must have these very ones.
    pub expected_id_maps: Option<IdMaps>,
    /// `/proc/self/timens_offsets` lines, one for each clock; empty without a new time namespace.
    pub time_offsets: Vec<TimeOffset>,
    /// sethostname(2).
    pub hostname: Option<CString>,
    /// setdomainname(2).
    pub domainname: Option<CString>,
    /// The root filesystem and everything that is mounted or hidden in it.
    pub rootfs: Rootfs,
    /// `net.core.somaxconn` -> value, keys as given.
    pub sysctls: Vec<Sysctl>,
    /// Network interfaces that move into the container.
    pub net_devices: Vec<NetDevice>,
    /// The program, its identity and its attributes.
    pub process: Process,
    /// The compiled seccomp filter.
    pub seccomp: Option<seccomp::Filter>,
    /// The filter was compiled, and is all that there is to its profile: another container with the same one can have it.
    pub is_filter_reusable: bool,
    /// Resource limits, neutral of cgroup version.
    pub limits: limits::Limits,
    /// `linux.cgroupsPath` as given, checked to hold no `..`; None: the manager chooses.
    pub cgroups_path: Option<String>,
    /// Intel RDT (resctrl).
    pub rdt: Option<Rdt>,
    /// Programs of the user to run at the moments the spec names.
    pub hooks: Hooks,
    /// Annotations, for the state.
    pub annotations: BTreeMap<String, String>,
    /// What some of them ask for.
    pub asked: annotations::Asked,
    /// Join a new session keyring named `_ses.ID` (keyctl(2)).
    pub new_keyring: bool,
    /// Descriptors 3..3+n are passed on to the container's process.
    pub preserve_fds: u32,
    /// The container has a socket to tell its readiness to; the last of the mounts shows it.
    pub notify: bool,
    /// Whether processes of the container may trace others (CAP_SYS_PTRACE), for `exec`, which comes among them.
    pub among_tracers: bool,
    /// What the plan wants said, at warning level: one sentence each.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Whether the container of an ordinary user has the ids that the host lends to him (`Host::lent`), as its configuration
    /// names none.
    pub fn needs_lent_ids(bundle: &Bundle, host: &Host) -> bool {
        let Some(linux) = &bundle.config.linux else { return host.euid != 0 };
        let is_given = !linux.uid_mappings.is_empty() || !linux.gid_mappings.is_empty();
        host.euid != 0 && !is_given && !namespaces::joins_user(linux)
    }

    /// Decides everything about a new container, for `create` and `run`.
    ///
    /// Errors: what the kernel could not take, what contradicts itself, what this host cannot do.
    pub fn for_create(bundle: &Bundle, options: &Options, host: &Host) -> Result<Plan, Invalid> {
        let config = &bundle.config;
        let no_linux = Linux::default();
        let linux = config.linux.as_ref().unwrap_or(&no_linux);
        let mut warnings = bundle.warnings.clone();
        let asked = annotations::Asked::from_config(&config.annotations)?;
        let mut namespaces = Namespaces::from_config(linux)?;
        let given_maps = namespaces::id_maps(linux)?;
        let given_maps = if Plan::needs_lent_ids(bundle, host) {
            // An ordinary user may make no namespace but together with a user namespace (namespaces(7)).
            namespaces.user = Place::New;
            Some(idmap::lent(config.process.as_ref(), host, &mut warnings)?)
        } else {
            given_maps
        };
        namespaces::check_maps(&namespaces, given_maps.as_ref())?;
        let mut rootfs = Rootfs::from_config(
            config,
            linux,
            &namespaces,
            given_maps.as_ref(),
            options,
            host,
            &mut warnings,
        )?;
        if let Some(label) = &mut rootfs.mount_label {
            label.context = asked.mount_context;
        }
        let known = match (bundle.has_known_profile, &options.known_filter) {
            (true, Some(known)) => Some(known),
            // Never a container without the filter that its configuration asks for.
            (true, None) => {
                return Err(Invalid::conflict("/linux/seccomp", "has no filter")
                    .advise("remove .seccomp in the state root"));
            }
            (false, _) => None,
        };
        let receiver = options.seccomp_receiver.as_deref();
        let (seccomp, is_filter_reusable) = seccomp(linux, known, &asked, receiver, host, &mut warnings)?;
        let (limits, mut limit_warnings) = limits::Limits::from_spec(linux.resources.as_ref())?;
        warnings.append(&mut limit_warnings);
        let (id_maps, expected_id_maps) =
            if namespaces.user.is_new() { (given_maps, None) } else { (None, given_maps) };
        let mut process = process(config, linux, options, host, &mut warnings)?;
        let notify = notify::add(options.notify_folder.as_deref(), &mut process, &mut rootfs)?;
        // The mappings of a joined namespace are known to nobody yet.
        if let Some(maps) = &id_maps {
            idmap::check_user(&process.user, maps)?;
        }
        Ok(Plan {
            id: options.id.clone(),
            bundle: options.bundle.clone(),
            id_maps,
            expected_id_maps,
            time_offsets: namespaces::time_offsets(linux)?,
            hostname: uts_name(config.hostname.as_deref(), "/hostname")?,
            domainname: uts_name(config.domainname.as_deref(), "/domainname")?,
            rootfs,
            sysctls: sysctls::sysctls(linux, config, &namespaces)?,
            net_devices: net_devices::net_devices(linux, host)?,
            process,
            seccomp,
            is_filter_reusable,
            limits,
            cgroups_path: cgroups_path(linux)?,
            rdt: linux.intel_rdt.as_ref().map(|rdt| rdt::rdt(rdt, &options.id, &mut warnings)).transpose()?,
            hooks: config.hooks.as_ref().map(Hooks::from_config).transpose()?.unwrap_or_default(),
            annotations: config.annotations.clone(),
            asked,
            new_keyring: !options.no_new_keyring,
            preserve_fds: options.preserve_fds,
            notify,
            among_tracers: false,
            namespaces,
            warnings,
        })
    }
}

impl Plan {
    /// The session keyring of the container, as runc names it: `exec` joins it by this name.
    pub fn session_keyring(&self) -> String {
        format!("_ses.{}", self.id)
    }
}

fn process(
    config: &Config,
    linux: &Linux,
    options: &Options,
    host: &Host,
    warnings: &mut Vec<String>,
) -> Result<Process, Invalid> {
    // REQUIRED only when the container is started (config.md, "Process"): `start` refuses.
    let mut process = match &config.process {
        Some(given) => Process::from_config(given, options.listen.as_ref(), host, warnings)?,
        None => Process::absent(),
    };
    of_linux(&mut process, linux)?;
    Ok(process)
}

/// What a process has of `linux`.
fn of_linux(process: &mut Process, linux: &Linux) -> Result<(), Invalid> {
    process.personality = linux.personality.as_ref().map(process::personality).transpose()?;
    process.memory_policy = linux.memory_policy.as_ref().map(scheduling::memory_policy).transpose()?;
    Ok(())
}

/// The filter, and whether it was compiled and is all that there is to its profile. `known`: that of a profile that was passed over.
fn seccomp(
    linux: &Linux,
    known: Option<&seccomp::Filter>,
    asked: &annotations::Asked,
    default_receiver: Option<&std::path::Path>,
    host: &Host,
    warnings: &mut Vec<String>,
) -> Result<(Option<seccomp::Filter>, bool), Invalid> {
    let receiver = asked.seccomp_receiver.as_deref();
    let (filter, is_all) = match &linux.seccomp {
        Some(profile) => {
            // Which an annotation may contradict.
            let names_listener = profile.listener_path.is_some();
            let profile = seccomp::with_receiver(profile, receiver, default_receiver)?;
            let compiled = seccomp::compile(&profile, host)?;
            if compiled.forbids_execve {
                let problem = "forbids execve, so that no program could ever be executed";
                return Err(
                    Invalid::conflict("/linux/seccomp", problem).advise("allow execve in the profile")
                );
            }
            seccomp::report_unknown(&compiled.unknown, asked.seccomp_fail_unknown, warnings)?;
            let asks_nobody = !names_listener && compiled.filter.listener.is_none();
            let is_all = asks_nobody && compiled.unknown.is_empty();
            (Some(compiled.filter), is_all)
        }
        None => (known.cloned(), false),
    };
    if receiver.is_some() && filter.as_ref().is_none_or(|filter| filter.listener.is_none()) {
        warnings.push(format!(
            "annotation {} has no effect: the profile asks nobody, it has no SCMP_ACT_NOTIFY",
            annotations::SECCOMP_RECEIVER
        ));
    }
    Ok((filter, is_all))
}

/// sethostname(2) and setdomainname(2) take 64 bytes.
fn uts_name(given: Option<&str>, pointer: &str) -> Result<Option<CString>, Invalid> {
    let Some(name) = given.filter(|name| !name.is_empty()) else { return Ok(None) };
    if name.len() > 64 {
        return Err(Invalid::value(pointer, format!("must be at most 64 bytes long, has {}", name.len())));
    }
    text::kernel_string(name, pointer).map(Some)
}

/// A `..` would lead out of the place in the hierarchy that the caller may have checked.
fn cgroups_path(linux: &Linux) -> Result<Option<String>, Invalid> {
    let Some(path) = linux.cgroups_path.as_deref().filter(|path| !path.is_empty()) else { return Ok(None) };
    let pointer = "/linux/cgroupsPath";
    text::kernel_string(path, pointer)?;
    if path.split('/').any(|name| name == "..") {
        return Err(Invalid::value(pointer, format!("must not contain \"..\", is {path:?}")));
    }
    Ok(Some(path.to_owned()))
}

/// One clock's offset in a new time namespace (time_namespaces(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOffset {
    /// `monotonic` or `boottime`.
    pub clock: &'static str,
    /// Whole seconds, may be negative.
    pub secs: i64,
    /// 0 to 999,999,999.
    pub nanosecs: u32,
}

/// One kernel parameter, written below /proc/sys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// The key as the config gives it, for messages and JSON pointers.
    pub key: String,
    /// Its path below /proc/sys: dots turned to slashes, checked.
    pub path: CString,
    /// The value, checked to hold no NUL and no newline.
    pub value: String,
}

/// A network interface of the host that moves into the container's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name on the host.
    pub host_name: String,
    /// Its name in the container (may hold one `%d`).
    pub container_name: String,
}

/// Intel RDT: a resctrl group (kernel Documentation/filesystems/resctrl.rst).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdt {
    /// Group name; `/` is the root group.
    pub clos_id: String,
    /// Whether the config named the group (then it may exist already and is not removed by us).
    pub named: bool,
    /// Lines for the group's `schemata` file, in order.
    pub schemata: Vec<String>,
    /// Make a monitoring group `mon_groups/ID`.
    pub monitoring: bool,
}
