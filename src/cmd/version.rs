//! `--version`: name, commit and specification, in the lines that engines parse.
//!
//! dockerd takes every line with the word "version" for the name and version, so it stands in the first one only. Where we are
//! installed under the name of a peer, engines look for that name (docs/compat.md). Nothing but this text depends on it.

use super::{OCI_VERSION, print};
use anyhow::Result;
use std::ffi::OsStr;
use std::path::Path;

/// The commit this binary was built from, or `unknown`.
pub const COMMIT: &str = match option_env!("TARE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The text of `--version`, for a program that was called by this word: its name, or a path.
pub fn version_text(called: &OsStr) -> String {
    let name = Path::new(called).file_name();
    // nerdctl wants a name and a value in each of the other lines of `runc`.
    let (name, we, features) = match name.and_then(OsStr::to_str) {
        Some("runc") => ("runc", "tare-", ""),
        Some("crun") => ("crun", "tare-", FEATURES),
        _ => ("tare", "", FEATURES),
    };
    format!(
        "{name} version {}\ncommit: {we}{COMMIT}\nspec: {OCI_VERSION}\n{features}",
        env!("CARGO_PKG_VERSION")
    )
}

/// As crun has it, and podman shows it.
const FEATURES: &str = "+CGROUP_V1 +CGROUP_V2 +SECCOMP +APPARMOR +SELINUX +EBPF +IDMAP +RDT +SYSTEMD +CRIU\n";

pub(super) fn print_version(called: &OsStr) -> Result<u8> {
    print(&version_text(called))?;
    Ok(0)
}
