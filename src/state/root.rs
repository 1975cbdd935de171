//! The folder of all containers: where it is by default, and when it can be trusted.
//!
//! It must belong to us, must not be writable by others and must not be a symlink: who can write there could make
//! us signal any process and remove any cgroup. Called by [`Store`](super::Store) and `cmd`.

use super::Refused;
use crate::sys::dir::{Dir, identity};
use crate::sys::error::errno;
use crate::sys::probe;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// What the default root depends on.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)]
pub struct DefaultRoot<'a> {
    /// Effective user id.
    pub euid: u32,
    /// Tells whether we are in a user namespace (/proc/self/uid_map is not the identity); asked only if it matters.
    pub in_user_namespace: &'a dyn Fn() -> Result<bool>,
    /// XDG_RUNTIME_DIR; empty counts as unset.
    pub xdg_runtime_dir: Option<&'a str>,
    /// USER, which tells a user's namespace from a whole system's in one (runc's rule).
    pub user: Option<&'a str>,
}

/// The default of `--root`: /run/tare, or $XDG_RUNTIME_DIR/tare for an unprivileged user and for root in a user
/// namespace that is not the root user of its system.
pub fn default_root(facts: DefaultRoot<'_>) -> Result<PathBuf> {
    let system = PathBuf::from("/run/tare");
    let Some(own) = facts.xdg_runtime_dir.filter(|dir| !dir.is_empty()) else { return Ok(system) };
    let is_users_own = facts.euid != 0 || (facts.user != Some("root") && (facts.in_user_namespace)()?);
    Ok(if is_users_own { Path::new(own).join("tare") } else { system })
}

/// Opens the root, making it if it is not there.
pub(super) fn create(path: &Path) -> Result<Dir> {
    let path = tidy(path)?;
    if let Some(dir) = open_existing(&path)? {
        return checked(dir);
    }
    Dir::make_all(&path, 0o700).context("make the state root")?;
    let dir = open_existing(&path)?.ok_or_else(|| gone(&path))?;
    // Sticky: programs that clean up /run and $XDG_RUNTIME_DIR leave such a folder alone (XDG base directory spec).
    dir.set_mode(if broken!("cve_2024_25621") { 0o1755 } else { 0o1700 })
        .context("set the mode of the state root")?;
    checked(dir)
}

/// Opens the root; `None`: it is not there.
pub(super) fn open(path: &Path) -> Result<Option<Dir>> {
    open_existing(&tidy(path)?)?.map(checked).transpose()
}

/// An absolute path without a slash at its end, which would make open(2) follow a symlink.
fn tidy(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(refused("--root is empty", "give it a path or leave it out"));
    }
    let absolute = std::path::absolute(path).context("make --root absolute")?;
    Ok(absolute.components().collect())
}

fn open_existing(path: &Path) -> Result<Option<Dir>> {
    let opened = if broken!("cve_2015_1331") { Dir::open(path) } else { Dir::open_no_follow(path) };
    match opened {
        Ok(dir) => Ok(Some(dir)),
        Err(e) if e.is(errno::ENOENT) => Ok(None),
        Err(e) if e.is(errno::ELOOP) || e.is(errno::ENOTDIR) => {
            let problem = format!("the state root {} is not a folder", path.display());
            Err(refused(problem, "a symlink or a file cannot be --root; give the folder itself"))
        }
        Err(e) => Err(anyhow::Error::new(e).context("open the state root")),
    }
}

fn checked(dir: Dir) -> Result<Dir> {
    let path = dir.path().display().to_string();
    let stat = dir.stat(".").context("check the state root")?.ok_or_else(|| gone(dir.path()))?;
    if identity(Path::new("/"))? == (stat.st_dev, stat.st_ino) {
        return Err(refused("option --root argument should not be set to /", "give it a folder of its own"));
    }
    let euid = probe::euid();
    if stat.st_uid != euid {
        let problem = format!("the state root {path} belongs to user {}, not to user {euid}", stat.st_uid);
        return Err(refused(problem, "use a folder of your own, or change its owner"));
    }
    if stat.st_mode & 0o022 != 0 {
        let problem =
            format!("the state root {path} can be written by others (mode {:04o})", stat.st_mode & 0o7777);
        return Err(refused(problem, "chmod go-w it, or use another folder"));
    }
    Ok(dir)
}

fn gone(path: &Path) -> anyhow::Error {
    refused(format!("the state root {} was removed meanwhile", path.display()), "try again")
}

fn refused(problem: impl Into<String>, advice: &'static str) -> anyhow::Error {
    Refused::Root { problem: problem.into(), advice }.into()
}
