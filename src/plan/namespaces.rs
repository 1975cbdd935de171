//! `linux.namespaces` -> which of the eight are new, joined by path, or the caller's (namespaces(7)).

use super::text::{absolute_path, index_u16, path_text};
use super::{IdMaps, TimeOffset};
use crate::bundle::config::Linux;
use crate::bundle::{Invalid, code};
use oci_spec::runtime::LinuxNamespaceType as Type;
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

impl Namespaces {
    /// Takes over `linux.namespaces`. That no type stands there twice is `bundle::check`'s.
    pub(super) fn from_config(linux: &Linux) -> Result<Namespaces, Invalid> {
        let mut namespaces = Namespaces::default();
        for (index, entry) in linux.namespaces.iter().enumerate() {
            let path = entry.path().as_deref().map(path_text).unwrap_or_default();
            let place = if path.is_empty() {
                Place::New
            } else {
                // A length kept in 16 bits.
                let path = if broken!("cve_2021_43784") {
                    path.get(..path.len() % 65536).unwrap_or(path)
                } else {
                    path
                };
                let path = absolute_path(path, &format!("/linux/namespaces/{index}/path"))?;
                Place::Join(Joined { path, index: index_u16(index, "/linux/namespaces")? })
            };
            *namespaces.place_mut(entry.typ()) = place;
        }
        Ok(namespaces)
    }

    fn place_mut(&mut self, namespace: Type) -> &mut Place {
        match namespace {
            Type::User => &mut self.user,
            Type::Mount => &mut self.mount,
            Type::Pid => &mut self.pid,
            Type::Network => &mut self.network,
            Type::Ipc => &mut self.ipc,
            Type::Uts => &mut self.uts,
            Type::Cgroup => &mut self.cgroup,
            Type::Time => &mut self.time,
        }
    }
}

/// Whether the user namespace is one that there is already.
pub(super) fn joins_user(linux: &Linux) -> bool {
    let has_path =
        |path: &Option<std::path::PathBuf>| path.as_ref().is_some_and(|path| !path.as_os_str().is_empty());
    linux.namespaces.iter().any(|entry| entry.typ() == Type::User && has_path(entry.path()))
}

/// The mappings that the config gives for its user namespace, whether it is new or joined.
pub(super) fn id_maps(linux: &Linux) -> Result<Option<IdMaps>, Invalid> {
    if linux.uid_mappings.is_empty() && linux.gid_mappings.is_empty() {
        return Ok(None);
    }
    IdMaps::from_config(&linux.uid_mappings, &linux.gid_mappings, "/linux").map(Some)
}

/// A user namespace without mappings has no root, nor anybody else.
pub(super) fn check_maps(namespaces: &Namespaces, maps: Option<&IdMaps>) -> Result<(), Invalid> {
    if !namespaces.user.is_new() || maps.is_some() {
        return Ok(());
    }
    let problem = "user namespaces enabled, but no namespace path to join nor mappings to apply specified";
    Err(Invalid::new(code::REQUIRED, "/linux/uidMappings", problem)
        .advise("add linux.uidMappings and linux.gidMappings"))
}

/// `linux.timeOffsets`, by clock name (time_namespaces(7)).
pub(super) fn time_offsets(linux: &Linux) -> Result<Vec<TimeOffset>, Invalid> {
    let offset = |(clock, offset): (&String, &crate::bundle::config::TimeOffset)| {
        let at = format!("/linux/timeOffsets/{}", crate::bundle::escape(clock));
        let clock = match clock.as_str() {
            "monotonic" => "monotonic",
            "boottime" => "boottime",
            _ => {
                let problem = format!("unknown clock {clock:?}; expected monotonic or boottime");
                return Err(Invalid::value(at, problem));
            }
        };
        let nanosecs = offset.nanosecs.unwrap_or_default();
        if nanosecs > 999_999_999 {
            let problem = format!("must be at most 999999999, is {nanosecs}");
            return Err(Invalid::value(format!("{at}/nanosecs"), problem));
        }
        Ok(TimeOffset { clock, secs: offset.secs.unwrap_or_default(), nanosecs })
    };
    linux.time_offsets.iter().map(offset).collect()
}
