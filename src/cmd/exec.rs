//! `exec`: runs one more program in a container that exists.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn exec(_session: &Session, _args: &cli::Exec) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
