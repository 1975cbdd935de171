//! `linux.namespaces` -> which of the eight are new, joined by path, or the caller's (namespaces(7)).

use std::ffi::CString;

/// The eight namespaces, each with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Namespaces {
    pub user: Place,
    pub mount: Place,
    pub pid: Place,
    pub network: Place,
    pub ipc: Place,
    pub uts: Place,
    pub cgroup: Place,
    pub time: Place,
}

/// Where one namespace of the container comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// The caller's own: the config does not name it.
    #[default]
    Shared,
    /// Made for this container.
    New,
    /// An existing one.
    Join(Joined),
}

/// An existing namespace to join with setns(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// A file that refers to it, for example /proc/1/ns/net or /run/netns/a.
    pub path: CString,
    /// Position in config.json#/linux/namespaces.
    pub index: u16,
}

impl Place {
    /// Whether it is made for this container.
    pub fn is_new(&self) -> bool {
        matches!(self, Place::New)
    }

    /// Whether it is the caller's own.
    pub fn is_shared(&self) -> bool {
        matches!(self, Place::Shared)
    }

    /// The namespace to join, if it is joined.
    pub fn joined(&self) -> Option<&Joined> {
        match self {
            Place::Join(joined) => Some(joined),
            _ => None,
        }
    }
}
