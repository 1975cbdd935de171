//! The pid file of `create`, `run`, `exec` and `restore`: digits only, put in place as a whole.
//!
//! Engines wait for it, read it at once, and take its absence for a failure (conmon). Called by those commands.

use crate::error;
use crate::sys::dir::Dir;
use anyhow::{Context, Result};
use std::path::Path;

/// Whether it can be written, asked before anything is made: its folder is there, and it is no folder itself.
pub(super) fn check(path: Option<&Path>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let refused = |problem: &str| {
        let problem = format!("the pid file {} {problem}", path.display());
        Err(error::coded(
            error::USAGE,
            problem,
            Some("give --pid-file the path of a file in a folder that exists"),
        ))
    };
    match (path.file_name(), Dir::open(folder_of(path))) {
        (None, _) => refused("names no file"),
        (Some(_), Err(_)) => refused("would be in a folder that is not there"),
        (Some(_), Ok(_)) if path.is_dir() => refused("is a folder"),
        _ => Ok(()),
    }
}

/// Writes `pid` to `path`, which is relative to the caller's folder.
pub(super) fn write(path: &Path, pid: i32) -> Result<()> {
    let name = path.file_name().with_context(|| format!("pid file {}: it names no file", path.display()))?;
    let folder = Dir::open(folder_of(path)).context("pid file")?;
    folder.replace(&name.to_string_lossy(), pid.to_string().as_bytes(), 0o644).map(drop).context("pid file")
}

/// Takes it back, if it tells of `pid`, which did not come to be what it was to be. Best effort: the error that brought
/// us here is the one to report.
pub(super) fn take_back(path: Option<&Path>, pid: i32) {
    let Some((path, name)) = path.and_then(|path| Some((path, path.file_name()?))) else { return };
    let Ok(folder) = Dir::open(folder_of(path)) else { return };
    let name = name.to_string_lossy();
    if folder.read(&name, 64).is_ok_and(|text| text == pid.to_string().as_bytes()) {
        let _ = folder.remove_file(&name);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
