//! Intel RDT: a group of the resctrl file system, for cache and memory bandwidth (config-linux.md, "IntelRdt").
//!
//! Called by `launch`, only if config.json has `intelRdt`; otherwise resctrl is not looked at. Kernel:
//! Documentation/filesystems/resctrl.rst. The order: [`Group::choose`], journal it, [`Group::prepare`], and once the
//! child has a pid and does not run yet, [`Group::attach`]; `update` calls [`Group::update`], `delete` [`Group::remove`].

use super::fs::{FILE_LIMIT_BYTES, Refusal, code};
use super::stats::IntelRdt;
use super::undo::{Before, Undo};
use crate::plan::Rdt;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const POINTER: &str = "/linux/intelRdt";

/// A container's resctrl group. Small; stored in its record before the group exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Where resctrl is mounted.
    pub mount: PathBuf,
    /// The folder below it; empty: the root group.
    pub name: String,
    /// Whether it was not there before: only then it is ours to remove.
    pub made: bool,
    /// The folder below mon_groups, if a monitoring group is wanted.
    pub monitor: Option<String>,
}

/// Where resctrl is mounted, from `proc_self`/mountinfo (usually /proc/self, and /sys/fs/resctrl).
///
/// # Errors
/// It is not mounted, which the spec wants refused.
pub fn find_mount(proc_self: &Path) -> Result<PathBuf, Refusal> {
    let text = Dir::open(proc_self).and_then(|dir| dir.read("mountinfo", FILE_LIMIT_BYTES));
    let text = text.map_err(|error| Refusal::system(code::RDT, &error, "reading"))?;
    let point = String::from_utf8_lossy(&text).lines().find_map(|line| {
        let (mount, super_block) = line.split_once(" - ")?;
        super_block.starts_with("resctrl ").then(|| mount.split(' ').nth(4)).flatten().map(PathBuf::from)
    });
    point.ok_or_else(|| {
        let problem = "intelRdt is specified in config, but Intel RDT is not enabled: no resctrl file system is mounted";
        refuse(String::new(), problem).advise("mount -t resctrl resctrl /sys/fs/resctrl, or remove intelRdt")
    })
}

fn refuse(object: String, problem: impl Into<String>) -> Refusal {
    Refusal::new(code::RDT, object, problem).at(POINTER)
}

impl Group {
    /// Decides which group container `id` gets; makes nothing.
    ///
    /// # Errors
    /// A group that has to be there (a closID without any schema) and is not.
    pub fn choose(mount: &Path, rdt: &Rdt, id: &str) -> Result<Group, Refusal> {
        let name = rdt.clos_id.trim_matches('/').to_owned();
        let exists = Dir::open(&mount.join(&name)).is_ok();
        let group = Group {
            mount: mount.to_path_buf(),
            name,
            made: !exists,
            monitor: rdt.monitoring.then(|| id.to_owned()),
        };
        if rdt.named && rdt.schemata.is_empty() && !exists {
            let problem = "there is no such group, and intelRdt has no schema to make it with";
            let advice = "make the group first, or give schemata";
            return Err(refuse(group.dir().display().to_string(), problem).advise(advice));
        }
        Ok(group)
    }

    /// Makes the group and writes its schemata, or compares them if it was there and config.json names it; makes the
    /// monitoring group. What it made is removed again if it fails.
    ///
    /// # Errors
    /// A schema that the kernel refuses, or that differs from the one of the group that is there.
    pub fn prepare(&mut self, rdt: &Rdt) -> Result<(), Refusal> {
        let result = self.make(rdt);
        if result.is_err() {
            // The first error is the one to report.
            let _ = self.remove();
        }
        result
    }

    fn make(&mut self, rdt: &Rdt) -> Result<(), Refusal> {
        let explain = |error: SysError| self.explain(&error, "making the resctrl group");
        let mut made = false;
        if self.made {
            match Dir::open(&self.mount).and_then(|mount| mount.make_dir(&self.name, 0o755)) {
                Ok(()) => made = true,
                // Somebody was faster: it is theirs.
                Err(error) if error.is(errno::EEXIST) => {}
                Err(error) => return Err(explain(error)),
            }
        }
        let dir = Dir::open(&self.dir()).map_err(explain)?;
        self.made = made;
        if !rdt.schemata.is_empty() {
            if rdt.named && !made {
                self.compare(&dir, &rdt.schemata)?;
            } else {
                self.write_schemata(&dir, &rdt.schemata)?;
            }
        }
        let Some(monitor) = &self.monitor else { return Ok(()) };
        let made = dir.open_dir("mon_groups").and_then(|groups| groups.make_dir(monitor, 0o755));
        made.map_err(|error| {
            self.explain(&error, "making the monitoring group").advise("the processor must have CMT or MBM")
        })
    }

