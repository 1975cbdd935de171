//! (being written) The root: private mount tree, bind, pivot.
use crate::plan::Rootfs;
use crate::sys::SysError;
use crate::sys::path::Root;
use std::os::fd::OwnedFd;

/// A failed call, and which entry of the plan's list it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// What the entry is one of.
    pub list: List,
    /// The position in the plan's list.
    pub index: usize,
    /// What the kernel said.
    pub error: SysError,
}

/// The lists of a plan that a failure may point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum List {
    /// No list: the root itself.
    Root,
    Mounts,
    Devices,
    Links,
    Sysctls,
    MaskedPaths,
    ReadonlyPaths,
}

/// Step Propagation: nothing that is mounted from here on reaches the host, unless rootfsPropagation asks for it.
/// Not to be called with `Switch::Chroot` (it does nothing then).
pub fn isolate(plan: &Rootfs) -> Result<(), At> {
    let _ = plan;
    Ok(())
}

/// Step BindRoot: the root filesystem, bound on itself so that it is a mount, held by descriptor.
pub fn bind(plan: &Rootfs) -> Result<Root, At> {
    let error = SysError::new("open_tree", plan.path.display().to_string(), 38);
    Err(At { list: List::Root, index: 0, error })
}

/// Step SwitchRoot: `root` becomes /, the host's tree is out of reach, the working directory is /.
pub fn switch(root: &Root, plan: &Rootfs) -> Result<(), At> {
    let _ = (root, plan);
    Ok(())
}

/// Step RootPropagation: rootfsPropagation on the new /.
pub fn propagate(root: &Root, plan: &Rootfs) -> Result<(), At> {
    let _ = (root, plan);
    Ok(())
}

/// Step ReadonlyRoot: `root.readonly`, with the other flags of the mount kept.
pub fn readonly(root: &Root, plan: &Rootfs) -> Result<(), At> {
    let _ = (root, plan);
    Ok(())
}

/// The container's /dev/null, opened for reading and writing, if it is one (CVE-2026-88265); None: keep what you have.
pub fn open_null(root: &Root) -> Option<OwnedFd> {
    let _ = root;
    None
}
