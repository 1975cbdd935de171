//! The command line: global options and one struct for each command. Definitions only; what they mean is in `cmd`.
//!
//! The forms are those of runc and of crun: `--opt value` and `--opt=value`, options before and after the id, booleans
//! repeated or with a value (`--systemd-cgroup=true`), long options with one dash (`-no-subreaper`) or cut short
//! (`--bun`). [`parse`] takes
//! what was typed and gives either a [`CommandLine`], a text to print, or a [`Usage`] error of one line.

mod checkpoint;
mod help;
mod lifecycle;
mod mounts;
mod parse;
mod process;
mod resources;
mod values;

pub use checkpoint::{Checkpoint, Criu, Restore};
pub use help::GROUPS;
pub use lifecycle::{Birth, Create, Delete, Features, Kill, List, Run, Spec, Start, State};
pub use mounts::{Mounts, MountsChange, MountsOf};
pub use parse::{Parsed, Usage, log_options, parse};
pub use process::{Exec, Ps, Wait};
pub use resources::{Events, Pause, Resume, Update};
pub use values::{
    Bytes, CgroupManager, CgroupsMode, Interval, ListFormat, LogFormat, LogLevel, NetworkLock, PsFormat,
    Rootless,
};

use clap::{ArgAction, Args, Parser, Subcommand};
use std::path::PathBuf;

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "tare",
    about = "An OCI container runtime",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    infer_long_args = true,
    max_term_width = 100
)]
pub struct CommandLine {
    /// Options before the command.
    #[command(flatten)]
    pub globals: Globals,
    /// The command; none with `--version`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options before or after the command.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// Folder of the containers' state [default: /run/tare]
    #[arg(long, global = true, value_name = "DIR", help_heading = "State and privileges")]
    pub root: Option<PathBuf>,
    /// Append log records to this file, or to journald:ID or syslog:ID
    #[arg(long, global = true, value_name = "FILE", help_heading = "Log")]
    pub log: Option<String>,
    /// Form of log records: text or json
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        help_heading = "Log"
    )]
    pub log_format: LogFormat,
    /// Least severe records to log: error, warning or debug
    #[arg(long, global = true, value_name = "LEVEL", help_heading = "Log")]
    pub log_level: Option<LogLevel>,
    /// Log everything, as --log-level debug
    #[arg(long, global = true, help_heading = "Log")]
    pub debug: bool,
    /// Let systemd manage the cgroups, as --cgroup-manager systemd
    #[arg(long, global = true, help_heading = "Control groups")]
    pub systemd_cgroup: bool,
    /// Who manages cgroups: cgroupfs, systemd or disabled
    #[arg(long, global = true, value_name = "MANAGER", help_heading = "Control groups")]
    pub cgroup_manager: Option<CgroupManager>,
    /// Whether privileges of real root are missing: true, false or auto
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "State and privileges")]
    pub rootless: Option<Rootless>,
    /// The program of CRIU [default: criu in $PATH]
    #[arg(long, value_name = "PATH", hide = true)]
    pub criu: Option<PathBuf>,
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long, help_heading = "Help")]
    pub version: bool,
    /// Print help
    #[arg(short = 'h', short_alias = '?', long, alias = "usage", action = ArgAction::Help, global = true, help_heading = "Help")]
    pub help: Option<bool>,
}

impl Globals {
    /// Who manages cgroups, of the two options for it; the later name wins nothing: systemd if either asks for it.
    pub fn manager(&self) -> CgroupManager {
        if self.systemd_cgroup { CgroupManager::Systemd } else { self.cgroup_manager.unwrap_or_default() }
    }
}

/// The operation.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a container from a bundle; its program waits for start
    Create(Create),
    /// Run the program of a created container
    Start(Start),
    /// Create and start a container, and wait for its end
    Run(Run),
    /// Print the state of a container as JSON
    State(State),
    /// Send a signal to a container
    Kill(Kill),
    /// Delete a container and all that was made for it
    Delete(Delete),
    /// List the containers
    List(List),
    /// Run one more program in a container
    Exec(Exec),
    /// List the processes of a container
    Ps(Ps),
    /// Wait for the end of a container, and print how it ended
    Wait(Wait),
    /// Stop all processes of a container for a while
    Pause(Pause),
    /// Let the processes of a paused container go on
    Resume(Resume),
    /// Change the limits of a container
    Update(Update),
    /// Print statistics and out-of-memory events of a container as JSON
    Events(Events),
    /// Change the mounts of a running container
    Mounts(Mounts),
    /// Save a running container to disk
    Checkpoint(Checkpoint),
    /// Bring a saved container back
    Restore(Restore),
    /// Write a config.json to start from
    Spec(Spec),
    /// Print what this runtime can do as JSON
    Features(Features),
}

impl Command {
    /// The word that was typed.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Create(_) => "create",
            Command::Start(_) => "start",
            Command::Run(_) => "run",
            Command::State(_) => "state",
            Command::Kill(_) => "kill",
            Command::Delete(_) => "delete",
            Command::List(_) => "list",
            Command::Exec(_) => "exec",
            Command::Ps(_) => "ps",
            Command::Wait(_) => "wait",
            Command::Pause(_) => "pause",
            Command::Resume(_) => "resume",
            Command::Update(_) => "update",
            Command::Events(_) => "events",
            Command::Mounts(_) => "mounts",
            Command::Checkpoint(_) => "checkpoint",
            Command::Restore(_) => "restore",
            Command::Spec(_) => "spec",
            Command::Features(_) => "features",
        }
    }

    /// The container that it is about, if it is about one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Command::Create(args) => Some(&args.birth.id),
            Command::Start(args) => Some(&args.id),
            Command::Run(args) => Some(&args.birth.id),
            Command::State(args) => Some(&args.id),
            Command::Kill(args) => Some(&args.id),
            Command::Delete(args) => Some(&args.id),
            Command::Exec(args) => Some(&args.id),
            Command::Ps(args) => Some(&args.id),
            Command::Wait(args) => Some(&args.id),
            Command::Pause(args) => Some(&args.id),
            Command::Resume(args) => Some(&args.id),
            Command::Update(args) => Some(&args.id),
            Command::Events(args) => Some(&args.id),
            Command::Mounts(args) => Some(args.change.id()),
            Command::Checkpoint(args) => Some(&args.id),
            Command::Restore(args) => Some(&args.id),
            Command::List(_) | Command::Spec(_) | Command::Features(_) => None,
        }
    }
}

impl Command {
    /// How many descriptors from 3 on are the container's: --preserve-fds, or LISTEN_FDS if that is more
    /// (sd_listen_fds(3)): the two are not added.
    pub fn preserved(&self, listen_fds: u32) -> u32 {
        let asked = match self {
            Command::Create(args) => args.birth.preserve_fds,
            Command::Run(args) => args.birth.preserve_fds,
            // Not LISTEN_FDS: they come with a LISTEN_PID, which a program of exec cannot be.
            Command::Exec(args) => return args.preserve_fds,
            _ => return 0,
        };
        asked.max(listen_fds)
    }
}

/// How many sockets LISTEN_FDS announces to the process `own_pid`. LISTEN_PID names whom it is meant for; who is started
/// by a service inherits it, and has none of the sockets.
pub fn listen_fds(listen_fds: Option<String>, listen_pid: Option<String>, own_pid: i32) -> Option<u32> {
    if listen_pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    listen_fds?.parse().ok().filter(|count| *count > 0)
}