    /// Writes lines of schemata into the group while processes are in it. What was there is in `undo`, also if it fails.
    ///
    /// # Errors
    /// A line that the kernel refuses.
    pub fn update(&self, schemata: &[String], undo: &mut Undo) -> Result<(), Refusal> {
        let explain = |error: SysError| self.explain(&error, "changing the resctrl group");
        let dir = Dir::open(&self.dir()).map_err(explain)?;
        let text = dir.read("schemata", FILE_LIMIT_BYTES).map_err(explain)?;
        let text = String::from_utf8_lossy(&text);
        for line in schemata {
            let resource = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_owned());
            let former = text.lines().find(|there| resource(there) == resource(line));
            self.write_schemata(&dir, std::slice::from_ref(line))?;
            if let Some(former) = former {
                undo.note(&dir, Before::value("schemata", format!("{}\n", former.trim())));
            }
        }
        Ok(())
    }

    fn write_schemata(&self, dir: &Dir, schemata: &[String]) -> Result<(), Refusal> {
        for line in schemata {
            // The kernel wants each write to end a line.
            dir.write_existing("schemata", format!("{line}\n").as_bytes())
                .map_err(|error| self.explain(&error, &format!("writing \"{}\"", line.escape_debug())))?;
        }
        Ok(())
    }

    /// What config.json says must be in the group's schemata; the group may say more.
    fn compare(&self, dir: &Dir, schemata: &[String]) -> Result<(), Refusal> {
        let text = dir.read("schemata", FILE_LIMIT_BYTES).map_err(|error| self.explain(&error, "reading"))?;
        let text = String::from_utf8_lossy(&text);
        let present: Vec<_> = text.lines().flat_map(settings).collect();
        for line in schemata {
            if settings(line).any(|setting| !present.contains(&setting)) {
                let problem =
                    format!("the group exists, and its schemata differ from \"{}\"", line.escape_debug());
                let advice = "use its schemata, or another closID";
                return Err(refuse(dir.path_of("schemata"), problem).advise(advice));
            }
        }
        Ok(())
    }

    /// Moves process `pid` into the group, and into the monitoring group after it.
    ///
    /// # Errors
    /// The write's.
    pub fn attach(&self, pid: i32) -> Result<(), Refusal> {
        for dir in std::iter::once(self.dir()).chain(self.monitor_dir()) {
            Dir::open(&dir)
                .and_then(|dir| dir.write_existing("tasks", pid.to_string().as_bytes()))
                .map_err(|error| self.explain(&error, "moving the container's process"))?;
        }
        Ok(())
    }

    /// Removes what we made. Repeatable.
    ///
    /// # Errors
    /// rmdir(2)'s, but for what is gone already.
    pub fn remove(&self) -> Result<(), Refusal> {
        let group = self.made.then(|| self.dir());
        for path in self.monitor_dir().into_iter().chain(group) {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
            else {
                continue;
            };
            match Dir::open(parent).and_then(|parent| parent.remove_dir(name)) {
                Err(error) if !error.is(errno::ENOENT) => return Err(self.explain(&error, "removing")),
                _ => {}
            }
        }
        Ok(())
    }

    /// What is known and counted of the group, for `events`.
    ///
    /// # Errors
    /// A file that cannot be read. A missing one is no error.
    pub fn stats(&self) -> Result<IntelRdt, SysError> {
        super::stats::read_rdt(self)
    }

    /// The group's folder.
    pub fn dir(&self) -> PathBuf {
        // Joined only if there is a name: otherwise the path would end in a slash.
        if self.name.is_empty() { self.mount.clone() } else { self.mount.join(&self.name) }
    }

    /// The monitoring group's folder.
    pub fn monitor_dir(&self) -> Option<PathBuf> {
        self.monitor.as_ref().map(|name| self.dir().join("mon_groups").join(name))
    }

    /// The kernel's own words about the last refusal are in info/last_cmd_status.
    fn explain(&self, error: &SysError, doing: &str) -> Refusal {
        let status = Dir::open(&self.mount.join("info")).and_then(|info| info.read("last_cmd_status", 4096));
        let status = status.map(|text| String::from_utf8_lossy(&text).trim().to_owned()).unwrap_or_default();
        let refusal = Refusal::system(code::RDT, error, doing).at(POINTER);
        if status.is_empty() || status == "ok" {
            refusal
        } else {
            refusal.advise(format!("the kernel says: {status}"))
        }
    }
}

/// `L3:0=7f0;1=1f` -> ((L3, 0), 7f0), ((L3, 1), 1f): without spaces, leading zeros and capitals.
fn settings(line: &str) -> impl Iterator<Item = ((String, String), String)> {
    let (resource, domains) = line.split_once(':').unwrap_or(("", ""));
    domains.split(';').filter_map(move |domain| {
        let (id, value) = domain.split_once('=')?;
        let plain = |text: &str| {
            let text = text.trim().trim_start_matches('0').to_ascii_lowercase();
            if text.is_empty() { "0".to_owned() } else { text }
        };
        Some(((resource.trim().to_owned(), plain(id)), plain(value)))
    })
}
