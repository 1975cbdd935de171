//! Flags of the command line -> options of CRIU. Pure, but for the descriptors' numbers, which the caller gives.
//!
//! Called by `cmd::checkpoint` and `cmd::restore`. A flag that would do nothing beside others is refused here; what needs
//! a newer CRIU than the oldest that will do is known here, for an older one would skip an option that it does not know.

use super::images::Images;
use super::messages::{CgMode, ExtMount, NetworkLock, Options, PageServer};
use super::{Failed, UNABLE};
use crate::cli::{self, CgroupsMode};
use crate::plan::Namespaces;
use crate::sys::namespace::Kind;
use std::path::{Path, PathBuf};

/// The log of a dump.
pub const DUMP_LOG: &str = "dump.log";
/// The log of a restore.
pub const RESTORE_LOG: &str = "restore.log";
/// Everything: what is worth knowing of a failure is known only then.
const LOG_LEVEL: i32 = 4;
/// The oldest CRIU that can do what every dump and restore asks (cgroup v2's freezer, external namespaces).
const OLDEST: i32 = 31_500;

/// Two flags, or a flag and the container, that do not go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: &'static str,
}

fn conflict(problem: impl Into<String>, advice: &'static str) -> Result<(), Conflict> {
    Err(Conflict { problem: problem.into(), advice })
}

/// What a checkpoint's flags say against each other.
pub fn check_dump(args: &cli::Checkpoint) -> Result<(), Conflict> {
    check_both(&args.criu)?;
    if args.status_fd.is_some() && !args.criu.lazy_pages {
        return conflict(
            "--status-fd tells of lazy pages only",
            "add --lazy-pages, or leave out --status-fd",
        );
    }
    if args.criu.lazy_pages && args.page_server.is_none() {
        let advice = "add --page-server ADDRESS:PORT: it is where the pages can be asked for";
        return conflict("--lazy-pages needs an address to listen at", advice);
    }
    if args.criu.lazy_pages && args.pre_dump {
        return conflict("--pre-dump saves all pages at once", "leave out --lazy-pages or --pre-dump");
    }
    if args.criu.auto_dedup && args.parent_path.is_none() {
        let advice = "add --parent-path, or leave out --auto-dedup";
        return conflict("--auto-dedup drops pages from the parent image, and there is none", advice);
    }
    if let Some(parent) = args.parent_path.as_ref().filter(|parent| parent.is_absolute()) {
        let advice = "give it relative to the folder of --image-path, for example ../pre-dump";
        return conflict(format!("--parent-path {} must be relative", parent.display()), advice);
    }
    page_server(args).map(|_| ())
}

/// What a restore's flags say against each other.
pub fn check_restore(args: &cli::Restore) -> Result<(), Conflict> {
    check_both(&args.criu)?;
    if args.tcp_close && args.criu.tcp_established {
        return conflict("--tcp-close and --tcp-established are opposites", "choose one of them");
    }
    if args.criu.manage_cgroups_mode == Some(CgroupsMode::Strict) {
        let problem =
            "--manage-cgroups-mode strict wants no control group to be there, but restore makes them itself";
        return conflict(problem, "use soft (the limits of config.json) or full (those of the image)");
    }
    if let Some(profile) = &args.lsm_profile
        && !profile
            .split_once(':')
            .is_some_and(|(kind, name)| matches!(kind, "selinux" | "apparmor") && !name.is_empty())
    {
        let problem = format!("--lsm-profile {profile:?}: must be selinux:LABEL or apparmor:PROFILE");
        return conflict(problem, "see `tare restore --help`");
    }
    Ok(())
}

fn check_both(args: &cli::Criu) -> Result<(), Conflict> {
    match args.empty_ns.iter().find(|name| *name != "network") {
        Some(other) => conflict(format!("--empty-ns {other:?}: only network can be left out"), "use network"),
        None => Ok(()),
    }
}

/// `ADDRESS:PORT`, the address of IPv6 in brackets.
fn page_server(args: &cli::Checkpoint) -> Result<Option<PageServer>, Conflict> {
    let Some(text) = &args.page_server else { return Ok(None) };
    let parts = text.rsplit_once(':').and_then(|(address, port)| {
        let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        Some((address.to_string(), port)).filter(|_| !address.is_empty())
    });
    match parts {
        Some((address, port)) => Ok(Some(PageServer { address: Some(address), port: Some(port.into()) })),
        None => Err(Conflict {
            problem: format!("--page-server {text:?}: must be ADDRESS:PORT"),
            advice: "for example 192.0.2.1:27",
        }),
    }
}

/// What is asked of CRIU that not every version can do: the version, and by what it is asked.
pub fn needs_to_dump(args: &cli::Checkpoint) -> Vec<(i32, &'static str)> {
    let newer = args.network_lock.is_some().then_some((31_700, "--network-lock"));
    [(OLDEST, "checkpoint")].into_iter().chain(newer).collect()
}

/// The same for a restore.
pub fn needs_to_restore(args: &cli::Restore) -> Vec<(i32, &'static str)> {
    let newer = args.lsm_mount_context.is_some().then_some((31_600, "--lsm-mount-context"));
    [(OLDEST, "restore")].into_iter().chain(newer).collect()
}

