//! Text of config.json -> what the kernel takes: strings without NUL, absolute paths. Used by the other files here.

use crate::bundle::Invalid;
use std::ffi::CString;
use std::path::Path;

/// A kernel string. A NUL byte would end it early and change its meaning.
pub(super) fn kernel_string(text: &str, pointer: &str) -> Result<CString, Invalid> {
    CString::new(text).map_err(|e| {
        Invalid::value(pointer, format!("holds a NUL character, at byte {}", e.nul_position()))
            .advise("remove the \\u0000")
    })
}

/// A kernel string that must be an absolute path.
pub(super) fn absolute_path(path: &str, pointer: &str) -> Result<CString, Invalid> {
    if !path.starts_with('/') {
        return Err(Invalid::value(pointer, format!("must be an absolute path, is {path:?}")));
    }
    kernel_string(path, pointer)
}

/// The text of a path that came out of JSON, which is always UTF-8.
pub(super) fn path_text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// A position in a JSON array as the u16 that plans keep.
pub(super) fn index_u16(index: usize, pointer: &str) -> Result<u16, Invalid> {
    u16::try_from(index).map_err(|_| Invalid::value(pointer, "has more than 65536 entries"))
}
