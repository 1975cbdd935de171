//! `run`: create, start, and wait for the end.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

/// Runs a container.
pub fn run(_session: &Session, _args: &cli::Run) -> Result<u8> {
    Err(error::coded(error::OTHER, "this command is not built yet", None))
}
