//! What `mounts` adds to or takes from a container that lives: its configuration + a list of mounts -> a Plan of these
//! mounts alone, so that they are made by the code of a birth.
//!
//! Called by `cmd::mounts`. Pointers are those of config.json, `/mounts/...`: the caller knows the file.

use super::annotations::MOUNT_CONTEXT;
use super::mounts::{self, MountKind};
use super::{Options, Plan};
use crate::bundle::config::{Config, Linux, Mount};
use crate::bundle::{Bundle, Invalid};
use crate::host::Host;
use std::collections::BTreeMap;
use std::ffi::CString;

impl Plan {
    /// Decides about mounts that are added to a container of this configuration.
    ///
    /// Errors: what a birth would refuse, and what can only be had at a birth.
    pub fn for_added_mounts(
        config: &Config,
        mounts: Vec<Mount>,
        options: &Options,
        host: &Host,
    ) -> Result<Plan, Invalid> {
        let mut plan = Plan::for_create(&of_mounts(config, mounts), options, host)?;
        // A tmpfs on /dev is one like any other now.
        plan.rootfs.dev = None;
        for op in &plan.rootfs.mounts {
            let at = |what: &str| format!("/mounts/{}/{what}", op.index);
            match op.kind {
                MountKind::Nothing => {
                    let problem = "only changes what is mounted already, which `mounts` does not do";
                    return Err(Invalid::unsupported(at("options"), problem)
                        .advise("remove the mount, and add it with other options"));
                }
                MountKind::Cgroup => {
                    let problem = "a container's view of its cgroups is made with the container only";
                    return Err(Invalid::unsupported(at("type"), problem)
                        .advise("put it into the mounts of config.json"));
                }
                MountKind::Bind { .. } | MountKind::Filesystem { .. } => {}
            }
        }
        Ok(plan)
    }

    /// Decides about mounts that are taken from a container of this configuration: only their destinations count.
    /// The plan has no mount, but all that a process beside the container needs to know.
    pub fn for_removed_mounts(
        config: &Config,
        mounts: &[Mount],
        options: &Options,
        host: &Host,
    ) -> Result<(Plan, Vec<CString>), Invalid> {
        let mut plan = Plan::for_create(&of_mounts(config, Vec::new()), options, host)?;
        let targets = mounts.iter().enumerate().map(|(index, mount)| {
            mounts::target(&mount.destination, &format!("/mounts/{index}"), &mut plan.warnings)
        });
        let targets = targets.collect::<Result<_, _>>()?;
        Ok((plan, targets))
    }
}

/// The configuration with other mounts, and without all that is not about them.
fn of_mounts(config: &Config, mounts: Vec<Mount>) -> Bundle {
    let linux = config.linux.as_ref().map(|linux| Linux {
        namespaces: linux.namespaces.clone(),
        uid_mappings: linux.uid_mappings.clone(),
        gid_mappings: linux.gid_mappings.clone(),
        rootfs_propagation: linux.rootfs_propagation.clone(),
        masked_paths: linux.masked_paths.clone(),
        readonly_paths: linux.readonly_paths.clone(),
        mount_label: linux.mount_label.clone(),
        ..Linux::default()
    });
    // The one annotation that is about mounts.
    let mut annotations = BTreeMap::new();
    if let Some((key, word)) = config.annotations.get_key_value(MOUNT_CONTEXT) {
        annotations.insert(key.clone(), word.clone());
    }
    let config = Config {
        oci_version: config.oci_version.clone(),
        root: config.root.clone(),
        mounts,
        process: None,
        hostname: None,
        domainname: None,
        hooks: None,
        annotations,
        linux: Some(linux.unwrap_or_default()),
    };
    Bundle { config: Box::new(config), text: String::new(), warnings: Vec::new(), has_known_profile: false }
}
