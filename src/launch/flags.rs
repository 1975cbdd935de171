//! Flags of restored mounts: CRIU 4.2 binds a second mount of one source and the same flags without these flags, so that
//! what was read-only could be written.
//!
//! Called by `cmd::restore` while the restored processes stand still.

use super::Child;
use crate::sys::mount::{self, Change, Depth};
use crate::sys::namespace::{self, Kind};
use crate::sys::process::{self, Cloned, Ended};
use crate::sys::{mountinfo, walk::c_path};
use anyhow::{Context, Result};
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Sets what is missing of these attributes (MOUNT_ATTR_*) on the mounts of process `pid`, by their mount points.
///
/// # Errors
/// One cannot be set: then the container must not run.
pub fn enforce(pid: i32, wanted: &[(PathBuf, u64)]) -> Result<()> {
    let mounted = mountinfo::of_process(pid).context("the restored mounts")?;
    let lacks = |(path, bits): &&(PathBuf, u64)| {
        // The last one there is the one that is seen.
        let seen = mounted.iter().rev().find(|mounted| mounted.point == *path);
        seen.is_some_and(|seen| seen.attributes & bits != *bits)
    };
    let lacking: Vec<&(PathBuf, u64)> = wanted.iter().filter(lacks).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let path = mount::c_string(&format!("/proc/{pid}/ns/mnt"));
    let inside = namespace::open(&path, Kind::Mount)?;
    let set = || -> Result<()> {
        namespace::join(inside.as_fd(), Kind::Mount)?;
        for (path, bits) in &lacking {
            let change = Change { set: *bits, ..Change::default() };
            let fd = mount::open_path(&c_path(path)?)?;
            mount::set_attributes(fd.as_fd(), change, Depth::Mount, &path.display().to_string())?;
        }
        Ok(())
    };
    match process::clone_single_threaded(0, None)? {
        Cloned::Child => process::exit_now(i32::from(set().is_err())),
        Cloned::Parent { pid, pidfd } => match Child::new(pid, pidfd).wait()? {
            Ended::Exited(0) => Ok(()),
            _ => {
                anyhow::bail!("CRIU restored mounts without their flags, and they cannot be set: {lacking:?}")
            }
        },
    }
}
