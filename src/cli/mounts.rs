//! `mounts`: changes the mounts of a container that exists.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `mounts`.
#[derive(Debug, Clone, Args)]
#[command(disable_help_subcommand = true)]
pub struct Mounts {
    /// What to do.
    #[command(subcommand)]
    pub change: MountsChange,
}

/// What `mounts` does.
#[derive(Debug, Clone, Subcommand)]
pub enum MountsChange {
    /// Mount more into a running container
    Add(MountsOf),
    /// Unmount from a running container
    Remove(MountsOf),
}

/// Which mounts of which container.
#[derive(Debug, Clone, Default, Args)]
pub struct MountsOf {
    /// The container
    pub id: String,
    /// File with a JSON array in the form of config.json's `mounts`, or - for standard input; for remove, `destination` is
    /// enough
    pub file: PathBuf,
}

impl MountsChange {
    /// The container.
    pub fn id(&self) -> &str {
        match self {
            MountsChange::Add(of) | MountsChange::Remove(of) => &of.id,
        }
    }
}
