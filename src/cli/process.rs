//! The commands about processes of a container that exists: exec, ps, wait.

use super::argument::arguments;
use super::{Interval, PsFormat};
use std::path::PathBuf;

arguments! {
    /// `exec`.
    pub struct Exec {
        /// JSON file in the form of `process` in config.json
        process: Option<PathBuf> = value("process", "FILE").short("p").under("What runs"),
        /// Working directory in the container
        cwd: Option<String> = value("cwd", "DIR").under("What runs"),
        /// Set an environment variable; may be repeated
        env: Vec<String> = value("env", "NAME=VALUE").short("e").under("What runs"),

        /// User and group, as numbers
        user: Option<String> = value("user", "UID[:GID]").short("u").under("Identity and rights"),
        /// One more group, as a number; may be repeated
        additional_gids: Vec<String> =
            value("additional-gids", "GID").short("g").under("Identity and rights"),
        /// One more capability; may be repeated
        cap: Vec<String> = value("cap", "NAME").short("c").under("Identity and rights"),
        /// Gain no privileges by set-user-ID programs and file capabilities
        no_new_privs: bool = flag("no-new-privs").under("Identity and rights"),
        /// AppArmor profile
        apparmor: Option<String> = value("apparmor", "PROFILE").under("Identity and rights"),
        /// SELinux label
        process_label: Option<String> = value("process-label", "LABEL").under("Identity and rights"),

        /// Give it a terminal
        tty: bool = flag("tty").short("t").under("Terminal and descriptors"),
        /// Unix socket that takes its terminal
        console_socket: Option<PathBuf> = value("console-socket", "SOCKET").under("Terminal and descriptors"),
        /// Pass on this many descriptors, from 3 on
        preserve_fds: u32 = value("preserve-fds", "N").silent_default("0").under("Terminal and descriptors"),

        /// Return as soon as it runs
        detach: bool = flag("detach").short("d").under("How it is run"),
        /// File to write its process id to
        pid_file: Option<PathBuf> = value("pid-file", "FILE").under("How it is run"),
        /// Unix socket that takes a pidfd of it
        pidfd_socket: Option<PathBuf> = value("pidfd-socket", "SOCKET").under("How it is run"),
        /// Cgroup below the container's own; on v1 also CONTROLLERS:PATH
        cgroup: Vec<String> = value("cgroup", "PATH").under("How it is run"),
        /// Run it although the container is paused; it waits until that ends
        ignore_paused: bool = flag("ignore-paused").under("How it is run"),

        /// The container
        id: String = operand("id", "ID"),
        /// The program and its arguments; whatever follows ID is theirs
        command: Vec<String> = tail("command", "COMMAND"),
    }
}

arguments! {
    /// `ps`.
    pub struct Ps {
        /// Form of the list: table or json
        format: PsFormat = value("format", "FORMAT").short("f").silent_default("table"),
        /// The container
        id: String = operand("id", "ID"),
        /// Options of ps(1) [default: -ef]
        options: Vec<String> = tail("options", "PS-OPTION"),
    }
}

/// The end of the help of `wait`.
pub(super) const WAIT_NOTE: &str = "Prints `exit code N`, `killed by signal N (NAME)`, or that it is not known.\n\
    Exit code: 0 if it could tell, 1 for an error, 2 if nobody knows how it ended, 124 if the time is up";

arguments! {
    /// `wait`.
    pub struct Wait {
        /// Print the end as JSON
        json: bool = flag("json"),
        /// Give up after this time, as 5s or 1m30s, with exit code 124
        timeout: Option<Interval> = value("timeout", "TIME"),
        /// The container
        id: String = operand("id", "ID"),
    }
}
