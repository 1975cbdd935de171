//! `linux.resources` -> Limits: neutral of cgroup version, with the unit in each field's name.

/// Resource limits, neutral of cgroup version.
#[derive(Debug, Clone, Default)]
pub struct Limits {}
