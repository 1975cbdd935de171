//! Which hierarchies there are, where they are mounted, and where we are in them.
//!
//! Called by `cmd` once in a `create`; the answer is kept in the container's [`Handle`](super::Handle) and never
//! asked again. Reads only. In the usual case that is /proc/self/cgroup and a look at each mount point;
//! /proc/self/mountinfo, long on a busy host, is read only if a mount is not where everybody has it.

use crate::sys::dir::{self, Dir};
use crate::sys::{SysError, error::errno};
use std::path::{Path, PathBuf};

/// The control groups of this host, and our own place in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Where control groups are looked for: /sys/fs/cgroup.
    pub root: PathBuf,
    /// The unified hierarchy; beside v1 hierarchies on a hybrid host.
    pub v2: Option<Unified>,
    /// The v1 hierarchies that are mounted, named ones included.
    pub v1: Vec<Hierarchy>,
}

/// The unified hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unified {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Our own group below it, without a leading slash; empty: the root, or what is nearest if ours is not visible.
    pub own: String,
    /// Whether our own group is among those that can be seen at the mount point.
    pub sees_own: bool,
    /// The controllers that live in it.
    pub controllers: Vec<String>,
}

/// A v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// `cpu` and `cpuacct`, or `name=systemd`.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Our own group below it, without a leading slash; empty: the root, or what is nearest if ours is not visible.
    pub own: String,
    /// Whether our own group is among those that can be seen at the mount point.
    pub sees_own: bool,
}

/// The most that a file of procfs may hold here: mountinfo of a host with thousands of containers.
const FILE_LIMIT_BYTES: usize = 16 << 20;

impl Layout {
    /// Looks at /sys/fs/cgroup and /proc/self.
    ///
    /// # Errors
    /// A file of procfs that cannot be read.
    pub fn detect() -> Result<Layout, SysError> {
        Layout::detect_in(Path::new("/sys/fs/cgroup"), Path::new("/proc/self"))
    }

    /// The same below other roots: `cgroups` in place of /sys/fs/cgroup, `proc_self` in place of /proc/self.
    ///
    /// # Errors
    /// `proc_self`/cgroup that cannot be read.
    pub fn detect_in(cgroups: &Path, proc_self: &Path) -> Result<Layout, SysError> {
        let memberships = Membership::parse_all(&read_record(&proc_self.join("cgroup"))?);
        let mut mounts = Mounts { proc_self, entries: None };
        let mut layout = Layout { root: cgroups.to_path_buf(), v2: None, v1: Vec::new() };
        // The unified hierarchy at the top hides whatever v1 hierarchies there are.
        let v2_alone = has_controllers(cgroups);
        for membership in memberships.iter().filter(|one| !v2_alone || one.controllers.is_empty()) {
            if membership.controllers.is_empty() {
                let place = if v2_alone { cgroups.to_path_buf() } else { cgroups.join("unified") };
                let is_there = v2_alone || has_controllers(&place);
                layout.v2 = unified(is_there.then_some(place), membership, &mut mounts)?;
            } else if let Some(Place { mount, own, sees_own }) =
                membership.locate(&v1_candidates(cgroups, membership), &mut mounts)?
            {
                layout.v1.push(Hierarchy {
                    controllers: membership.controllers.clone(),
                    mount,
                    own,
                    sees_own,
                });
            }
        }
        Ok(layout)
    }

    /// The v1 hierarchy that has this controller.
    pub fn v1_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.v1.iter().find(|hierarchy| hierarchy.controllers.iter().any(|name| name == controller))
    }

    /// Whether the unified hierarchy has this controller.
    pub fn v2_has(&self, controller: &str) -> bool {
        self.v2.as_ref().is_some_and(|unified| unified.controllers.iter().any(|name| name == controller))
    }

    /// Where a missing controller was looked for, as the end of a sentence.
    pub fn searched(&self) -> String {
        let mut places: Vec<String> = Vec::new();
        if let Some(unified) = &self.v2 {
            let found = if unified.controllers.is_empty() {
                "none".to_owned()
            } else {
                unified.controllers.join(" ")
            };
            places.push(format!("{}/cgroup.controllers has: {found}", unified.mount.display()));
        }
        if !self.v1.is_empty() {
            let found: Vec<String> =
                self.v1.iter().map(|hierarchy| hierarchy.controllers.join(",")).collect();
            places.push(format!("v1 hierarchies below {}: {}", self.root.display(), found.join(" ")));
        }
        if places.is_empty() {
            format!("nothing is mounted at {}", self.root.display())
        } else {
            places.join("; ")
        }
    }
}

/// One line of /proc/self/cgroup (cgroups(7)).
struct Membership {
    /// Empty for the unified hierarchy.
    controllers: Vec<String>,
    /// With a leading slash; begins with `/..` if it is outside our cgroup namespace.
    path: String,
}

/// Where a hierarchy is mounted, and where we are in it.
struct Place {
    mount: PathBuf,
    own: String,
    sees_own: bool,
}

