//! The log that CRIU writes into its working folder, and what it says of a failure.
//!
//! Called by `client`. Only the end of it is read: at the highest level it has many megabytes.

use super::Failed;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::fd;
use anyhow::{Context, Result};
use std::os::fd::AsFd;

/// How much of its end is looked at.
const TAIL_BYTES: usize = 256 << 10;
/// How many errors are told, from the end: the first may be about something that CRIU can do without.
const LINES_MAX: usize = 5;

/// The log of one request.
#[derive(Debug)]
pub struct Log<'a> {
    /// Its folder.
    pub dir: &'a Dir,
    /// Its name there.
    pub name: &'static str,
}

impl Log<'_> {
    /// Removes the log of an earlier try, whose errors would be taken for those of this one.
    pub fn remove_old(&self) -> Result<()> {
        match self.dir.remove_file(self.name) {
            Err(e) if !e.is(errno::ENOENT) => {
                Err(anyhow::Error::new(e).context("remove the log of an earlier try"))
            }
            _ => Ok(()),
        }
    }

    /// The error of a request that did not succeed: CRIU's own words, and where there are more.
    pub fn failed(&self, reason: &str) -> Failed {
        let path = self.dir.path_of(self.name);
        let lines = self.read().map(|text| error_lines(&text)).unwrap_or_default();
        let said = if lines.is_empty() { reason.to_string() } else { lines.join(" / ") };
        Failed::new(super::FAILED, format!("CRIU: {said} (all of it is in {path})"), None)
    }

    fn read(&self) -> Result<String> {
        let file = self.dir.open_for_reading(self.name).context("CRIU's log")?;
        let data = fd::read_tail(file.as_fd(), self.name, TAIL_BYTES).context("CRIU's log")?;
        Ok(String::from_utf8_lossy(&data).into_owned())
    }
}

/// The lines that report an error, without their times, each once, the last few: `(00.123456)     12: Error (criu/a.c:1): text`.
pub fn error_lines(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        let Some(at) = line.find("Error (") else { continue };
        let said = line.get(at..).unwrap_or_default().trim().to_string();
        if !found.contains(&said) {
            found.push(said);
        }
    }
    found.split_off(found.len().saturating_sub(LINES_MAX))
}
