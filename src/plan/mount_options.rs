//! The table of mount options (config.md, "Linux mount options"): each word -> attribute, propagation, superblock
//! flag or behaviour; every other word is data for the file system. Used by `mounts`.
//!
//! Words are taken in order and the last one wins, also between `ro` and `rw`. A word may stand alone or in a
//! comma-separated string.

use super::mounts::{Attributes, Propagation, PropagationKind};

/// MOUNT_ATTR_* of mount_setattr(2).
pub mod attr {
    #![allow(missing_docs)]
    pub const RDONLY: u64 = 0x1;
    pub const NOSUID: u64 = 0x2;
    pub const NODEV: u64 = 0x4;
    pub const NOEXEC: u64 = 0x8;
    /// The access-time mode is a field of three bits: whoever sets a mode must clear the field.
    pub const ATIME_FIELD: u64 = 0x70;
    pub const RELATIME: u64 = 0x0;
    pub const NOATIME: u64 = 0x10;
    pub const STRICTATIME: u64 = 0x20;
    pub const NODIRATIME: u64 = 0x80;
    pub const NOSYMFOLLOW: u64 = 0x20_0000;
}

/// For what is only shown to the container.
pub(super) const SHOWN_ONLY: u64 = attr::RDONLY | attr::NOSUID | attr::NODEV | attr::NOEXEC;

/// What one option word asks for.
#[derive(Debug, Clone, Copy)]
enum Word {
    /// Changes nothing: `defaults`.
    Nothing,
    Attribute(Change, u64, Reach),
    Atime(AtimeWord, Reach),
    Superblock(SuperblockFlag, Change),
    Propagation(PropagationKind, Reach),
    Bind(Reach),
    Idmap(Reach),
    Remount,
    CopyUp,
    SourceNofollow,
    TargetNofollow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Clear,
}

/// One mount, or it and everything below (AT_RECURSIVE, MS_REC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    One,
    Tree,
}

#[derive(Debug, Clone, Copy)]
enum AtimeWord {
    Atime,
    Noatime,
    Relatime,
    Norelatime,
    Strictatime,
    Nostrictatime,
}

/// Properties of the superblock, as fsconfig(2) names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SuperblockFlag {
    Sync,
    Dirsync,
    Lazytime,
    Mand,
    Iversion,
    Silent,
}

use AtimeWord::*;
use Change::*;
use PropagationKind::*;
use Reach::*;
use SuperblockFlag::*;

