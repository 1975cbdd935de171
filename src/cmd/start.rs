//! `start`: opens the gate (runtime.md, "Start").

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

/// Starts a created container.
pub fn start(_session: &Session, _args: &cli::Start) -> Result<u8> {
    Err(error::coded(error::OTHER, "this command is not built yet", None))
}
