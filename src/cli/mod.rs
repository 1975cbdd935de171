//! The command line: global options and one struct for each command. Definitions only; what they mean is in `cmd`.
//!
//! The forms are those of runc and of crun: `--opt value` and `--opt=value`, options before and after the id, booleans
//! repeated or with a value (`--systemd-cgroup=true`), long options with one dash (`-no-subreaper`) or cut short
//! (`--bun`). [`parse`] takes
//! what was typed and gives either a [`CommandLine`], a text to print, or a [`Usage`] error of one line.

mod checkpoint;
mod commands;
mod help;
mod lifecycle;
mod mounts;
mod parse;
mod process;
mod resources;
mod values;

pub use checkpoint::{Checkpoint, Criu, Restore};
pub use commands::Command;
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

use clap::{ArgAction, ArgMatches, Args, FromArgMatches};
use std::path::PathBuf;

/// What was typed.
#[derive(Debug)]
pub struct CommandLine {
    /// Options before the command.
    pub globals: Globals,
    /// The command; none with `--version`.
    pub command: Option<Command>,
}

impl CommandLine {
    /// What can be typed: every command with every option, for help texts, man pages and completions.
    pub fn definition() -> clap::Command {
        program().subcommands(commands::all())
    }

    fn from_matches(mut matches: ArgMatches) -> Result<CommandLine, clap::Error> {
        let globals = Globals::from_arg_matches_mut(&mut matches)?;
        Ok(CommandLine { globals, command: Command::from_arg_matches(&mut matches)? })
    }
}

/// The program without its commands.
fn program() -> clap::Command {
    let program = clap::Command::new("tare")
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .infer_long_args(true)
        .max_term_width(100);
    Globals::augment_args(program).about("An OCI container runtime")
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

/// How many sockets LISTEN_FDS announces to the process `own_pid`. LISTEN_PID names whom it is meant for; who is started
/// by a service inherits it, and has none of the sockets.
pub fn listen_fds(listen_fds: Option<String>, listen_pid: Option<String>, own_pid: i32) -> Option<u32> {
    if listen_pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    listen_fds?.parse().ok().filter(|count| *count > 0)
}
