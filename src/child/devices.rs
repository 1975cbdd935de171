//! (being written) Device nodes.
use super::rootfs::At;
use crate::plan::Rootfs;
use crate::sys::path::Root;

/// Which devices and links were made in a detached /dev already.
#[derive(Debug, Default)]
pub struct Made {
    /// For each of `Dev::devices`.
    pub devices: Vec<bool>,
    /// For each of `Dev::links`.
    pub links: Vec<bool>,
}

/// Steps Device and DeviceLink: the devices and links that are not there yet, through the path layer.
pub fn rest(root: &Root, plan: &Rootfs, made: &Made) -> Result<(), At> {
    let _ = (root, plan, made);
    Ok(())
}