/// Refuses a CRIU that is too old.
pub fn check_version(version: i32, needs: &[(i32, &'static str)]) -> Result<(), Failed> {
    let shown = |number: i32| format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100);
    match needs.iter().find(|(least, _)| version < *least) {
        None => Ok(()),
        Some((least, what)) => {
            let problem = format!("{what} needs CRIU {}, this one is {}", shown(*least), shown(version));
            Err(Failed::new(UNABLE, problem, Some("install a newer criu")))
        }
    }
}

/// What is the same for a dump and a restore.
#[derive(Debug)]
pub struct Given<'a> {
    /// The folders.
    pub images: &'a Images,
    /// The root filesystem on the host.
    pub root: &'a Path,
    /// The namespaces of the container.
    pub namespaces: &'a Namespaces,
    /// Whether the container has control groups of its own.
    pub has_cgroups: bool,
    /// CRIU's own configuration file.
    pub config_file: Option<String>,
    /// The mounts from outside.
    pub mounts: Vec<ExtMount>,
}

fn common(args: &cli::Criu, given: Given<'_>, log: &str) -> Options {
    let set = |flag: bool| flag.then_some(true);
    let mode = match (given.has_cgroups, args.manage_cgroups_mode.unwrap_or_default()) {
        (false, _) | (true, CgroupsMode::Ignore) => CgMode::Ignore,
        (true, CgroupsMode::Soft) => CgMode::Soft,
        (true, CgroupsMode::Full) => CgMode::Full,
        (true, CgroupsMode::Strict) => CgMode::Strict,
    };
    // Interfaces, addresses and routes are made by the engine, or by hooks: as runc, whose callers expect it.
    let empty = given.namespaces.network.is_new().then(|| Kind::Network.flag() as u32);
    Options {
        images_dir_fd: given.images.dir_fd(),
        work_dir_fd: Some(given.images.work_fd()),
        log_level: Some(LOG_LEVEL),
        log_file: Some(log.to_string()),
        root: Some(given.root.to_string_lossy().into_owned()),
        notify_scripts: Some(true),
        evasive_devices: Some(true),
        orphan_pts_master: Some(true),
        // A mount that is a slave of the host's (rootfsPropagation) may have its master outside.
        ext_masters: Some(true),
        manage_cgroups: Some(mode != CgMode::Ignore),
        manage_cgroups_mode: Some(mode as i32),
        ext_mnt: given.mounts,
        empty_ns: empty,
        config_file: given.config_file,
        ext_unix_sk: set(args.ext_unix_sk),
        tcp_established: set(args.tcp_established),
        shell_job: set(args.shell_job),
        file_locks: set(args.file_locks),
        auto_dedup: set(args.auto_dedup),
        lazy_pages: set(args.lazy_pages),
        ..Options::default()
    }
}

/// The options of a dump of process `pid`. `freezer`: the group to freeze. `external`: namespaces and files outside.
pub fn for_dump(
    args: &cli::Checkpoint,
    given: Given<'_>,
    pid: i32,
    freezer: Option<PathBuf>,
    external: Vec<String>,
) -> Options {
    let set = |flag: bool| flag.then_some(true);
    let lock = |lock: cli::NetworkLock| match lock {
        cli::NetworkLock::Iptables => NetworkLock::Iptables as i32,
        cli::NetworkLock::Nftables => NetworkLock::Nftables as i32,
        cli::NetworkLock::Skip => NetworkLock::Skip as i32,
    };
    Options {
        pid: Some(pid),
        leave_running: set(args.leave_running || args.pre_dump),
        link_remap: set(args.link_remap),
        tcp_skip_in_flight: set(args.tcp_skip_in_flight),
        // So that the next dump can tell which pages have changed since.
        track_mem: set(args.pre_dump || args.parent_path.is_some()),
        parent_img: args.parent_path.as_ref().map(|path| path.to_string_lossy().into_owned()),
        ps: page_server(args).ok().flatten(),
        status_fd: args.status_fd,
        network_lock: args.network_lock.map(lock),
        freeze_cgroup: freezer.map(|path| path.to_string_lossy().into_owned()),
        external,
        ..common(&args.criu, given, DUMP_LOG)
    }
}

/// The options of a restore; descriptors and the places of control groups are the caller's to add.
pub fn for_restore(args: &cli::Restore, given: Given<'_>) -> Options {
    Options {
        // The first process becomes our child, not CRIU's, which ends.
        rst_sibling: Some(true),
        tcp_close: args.tcp_close.then_some(true),
        lsm_profile: args.lsm_profile.clone(),
        lsm_mount_context: args.lsm_mount_context.clone(),
        ..common(&args.criu, given, RESTORE_LOG)
    }
}

/// Places in the control groups, by the lines of /proc/PID/cgroup of a process that is in them.
pub fn cgroup_roots(lines: &[(String, PathBuf)]) -> Vec<super::messages::CgroupRoot> {
    let root = |ctrl: &str, path: &Path| super::messages::CgroupRoot {
        ctrl: Some(ctrl.to_string()),
        path: path.to_string_lossy().into_owned(),
    };
    lines
        .iter()
        .flat_map(|(controllers, path)| controllers.split(',').map(move |name| root(name, path)))
        .collect()
}
