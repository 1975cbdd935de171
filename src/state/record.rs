//! The record of one container: `state.json`, versioned and small. Knows nothing of plans and of files.
//!
//! Rules: fields are added, never renamed; unknown ones (of a newer version) are ignored; whatever is missing has a
//! default that does no harm. Other programs must not read this file: `tare state` is the interface.

use super::Refused;
use crate::cgroup::Handle;
use crate::cgroup::rdt::Group;
use crate::plan::hooks::{Hook, Output};
use crate::plan::seccomp::Listener;
use crate::sys::process::Ended;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The version this program writes. It reads all up to it, and newer ones as far as it understands them.
pub const VERSION: u32 = 1;

/// How far a container has come. What it is doing *now* is [`Status`](super::Status).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its creator is at work (if it holds the lock) or died at it.
    Creating,
    /// It has been made with a gate. Whether it still stands there is for the gate to say: see [`GateProbe`](super::GateProbe).
    Created,
    /// It never had a gate (`run`, `restore`).
    Running,
    /// It is being taken apart: its process has ended.
    Deleting,
}

/// The container's first process, with all that tells it from a later process of the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    /// Its pid in the pid namespace of who created it.
    pub pid: i32,
    /// Field 22 of /proc/PID/stat.
    pub start_time: u64,
    /// /proc/sys/kernel/random/boot_id when it was born.
    pub boot_id: String,
}

/// The namespaces in which a container was created, each by the st_dev and st_ino of its file: its first process may
/// leave them for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespaces {
    /// The user namespace.
    pub user: (u64, u64),
    /// The mount namespace.
    pub mount: (u64, u64),
}

/// How its first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

impl From<Ended> for End {
    fn from(ended: Ended) -> End {
        match ended {
            Ended::Exited(status) => End::Exited(status),
            Ended::Signalled(signal) => End::Signalled(signal),
        }
    }
}

/// What is remembered of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this format; its presence tells our file from another runtime's `state.json`.
    pub tare: u32,
    /// The container's id.
    pub id: String,
    /// How far it has come.
    pub phase: Phase,
    /// Absolute path of the bundle.
    #[serde(default)]
    pub bundle: PathBuf,
    /// Absolute path of the root filesystem.
    #[serde(default)]
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    #[serde(default)]
    pub created: String,
    /// Its first process; `None` until it is born.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Init>,
    /// How its first process ended, if one of our commands has learned it: the kernel forgets it with the reaping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Whether its pid namespace is its own: if so, the death of its init ends all of its processes.
    #[serde(default)]
    pub private_pids: bool,
    /// Its place in the cgroup tree, written before the place is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<Handle>,
    /// Its resctrl group, written before the group is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdt: Option<Group>,
    /// config.json's annotations, verbatim.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Hooks to run after the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststart: Vec<Hook>,
    /// Hooks to run after the deletion; emptied before they run, so that they run once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poststop: Vec<Hook>,
    /// Where those hooks write.
    #[serde(default, skip_serializing_if = "Output::is_none")]
    pub hook_output: Output,
    /// Where the descriptor of its seccomp notifications went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp_listener: Option<Listener>,
    /// The flags of its seccomp filter, if the filter's program is kept beside this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_filter: Option<u32>,
    /// The program, for the messages of `start`.
    #[serde(default)]
    pub program: String,
    /// Whether its process has a terminal.
    #[serde(default)]
    pub terminal: bool,
    /// Whether it has a session keyring of its own, for `exec` to join.
    #[serde(default)]
    pub new_keyring: bool,
    /// The CRIU that saves it just now: it holds its processes, so that they can end only after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criu: Option<Init>,
    /// Where its standard streams led when it was born: the links of /proc/PID/fd. None with a terminal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<String>,
    /// Where its first process was before its program ran; None if an older version has created it, or if that could
    /// not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Namespaces>,
}

impl Record {
    /// A container of which nothing exists yet.
    pub fn new(id: &str) -> Record {
        Record {
            tare: VERSION,
            id: id.to_string(),
            phase: Phase::Creating,
            bundle: PathBuf::new(),
            rootfs: PathBuf::new(),
            created: String::new(),
            init: None,
            end: None,
            private_pids: false,
            cgroup: None,
            rdt: None,
            annotations: BTreeMap::new(),
            poststart: Vec::new(),
            poststop: Vec::new(),
            hook_output: Output::default(),
            seccomp_listener: None,
            kept_filter: None,
            program: String::new(),
            terminal: false,
            new_keyring: false,
            criu: None,
            streams: Vec::new(),
            namespaces: None,
        }
    }

    /// The pid of its first process; 0: there is none yet.
    pub fn pid(&self) -> i32 {
        self.init.as_ref().map_or(0, |init| init.pid)
    }

    /// A container of which only the folder exists.
    pub(super) fn unwritten(id: &str) -> Record {
        // Engines read it as a time.
        Record { created: "1970-01-01T00:00:00Z".to_string(), ..Record::new(id) }
    }

    /// Reads a record. A JSON object without our version is another runtime's.
    pub fn parse(id: &str, data: &[u8]) -> Result<Record, Refused> {
        let damaged = |problem: String| Refused::Damaged { id: id.to_string(), problem };
        let text = std::str::from_utf8(data).map_err(|error| damaged(error.to_string()))?;
        match serde_json::from_str::<Record>(text) {
            Ok(record) if record.id == id => Ok(record),
            Ok(record) => Err(damaged(format!("it is of container {:?}", record.id))),
            Err(error) => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(value) if value.get("tare").is_none() => Err(Refused::Foreign { id: id.to_string() }),
                _ => Err(damaged(error.to_string())),
            },
        }
    }

    /// The bytes for the disk.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let mut data = Vec::with_capacity(super::RECORD_USUAL_BYTES);
        serde_json::to_writer(&mut data, self).context("the container's record")?;
        Ok(data)
    }
}
