//! A folder on disk -> a checked configuration (bundle.md, config.md).
//!
//! Called by `cmd`. Reads one file, config.json, and keeps the JSON pointer of every complaint. It decides nothing
//! about this machine and does not touch what the configuration names: that is `plan` and what follows.

mod extras;
mod invalid;

pub use extras::{Extras, LinuxExtras, ProcessExtras};
pub use invalid::{Invalid, code, escape};

use oci_spec::runtime::Spec;
use std::path::Path;

/// The name of the configuration file in a bundle (bundle.md).
pub const CONFIG_NAME: &str = "config.json";

/// A configuration that was read and obeys the rules of the specification that need no knowledge of the host.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The configuration as oci-spec types it.
    pub spec: Spec,
    /// What oci-spec's types lack.
    pub extras: Extras,
    /// What the user should hear, one sentence each.
    pub warnings: Vec<String>,
}

impl Bundle {
    /// Reads and checks `dir`/`config_name` (an absolute `config_name` stands for itself).
    pub fn load(dir: &Path, config_name: &str) -> Result<Bundle, Invalid> {
        let _ = (dir, config_name);
        Err(Invalid::unsupported("", "cannot be read yet"))
    }

    /// Parses and checks the text of a config.json.
    pub fn from_json(text: &str) -> Result<Bundle, Invalid> {
        let spec = serde_json::from_str(text).map_err(|e| Invalid::new(code::SYNTAX, "", e.to_string()))?;
        Ok(Bundle { spec, extras: Extras::default(), warnings: Vec::new() })
    }
}
