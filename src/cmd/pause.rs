//! `pause` and `resume`: stops and continues all processes of a container.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn pause(_session: &Session, _args: &cli::Pause) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}

pub(super) fn resume(_session: &Session, _args: &cli::Resume) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
