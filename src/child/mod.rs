//! (to be written)

pub mod cgroup_mount;
mod copy_up;
pub mod devices;
pub mod mount;
pub mod paths;
mod procfs_guard;
pub mod rootfs;
pub mod sysctls;
