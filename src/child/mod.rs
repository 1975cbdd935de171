//! (to be written)

pub mod cgroup_mount;
pub mod devices;
pub mod mount;
pub mod paths;
pub mod rootfs;
pub mod sysctls;
