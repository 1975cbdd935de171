//! The commands that save a container to disk and bring it back, with CRIU.

use super::argument::arguments;
use super::{CgroupsMode, NetworkLock};
use std::path::PathBuf;

arguments! {
    /// What `checkpoint` and `restore` have in common.
    pub struct Criu {
        /// Folder of the images
        image_path: PathBuf = value("image-path", "DIR").default("checkpoint").under("Files"),
        /// Folder of CRIU's log and statistics [default: that of the images]
        work_path: Option<PathBuf> = value("work-path", "DIR").under("Files"),
        /// Keep open TCP connections
        tcp_established: bool = flag("tcp-established").under("What is kept"),
        /// Allow unix sockets that are connected to somebody outside
        ext_unix_sk: bool = flag("ext-unix-sk").under("What is kept"),
        /// Allow a terminal that comes from outside
        shell_job: bool = flag("shell-job").under("What is kept"),
        /// Keep file locks
        file_locks: bool = flag("file-locks").under("What is kept"),
        /// What is done about cgroups: soft, full, strict or ignore
        manage_cgroups_mode: Option<CgroupsMode> = value("manage-cgroups-mode", "MODE").under("What is kept"),
        /// Make this namespace anew and leave its content out: network
        empty_ns: Vec<String> = value("empty-ns", "NAMESPACE").under("What is kept"),
        /// Drop pages from the images as soon as they are not needed
        auto_dedup: bool = flag("auto-dedup").under("Memory"),
        /// Move memory pages only when they are needed
        lazy_pages: bool = flag("lazy-pages").under("Memory"),
    }
}

arguments! {
    /// `checkpoint`.
    pub struct Checkpoint {
        /// The options it shares with restore.
        criu: Criu = group(),
        /// Earlier pre-dump to go on from, relative to the images
        parent_path: Option<PathBuf> = value("parent-path", "DIR").under("Files"),
        /// Leave the container running
        leave_running: bool = flag("leave-running").short("R").under("How it is done"),
        /// Save the memory only, and leave the container running
        pre_dump: bool = flag("pre-dump").short("P").under("How it is done"),
        /// Leave out TCP connections that are not established yet
        tcp_skip_in_flight: bool = flag("tcp-skip-in-flight").under("What is kept"),
        /// Save files without a name by linking them back
        link_remap: bool = flag("link-remap").under("What is kept"),
        /// How connections are held meanwhile: iptables, nftables or skip
        network_lock: Option<NetworkLock> = value("network-lock", "METHOD").under("How it is done"),
        /// Send the memory pages to a page server
        page_server: Option<String> = value("page-server", "ADDRESS:PORT").under("Memory"),
        /// Descriptor that gets a zero byte when the pages can be asked for
        status_fd: Option<i32> = value("status-fd", "FD").under("Memory"),
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `restore`.
    pub struct Restore {
        /// The options it shares with checkpoint.
        criu: Criu = group(),
        /// Folder that holds config.json [default: the current folder]
        bundle: Option<PathBuf> = value("bundle", "DIR").short("b").under("Files"),
        /// Folder of the pre-dump that the images go on from; they say so themselves, so it is only checked
        parent_path: Option<PathBuf> = value("parent-path", "DIR").hidden(),
        /// File to write the process id to
        pid_file: Option<PathBuf> = value("pid-file", "FILE").under("Files"),
        /// Unix socket that takes the container's terminal
        console_socket: Option<PathBuf> = value("console-socket", "SOCKET").under("How it is done"),
        /// Close the TCP connections that were open
        tcp_close: bool = flag("tcp-close").under("What is kept"),
        /// Return as soon as the container runs
        detach: bool = flag("detach").short("d").under("How it is done"),
        /// Do not delete the container at its end
        keep: bool = flag("keep").under("How it is done"),
        /// Do not adopt orphaned processes of the container
        no_subreaper: bool = flag("no-subreaper").under("How it is done"),
        /// Accepted, with a warning: CRIU switches roots itself
        no_pivot: bool = flag("no-pivot").hidden(),
        /// Keep the caller's session keyring
        no_new_keyring: bool = flag("no-new-keyring").under("How it is done"),
        /// Label of the processes, as selinux:LABEL or apparmor:PROFILE
        lsm_profile: Option<String> = value("lsm-profile", "TYPE:NAME").under("How it is done"),
        /// SELinux label of the restored mounts
        lsm_mount_context: Option<String> = value("lsm-mount-context", "LABEL").under("How it is done"),
        /// The container's name: letters, digits and _ + . -
        id: String = operand("id", "ID"),
    }
}
