//! The command line: global options and one struct for each command. Definitions only; what they mean is in `cmd`.
//! Each struct is written once, by `arguments!`, and two readers go by it: [`plainly`] for what is mostly typed, and
//! clap for the rest.
//!
//! The forms are those of runc and of crun: `--opt value` and `--opt=value`, options before and after the id, booleans
//! repeated or with a value (`--systemd-cgroup=true`), long options with one dash (`-no-subreaper`) or cut short
//! (`--bun`). [`parse`] takes
//! what was typed and gives either a [`CommandLine`], a text to print, or a [`Usage`] error of one line.

mod argument;
mod checkpoint;
mod commands;
mod for_clap;
mod found;
mod help;
mod lifecycle;
mod mounts;
mod parse;
mod plain;
mod process;
mod resources;
mod values;

pub use checkpoint::{Checkpoint, Criu, Restore};
pub use commands::Command;
pub use help::GROUPS;
pub use lifecycle::{Birth, Create, Delete, Features, Kill, List, Run, Spec, Start, State};
pub use mounts::{Mounts, MountsChange, MountsOf};
pub use parse::{Parsed, Usage, by_clap, log_options, parse};
pub use plain::plainly;
pub use process::{Exec, Ps, Wait};
pub use resources::{Events, Pause, Resume, Update};
pub use values::{
    Bytes, CgroupManager, CgroupsMode, Interval, ListFormat, LogFormat, LogLevel, NetworkLock, PsFormat,
    Rootless,
};

use argument::arguments;
use commands::{Content, Definition};
use found::Found;
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
    /// What was found, typed; `None` if a word is no value of its argument, or one is missing.
    fn of_found(
        mut globals: Found<'_>,
        command: Option<&Definition>,
        mut own: Found<'_>,
    ) -> Option<CommandLine> {
        let command = match command.map(|command| &command.content) {
            None => None,
            Some(Content::Arguments { read, .. }) => Some(read(&mut own)),
            Some(Content::Actions(_)) => return None,
        };
        let line = CommandLine { globals: Globals::of_found(&mut globals), command };
        (!globals.is_refused() && !own.is_refused()).then_some(line)
    }
}

arguments! {
    /// Options before or after the command.
    pub struct Globals {
        /// Folder of the containers' state [default: /run/tare]
        root: Option<PathBuf> = value("root", "DIR").under("State and privileges").everywhere(),
        /// Append log records to this file, or to journald:ID or syslog:ID
        log: Option<String> = value("log", "FILE").under("Log").everywhere(),
        /// Form of log records: text or json
        log_format: LogFormat =
            value("log-format", "FORMAT").silent_default("text").under("Log").everywhere(),
        /// Least severe records to log: error, warning or debug
        log_level: Option<LogLevel> = value("log-level", "LEVEL").under("Log").everywhere(),
        /// Log everything, as --log-level debug
        debug: bool = flag("debug").under("Log").everywhere(),
        /// Let systemd manage the cgroups, as --cgroup-manager systemd
        systemd_cgroup: bool = flag("systemd-cgroup").under("Control groups").everywhere(),
        /// Who manages cgroups: cgroupfs, systemd or disabled
        cgroup_manager: Option<CgroupManager> =
            value("cgroup-manager", "MANAGER").under("Control groups").everywhere(),
        /// Whether privileges of real root are missing: true, false or auto
        rootless: Option<Rootless> = optional_value("rootless", "BOOL").under("State and privileges"),
        /// The program of CRIU [default: criu in $PATH]
        criu: Option<PathBuf> = value("criu", "PATH").hidden(),
        /// Print the version
        version: bool = flag("version").short("vV").under("Help"),
    }
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
