//! `features`: what this runtime can do, as JSON (features.md, features-linux.md).

use crate::error;
use anyhow::Result;

pub(super) fn features() -> Result<u8> {
    Err(error::coded(error::OTHER, "this command is not built yet", None))
}
