//! The end of a container's folder.
//!
//! Called by deletions, at their very end: what else was made for the container is gone by then. Nothing here ends a process.

use super::{CONFIG, Container, FILTER, GATE, Phase, RECORD};
use crate::sys::SysError;
use crate::sys::error::errno;
use anyhow::{Context, Result};

impl Container {
    /// Removes the folder: the last act of a deletion. Gone already is fine.
    pub fn remove(self) -> Result<()> {
        if !self.remove_usual_files()? {
            let entries = match self.dir.entries() {
                Err(e) if e.is(errno::ENOENT) => return Ok(()),
                other => other.context("list the state folder")?,
            };
            // Without a record it may be gone; then another of its name is not ours to touch.
            if self.is_gone()? {
                return Ok(());
            }
            for entry in entries {
                let removed = self.dir.remove_tree(&entry.name);
                removed.with_context(|| format!("remove {} from the state folder", entry.name))?;
            }
        }
        match self.parent.remove_dir(&self.record.id) {
            // More was there, or has come since; without a record nobody would come back for it.
            Err(e) if e.is(errno::ENOTEMPTY) => self.parent.remove_tree(&self.record.id),
            removed => unless_gone(removed),
        }
        .context("remove the state folder")
    }

    /// Removes what usually is all, the record last. False: there was no record.
    fn remove_usual_files(&self) -> Result<bool> {
        let may_have_gate = !matches!(self.record.phase, Phase::Running | Phase::Deleting);
        let gate = Some(GATE).filter(|_| may_have_gate);
        let filter = self.record.kept_filter.map(|_| FILTER);
        for name in [gate, filter, Some(CONFIG)].into_iter().flatten() {
            let removed = unless_gone(self.dir.remove_file(name));
            removed.with_context(|| format!("remove {name} from the state folder"))?;
        }
        match self.dir.remove_file(RECORD) {
            Err(e) if e.is(errno::ENOENT) => Ok(false),
            removed => removed.map(|()| true).context("remove the record"),
        }
    }
}

/// Success also where it was gone already.
pub(super) fn unless_gone(removed: Result<(), SysError>) -> Result<(), SysError> {
    removed.or_else(|e| if e.is(errno::ENOENT) { Ok(()) } else { Err(e) })
}
