//! Standard input, output and error that are the host's /dev/null become the container's.
//!
//! Called by the step list in `child` after the switch of roots.

use super::{Stepped, failed, rootfs};
use crate::sys::path::Root;
use crate::sys::process;
use crate::wire::Step;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Does: opens the container's /dev/null in place of the host's. Here because: the host's is an open file of a mount
/// that the container must not hold. If the container's is not the real one, the old one stays (CVE-2026-88265).
/// `made`: the container's, if it was opened when it was made.
pub fn leave_host_null(
    nulls: &[i32],
    made: Option<OwnedFd>,
    root: &Root,
    proc: Option<BorrowedFd<'_>>,
) -> Stepped<()> {
    if nulls.is_empty() {
        return Ok(());
    }
    let null = made.or_else(|| rootfs::open_null(root, proc?));
    let Some(null) = null else { return Ok(()) };
    for number in nulls {
        process::replace_descriptor(null.as_fd(), *number).map_err(failed(Step::Descriptors))?;
    }
    root.done_with(null);
    Ok(())
}
