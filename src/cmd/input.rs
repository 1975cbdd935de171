//! The JSON files that commands are given beside config.json: `exec --process`, `update --resources`, `mounts`.
//!
//! Each holds what stands at one place of config.json, under the same rules: a regular file of at most 16 MiB. `-` is
//! standard input.

use crate::bundle::{self, Invalid};
use crate::sys::error::errno;
use crate::sys::fd;
use std::path::Path;

/// Standard input holds no more than a file may.
const STDIN_BYTES_MAX: usize = 16 << 20;

/// What errors call the file.
pub(super) fn name(file: &Path) -> String {
    if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
}

/// Its text.
///
/// # Errors
/// It is not there, cannot be read, is too large or no UTF-8: with its name.
pub(super) fn text(file: &Path) -> Result<String, Invalid> {
    let text = if file == Path::new("-") { standard_input() } else { bundle::file_text(file) };
    text.map_err(|invalid| invalid.in_file(&name(file), ""))
}

fn standard_input() -> Result<String, Invalid> {
    let unreadable = |problem: String| Invalid::new(bundle::code::UNREADABLE, "", problem);
    let data =
        fd::read_to_end(fd::stdin(), "standard input", STDIN_BYTES_MAX).map_err(|error| {
            match error.errno {
                errno::E2BIG => unreadable("is larger than 16 MiB".to_owned()),
                _ => unreadable(error.to_string()),
            }
        })?;
    String::from_utf8(data).map_err(|_| Invalid::new(bundle::code::SYNTAX, "", "is not UTF-8"))
}
