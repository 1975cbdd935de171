//! `update`: changes the limits of a container that exists.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn update(_session: &Session, _args: &cli::Update) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
