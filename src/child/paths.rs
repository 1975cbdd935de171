//! (being written) Masked and read-only paths.
use super::rootfs::At;
use crate::plan::Rootfs;
use crate::sys::path::Root;

/// Step ReadonlyPath. After the switch of roots.
pub fn readonly(root: &Root, plan: &Rootfs) -> Result<(), At> {
    let _ = (root, plan);
    Ok(())
}

/// Step MaskedPath. After the switch of roots.
pub fn mask(root: &Root, plan: &Rootfs) -> Result<(), At> {
    let _ = (root, plan);
    Ok(())
}
