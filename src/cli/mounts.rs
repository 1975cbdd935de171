//! `mounts`: changes the mounts of a container that exists.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `mounts`. Without add or remove it is an error of one line, as every other mistake.
#[derive(Debug, Clone, Args)]
#[command(arg_required_else_help = false, disable_help_subcommand = true)]
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
    /// JSON file in the form of `mounts` in config.json; - is standard input
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
