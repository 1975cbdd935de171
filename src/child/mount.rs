//! (being written) The mounts of the plan.
use super::devices::Made;
use super::rootfs::At;
use crate::plan::Plan;
use crate::sys::path::Root;
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// What the parent has prepared for the mounts.
#[derive(Debug, Default)]
pub struct Inputs {
    /// For each entry of `plan.rootfs.mounts` (may be shorter): a detached tree (`sys::mount::clone_tree`), already
    /// id-mapped if the entry asks for it. Needed for an idmap; in a new user namespace used where the child
    /// itself may not reach the source.
    pub sources: Vec<Option<OwnedFd>>,
    /// Host path of the container's own cgroup in the cgroup2 hierarchy (below its mount point), for the bind mount
    /// that stands in where cgroup2 cannot be mounted.
    pub own_cgroup2: Option<CString>,
}

/// Step Mount: all entries of `mounts`, in order. Runs when the child is in its cgroup and in its namespaces.
/// A tmpfs on /dev is filled before it is attached; what was made there is in the returned value.
/// If something is mounted on / then `root` is that mount afterwards.
pub fn all(root: &mut Root, plan: &Plan, inputs: Inputs) -> Result<Made, At> {
    let _ = (root, plan, inputs);
    Ok(Made::default())
}
