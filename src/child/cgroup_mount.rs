//! (being written) The container's view of its cgroups.
