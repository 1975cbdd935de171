//! `mounts`: changes the mounts of a container that exists.

use super::Session;
use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn mounts(_session: &Session, _args: &cli::Mounts) -> Result<u8> {
    Err(error::coded(error::OTHER, "not there yet", None))
}
