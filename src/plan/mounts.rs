//! `mounts` -> one MountOp each, in the order of the config (config.md, "Mounts").
//!
//! Called by `Plan`. What each option word means is the table in `mount_options`.

use super::idmap::{self, IdMaps};
use super::mount_options::{IdmapOption, MountOptions, Reach};
use super::text::{index_u16, kernel_string, path_text};
use crate::bundle::Invalid;
use crate::bundle::config::Mount;
use std::ffi::CString;
use std::path::Path;

/// The index of a mount that no entry of the configuration asks for.
pub const NOT_CONFIGURED: u16 = u16::MAX;

/// One entry of `mounts`, ready for the new mount API (mount_setattr(2), fsopen(2)).
#[derive(Debug, Clone)]
pub struct MountOp {
    /// Position in config.json#/mounts.
    pub index: u16,
    /// Where: an absolute path, resolved inside the root filesystem.
    pub target: CString,
    /// What.
    pub kind: MountKind,
    /// MOUNT_ATTR_* for the mount itself.
    pub attributes: Attributes,
    /// MOUNT_ATTR_* for the mount and everything below it (`rro`, `rnosuid`, …).
    pub recursive_attributes: Attributes,
    /// Propagation changes, in the order given.
    pub propagation: Vec<Propagation>,
    /// Superblock flags set by fsconfig(2): `ro`, `sync`, `dirsync`, `lazytime`, … as option words.
    pub superblock_flags: Vec<&'static str>,
    /// File-system options: key, and value if there is one.
    pub data: Vec<(CString, Option<CString>)>,
    /// An id-mapped mount.
    pub idmap: Option<Idmap>,
    /// `tmpcopyup`: what lies at the target is copied into the new tmpfs.
    pub copy_up: bool,
    /// `dest-nofollow`: the last component of the target may not be a symlink (it is replaced, never followed).
    pub target_nofollow: bool,
    /// `src-nofollow` / `copy-symlink`: the last component of the source is not followed.
    pub source_nofollow: bool,
    /// `remount`: change the attributes of what is mounted there.
    pub remount: bool,
}

impl MountOp {
    /// Where in config.json it stands; empty if nowhere.
    pub fn pointer(&self) -> String {
        if self.index == NOT_CONFIGURED { String::new() } else { format!("/mounts/{}", self.index) }
    }

    /// Whether the mount cannot be written to.
    pub fn is_readonly(&self) -> bool {
        const RDONLY: u64 = 1;
        (self.attributes.set | self.recursive_attributes.set) & RDONLY != 0
    }
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A bind mount of a host path.
    Bind {
        /// Absolute host path.
        source: CString,
        /// `rbind`.
        recursive: bool,
    },
    /// A file system of its own.
    Filesystem {
        /// For example `tmpfs`.
        fstype: CString,
        /// The `source` of the config, as fsconfig's "source".
        source: Option<CString>,
    },
    /// Type `cgroup`: the container's own view of its cgroups, whatever the host's layout.
    Cgroup,
    /// Only flags change at the target (`remount`, or propagation alone with no source or type).
    Nothing,
}

/// Attributes to set and to clear, as MOUNT_ATTR_* of mount_setattr(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Bits to set.
    pub set: u64,
    /// Bits to clear.
    pub clear: u64,
}

/// One change of mount propagation (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// How.
    pub kind: PropagationKind,
    /// For everything below, too (`rprivate` instead of `private`).
    pub recursive: bool,
}

/// The kinds of propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PropagationKind {
    Private,
    Shared,
    Slave,
    Unbindable,
}

/// An id-mapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idmap {
    /// The mapping; None: that of the container's user namespace.
    pub maps: Option<IdMaps>,
    /// For everything below, too (`ridmap`).
    pub recursive: bool,
}

/// What a mount's meaning depends on beside itself.
pub(super) struct Surroundings<'a> {
    /// The bundle's absolute path: relative sources of bind mounts begin there.
    pub bundle: &'a Path,
    /// Whether the container has a user namespace that is not the caller's.
    pub user_namespace: bool,
    /// That namespace's mappings, if the config gives them.
    pub id_maps: Option<&'a IdMaps>,
    /// Whether they are not the config's, but those that there are.
    pub maps_are_lent: bool,
    /// Whether the caller is an ordinary user, who may not map ids of mounts.
    pub unprivileged: bool,
}

