//! The parts of runtime-spec 1.3 that oci-spec's types lack or type wrongly, read from the same text.

/// What config.json says beyond oci-spec's types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Of `process`.
    pub process: ProcessExtras,
    /// Of `linux`.
    pub linux: LinuxExtras,
}

/// What `process` says beyond oci-spec's types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessExtras {
    /// `scheduler.flags`: oci-spec spells three of them unlike the specification.
    pub scheduler_flags: Vec<String>,
}

/// What `linux` says beyond oci-spec's types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinuxExtras {
    /// `intelRdt.enableCMT` or `enableMBM` (before 1.3), which oci-spec looks for under other names.
    pub rdt_monitoring: bool,
}
