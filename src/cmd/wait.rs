//! `wait`: blocks until a container has ended, and prints how.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn wait(_session: &Session, _args: &cli::Wait) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