/// All of `mounts`.
pub(super) fn ops(
    mounts: &[Mount],
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<Vec<MountOp>, Invalid> {
    mounts.iter().enumerate().map(|(index, mount)| op(index, mount, around, warnings)).collect()
}

fn op(
    index: usize,
    mount: &Mount,
    around: &Surroundings,
    warnings: &mut Vec<String>,
) -> Result<MountOp, Invalid> {
    let at = format!("/mounts/{index}");
    let index = index_u16(index, "/mounts")?;
    let mut options = MountOptions::parse(&mount.options);
    let target = target(&mount.destination, &at, warnings)?;
    let kind = kind(mount, &options, around, &at)?;
    if around.maps_are_lent {
        leave_terminals_to_their_users(&mut options, &kind, around, &at, warnings);
    }
    let bind = options.bind.is_some() || matches!(kind, MountKind::Bind { .. });
    if bind && options.sets_superblock() {
        warnings.push(format!(
            "mounts[{index}]: a bind mount shares its source's file system, whose own options (sync, lazytime, …) stay"
        ));
    }
    if options.copy_up
        && !matches!(&kind, MountKind::Filesystem { fstype, .. } if fstype.as_bytes() == b"tmpfs")
    {
        return Err(Invalid::value(
            option_pointer(mount, "tmpcopyup", &at),
            "tmpcopyup is for mounts of type tmpfs",
        ));
    }
    mapped_owner(&options, &kind, around, &at)?;
    Ok(MountOp {
        index,
        target,
        idmap: mount_idmap(mount, &options, &kind, around, &at)?,
        data: data(&options, bind, &at)?,
        superblock_flags: if bind { Vec::new() } else { options.superblock_words() },
        kind,
        attributes: options.attributes,
        recursive_attributes: options.recursive_attributes,
        propagation: options.propagation,
        copy_up: options.copy_up,
        target_nofollow: options.target_nofollow,
        source_nofollow: options.source_nofollow,
        remount: options.remount,
    })
}

/// The destination; a relative one counts from `/`, deprecated (config.md, "Mounts").
pub(super) fn target(destination: &str, at: &str, warnings: &mut Vec<String>) -> Result<CString, Invalid> {
    let pointer = format!("{at}/destination");
    if destination.is_empty() {
        return Err(Invalid::value(pointer, "must be an absolute path, is empty"));
    }
    if destination.starts_with('/') {
        return kernel_string(destination, &pointer);
    }
    warnings.push(format!(
        "mount {destination:?}: relative destination path is **deprecated**, using it as relative to /"
    ));
    kernel_string(&format!("/{destination}"), &pointer)
}

fn kind(
    mount: &Mount,
    options: &MountOptions,
    around: &Surroundings,
    at: &str,
) -> Result<MountKind, Invalid> {
    let fstype = mount.kind.as_deref().unwrap_or_default();
    if options.remount {
        return Ok(MountKind::Nothing);
    }
    // `type` is a dummy if an option says bind (config.md); alone, "bind" is what it seems to be.
    let bind = options.bind.or((fstype == "bind").then_some(Reach::One));
    if let Some(reach) = bind {
        let source = bind_source(mount, around, at)?;
        return Ok(MountKind::Bind { source, recursive: reach == Reach::Tree });
    }
    match fstype {
        "" | "none" => no_type(mount, options, at),
        "cgroup" | "cgroup2" => Ok(MountKind::Cgroup),
        _ => Ok(MountKind::Filesystem {
            fstype: kernel_string(fstype, &format!("{at}/type"))?,
            source: source(mount).map(|source| kernel_string(source, &format!("{at}/source"))).transpose()?,
        }),
    }
}

fn source(mount: &Mount) -> Option<&str> {
    mount.source.as_deref().filter(|source| !source.is_empty())
}

fn bind_source(mount: &Mount, around: &Surroundings, at: &str) -> Result<CString, Invalid> {
    let pointer = format!("{at}/source");
    let Some(source) = source(mount) else {
        return Err(Invalid::required(pointer).advise("a bind mount needs the path of what to show"));
    };
    kernel_string(path_text(&around.bundle.join(source)), &pointer)
}

/// A mount without type and without `bind` can only change what is mounted at its destination.
fn no_type(mount: &Mount, options: &MountOptions, at: &str) -> Result<MountKind, Invalid> {
    let changes = !options.propagation.is_empty()
        || !options.attributes.is_empty()
        || !options.recursive_attributes.is_empty();
    let sourceless = source(mount).is_none_or(|source| source == "none");
    if changes && sourceless && options.data.is_empty() {
        return Ok(MountKind::Nothing);
    }
    Err(Invalid::required(format!("{at}/type"))
        .advise("name a file system, for example tmpfs, or add the option bind or rbind"))
}

/// The options that the file system itself understands. A bind mount has none: its file system is mounted already.
fn data(options: &MountOptions, bind: bool, at: &str) -> Result<Vec<(CString, Option<CString>)>, Invalid> {
    let entry = |(index, word): &(usize, String)| {
        let pointer = format!("{at}/options/{index}");
        if bind {
            let problem =
                format!("{word:?}: bind mounts cannot have any filesystem-specific options applied");
            return Err(Invalid::conflict(pointer, problem).advise("remove it, or check its spelling"));
        }
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(unquote(value))),
            None => (word.as_str(), None),
        };
        let value = value.map(|value| kernel_string(value, &pointer)).transpose()?;
        Ok((kernel_string(key, &pointer)?, value))
    };
    options.data.iter().map(entry).collect()
}

