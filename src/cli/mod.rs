//! The command line: global options and one struct for each command. Definitions only; what they mean is in `cmd`.
//!
//! The forms are those of runc and of crun: `--opt value` and `--opt=value`, options before and after the id, booleans
//! repeated or with a value (`--systemd-cgroup=true`), long options with one dash (`-no-subreaper`). [`parse`] takes
//! what was typed and gives either a [`CommandLine`], a text to print, or a [`Usage`] error of one line.

mod parse;
mod values;

pub use parse::{Parsed, Usage, log_options, parse};
pub use values::{CgroupManager, LogFormat, LogLevel, Rootless};

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
    max_term_width = 110
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
#[command(next_help_heading = "Options of every command")]
pub struct Globals {
    /// Folder of the containers' state [default: /run/tare, or $XDG_RUNTIME_DIR/tare when rootless]
    #[arg(long, global = true, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Append log records to this file
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<String>,
    /// Form of log records: text or json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", hide_default_value = true)]
    pub log_format: LogFormat,
    /// Least severe records to log: error, warning or debug
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
    /// Log everything, as --log-level debug
    #[arg(long, global = true)]
    pub debug: bool,
    /// Let systemd manage the cgroups, as --cgroup-manager systemd
    #[arg(long, global = true)]
    pub systemd_cgroup: bool,
    /// Who manages cgroups: cgroupfs, systemd or disabled
    #[arg(long, global = true, value_name = "MANAGER")]
    pub cgroup_manager: Option<CgroupManager>,
    /// Whether privileges of real root are missing: true, false or auto
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub rootless: Option<Rootless>,
    /// Accepted for older callers; CRIU is found in $PATH
    #[arg(long, value_name = "PATH", hide = true)]
    pub criu: Option<PathBuf>,
    /// Print the version
    #[arg(short = 'v', short_alias = 'V', long)]
    pub version: bool,
    /// Print help
    #[arg(short = 'h', short_alias = '?', long, alias = "usage", action = ArgAction::Help, global = true)]
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
            Command::List(_) | Command::Spec(_) | Command::Features(_) => None,
        }
    }
}

impl Command {
    /// How many descriptors from 3 on are the container's: --preserve-fds, or LISTEN_FDS if that is more
    /// (sd_listen_fds(3)): the two are not added.
    pub fn preserved(&self) -> u32 {
        let birth = match self {
            Command::Create(args) => &args.birth,
            Command::Run(args) => &args.birth,
            _ => return 0,
        };
        birth.preserve_fds.max(listen_fds().unwrap_or(0))
    }
}

/// The caller's LISTEN_FDS.
pub fn listen_fds() -> Option<u32> {
    std::env::var("LISTEN_FDS").ok()?.parse().ok().filter(|count| *count > 0)
}

/// What `create` and `run` have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Birth {
    /// Folder that holds config.json [default: the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,
    /// Configuration to use instead of config.json in the bundle
    #[arg(short = 'f', long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Unix socket that takes the container's terminal
    #[arg(long, value_name = "SOCKET")]
    pub console_socket: Option<PathBuf>,
    /// Unix socket that takes a pidfd of the container's process
    #[arg(long, value_name = "SOCKET")]
    pub pidfd_socket: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Move and chroot instead of pivot_root, for a root file system on a RAM disk
    #[arg(long)]
    pub no_pivot: bool,
    /// Keep the caller's session keyring
    #[arg(long)]
    pub no_new_keyring: bool,
    /// Pass on this many descriptors, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub preserve_fds: u32,
    /// The container's name: letters, digits and _ + . -
    pub id: String,
}

/// `create`.
#[derive(Debug, Clone, Default, Args)]
pub struct Create {
    /// The options it shares with run.
    #[command(flatten)]
    pub birth: Birth,
    /// Accepted for go-runc: create always returns
    #[arg(short, long, hide = true)]
    pub detach: bool,
}

/// `run`.
#[derive(Debug, Clone, Default, Args)]
pub struct Run {
    /// The options it shares with create.
    #[command(flatten)]
    pub birth: Birth,
    /// Return as soon as the program runs
    #[arg(short, long)]
    pub detach: bool,
    /// Do not delete the container at its end
    #[arg(long)]
    pub keep: bool,
    /// Do not adopt orphaned processes of the container
    #[arg(long)]
    pub no_subreaper: bool,
}

/// `start`.
#[derive(Debug, Clone, Default, Args)]
pub struct Start {
    /// The container
    pub id: String,
}

/// `state`.
#[derive(Debug, Clone, Default, Args)]
pub struct State {
    /// The container
    pub id: String,
}

/// `kill`.
#[derive(Debug, Clone, Default, Args)]
pub struct Kill {
    /// Signal all processes of the container
    #[arg(short, long)]
    pub all: bool,
    /// ID is a regular expression: signal every container it matches
    #[arg(short, long)]
    pub regex: bool,
    /// The container
    pub id: String,
    /// Name or number of the signal
    #[arg(default_value = "TERM")]
    pub signal: String,
}

/// `delete`.
#[derive(Debug, Clone, Default, Args)]
pub struct Delete {
    /// Kill it if it is alive; no error if there is none
    #[arg(short, long)]
    pub force: bool,
    /// ID is a regular expression: delete every container it matches
    #[arg(short, long)]
    pub regex: bool,
    /// The container
    pub id: String,
}

/// `list`.
#[derive(Debug, Clone, Default, Args)]
pub struct List {
    /// Form of the list: table or json
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub format: values::ListFormat,
    /// Print the ids only
    #[arg(short, long)]
    pub quiet: bool,
}

pub use values::ListFormat;

/// `spec`.
#[derive(Debug, Clone, Default, Args)]
pub struct Spec {
    /// Folder to write to [default: the current folder]
    #[arg(short, long, value_name = "DIR")]
    pub bundle: Option<PathBuf>,
    /// File to write to [default: config.json]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Write a configuration for a caller without privileges
    #[arg(long)]
    pub rootless: bool,
}

/// `features`.
#[derive(Debug, Clone, Default, Args)]
pub struct Features {}
