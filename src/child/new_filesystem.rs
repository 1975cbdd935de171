//! A new file system, detached: fsopen(2), its options, fsmount(2); or mount(2), for what those cannot say.
//!
//! Called by `mount`. Knows one entry of the plan, and neither where it goes nor what is put into it.

use crate::plan::Rootfs;
use crate::plan::annotations::MountContext;
use crate::plan::mounts::MountOp;
use crate::plan::rootfs::MountLabel;
use crate::sys::error::errno::EINVAL;
use crate::sys::mount::{self, Context, Depth, LastLink, attr};
use crate::sys::path::Root;
use crate::sys::walk::c_path;
use crate::sys::{Result, SysError};
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd};

/// A file system to be made.
pub(super) struct New<'a> {
    pub op: &'a MountOp,
    pub fstype: &'a CStr,
    pub source: Option<&'a CStr>,
    /// Permissions of the root, for a tmpfs.
    pub mode: Option<u32>,
    pub label: Option<&'a MountLabel>,
    /// Whose processes it shows, for a procfs; None: those of our own PID namespace.
    pub pid_namespace: Option<BorrowedFd<'a>>,
    /// Something has to be written into it before it is read-only.
    pub readonly_later: bool,
}

/// fsconfig(2) takes strings up to this size, the NUL included.
const VALUE_BYTES_MAX: usize = 256;
/// What fsmount(2) itself takes.
const AT_BIRTH: u64 = attr::RDONLY
    | attr::NOSUID
    | attr::NODEV
    | attr::NOEXEC
    | attr::ATIME
    | attr::NODIRATIME
    | attr::NOSYMFOLLOW;

impl New<'_> {
    /// The file system, and the attributes that it was born with; None: it still needs all.
    pub fn make(&self, root: &Root, plan: &Rootfs) -> Result<(OwnedFd, Option<u64>)> {
        let long =
            |value: &Option<CString>| value.as_ref().is_some_and(|v| v.count_bytes() >= VALUE_BYTES_MAX);
        let old_words = |word: &&str| matches!(*word, "iversion" | "silent");
        let by_path = self.op.superblock_flags.iter().any(old_words)
            || self.op.data.iter().any(|(_, value)| long(value));
        match (by_path, self.pid_namespace) {
            (true, None) => return self.make_by_path(plan),
            // mount(2) cannot be told the namespace, and would show the host's processes.
            (true, Some(_)) => return Err(SysError::new("fsconfig", "proc (iversion, silent)", EINVAL)),
            (false, _) => {}
        }
        let context = Context::open(self.fstype)?;
        if let Some(source) = self.source {
            context.set(c"source", Some(source))?;
        }
        for word in self.superblock_words() {
            context.set(&mount::c_string(word), None)?;
        }
        for (key, value) in self.all_data() {
            context.set(&key, value.as_deref())?;
        }
        if let Some(namespace) = self.pid_namespace {
            // After the options of the configuration, so that none of them takes its place.
            context.set_descriptor(c"pidns", namespace)?;
        }
        context.create()?;
        let late = if self.readonly_later { attr::RDONLY } else { 0 };
        let born = self.op.attributes.set & AT_BIRTH & !late;
        let tree = context.mount(born)?;
        root.done_with(context);
        Ok((tree, Some(born)))
    }

    fn superblock_words(&self) -> impl Iterator<Item = &'static str> {
        self.op.superblock_flags.iter().copied().filter(|word| !(self.readonly_later && *word == "ro"))
    }

    fn all_data(&self) -> Vec<(CString, Option<CString>)> {
        let mut data = self.op.data.clone();
        if let Some(mode) = self.mode {
            data.push((c"mode".into(), Some(mount::c_string(&format!("{mode:o}")))));
        }
        if let Some(label) = self.label {
            data.push((label.context.option().into(), Some(label.label.clone())));
        }
        data
    }

    /// mount(2), for the few things that fsconfig(2) cannot say: i_version, silent, and long values. On top of the
    /// root filesystem's own path, which is the host's and trusted, cloned from there and taken away again.
    fn make_by_path(&self, plan: &Rootfs) -> Result<(OwnedFd, Option<u64>)> {
        const MS_I_VERSION: u64 = 1 << 23;
        let flag = |word: &str| match word {
            "ro" => 1,
            "sync" => 16,
            "mand" => 64,
            "dirsync" => 128,
            "silent" => 1 << 15,
            "iversion" => MS_I_VERSION,
            "lazytime" => 1 << 25,
            _ => 0,
        };
        let flags = self.superblock_words().fold(0, |all, word| all | flag(word));
        let mut words = Vec::new();
        for (key, value) in self.all_data() {
            let mut word = key.to_string_lossy().into_owned();
            if let Some(value) = value {
                let value = value.to_string_lossy();
                // A comma would end the option; only the security modules read quotes.
                let is_label = MountContext::ALL.iter().any(|(option, _)| *option == key.as_c_str());
                let quote = if is_label { "\"" } else { "" };
                word = format!("{word}={quote}{value}{quote}");
            }
            words.push(word);
        }
        let path = c_path(&plan.path)?;
        mount::mount_at(
            self.source.unwrap_or(self.fstype),
            &path,
            self.fstype,
            flags,
            &mount::c_string(&words.join(",")),
        )?;
        let tree = mount::clone_tree(&path, Depth::Mount, LastLink::Follow);
        mount::detach(&path)?;
        let tree = tree?;
        Ok((tree, None))
    }
}
