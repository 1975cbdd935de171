//! `hooks` -> programs to run, by moment.

use crate::bundle::{Invalid, config};
use std::path::PathBuf;

/// The six moments, in the order of the spec (config.md, "POSIX-platform Hooks").
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Hooks {
    pub prestart: Vec<Hook>,
    pub create_runtime: Vec<Hook>,
    pub create_container: Vec<Hook>,
    pub start_container: Vec<Hook>,
    pub poststart: Vec<Hook>,
    pub poststop: Vec<Hook>,
}

/// One program of the user. Kept in the container's record too, for poststart and poststop.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hook {
    /// Absolute path, in the namespace where the hook runs.
    pub path: String,
    /// argv, verbatim; empty: the path alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment, verbatim. None: the config says nothing (what that means is the caller's to decide).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    /// Seconds until it is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
}

/// Files that hooks append their output to (annotations `run.oci.hooks.stdout` and `.stderr`). Kept in the container's
/// record too, for poststart and poststop.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Output {
    /// Absolute path on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<PathBuf>,
    /// Absolute path on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<PathBuf>,
}

impl Output {
    /// Whether neither is given.
    pub fn is_none(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }
}

impl Hooks {
    /// Takes over `hooks`. Paths and timeouts have passed `bundle::check`.
    pub(super) fn from_config(hooks: &config::Hooks) -> Result<Hooks, Invalid> {
        Ok(Hooks {
            prestart: moment(&hooks.prestart, "prestart")?,
            create_runtime: moment(&hooks.create_runtime, "createRuntime")?,
            create_container: moment(&hooks.create_container, "createContainer")?,
            start_container: moment(&hooks.start_container, "startContainer")?,
            poststart: moment(&hooks.poststart, "poststart")?,
            poststop: moment(&hooks.poststop, "poststop")?,
        })
    }
}

fn moment(hooks: &[config::Hook], name: &str) -> Result<Vec<Hook>, Invalid> {
    let hook = |(index, hook): (usize, &config::Hook)| {
        let too_long = |_| {
            let pointer = format!("/hooks/{name}/{index}/timeout");
            Invalid::value(pointer, "must be at most 4294967295 seconds")
        };
        Ok(Hook {
            path: hook.path.clone(),
            args: hook.args.clone(),
            env: hook.env.clone(),
            timeout_s: hook.timeout.map(u32::try_from).transpose().map_err(too_long)?,
        })
    };
    hooks.iter().enumerate().map(hook).collect()
}
