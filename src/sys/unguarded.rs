//! Paths in the root filesystem as a careless runtime would take them: for `integration/break` only.
//!
//! Called by `path` in the variant with the feature `break-guards` when the guard of an attack is broken: symlinks are
//! followed by the kernel, out of the root. Not part of any other build.

use super::walk::{Missing, Walked};
use super::{Result, SysError};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// Whether one of the attacks through paths is to succeed.
pub fn wanted() -> bool {
    broken!("cve_2015_1335")
        || broken!("cve_2019_18837")
        || broken!("cve_2021_30465")
        || broken!("cve_2024_21626")
        || broken!("cve_2024_45310")
        || broken!("cve_2025_24965")
        || broken!("cve_2026_41579")
        || broken!("cve_2026_47766")
        || broken!("cve_2026_88264")
}

/// Opens, and makes what is missing, following every symlink.
pub fn resolve_or_make(root: BorrowedFd<'_>, path: &Path, missing: Missing) -> Result<Walked> {
    let below = path.strip_prefix("/").unwrap_or(path);
    let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
    let fail = |errno| SysError::nix("openat", path.display().to_string(), errno);
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    match nix::fcntl::openat(root, below, flags, Mode::empty()) {
        Ok(fd) => return Ok(Walked { fd, made: false }),
        Err(nix::errno::Errno::ENOENT) if missing != Missing::Fail => {}
        Err(errno) => return Err(fail(errno)),
    }
    let mut above: Vec<&Path> = below.ancestors().filter(|part| !part.as_os_str().is_empty()).collect();
    if let Missing::File(mode) = missing {
        above.remove(0);
        let _ = above.iter().rev().map(|dir| nix::sys::stat::mkdirat(root, *dir, Mode::S_IRWXU)).count();
        let create = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        nix::fcntl::openat(root, below, create, Mode::from_bits_truncate(mode)).map_err(fail)?;
    } else {
        let _ = above.iter().rev().map(|dir| nix::sys::stat::mkdirat(root, *dir, Mode::S_IRWXU)).count();
    }
    let fd = nix::fcntl::openat(root, below, flags, Mode::empty()).map_err(fail)?;
    Ok(Walked { fd, made: true })
}
