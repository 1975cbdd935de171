//! `root`, `rootfsPropagation`, masked and read-only paths -> the steps of making the root filesystem.

use super::annotations::MountContext;
use super::devices::{self, Device};
use super::mounts::{self, MountOp, Propagation, PropagationKind, Surroundings};
use super::namespaces::Namespaces;
use super::text::{absolute_path, kernel_string};
use super::{IdMaps, Options};
use crate::bundle::Invalid;
use crate::bundle::config::{Config, Linux};
use crate::host::Host;
use std::ffi::CString;
use std::path::{Component, Path, PathBuf};

/// The root filesystem and everything in it, in the order in which it is made.
#[derive(Debug, Clone)]
pub struct Rootfs {
    /// Absolute path on the host.
    pub path: PathBuf,
    /// Remount the root read-only at the end.
    pub readonly: bool,
    /// `linux.rootfsPropagation`, applied to the container's root after pivot_root; None: private (slave to the
    /// host before the pivot).
    pub propagation: Option<Propagation>,
    /// Everything to mount, in the order of the config.
    pub mounts: Vec<MountOp>,
    /// What goes into /dev. `None` if a bind mount covers /dev: then it is left as it is.
    pub dev: Option<Dev>,
    /// Paths to hide. Missing ones are skipped.
    pub masked_paths: Vec<CString>,
    /// Paths to remount read-only. Missing ones are skipped.
    pub readonly_paths: Vec<CString>,
    /// pivot_root(2), or MS_MOVE with chroot (`--no-pivot`).
    pub switch: Switch,
    /// SELinux context of the mounts (`linux.mountLabel`).
    pub mount_label: Option<MountLabel>,
}

impl Rootfs {
    /// Whether the mounts of the container go on having the host's as peers.
    pub fn is_shared(&self) -> bool {
        self.propagation.is_some_and(|asked| asked.kind == PropagationKind::Shared)
    }
}

/// The SELinux context of the mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountLabel {
    /// The label.
    pub label: CString,
    /// The mount option that carries it.
    pub context: MountContext,
}

/// How the child changes to its new root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// pivot_root(2); the old root is unmounted.
    Pivot,
    /// MS_MOVE onto / and chroot(2): `--no-pivot`, for a host whose root is an initramfs.
    MoveAndChroot,
    /// No new mount namespace: chroot(2) only.
    Chroot,
}

/// The contents of /dev.
#[derive(Debug, Clone, Default)]
pub struct Dev {
    /// The devices every container has and those of the config, merged: the config's wins on the same path.
    pub devices: Vec<Device>,
    /// /dev/ptmx -> pts/ptmx, /dev/fd and so on: (link, target).
    pub links: Vec<(CString, CString)>,
}

impl Rootfs {
    /// Takes over `root`, `mounts` and their like.
    pub(super) fn from_config(
        config: &Config,
        linux: &Linux,
        namespaces: &Namespaces,
        id_maps: Option<&IdMaps>,
        options: &Options,
        host: &Host,
        warnings: &mut Vec<String>,
    ) -> Result<Rootfs, Invalid> {
        let root = config.root.as_ref().ok_or_else(|| Invalid::required("/root"))?;
        let around = Surroundings {
            bundle: &options.bundle,
            user_namespace: !namespaces.user.is_shared(),
            id_maps,
            maps_are_lent: id_maps.is_some() && linux.uid_mappings.is_empty(),
            unprivileged: host.euid != 0,
        };
        let mounts = mounts::ops(&config.mounts, &around, warnings)?;
        Ok(Rootfs {
            path: path(&root.path, &options.bundle)?,
            readonly: root.readonly.unwrap_or_default(),
            propagation: linux.rootfs_propagation.as_deref().map(propagation).transpose()?.flatten(),
            dev: devices::dev(&linux.devices, &mounts, warnings)?,
            mounts,
            masked_paths: paths(&linux.masked_paths, "/linux/maskedPaths")?,
            readonly_paths: paths(&linux.readonly_paths, "/linux/readonlyPaths")?,
            switch: switch(namespaces, options, &config.mounts, warnings),
            mount_label: mount_label(linux, host)?,
        })
    }
}

fn path(given: &str, bundle: &Path) -> Result<PathBuf, Invalid> {
    kernel_string(given, "/root/path")?;
    let path = bundle.join(given);
    if path.components().all(|part| matches!(part, Component::RootDir | Component::CurDir)) {
        return Err(Invalid::value("/root/path", "is /, the root of this machine")
            .advise("give a directory of its own to the container"));
    }
    Ok(path)
}

/// `linux.rootfsPropagation`: None if the config says the empty string, as Go programs do for "not given".
fn propagation(given: &str) -> Result<Option<Propagation>, Invalid> {
    let (kind, recursive) = match given {
        "" => return Ok(None),
        "private" => (PropagationKind::Private, false),
        "rprivate" => (PropagationKind::Private, true),
        "shared" => (PropagationKind::Shared, false),
        "rshared" => (PropagationKind::Shared, true),
        "slave" => (PropagationKind::Slave, false),
        "rslave" => (PropagationKind::Slave, true),
        "unbindable" => (PropagationKind::Unbindable, false),
        "runbindable" => (PropagationKind::Unbindable, true),
        _ => {
            let problem =
                format!("unknown value {given:?}; expected one of shared, slave, private, unbindable");
            return Err(Invalid::value("/linux/rootfsPropagation", problem));
        }
    };
    Ok(Some(Propagation { kind, recursive }))
}

fn paths(given: &[String], pointer: &str) -> Result<Vec<CString>, Invalid> {
    let path = |(index, path): (usize, &String)| absolute_path(path, &format!("{pointer}/{index}"));
    given.iter().enumerate().map(path).collect()
}

fn switch<T>(namespaces: &Namespaces, options: &Options, mounts: &[T], warnings: &mut Vec<String>) -> Switch {
    if namespaces.mount.is_shared() {
        if !mounts.is_empty() {
            warnings.push("without a mount namespace, the container's mounts stay on the host".to_owned());
        }
        Switch::Chroot
    } else if options.no_pivot {
        Switch::MoveAndChroot
    } else {
        Switch::Pivot
    }
}

fn mount_label(linux: &Linux, host: &Host) -> Result<Option<MountLabel>, Invalid> {
    let Some(label) = linux.mount_label.as_deref().filter(|label| !label.is_empty()) else { return Ok(None) };
    if !host.selinux.holds() {
        let problem = "selinux label is specified in config, but selinux is disabled or not supported";
        return Err(Invalid::unsupported("/linux/mountLabel", problem).advise("remove mountLabel"));
    }
    let label = kernel_string(label, "/linux/mountLabel")?;
    Ok(Some(MountLabel { label, context: MountContext::default() }))
}