/// Every word that is not data. The order is the order of `tare features`.
const TABLE: &[(&str, Word)] = &[
    ("async", Word::Superblock(Sync, Clear)),
    ("atime", Word::Atime(Atime, One)),
    ("bind", Word::Bind(One)),
    ("copy-symlink", Word::SourceNofollow),
    ("defaults", Word::Nothing),
    ("dest-nofollow", Word::TargetNofollow),
    ("dev", Word::Attribute(Clear, attr::NODEV, One)),
    ("diratime", Word::Attribute(Clear, attr::NODIRATIME, One)),
    ("dirsync", Word::Superblock(Dirsync, Set)),
    ("exec", Word::Attribute(Clear, attr::NOEXEC, One)),
    ("idmap", Word::Idmap(One)),
    ("iversion", Word::Superblock(Iversion, Set)),
    ("lazytime", Word::Superblock(Lazytime, Set)),
    ("loud", Word::Superblock(Silent, Clear)),
    ("mand", Word::Superblock(Mand, Set)),
    ("noatime", Word::Atime(Noatime, One)),
    ("nodev", Word::Attribute(Set, attr::NODEV, One)),
    ("nodiratime", Word::Attribute(Set, attr::NODIRATIME, One)),
    ("noexec", Word::Attribute(Set, attr::NOEXEC, One)),
    ("noiversion", Word::Superblock(Iversion, Clear)),
    ("nolazytime", Word::Superblock(Lazytime, Clear)),
    ("nomand", Word::Superblock(Mand, Clear)),
    ("norelatime", Word::Atime(Norelatime, One)),
    ("nostrictatime", Word::Atime(Nostrictatime, One)),
    ("nosuid", Word::Attribute(Set, attr::NOSUID, One)),
    ("nosymfollow", Word::Attribute(Set, attr::NOSYMFOLLOW, One)),
    ("private", Word::Propagation(Private, One)),
    ("ratime", Word::Atime(Atime, Tree)),
    ("rbind", Word::Bind(Tree)),
    ("rdev", Word::Attribute(Clear, attr::NODEV, Tree)),
    ("rdiratime", Word::Attribute(Clear, attr::NODIRATIME, Tree)),
    ("relatime", Word::Atime(Relatime, One)),
    ("remount", Word::Remount),
    ("rexec", Word::Attribute(Clear, attr::NOEXEC, Tree)),
    ("ridmap", Word::Idmap(Tree)),
    ("rnoatime", Word::Atime(Noatime, Tree)),
    ("rnodev", Word::Attribute(Set, attr::NODEV, Tree)),
    ("rnodiratime", Word::Attribute(Set, attr::NODIRATIME, Tree)),
    ("rnoexec", Word::Attribute(Set, attr::NOEXEC, Tree)),
    ("rnorelatime", Word::Atime(Norelatime, Tree)),
    ("rnostrictatime", Word::Atime(Nostrictatime, Tree)),
    ("rnosuid", Word::Attribute(Set, attr::NOSUID, Tree)),
    ("rnosymfollow", Word::Attribute(Set, attr::NOSYMFOLLOW, Tree)),
    ("ro", Word::Attribute(Set, attr::RDONLY, One)),
    ("rprivate", Word::Propagation(Private, Tree)),
    ("rrelatime", Word::Atime(Relatime, Tree)),
    ("rro", Word::Attribute(Set, attr::RDONLY, Tree)),
    ("rrw", Word::Attribute(Clear, attr::RDONLY, Tree)),
    ("rshared", Word::Propagation(Shared, Tree)),
    ("rslave", Word::Propagation(Slave, Tree)),
    ("rstrictatime", Word::Atime(Strictatime, Tree)),
    ("rsuid", Word::Attribute(Clear, attr::NOSUID, Tree)),
    ("rsymfollow", Word::Attribute(Clear, attr::NOSYMFOLLOW, Tree)),
    ("runbindable", Word::Propagation(Unbindable, Tree)),
    ("rw", Word::Attribute(Clear, attr::RDONLY, One)),
    ("shared", Word::Propagation(Shared, One)),
    ("silent", Word::Superblock(Silent, Set)),
    ("slave", Word::Propagation(Slave, One)),
    ("src-nofollow", Word::SourceNofollow),
    ("strictatime", Word::Atime(Strictatime, One)),
    ("suid", Word::Attribute(Clear, attr::NOSUID, One)),
    ("symfollow", Word::Attribute(Clear, attr::NOSYMFOLLOW, One)),
    ("sync", Word::Superblock(Sync, Set)),
    ("tmpcopyup", Word::CopyUp),
    ("unbindable", Word::Propagation(Unbindable, One)),
];

/// The option words that tare itself carries out, sorted: what `tare features` lists.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// What the options of one mount add up to.
#[derive(Debug, Clone, Default)]
pub(super) struct MountOptions {
    /// `bind` (One) or `rbind` (Tree).
    pub bind: Option<Reach>,
    pub remount: bool,
    pub attributes: Attributes,
    pub recursive_attributes: Attributes,
    pub propagation: Vec<Propagation>,
    pub idmap: Option<IdmapOption>,
    pub copy_up: bool,
    pub source_nofollow: bool,
    pub target_nofollow: bool,
    /// Each with its position in `options`.
    pub data: Vec<(usize, String)>,
    superblock: Vec<(SuperblockFlag, Change)>,
}

/// `idmap`, `ridmap` or crun's `idmap=uids=…;gids=…`.
#[derive(Debug, Clone)]
pub(super) struct IdmapOption {
    /// Position in `options`.
    pub index: usize,
    pub reach: Reach,
    /// What follows `idmap=`.
    pub custom: Option<String>,
}

impl MountOptions {
    /// Reads the words of `options`.
    pub fn parse(options: &[String]) -> MountOptions {
        let mut parsed = MountOptions::default();
        let mut atime = AtimeFields::default();
        for (index, option) in options.iter().enumerate() {
            for word in split(option) {
                match TABLE.iter().find(|(name, _)| *name == word) {
                    Some((_, known)) => parsed.apply(*known, index, &mut atime),
                    None => parsed.apply_other(word, index),
                }
            }
        }
        atime.one.store(&mut parsed.attributes);
        atime.tree.store(&mut parsed.recursive_attributes);
        parsed
    }

    fn apply(&mut self, word: Word, index: usize, atime: &mut AtimeFields) {
        match word {
            Word::Nothing => {}
            Word::Attribute(change, bit, One) => self.attributes.change(change, bit),
            Word::Attribute(change, bit, Tree) => self.recursive_attributes.change(change, bit),
            Word::Atime(word, One) => atime.one.apply(word, One),
            Word::Atime(word, Tree) => atime.tree.apply(word, Tree),
            Word::Superblock(flag, change) => {
                self.superblock.retain(|(other, _)| *other != flag);
                self.superblock.push((flag, change));
            }
            Word::Propagation(kind, reach) => {
                self.propagation.push(Propagation { kind, recursive: reach == Tree });
            }
            Word::Bind(reach) => self.bind = Some(reach),
            Word::Idmap(reach) => self.idmap = Some(IdmapOption { index, reach, custom: None }),
            Word::Remount => self.remount = true,
            Word::CopyUp => self.copy_up = true,
            Word::SourceNofollow => self.source_nofollow = true,
            Word::TargetNofollow => self.target_nofollow = true,
        }
    }

