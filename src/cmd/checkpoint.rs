//! `checkpoint`: saves a container to disk with CRIU.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn checkpoint(_session: &Session, _args: &cli::Checkpoint) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
