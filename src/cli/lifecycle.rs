//! The commands of the runtime specification's lifecycle, and those about the runtime itself.

use clap::Args;
use std::path::PathBuf;

/// What `create` and `run` have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Birth {
    /// Folder that holds config.json [default: the current folder]
    #[arg(short, long, value_name = "DIR", help_heading = "What runs")]
    pub bundle: Option<PathBuf>,
    /// Configuration to use instead of config.json in the bundle
    #[arg(short = 'f', long, value_name = "FILE", help_heading = "What runs")]
    pub config: Option<PathBuf>,
    /// Unix socket that takes the container's terminal
    #[arg(long, value_name = "SOCKET", help_heading = "Terminal and descriptors")]
    pub console_socket: Option<PathBuf>,
    /// Unix socket that takes a pidfd of the container's process
    #[arg(long, value_name = "SOCKET", help_heading = "How it is run")]
    pub pidfd_socket: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE", help_heading = "How it is run")]
    pub pid_file: Option<PathBuf>,
    /// Change the root without pivot_root, for a root on a RAM disk
    #[arg(long, help_heading = "How it is run")]
    pub no_pivot: bool,
    /// Keep the caller's session keyring
    #[arg(long, help_heading = "How it is run")]
    pub no_new_keyring: bool,
    /// Pass on this many descriptors, from 3 on
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Terminal and descriptors"
    )]
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
    #[arg(short, long, help_heading = "How it is run")]
    pub detach: bool,
    /// Do not delete the container at its end
    #[arg(long, help_heading = "How it is run")]
    pub keep: bool,
    /// Do not adopt orphaned processes of the container
    #[arg(long, help_heading = "How it is run")]
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
    pub format: super::ListFormat,
    /// Print the ids only
    #[arg(short, long)]
    pub quiet: bool,
}

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