/// `uid=` and `gid=` are ids of the container's user namespace to the file systems that are mounted in it.
fn mapped_owner(
    options: &MountOptions,
    kind: &MountKind,
    around: &Surroundings,
    at: &str,
) -> Result<(), Invalid> {
    let MountKind::Filesystem { fstype, .. } = kind else { return Ok(()) };
    let Some(maps) = around.id_maps.filter(|_| matches!(fstype.as_bytes(), b"tmpfs" | b"devpts")) else {
        return Ok(());
    };
    for (index, word) in &options.data {
        let (ranges, list, id) = match word.split_once('=') {
            Some(("uid", id)) => (&maps.uids, "uidMappings", id.parse()),
            Some(("gid", id)) => (&maps.gids, "gidMappings", id.parse()),
            _ => continue,
        };
        if id.is_ok_and(|id| !idmap::maps(ranges, id)) {
            let problem = format!("{word} has no mapping in the container's user namespace");
            return Err(Invalid::conflict(format!("{at}/options/{index}"), problem)
                .advise(format!("remove it, or add a range to linux.{list}")));
        }
    }
    Ok(())
}

/// Every configuration has a devpts with `gid=5`, the group of terminals, which not every user can have.
fn leave_terminals_to_their_users(
    options: &mut MountOptions,
    kind: &MountKind,
    around: &Surroundings,
    at: &str,
    warnings: &mut Vec<String>,
) {
    if !matches!(kind, MountKind::Filesystem { fstype, .. } if fstype.as_bytes() == b"devpts") {
        return;
    }
    let groups = around.id_maps.map_or(&[][..], |maps| &maps.gids);
    options.data.retain(|(index, word)| {
        let gid = word.strip_prefix("gid=").and_then(|id| id.parse().ok());
        let stays = gid.is_none_or(|gid| idmap::maps(groups, gid));
        if !stays {
            warnings
                .push(format!("{at}/options/{index}: {word} is left out: the container has no such group"));
        }
        stays
    });
}

/// The quotes of `context="…"` keep its commas together; the kernel's parser of one key takes none.
fn unquote(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn option_pointer(mount: &Mount, word: &str, at: &str) -> String {
    let index = mount.options.iter().position(|option| option.contains(word)).unwrap_or_default();
    format!("{at}/options/{index}")
}

/// `uidMappings`, `gidMappings`, `idmap`, `ridmap` (config.md, "Linux mount options").
fn mount_idmap(
    mount: &Mount,
    options: &MountOptions,
    kind: &MountKind,
    around: &Surroundings,
    at: &str,
) -> Result<Option<Idmap>, Invalid> {
    let given = (!mount.uid_mappings.is_empty(), !mount.gid_mappings.is_empty());
    let pointer = match (&options.idmap, given) {
        (None, (false, false)) => return Ok(None),
        (Some(option), _) => format!("{at}/options/{}", option.index),
        (None, (true, _)) => format!("{at}/uidMappings"),
        (None, (false, true)) => format!("{at}/gidMappings"),
    };
    if given.0 != given.1 {
        let missing = if given.0 { "gidMappings" } else { "uidMappings" };
        let problem = "id-mapped mounts must have both uid and gid mappings specified, this is missing";
        return Err(Invalid::new(crate::bundle::code::REQUIRED, format!("{at}/{missing}"), problem));
    }
    if matches!(kind, MountKind::Cgroup | MountKind::Nothing) {
        let problem = "id-mapped mounts are only supported for bind-mounts and file systems of their own";
        return Err(Invalid::conflict(pointer, problem));
    }
    if around.unprivileged {
        return Err(Invalid::unsupported(
            pointer,
            "id-mapped mounts are not supported for rootless containers",
        )
        .advise(
            "the kernel leaves it to the owner of the file system: run as root, or as root of the user namespace \
             that has mounted it, or remove the mapping",
        ));
    }
    let recursive = options.idmap.as_ref().is_some_and(|option| option.reach == Reach::Tree);
    let maps =
        if given.0 { Some(IdMaps::from_config(&mount.uid_mappings, &mount.gid_mappings, at)?) } else { None };
    let maps = match (&options.idmap, maps) {
        (Some(IdmapOption { custom: Some(_), .. }), Some(_)) => {
            let problem = "gives a mapping beside uidMappings and gidMappings";
            return Err(Invalid::conflict(pointer, problem).advise("give it once"));
        }
        (Some(IdmapOption { custom: Some(text), .. }), None) => {
            Some(idmap::parse_option(text, around.id_maps, &pointer)?)
        }
        (_, maps) => maps,
    };
    match maps {
        Some(maps) if maps.uids.is_empty() || maps.gids.is_empty() => {
            let problem = "id-mapped mounts must have both uid and gid mappings specified";
            Err(Invalid::value(pointer, problem))
        }
        None if !around.user_namespace => {
            let problem = "has no mapping, and the container has no user namespace to take one from";
            Err(Invalid::conflict(pointer, problem).advise("add uidMappings and gidMappings to the mount"))
        }
        maps => Ok(Some(Idmap { maps, recursive })),
    }
}
