//! Which names a container may have. Called by `state` and `cmd` before an id becomes part of any path.

use super::Refused;

/// The longest name that a folder may have (NAME_MAX).
const LONGEST: usize = 255;

/// Checks a container's id: letters, digits and `_ + . -`, 1 to 255 of them, neither `.` nor `-` first. A leading
/// dot is kept for our own files in the root, a leading dash for options.
pub fn check_id(id: &str) -> Result<(), Refused> {
    let problem = if id.is_empty() {
        "container id cannot be empty".to_string()
    } else if id.len() > LONGEST {
        format!("invalid container ID format: it has {} characters, {LONGEST} are allowed", id.len())
    } else if id.starts_with(['.', '-']) {
        format!("invalid container ID format: {id:?} begins with {:?}", id.get(..1).unwrap_or_default())
    } else if let Some(bad) = id.chars().find(|c| !c.is_ascii_alphanumeric() && !"_+.-".contains(*c)) {
        format!("invalid container ID format: {id:?} has the character {bad:?}")
    } else {
        return Ok(());
    };
    Err(Refused::BadId { problem })
}
