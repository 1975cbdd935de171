//! What is kept of a container beside its record, for commands that come later: the configuration that it was made of, the
//! seccomp filter that its profile compiled to, the limits that `update` has changed.
//!
//! Called by creations and by `exec`, `update`, `mounts` and `checkpoint`. Parses no configuration.

use super::{CONFIG, Container, FILTER, RECORD_LIMIT_BYTES, RESOURCES};
use crate::plan::seccomp::Filter;
use crate::sys::error::errno;
use anyhow::{Context, Result};

/// More than most configurations have.
const CONFIG_USUAL_BYTES: usize = 32 << 10;
/// More than most filters have.
const FILTER_USUAL_BYTES: usize = 8 << 10;

impl Container {
    /// Keeps the configuration, as it was read: before the container's process exists, and never changed after.
    pub fn save_config(&self, text: &str) -> Result<()> {
        // Nobody reads it before the record says that there is a process.
        self.dir.write_new(CONFIG, text.as_bytes(), 0o600).context("keep the configuration")
    }

    /// The configuration that the container was made of.
    ///
    /// # Errors
    /// It was created by a version that did not keep it, or the file cannot be read.
    pub fn config(&self) -> Result<String> {
        let data = self
            .dir
            .read_record(CONFIG, CONFIG_USUAL_BYTES, RECORD_LIMIT_BYTES)
            .context("read the kept configuration")?;
        String::from_utf8(data).context("the kept configuration")
    }

    /// Keeps the program of its seccomp filter, as the configuration is kept, if the record says that it is.
    pub fn save_filter(&self, filter: &Filter) -> Result<()> {
        if self.record.kept_filter.is_none() {
            return Ok(());
        }
        self.dir.write_new(FILTER, &filter.program_bytes(), 0o600).context("keep the seccomp filter")
    }

    /// Its seccomp filter. None: it has none, or none that is kept.
    ///
    /// # Errors
    /// The file cannot be read, or holds no program.
    pub fn filter(&self) -> Result<Option<Filter>> {
        let Some(flags) = self.record.kept_filter else { return Ok(None) };
        let data = self.dir.read_record(FILTER, FILTER_USUAL_BYTES, Filter::LONGEST_BYTES);
        let filter = Filter::of_kept(&data.context("read the kept seccomp filter")?, flags);
        let no_program = || {
            let file = self.dir.path_of(FILTER);
            format!("the kept seccomp filter is no program: {file}; delete the container and create it again")
        };
        filter.with_context(no_program).map(Some)
    }

    /// All limits that were asked for, in the form of config.json's `linux.resources`: those of the configuration with
    /// each later `update` on top. None: there was no update, the configuration says it all.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn updated_resources(&self) -> Result<Option<String>> {
        match self.dir.read(RESOURCES, RECORD_LIMIT_BYTES) {
            Ok(data) => Ok(Some(String::from_utf8(data).context("the kept limits")?)),
            Err(e) if e.is(errno::ENOENT) => Ok(None),
            Err(e) => Err(anyhow::Error::new(e).context("read the kept limits")),
        }
    }

    /// Keeps them, after they have taken effect: the kernel's files are the truth, this is what was asked of them.
    pub fn save_updated_resources(&self, text: &str) -> Result<()> {
        self.dir.replace(RESOURCES, text.as_bytes(), 0o600).map(drop).context("keep the limits")
    }
}
