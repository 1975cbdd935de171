//! `annotations` that change what the runtime does -> typed values, by the names that runc and crun gave them.
//!
//! Called by `Plan`; `features` asks for the names. Every other annotation is data for the state, hooks and agents. A
//! name that crun carries out and we do not is refused if leaving it out would weaken or change the container behind
//! the caller's back, and passed over if it cannot (docs/annotations.md has the reasons). The stages carry the values
//! out; nothing here opens a file or a socket.

use super::hooks::Output;
use super::process::User;
use super::unit_properties::{self, UnitProperty};
use crate::bundle::{Invalid, escape};
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;

/// The socket that gets the seccomp notification descriptor.
pub const SECCOMP_RECEIVER: &str = "run.oci.seccomp.receiver";
/// Whether unknown system call names are an error.
pub const SECCOMP_FAIL_UNKNOWN: &str = "run.oci.seccomp_fail_unknown_syscall";
/// Whether the caller's supplementary groups stay.
pub const KEEP_GROUPS: &str = "run.oci.keep_original_groups";
/// A socket that gets a pidfd of the container's process.
pub const PIDFD_RECEIVER: &str = "run.oci.pidfd_receiver";
/// A group below the container's, given to the container.
pub const DELEGATE_CGROUP: &str = "run.oci.delegate-cgroup";
/// A file that hooks write their standard output to.
pub const HOOKS_STDOUT: &str = "run.oci.hooks.stdout";
/// The same for standard error.
pub const HOOKS_STDERR: &str = "run.oci.hooks.stderr";
/// How `linux.mountLabel` is given to the mounts.
pub const MOUNT_CONTEXT: &str = "run.oci.mount_context_type";
/// A group below the scope, under the systemd manager.
pub const SYSTEMD_SUBGROUP: &str = "run.oci.systemd.subgroup";
/// CRIU's configuration file.
pub const CRIU_CONFIG: &str = "org.criu.config";

/// What becomes of an annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is carried out.
    CarriedOut,
    /// It is checked, and kept for the systemd cgroup manager. Under cgroupfs it has no effect.
    Systemd,
    /// It is refused, for this reason, whatever its value.
    Refused(&'static str),
}

/// Every annotation that changes what the runtime does. A name that ends in a dot stands for all that begin so.
pub const KNOWN: &[(&str, Effect)] = &[
    (CRIU_CONFIG, Effect::CarriedOut),
    (unit_properties::PREFIX, Effect::Systemd),
    (DELEGATE_CGROUP, Effect::CarriedOut),
    ("run.oci.handler", Effect::Refused("tare has no handlers: it would run the container's program itself")),
    (HOOKS_STDERR, Effect::CarriedOut),
    (HOOKS_STDOUT, Effect::CarriedOut),
    (KEEP_GROUPS, Effect::CarriedOut),
    (MOUNT_CONTEXT, Effect::CarriedOut),
    (PIDFD_RECEIVER, Effect::CarriedOut),
    (
        "run.oci.seccomp.plugins",
        Effect::Refused("tare loads no plugins: nobody would answer the system calls"),
    ),
    (SECCOMP_RECEIVER, Effect::CarriedOut),
    (
        "run.oci.seccomp_bpf_data",
        Effect::Refused("tare loads no filter but the one it makes of linux.seccomp"),
    ),
    (SECCOMP_FAIL_UNKNOWN, Effect::CarriedOut),
    (
        "run.oci.systemd.force_cgroup_v1",
        Effect::Refused("tare mounts no v1 hierarchy that the host does not have"),
    ),
    (SYSTEMD_SUBGROUP, Effect::Systemd),
];

/// What the annotations of one container ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Where the descriptor of seccomp notifications goes.
    pub seccomp_receiver: Option<PathBuf>,
    /// An unknown system call name in the profile is an error.
    pub seccomp_fail_unknown: bool,
    /// No setgroups(2): the caller's supplementary groups stay.
    pub keep_original_groups: bool,
    /// Who gets a pidfd of the container's process, beside `--pidfd-socket`.
    pub pidfd_receiver: Option<PathBuf>,
    /// Name of the group below the container's in which its process lives.
    pub delegate_cgroup: Option<String>,
    /// Where hooks write.
    pub hook_output: Output,
    /// How `linux.mountLabel` is given to the mounts.
    pub mount_context: MountContext,
    /// For the systemd manager: the group below the scope.
    pub systemd_subgroup: Subgroup,
    /// For the systemd manager: properties of the unit. The limits of `linux.resources` win over them.
    pub unit_properties: Vec<UnitProperty>,
    /// For checkpoint and restore: CRIU's configuration file.
    pub criu_config: CriuConfig,
}

/// The mount option that carries an SELinux label (mount(8), "context=").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MountContext {
    /// All files have the label, whatever they say.
    #[default]
    Context,
    /// The file system itself has it.
    Fscontext,
    /// Files without a label have it.
    Defcontext,
    /// The root of the mount has it.
    Rootcontext,
}

impl MountContext {
    /// All of them, as the annotation names them.
    pub const ALL: [(&'static CStr, MountContext); 4] = [
        (c"context", MountContext::Context),
        (c"fscontext", MountContext::Fscontext),
        (c"defcontext", MountContext::Defcontext),
        (c"rootcontext", MountContext::Rootcontext),
    ];

    /// The option's name.
    pub fn option(self) -> &'static CStr {
        Self::ALL.iter().find(|(_, context)| *context == self).map_or(c"context", |(name, _)| name)
    }
}

/// `run.oci.systemd.subgroup`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Subgroup {
    /// Not given: the manager's own choice.
    #[default]
    Unset,
    /// Given and empty: none.
    None,
    /// This one.
    Named(String),
}

