//! The systemd unit of a container: what it is called, by `linux.cgroupsPath`. Pure.
//!
//! Called by [`Handle::choose`](super::Handle::choose). runc's form is `SLICE:PREFIX:NAME` for PREFIX-NAME.scope below SLICE; crun
//! takes fewer parts too. Names are systemd's: systemd.unit(5), systemd.slice(5).

use super::Caller;
use super::fs::{Refusal, code};
use crate::systemd::{Which, label};
use serde::{Deserialize, Serialize};

const POINTER: &str = "/linux/cgroupsPath";

/// The longest name of a unit (systemd's UNIT_NAME_MAX).
const MOST_BYTES: usize = 255;

/// The prefix of a container whose configuration names none.
const PREFIX: &str = "tare";

/// A unit, as the record of a container keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name: `libpod-ID.scope`, or that of a slice.
    pub name: String,
    /// The slice that it is in; empty: systemd chooses.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub slice: String,
    /// Whose it is.
    #[serde(default)]
    pub systemd: Which,
    /// Which run of a unit of this name it is: its InvocationID, in hexadecimal (systemd.exec(5)). Empty: it has not been started.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The name of its device program while it runs, which no other container's has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pin: String,
}

impl Unit {
    /// The unit for container `id`.
    ///
    /// # Errors
    /// [`Refusal`]: a path that names no unit; a slice that cannot be one.
    pub fn choose(caller: Caller, cgroups_path: Option<&str>, id: &str) -> Result<Unit, Refusal> {
        let (systemd, default) = match caller {
            Caller::Root => (Which::System, "system.slice"),
            Caller::Rootless => (Which::User, "user.slice"),
        };
        let path = cgroups_path.unwrap_or_default();
        if path.contains('/') || path.contains(|c: char| c.is_control()) {
            return Err(malformed(path));
        }
        let parts: Vec<&str> = path.split(':').collect();
        let (slice, prefix, name) = match parts.as_slice() {
            [""] => (default, PREFIX, id),
            [name] => (default, "", *name),
            [slice, name] => (*slice, "", *name),
            [slice, prefix, name] => (*slice, *prefix, *name),
            _ => return Err(malformed(path)),
        };
        let slice = if slice.is_empty() { default } else { slice };
        let name = if name.is_empty() { id } else { name };
        check_slice(slice)?;
        let name = match (name.ends_with(".slice"), prefix) {
            (true, _) => {
                check_slice(name)?;
                name.to_owned()
            }
            (false, "") => format!("{}.scope", escape(name.trim_end_matches(".scope"))),
            (false, prefix) => format!("{}-{}.scope", escape(prefix), escape(name)),
        };
        if name.len() > MOST_BYTES {
            let problem =
                format!("the unit name {name} has {} bytes, and systemd takes {MOST_BYTES}", name.len());
            return Err(Refusal::limit(code::PLACE, POINTER, problem).advise("use a shorter name"));
        }
        Ok(Unit { name, slice: slice.to_owned(), systemd, run: String::new(), pin: String::new() })
    }

    /// The same with a name for its device program, made by process `pid`. A unit of this name may be there already, with a
    /// program of its own. The BPF file system keeps names with a dot for itself.
    pub fn pinned_by(self, pid: i32) -> Unit {
        Unit { pin: format!("{}_{pid}", label(&self.name)), ..self }
    }

    /// Whether it is a slice: a place in the tree, which no process starts.
    pub fn is_slice(&self) -> bool {
        self.name.ends_with(".slice")
    }
}

fn malformed(path: &str) -> Refusal {
    let problem = format!(
        "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got {path:?} instead"
    );
    Refusal::limit(code::PLACE, POINTER, problem)
        .advise("name a unit, for example system.slice:tare:web, or use --cgroup-manager cgroupfs")
}

/// A slice's name is its path: `a-b.slice` is in `a.slice`.
fn check_slice(slice: &str) -> Result<(), Refusal> {
    let stem = slice.strip_suffix(".slice");
    let is_sound = |stem: &str| {
        stem == "-" || (stem.split('-').all(|part| !part.is_empty()) && stem.chars().all(is_plain))
    };
    if stem.is_some_and(is_sound) && slice.len() <= MOST_BYTES {
        return Ok(());
    }
    let problem = format!("{slice:?} is no slice of systemd");
    Err(Refusal::limit(code::PLACE, POINTER, problem)
        .advise("a slice is called NAME.slice, with a dash before each level: user-1000.slice"))
}

/// What a unit's name may have (systemd.unit(5)).
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '\\')
}

/// Other characters (an id may have a `+`) as systemd-escape(1) writes them.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for byte in name.bytes() {
        match char::from(byte) {
            c if is_plain(c) => escaped.push(c),
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}
