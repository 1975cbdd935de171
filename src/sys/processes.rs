//! The processes of this machine, as procfs lists them (proc(5)).
//!
//! Used by `cmd::ps` for a container that has no control group, and where ps(1) is not installed. Reads
//! /proc/PID/status only: what else tells of a process, its command line for one, can wait for a lock that it holds.

use super::dir::Dir;
use super::error::errno;
use super::{Result, SysError};
use std::path::Path;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// In our pid namespace.
    pub pid: i32,
    /// Its parent; 0: none that we can see.
    pub parent: i32,
    /// Its effective user.
    pub uid: u32,
    /// The name of its program, at most 15 bytes, chosen by itself.
    pub name: String,
}

/// The most that a status file holds, with thousands of groups.
const FILE_LIMIT_BYTES: usize = 1 << 20;

/// All processes that we can see.
pub fn all() -> Result<Vec<Process>> {
    all_in(Path::new("/proc"))
}

/// The same, of another procfs.
pub fn all_in(proc: &Path) -> Result<Vec<Process>> {
    let proc = Dir::open(proc)?;
    let entries = proc.entries()?;
    let mut pids: Vec<i32> = entries.iter().filter_map(|entry| entry.name.parse().ok()).collect();
    pids.sort_unstable();
    let mut processes = Vec::new();
    for pid in pids {
        let text = match proc.read(&format!("{pid}/status"), FILE_LIMIT_BYTES) {
            Ok(text) => text,
            // It ended meanwhile.
            Err(error) if error.is(errno::ENOENT) || error.is(errno::ESRCH) => continue,
            Err(error) => return Err(error),
        };
        let text = String::from_utf8_lossy(&text);
        let process = parse(pid, &text);
        let object = || proc.path_of(&format!("{pid}/status"));
        processes.push(process.ok_or_else(|| SysError::new("read", object(), errno::EINVAL))?);
    }
    Ok(processes)
}

fn parse(pid: i32, status: &str) -> Option<Process> {
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    Some(Process {
        pid,
        parent: field("PPid:")?.parse().ok()?,
        uid: field("Uid:")?.split_ascii_whitespace().nth(1)?.parse().ok()?,
        name: field("Name:")?.to_owned(),
    })
}

/// What tells the pid namespace of a process from others; None: it has ended, or we may not ask.
pub fn pid_namespace(pid: i32) -> Option<(u64, u64)> {
    let stat = nix::sys::stat::stat(format!("/proc/{pid}/ns/pid").as_str()).ok()?;
    // Other widths on other architectures.
    #[allow(clippy::unnecessary_cast)]
    Some((stat.st_dev as u64, stat.st_ino as u64))
}
