//! The commands that save a container to disk and bring it back, with CRIU.

use super::{CgroupsMode, NetworkLock};
use clap::Args;
use std::path::PathBuf;

/// What `checkpoint` and `restore` have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Criu {
    /// Folder of the images
    #[arg(long, value_name = "DIR", default_value = "checkpoint", help_heading = "Files")]
    pub image_path: PathBuf,
    /// Folder of CRIU's log and statistics [default: that of the images]
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub work_path: Option<PathBuf>,
    /// Keep open TCP connections
    #[arg(long, help_heading = "What is kept")]
    pub tcp_established: bool,
    /// Allow unix sockets that are connected to somebody outside
    #[arg(long, help_heading = "What is kept")]
    pub ext_unix_sk: bool,
    /// Allow a terminal that comes from outside
    #[arg(long, help_heading = "What is kept")]
    pub shell_job: bool,
    /// Keep file locks
    #[arg(long, help_heading = "What is kept")]
    pub file_locks: bool,
    /// What is done about cgroups: soft, full, strict or ignore
    #[arg(long, value_name = "MODE", help_heading = "What is kept")]
    pub manage_cgroups_mode: Option<CgroupsMode>,
    /// Make this namespace anew and leave its content out: network
    #[arg(long, value_name = "NAMESPACE", help_heading = "What is kept")]
    pub empty_ns: Vec<String>,
    /// Drop pages from the images as soon as they are not needed
    #[arg(long, help_heading = "Memory")]
    pub auto_dedup: bool,
    /// Move memory pages only when they are needed
    #[arg(long, help_heading = "Memory")]
    pub lazy_pages: bool,
}

/// `checkpoint`.
#[derive(Debug, Clone, Default, Args)]
pub struct Checkpoint {
    /// The options it shares with restore.
    #[command(flatten)]
    pub criu: Criu,
    /// Earlier pre-dump to go on from, relative to the images
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub parent_path: Option<PathBuf>,
    /// Leave the container running
    #[arg(short = 'R', long, help_heading = "How it is done")]
    pub leave_running: bool,
    /// Save the memory only, and leave the container running
    #[arg(short = 'P', long, help_heading = "How it is done")]
    pub pre_dump: bool,
    /// Leave out TCP connections that are not established yet
    #[arg(long, help_heading = "What is kept")]
    pub tcp_skip_in_flight: bool,
    /// Save files without a name by linking them back
    #[arg(long, help_heading = "What is kept")]
    pub link_remap: bool,
    /// How connections are held meanwhile: iptables, nftables or skip
    #[arg(long, value_name = "METHOD", help_heading = "How it is done")]
    pub network_lock: Option<NetworkLock>,
    /// Send the memory pages to a page server
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "Memory")]
    pub page_server: Option<String>,
    /// Descriptor that gets a zero byte when the pages can be asked for
    #[arg(long, value_name = "FD", help_heading = "Memory")]
    pub status_fd: Option<i32>,
    /// The container
    pub id: String,
}

/// `restore`.
#[derive(Debug, Clone, Default, Args)]
pub struct Restore {
    /// The options it shares with checkpoint.
    #[command(flatten)]
    pub criu: Criu,
    /// Folder that holds config.json [default: the current folder]
    #[arg(short, long, value_name = "DIR", help_heading = "Files")]
    pub bundle: Option<PathBuf>,
    /// Folder of the pre-dump that the images go on from; they say so themselves, so it is only checked
    #[arg(long, value_name = "DIR", hide = true)]
    pub parent_path: Option<PathBuf>,
    /// File to write the process id to
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub pid_file: Option<PathBuf>,
    /// Unix socket that takes the container's terminal
    #[arg(long, value_name = "SOCKET", help_heading = "How it is done")]
    pub console_socket: Option<PathBuf>,
    /// Close the TCP connections that were open
    #[arg(long, help_heading = "What is kept")]
    pub tcp_close: bool,
    /// Return as soon as the container runs
    #[arg(short, long, help_heading = "How it is done")]
    pub detach: bool,
    /// Do not delete the container at its end
    #[arg(long, help_heading = "How it is done")]
    pub keep: bool,
    /// Do not adopt orphaned processes of the container
    #[arg(long, help_heading = "How it is done")]
    pub no_subreaper: bool,
    /// Accepted, with a warning: CRIU switches roots itself
    #[arg(long, hide = true)]
    pub no_pivot: bool,
    /// Keep the caller's session keyring
    #[arg(long, help_heading = "How it is done")]
    pub no_new_keyring: bool,
    /// Label of the processes, as selinux:LABEL or apparmor:PROFILE
    #[arg(long, value_name = "TYPE:NAME", help_heading = "How it is done")]
    pub lsm_profile: Option<String>,
    /// SELinux label of the restored mounts
    #[arg(long, value_name = "LABEL", help_heading = "How it is done")]
    pub lsm_mount_context: Option<String>,
    /// The container's name: letters, digits and _ + . -
    pub id: String,
}
