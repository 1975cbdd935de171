//! `--version`: name, commit and specification, in the lines that engines parse.
//!
//! dockerd takes every line with the word "version" for the name and version, so it stands in the first one only.

use super::{OCI_VERSION, print};
use anyhow::Result;

/// The commit this binary was built from, or `unknown`.
pub const COMMIT: &str = match option_env!("TARE_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// The text of `--version`.
pub fn version_text() -> String {
    let features = "+CGROUP_V1 +CGROUP_V2 +SECCOMP +APPARMOR +SELINUX +EBPF +IDMAP +RDT +SYSTEMD +CRIU";
    format!("tare version {}\ncommit: {COMMIT}\nspec: {OCI_VERSION}\n{features}\n", env!("CARGO_PKG_VERSION"))
}

pub(super) fn print_version() -> Result<u8> {
    print(&version_text())?;
    Ok(0)
}
