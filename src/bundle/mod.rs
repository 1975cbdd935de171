//! A folder on disk -> a checked configuration (bundle.md, config.md).
//!
//! Called by `cmd`. Reads one file, config.json, and keeps the JSON pointer of every complaint. It decides nothing
//! about this machine and does not touch what the configuration names: that is `plan` and what follows.

mod check;
pub mod config;
pub mod example;
mod invalid;
pub mod merge;
pub mod names;
mod place;
mod profile;
mod read;
mod resources;
pub mod syscalls;

pub use check::RULES;
pub use config::Config;
pub use invalid::{Invalid, code, escape};

use std::path::Path;

/// The name of the configuration file in a bundle (bundle.md).
pub const CONFIG_NAME: &str = "config.json";

/// A configuration that was read and keeps the rules of the specification that need no knowledge of the host.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The configuration.
    pub config: Box<Config>,
    /// The text that it was read from, for whoever keeps a copy.
    pub text: String,
    /// What the user should hear, one sentence each.
    pub warnings: Vec<String>,
    /// `linux.seccomp` is the profile that was known: `config` has none.
    pub has_known_profile: bool,
}

impl Bundle {
    /// Reads and checks `dir`/`config_name`; an absolute `config_name` stands for itself. `known_profile`: see
    /// [`Bundle::from_json_knowing`].
    ///
    /// Errors: the file is missing, unreadable or no JSON, a value has the wrong type, or a rule of the
    /// specification is broken. Nothing else has happened then.
    pub fn load(dir: &Path, config_name: &str, known_profile: Option<&str>) -> Result<Bundle, Invalid> {
        Bundle::from_json_knowing(read::file(&dir.join(config_name))?, known_profile)
    }

    /// Parses and checks the text of a config.json.
    pub fn from_json(text: impl Into<String>) -> Result<Bundle, Invalid> {
        Bundle::from_json_knowing(text.into(), None)
    }

    /// The same. If `linux.seccomp` is `known_profile`, letter by letter, it is not parsed again: that must be what
    /// [`Bundle::profile`] gave for a profile that was found to be right.
    pub fn from_json_knowing(mut text: String, known_profile: Option<&str>) -> Result<Bundle, Invalid> {
        let known = known_profile.and_then(|known| profile::pass_over(&mut text, known));
        let has_known_profile = known.is_some();
        let config = known.map_or_else(|| read::json(&text), Ok)?;
        let mut warnings = Vec::new();
        check::all(&config, &mut warnings)?;
        Ok(Bundle { config, text, warnings, has_known_profile })
    }

    /// The text of `linux.seccomp`, by which it can be known again. None: it has none, or the text is an unusual one.
    pub fn profile(&self) -> Option<&str> {
        profile::text(&self.text)
    }
}

/// Has the parser pass over the objects and lists of these names in the text of a configuration, for who has no use for them: what is
/// in them costs nothing then. The first of each name is passed over, wherever it stands: only for names that nothing can have that is
/// wanted. What is not found is read as ever.
pub fn pass_over(text: &mut String, names: &[&str]) {
    read::hide(text, names);
}

/// Parses a `process` object that stands in a file of its own (`exec --process`). `plan` checks its values.
pub fn process_from_json(text: &str) -> Result<config::Process, Invalid> {
    read::json(text)
}

/// Parses a `linux.resources` object that stands alone (`update --resources`). `plan` checks its values.
pub fn resources_from_json(text: &str) -> Result<oci_spec::runtime::LinuxResources, Invalid> {
    resources::from_json(text)
}

/// Parses a list in the form of config.json's `mounts` that stands in a file of its own (`mounts`). `plan` checks its
/// values.
pub fn mounts_from_json(text: &str) -> Result<Vec<config::Mount>, Invalid> {
    read::json_objects(text)
}

/// The text of a file that a command was given: a regular one of at most 16 MiB.
pub fn file_text(path: &Path) -> Result<String, Invalid> {
    // The advice is about bundles.
    read::file(path).map_err(|mut invalid| {
        invalid.advice = None;
        invalid
    })
}
