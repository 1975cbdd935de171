//! The commands about processes of a container that exists: exec, ps, wait.

use super::{Interval, PsFormat};
use clap::Args;
use std::path::PathBuf;

/// `exec`.
#[derive(Debug, Clone, Default, Args)]
pub struct Exec {
    /// JSON file in the form of `process` in config.json
    #[arg(short, long, value_name = "FILE", help_heading = "What runs")]
    pub process: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long, value_name = "DIR", help_heading = "What runs")]
    pub cwd: Option<String>,
    /// Set an environment variable; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE", help_heading = "What runs")]
    pub env: Vec<String>,

    /// User and group, as numbers
    #[arg(short, long, value_name = "UID[:GID]", help_heading = "Identity and rights")]
    pub user: Option<String>,
    /// One more group, as a number; may be repeated
    #[arg(short = 'g', long, value_name = "GID", help_heading = "Identity and rights")]
    pub additional_gids: Vec<String>,
    /// One more capability; may be repeated
    #[arg(short, long, value_name = "NAME", help_heading = "Identity and rights")]
    pub cap: Vec<String>,
    /// Gain no privileges by set-user-ID programs and file capabilities
    #[arg(long, help_heading = "Identity and rights")]
    pub no_new_privs: bool,
    /// AppArmor profile
    #[arg(long, value_name = "PROFILE", help_heading = "Identity and rights")]
    pub apparmor: Option<String>,
    /// SELinux label
    #[arg(long, value_name = "LABEL", help_heading = "Identity and rights")]
    pub process_label: Option<String>,

    /// Give it a terminal
    #[arg(short, long, help_heading = "Terminal and descriptors")]
    pub tty: bool,
    /// Unix socket that takes its terminal
    #[arg(long, value_name = "SOCKET", help_heading = "Terminal and descriptors")]
    pub console_socket: Option<PathBuf>,
    /// Pass on this many descriptors, from 3 on
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Terminal and descriptors"
    )]
    pub preserve_fds: u32,

    /// Return as soon as it runs
    #[arg(short, long, help_heading = "How it is run")]
    pub detach: bool,
    /// File to write its process id to
    #[arg(long, value_name = "FILE", help_heading = "How it is run")]
    pub pid_file: Option<PathBuf>,
    /// Unix socket that takes a pidfd of it
    #[arg(long, value_name = "SOCKET", help_heading = "How it is run")]
    pub pidfd_socket: Option<PathBuf>,
    /// Cgroup below the container's own; on v1 also CONTROLLERS:PATH
    #[arg(long, value_name = "PATH", help_heading = "How it is run")]
    pub cgroup: Vec<String>,
    /// Run it although the container is paused; it waits until that ends
    #[arg(long, help_heading = "How it is run")]
    pub ignore_paused: bool,

    /// The container
    pub id: String,
    /// The program and its arguments; whatever follows ID is theirs
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `ps`.
#[derive(Debug, Clone, Default, Args)]
pub struct Ps {
    /// Form of the list: table or json
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub format: PsFormat,
    /// The container
    pub id: String,
    /// Options of ps(1) [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS-OPTION")]
    pub options: Vec<String>,
}

/// `wait`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Prints `exit code N`, `killed by signal N (NAME)`, or that it is not known.\n\
    Exit code: 0 if it could tell, 1 for an error, 2 if nobody knows how it ended, 124 if the time is up")]
pub struct Wait {
    /// Print the end as JSON
    #[arg(long)]
    pub json: bool,
    /// Give up after this time, as 5s or 1m30s, with exit code 124
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<Interval>,
    /// The container
    pub id: String,
}
