//! /proc/self/mountinfo (proc_pid_mountinfo(5)), for the few things that no descriptor can tell.
//!
//! Used by `child` for `--no-pivot`, by `cgroup` for the options of cgroup2, and by `criu`. Not read in the usual birth:
//! it is as long as the host has mounts.

use super::{Result, fd, proc};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Its number, as statx(2) gives it.
    pub id: u64,
    /// The part of the file system that is its root.
    pub root: PathBuf,
    /// Where it is.
    pub point: PathBuf,
    /// MOUNT_ATTR_* of the mount itself, as far as they forbid something: ro, nosuid, nodev, noexec.
    pub attributes: u64,
    /// File system type.
    pub fstype: String,
    /// Options of the superblock, split at commas.
    pub options: Vec<String>,
}

/// No more of it is read.
pub const LIMIT_BYTES: usize = 64 << 20;

/// The mounts of this process's mount namespace, in the kernel's order.
pub fn read() -> Result<Vec<Mounted>> {
    let host = proc::host_procfs()?;
    let file = proc::open_in(host.as_fd(), c"self/mountinfo", proc::Access::Read)?;
    Ok(parse(&fd::read_to_end(file.as_fd(), "/proc/self/mountinfo", LIMIT_BYTES)?))
}

/// The mounts that another process sees, their points as seen from its root.
pub fn of_process(pid: i32) -> Result<Vec<Mounted>> {
    let path = super::mount::c_string(&format!("{pid}/mountinfo"));
    let host = proc::host_procfs()?;
    let file = proc::open_in(host.as_fd(), &path, proc::Access::Read)?;
    Ok(parse(&fd::read_to_end(file.as_fd(), &format!("/proc/{pid}/mountinfo"), LIMIT_BYTES)?))
}

/// The lines of a cgroup file (cgroups(7)): `4:cpu,cpuacct:/a`.
pub fn parse_cgroups(text: &[u8]) -> Vec<(String, PathBuf)> {
    let line = |line: &[u8]| {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        Some((
            String::from_utf8_lossy(controllers).into_owned(),
            PathBuf::from(OsString::from_vec(path.to_vec())),
        ))
    };
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// The lines of a mountinfo file. Lines that do not have its form are left out.
pub fn parse(text: &[u8]) -> Vec<Mounted> {
    text.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mounted> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    // Optional fields stand between the sixth and a lone dash.
    let dash = 6 + fields.get(6..)?.iter().position(|field| *field == b"-")?;
    let options = String::from_utf8_lossy(fields.get(dash + 3)?).split(',').map(str::to_string).collect();
    Some(Mounted {
        id: std::str::from_utf8(fields.first()?).ok()?.parse().ok()?,
        root: unescape(fields.get(3)?),
        point: unescape(fields.get(4)?),
        attributes: attributes(fields.get(5)?),
        fstype: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
        options,
    })
}

fn attributes(field: &[u8]) -> u64 {
    use super::mount::attr;
    let bit = |word: &[u8]| match word {
        b"ro" => attr::RDONLY,
        b"nosuid" => attr::NOSUID,
        b"nodev" => attr::NODEV,
        b"noexec" => attr::NOEXEC,
        _ => 0,
    };
    field.split(|byte| *byte == b',').fold(0, |bits, word| bits | bit(word))
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\')
            .then(|| after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}
