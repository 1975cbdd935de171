//! Standard input, output and error that are the host's /dev/null become the container's.
//!
//! Called by the step list in `child` after the switch of roots.

use super::{Stepped, failed, rootfs};
use crate::sys::path::Root;
use crate::sys::{fd, process};
use crate::wire::Step;
use std::os::fd::{AsFd, BorrowedFd};

/// Does: opens the container's /dev/null in place of the host's. Here because: the host's is an open file of a mount
/// that the container must not hold. If the container's is not the real one, the old one stays (CVE-2026-88265).
pub fn leave_host_null(root: &Root, proc: Option<BorrowedFd<'_>>) -> Stepped<()> {
    let Some(proc) = proc else { return Ok(()) };
    let nulls: Vec<i32> = (0..3).filter(|number| fd::is_null_device(*number)).collect();
    if nulls.is_empty() {
        return Ok(());
    }
    if let Some(null) = rootfs::open_null(root, proc) {
        for number in nulls {
            process::replace_descriptor(null.as_fd(), number).map_err(failed(Step::Descriptors))?;
        }
    }
    Ok(())
}
