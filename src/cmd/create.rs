//! `create`: everything up to the gate (runtime.md, "Create").

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

/// Creates a container.
pub fn create(_session: &Session, _args: &cli::Create) -> Result<u8> {
    Err(error::coded(error::OTHER, "this command is not built yet", None))
}
