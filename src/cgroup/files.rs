//! Reads the files of one group: text, numbers, lists and tables.
//!
//! Used by `stats` and `effective`. A file that the kernel does not have is none; one that is there and cannot be
//! understood is an error: no number is made up.

use super::Handle;
use super::freeze::is_gone;
use super::fs::FILE_LIMIT_BYTES;
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use std::collections::BTreeMap;

/// How many of the container's groups are there. One that was removed meanwhile has files no more: if there are fewer
/// than before a reading, what was read is only a part.
pub(super) fn groups_present(handle: &Handle) -> usize {
    handle.trees().filter(|tree| Dir::open(&tree.dir()).is_ok()).count()
}

/// `max`.
pub(super) const MAX: u64 = u64::MAX;

/// The files of one group.
pub(super) struct Files(pub(super) Dir);

impl Files {
    /// A file's text, trimmed. None: there is no such file, or the kernel has switched it off (EOPNOTSUPP: PSI).
    pub(super) fn text(&self, file: &str) -> Result<Option<String>, SysError> {
        match self.0.read(file, FILE_LIMIT_BYTES) {
            Ok(text) => Ok(Some(String::from_utf8_lossy(text.trim_ascii()).into_owned())),
            Err(error) if is_gone(&error) || error.is(errno::EOPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The error of a file with a text that is not understood.
    pub(super) fn odd(&self, file: &str) -> SysError {
        SysError::new("read", format!("{} (a value is not a number)", self.0.path_of(file)), errno::EINVAL)
    }

    /// A file of one value, as `parse` understands it.
    pub(super) fn parsed<T>(
        &self,
        file: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SysError> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| self.odd(file))
    }

    /// A file of one number; 0 if there is none.
    pub(super) fn number(&self, file: &str) -> Result<u64, SysError> {
        Ok(self.parsed(file, number)?.unwrap_or(0))
    }

    /// A file of numbers between spaces.
    pub(super) fn numbers(&self, file: &str) -> Result<Vec<u64>, SysError> {
        let all = |text: &str| text.split_ascii_whitespace().map(number).collect();
        Ok(self.parsed(file, all)?.unwrap_or_default())
    }

    /// A file of `KEY NUMBER` lines.
    pub(super) fn fields(&self, file: &str) -> Result<BTreeMap<String, u64>, SysError> {
        let field = |line: &str| {
            let (key, value) = line.trim_end().split_once(' ')?;
            Some((key.to_owned(), number(value.trim())?))
        };
        let all = |text: &str| {
            let mut fields = BTreeMap::new();
            for line in text.lines() {
                let (key, value) = field(line)?;
                fields.insert(key, value);
            }
            Some(fields)
        };
        Ok(self.parsed(file, all)?.unwrap_or_default())
    }

    /// A list of the form `0-3,7` (cpuset(7), "List format").
    pub(super) fn list(&self, file: &str) -> Result<Vec<u16>, SysError> {
        let list = |text: &str| {
            let mut list = Vec::new();
            for part in text.split(',').filter(|part| !part.is_empty()) {
                let (first, last) = part.split_once('-').unwrap_or((part, part));
                list.extend(first.parse::<u16>().ok()?..=last.parse().ok()?);
            }
            Some(list)
        };
        Ok(self.parsed(file, list)?.unwrap_or_default())
    }

    /// The sizes of huge pages that the group has files for: `2MB`, from `hugetlb.2MB.ENDING`, in order of the names.
    pub(super) fn page_sizes(&self, ending: &str) -> Result<Vec<String>, SysError> {
        fn size<'n>(name: &'n str, ending: &str) -> Option<&'n str> {
            let size = name.strip_prefix("hugetlb.")?.strip_suffix(ending)?.strip_suffix('.')?;
            // `2MB.rsvd` counts reservations.
            (!size.contains('.')).then_some(size)
        }
        let entries = match self.0.entries() {
            // Removed while it is read, as with every file of it: whoever asked looks whether the group is still there.
            Err(error) if is_gone(&error) => Vec::new(),
            other => other?,
        };
        let mut sizes: Vec<&str> = entries.iter().filter_map(|entry| size(&entry.name, ending)).collect();
        sizes.sort_unstable();
        Ok(sizes.into_iter().map(str::to_owned).collect())
    }
}

fn number(word: &str) -> Option<u64> {
    if word == "max" { Some(MAX) } else { word.parse().ok() }
}