impl Subgroup {
    /// The group's name, if there is to be one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Subgroup::Named(name) => Some(name),
            Subgroup::Unset | Subgroup::None => None,
        }
    }
}

/// `org.criu.config`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CriuConfig {
    /// Not given: the host's default file, if there is one.
    #[default]
    Unset,
    /// Given and empty: no file at all.
    None,
    /// This file of the host.
    File(PathBuf),
}

impl Asked {
    /// Reads them all.
    pub(super) fn from_config(annotations: &BTreeMap<String, String>) -> Result<Asked, Invalid> {
        refuse_unsupported(annotations)?;
        let given = Given(annotations);
        let subgroup = |name: Option<&str>| match name {
            None => Ok(Subgroup::Unset),
            Some("") => Ok(Subgroup::None),
            Some(name) => group_name(SYSTEMD_SUBGROUP, name).map(Subgroup::Named),
        };
        let criu_config = match given.get(CRIU_CONFIG) {
            Some("") => CriuConfig::None,
            _ => given.path(CRIU_CONFIG)?.map_or(CriuConfig::Unset, CriuConfig::File),
        };
        Ok(Asked {
            seccomp_receiver: given.path(SECCOMP_RECEIVER)?,
            seccomp_fail_unknown: given.switch(SECCOMP_FAIL_UNKNOWN)?,
            keep_original_groups: given.switch(KEEP_GROUPS)?,
            pidfd_receiver: given.path(PIDFD_RECEIVER)?,
            delegate_cgroup: given
                .get(DELEGATE_CGROUP)
                .map(|name| group_name(DELEGATE_CGROUP, name))
                .transpose()?,
            hook_output: Output { stdout: given.path(HOOKS_STDOUT)?, stderr: given.path(HOOKS_STDERR)? },
            mount_context: mount_context(given.get(MOUNT_CONTEXT))?,
            systemd_subgroup: subgroup(given.get(SYSTEMD_SUBGROUP))?,
            unit_properties: unit_properties::from_annotations(annotations)?,
            criu_config,
        })
    }

    /// What has no effect without the systemd manager, one sentence each, for the log at debug level.
    pub fn only_for_systemd(&self) -> impl Iterator<Item = String> {
        let subgroup = (self.systemd_subgroup != Subgroup::Unset).then(|| SYSTEMD_SUBGROUP.to_owned());
        let properties =
            self.unit_properties.iter().map(|property| format!("unit property {}", property.name));
        subgroup
            .into_iter()
            .chain(properties)
            .map(|what| format!("{what}: no effect without the systemd manager"))
    }

    /// Kept groups win over those of the configuration: podman names the groups of the image's user together with the
    /// annotation. One sentence for the log at debug level.
    pub fn left_out_groups(&self, user: &User) -> Option<String> {
        let left_out = self.keep_original_groups && user.additional_gids.iter().any(|gid| *gid != user.gid);
        left_out.then(|| format!("additionalGids: no effect, {KEEP_GROUPS} keeps the groups of the caller"))
    }
}

fn refuse_unsupported(annotations: &BTreeMap<String, String>) -> Result<(), Invalid> {
    for (name, effect) in KNOWN {
        if let Effect::Refused(reason) = effect
            && annotations.contains_key(*name)
        {
            let problem = format!("annotation {name} is not supported: {reason}");
            return Err(Invalid::unsupported(pointer(name), problem).advise("remove the annotation"));
        }
    }
    Ok(())
}

fn pointer(name: &str) -> String {
    format!("/annotations/{}", escape(name))
}

/// The annotations, read by kind of value.
struct Given<'a>(&'a BTreeMap<String, String>);

impl Given<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An absolute path of the host. Relative to what, nobody could say.
    fn path(&self, name: &str) -> Result<Option<PathBuf>, Invalid> {
        match self.get(name) {
            None => Ok(None),
            Some(path) if path.starts_with('/') && !path.contains('\0') => Ok(Some(path.into())),
            Some(path) => {
                let problem = format!("annotation {name} must be an absolute path, is {path:?}");
                Err(Invalid::value(pointer(name), problem))
            }
        }
    }

    /// On or off. Any other word could be meant as either, and both have consequences.
    fn switch(&self, name: &str) -> Result<bool, Invalid> {
        match self.get(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => {
                let problem = format!("annotation {name} must be 1 or 0, is {other:?}");
                Err(Invalid::value(pointer(name), problem))
            }
        }
    }
}

/// The name of one group below another. A file of the kernel's own cannot be one (cgroups(7)).
fn group_name(annotation: &str, name: &str) -> Result<String, Invalid> {
    let bad = name.is_empty()
        || name == "."
        || name == ".."
        || name.len() > 255
        || name.starts_with("cgroup.")
        || name.contains(|c: char| c == '/' || c.is_control());
    if bad {
        let problem = format!("annotation {annotation} must be the name of one control group, is {name:?}");
        return Err(Invalid::value(pointer(annotation), problem)
            .advise("write a name without a slash that is not \"..\" and does not begin with \"cgroup.\""));
    }
    Ok(name.to_owned())
}

fn mount_context(given: Option<&str>) -> Result<MountContext, Invalid> {
    let Some(word) = given else { return Ok(MountContext::default()) };
    let found = MountContext::ALL.iter().find(|(name, _)| name.to_bytes() == word.as_bytes());
    found.map(|(_, context)| *context).ok_or_else(|| {
        let problem = format!(
            "annotation {MOUNT_CONTEXT} must be context, fscontext, defcontext or rootcontext, is {word:?}"
        );
        Invalid::value(pointer(MOUNT_CONTEXT), problem)
    })
}
