//! `events`: statistics and out-of-memory events of a container, as JSON lines.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn events(_session: &Session, _args: &cli::Events) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
