//! `mounts`: changes the mounts of a container that exists.

use super::argument::arguments;
use super::commands::{Command, Content, Definition};
use super::found::Found;
use std::path::PathBuf;

/// `mounts`.
#[derive(Debug, Clone)]
pub struct Mounts {
    /// What to do.
    pub change: MountsChange,
}

/// What `mounts` does.
#[derive(Debug, Clone)]
pub enum MountsChange {
    /// Mount more into a running container
    Add(MountsOf),
    /// Unmount from a running container
    Remove(MountsOf),
}

arguments! {
    /// Which mounts of which container.
    pub struct MountsOf {
        /// The container
        id: String = operand("id", "ID"),
        /// JSON file in the form of `mounts` in config.json; - is standard input
        file: PathBuf = operand("file", "FILE"),
    }
}

/// What can be done.
pub(super) const ACTIONS: &[Definition] = &[
    Definition::new(
        "add",
        "Mount more into a running container",
        Content::Arguments { table: MountsOf::TABLE, read: |found| mounts(MountsChange::Add, found) },
    ),
    Definition::new(
        "remove",
        "Unmount from a running container",
        Content::Arguments { table: MountsOf::TABLE, read: |found| mounts(MountsChange::Remove, found) },
    ),
];

fn mounts(change: fn(MountsOf) -> MountsChange, found: &mut Found<'_>) -> Command {
    Command::Mounts(Mounts { change: change(MountsOf::of_found(found)) })
}

impl MountsChange {
    /// The container.
    pub fn id(&self) -> &str {
        match self {
            MountsChange::Add(of) | MountsChange::Remove(of) => &of.id,
        }
    }
}
