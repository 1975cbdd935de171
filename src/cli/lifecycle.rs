//! The commands of the runtime specification's lifecycle, and those about the runtime itself.

use super::argument::arguments;
use std::path::PathBuf;

arguments! {
    /// What `create` and `run` have in common.
    pub struct Birth {
        /// Folder that holds config.json [default: the current folder]
        bundle: Option<PathBuf> = value("bundle", "DIR").short("b").under("What runs"),
        /// Configuration to use instead of config.json in the bundle
        config: Option<PathBuf> = value("config", "FILE").short("f").under("What runs"),
        /// Unix socket that takes the container's terminal
        console_socket: Option<PathBuf> = value("console-socket", "SOCKET").under("Terminal and descriptors"),
        /// Unix socket that takes a pidfd of the container's process
        pidfd_socket: Option<PathBuf> = value("pidfd-socket", "SOCKET").under("How it is run"),
        /// File to write the process id to
        pid_file: Option<PathBuf> = value("pid-file", "FILE").under("How it is run"),
        /// Change the root without pivot_root, for a root on a RAM disk
        no_pivot: bool = flag("no-pivot").under("How it is run"),
        /// Keep the caller's session keyring
        no_new_keyring: bool = flag("no-new-keyring").under("How it is run"),
        /// Pass on this many descriptors, from 3 on
        preserve_fds: u32 = value("preserve-fds", "N").silent_default("0").under("Terminal and descriptors"),
        /// The container's name: letters, digits and _ + . -
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `create`.
    pub struct Create {
        /// The options it shares with run.
        birth: Birth = group(),
        /// Accepted for go-runc: create always returns
        detach: bool = flag("detach").short("d").hidden(),
    }
}

arguments! {
    /// `run`.
    pub struct Run {
        /// The options it shares with create.
        birth: Birth = group(),
        /// Return as soon as the program runs
        detach: bool = flag("detach").short("d").under("How it is run"),
        /// Do not delete the container at its end
        keep: bool = flag("keep").under("How it is run"),
        /// Do not adopt orphaned processes of the container
        no_subreaper: bool = flag("no-subreaper").under("How it is run"),
    }
}

arguments! {
    /// `start`.
    pub struct Start {
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `state`.
    pub struct State {
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `kill`.
    pub struct Kill {
        /// Signal all processes of the container
        all: bool = flag("all").short("a"),
        /// ID is a regular expression: signal every container it matches
        regex: bool = flag("regex").short("r"),
        /// The container
        id: String = operand("id", "ID"),
        /// Name or number of the signal
        signal: String = operand("signal", "SIGNAL").default("TERM"),
    }
}

arguments! {
    /// `delete`.
    pub struct Delete {
        /// Kill it if it is alive; no error if there is none
        force: bool = flag("force").short("f"),
        /// ID is a regular expression: delete every container it matches
        regex: bool = flag("regex").short("r"),
        /// The container
        id: String = operand("id", "ID"),
    }
}

arguments! {
    /// `list`.
    pub struct List {
        /// Form of the list: table or json
        format: super::ListFormat = value("format", "FORMAT").short("f").silent_default("table"),
        /// Print the ids only
        quiet: bool = flag("quiet").short("q"),
    }
}

arguments! {
    /// `spec`.
    pub struct Spec {
        /// Folder to write to [default: the current folder]
        bundle: Option<PathBuf> = value("bundle", "DIR").short("b"),
        /// File to write to [default: config.json]
        file: Option<PathBuf> = value("file", "FILE").short("f"),
        /// Write a configuration for a caller without privileges
        rootless: bool = flag("rootless"),
    }
}

arguments! {
    /// `features`.
    pub struct Features {}
}