    fn apply_other(&mut self, word: &str, index: usize) {
        let custom = |reach, text: &str| IdmapOption { index, reach, custom: Some(text.to_owned()) };
        if let Some(text) = word.strip_prefix("idmap=") {
            self.idmap = Some(custom(One, text));
        } else if let Some(text) = word.strip_prefix("ridmap=") {
            self.idmap = Some(custom(Tree, text));
        } else {
            self.data.push((index, word.to_owned()));
        }
    }

    /// The words for fsconfig(2), for a file system of its own. A fresh superblock has every flag clear, so only a
    /// remount needs the words that clear one. `ro` and `rw` are both a mount's and a superblock's property.
    pub fn superblock_words(&self) -> Vec<&'static str> {
        let clearing = self.remount;
        let mut words = Vec::new();
        if self.attributes.set & attr::RDONLY != 0 {
            words.push("ro");
        } else if clearing && self.attributes.clear & attr::RDONLY != 0 {
            words.push("rw");
        }
        words.extend(self.superblock.iter().filter_map(|(flag, change)| match (flag, change) {
            (Sync, Set) => Some("sync"),
            (Dirsync, Set) => Some("dirsync"),
            (Lazytime, Set) => Some("lazytime"),
            (Mand, Set) => Some("mand"),
            (Iversion, Set) => Some("iversion"),
            (Silent, Set) => Some("silent"),
            (_, Clear) if !clearing => None,
            (Sync, Clear) => Some("async"),
            (Lazytime, Clear) => Some("nolazytime"),
            (Mand, Clear) => Some("nomand"),
            (Iversion, Clear) => Some("noiversion"),
            (Dirsync | Silent, Clear) => None,
        }));
        words
    }

    /// Whether a property of the superblock is set, beside `ro`.
    pub fn sets_superblock(&self) -> bool {
        self.superblock.iter().any(|(flag, change)| *change == Set && *flag != Silent)
    }
}

impl Attributes {
    fn change(&mut self, change: Change, bit: u64) {
        match change {
            Set => {
                self.set |= bit;
                self.clear &= !bit;
            }
            Clear => {
                self.clear |= bit;
                self.set &= !bit;
            }
        }
    }

    /// Whether anything is set or cleared.
    pub fn is_empty(&self) -> bool {
        self.set == 0 && self.clear == 0
    }
}

#[derive(Default)]
struct AtimeFields {
    one: AtimeField,
    tree: AtimeField,
}

/// The access-time mode asked for so far; None leaves the mount's own (for a new one: relatime).
#[derive(Default)]
struct AtimeField(Option<u64>);

impl AtimeField {
    /// A negative word undoes its positive one and otherwise asks for the kernel's default, relatime, without
    /// touching another mode that was asked for. `norelatime` has no default to fall back to: as in mount(8) it only
    /// undoes `relatime`; below a tree, where each mount has a mode of its own, it asks for the one mode that is
    /// neither relatime nor noatime.
    fn apply(&mut self, word: AtimeWord, reach: Reach) {
        self.0 = match (word, self.0) {
            (Noatime, _) => Some(attr::NOATIME),
            (Relatime, _) => Some(attr::RELATIME),
            (Strictatime, _) => Some(attr::STRICTATIME),
            (Atime, None | Some(attr::NOATIME)) => Some(attr::RELATIME),
            (Nostrictatime, None | Some(attr::STRICTATIME)) => Some(attr::RELATIME),
            (Norelatime, None | Some(attr::RELATIME)) if reach == Tree => Some(attr::STRICTATIME),
            (Norelatime, Some(attr::RELATIME)) => None,
            (_, asked) => asked,
        };
    }

    fn store(&self, attributes: &mut Attributes) {
        if let Some(mode) = self.0 {
            attributes.clear |= attr::ATIME_FIELD;
            attributes.set = attributes.set & !attr::ATIME_FIELD | mode;
        }
    }
}

/// The words of one option string: commas separate, except inside double quotes (SELinux contexts hold commas) and
/// after a backslash (overlayfs layers).
fn split(option: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    option
        .split(move |c: char| {
            let separates = c == ',' && !quoted && !escaped;
            if c == '"' && !escaped {
                quoted = !quoted;
            }
            escaped = c == '\\' && !escaped;
            separates
        })
        .filter(|word| !word.is_empty())
}