impl Membership {
    fn parse_all(text: &str) -> Vec<Membership> {
        let parse = |line: &str| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            let controllers =
                controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(Membership { controllers, path: path.to_owned() })
        };
        text.lines().filter_map(parse).collect()
    }

    /// The hierarchy's mount point and our own group below it.
    fn locate(&self, candidates: &[PathBuf], mounts: &mut Mounts<'_>) -> Result<Option<Place>, SysError> {
        let own = self.path.trim_start_matches('/');
        let is_outside = own == ".." || own.starts_with("../");
        let own = if is_outside { "" } else { own };
        // Usually the whole hierarchy is mounted where everybody has it. In a container without a cgroup namespace
        // only a part of it is: then our own path leads nowhere below the mount point, and mountinfo knows which part.
        if let Some(mount) = candidates.iter().find(|mount| is_group(&mount.join(own))) {
            return Ok(Some(Place { mount: mount.clone(), own: own.to_owned(), sees_own: !is_outside }));
        }
        let found = mounts.find(&self.controllers)?.filter(|(_, mount)| is_group(mount));
        Ok(found.map(|(root, mount)| {
            let below = Path::new(&self.path).strip_prefix(root).ok();
            let own = below.map(|rest| rest.to_string_lossy().into_owned());
            let own = own.filter(|own| is_group(&mount.join(own)));
            Place { mount, sees_own: own.is_some(), own: own.unwrap_or_default() }
        }))
    }
}

fn v1_candidates(cgroups: &Path, membership: &Membership) -> Vec<PathBuf> {
    let names = || membership.controllers.iter().map(|name| name.trim_start_matches("name="));
    let joined = membership.controllers.join(",");
    let joined = (membership.controllers.len() > 1).then_some(joined.as_str());
    joined.into_iter().chain(names()).map(|name| cgroups.join(name)).collect()
}

fn unified(
    place: Option<PathBuf>,
    membership: &Membership,
    mounts: &mut Mounts<'_>,
) -> Result<Option<Unified>, SysError> {
    let candidates: Vec<PathBuf> = place.into_iter().collect();
    // A kernel without cgroup2 mounted lists it all the same; looking further than those two places is for /proc/self/cgroup
    // lines that do not fit them.
    if candidates.is_empty() && membership.path == "/" {
        return Ok(None);
    }
    let Some(Place { mount, own, sees_own }) = membership.locate(&candidates, mounts)? else {
        return Ok(None);
    };
    let controllers = read_record(&mount.join("cgroup.controllers"))?;
    let controllers = controllers.split_ascii_whitespace().map(str::to_owned).collect();
    Ok(Some(Unified { mount, own, sees_own, controllers }))
}

fn is_group(path: &Path) -> bool {
    path.join("cgroup.procs").exists()
}

fn has_controllers(path: &Path) -> bool {
    path.join("cgroup.controllers").exists()
}

/// /proc/self/mountinfo, read when it is first needed.
struct Mounts<'a> {
    proc_self: &'a Path,
    entries: Option<Vec<Mount>>,
}

/// A mount of a cgroup file system.
struct Mount {
    /// The group that is its root.
    root: PathBuf,
    point: PathBuf,
    /// Super block options of v1, where the controllers are; None for v2.
    options: Option<Vec<String>>,
}

impl Mounts<'_> {
    /// Root and mount point of the hierarchy with all of `controllers` (none: the unified one).
    fn find(&mut self, controllers: &[String]) -> Result<Option<(PathBuf, PathBuf)>, SysError> {
        if self.entries.is_none() {
            let text = read_table(self.proc_self, "mountinfo")?;
            self.entries = Some(text.lines().filter_map(Mount::parse).collect());
        }
        let fits = |mount: &&Mount| match &mount.options {
            None => controllers.is_empty(),
            Some(options) => !controllers.is_empty() && controllers.iter().all(|name| options.contains(name)),
        };
        let found = self.entries.iter().flatten().find(fits);
        Ok(found.map(|mount| (mount.root.clone(), mount.point.clone())))
    }
}

impl Mount {
    /// proc_pid_mountinfo(5): `32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu`.
    fn parse(line: &str) -> Option<Mount> {
        let (mount, super_block) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (unescape(mount.next()?), unescape(mount.next()?));
        let mut super_block = super_block.split(' ');
        let options = match super_block.next()? {
            "cgroup2" => None,
            "cgroup" => Some(super_block.nth(1)?.split(',').map(str::to_owned).collect()),
            _ => return None,
        };
        Some(Mount { root: root.into(), point: point.into(), options })
    }
}

/// Undoes the octal escapes of mountinfo (space, tab, newline, backslash).
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}

fn read_record(path: &Path) -> Result<String, SysError> {
    text(path, dir::read_record(path, FILE_LIMIT_BYTES)?)
}

/// A file of many lines.
fn read_table(folder: &Path, name: &str) -> Result<String, SysError> {
    text(&folder.join(name), Dir::open(folder)?.read(name, FILE_LIMIT_BYTES)?)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, SysError> {
    String::from_utf8(bytes).map_err(|_| SysError::new("read", path.display().to_string(), errno::EINVAL))
}
