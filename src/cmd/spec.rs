//! `spec`: writes a config.json to start from.

use crate::cli;
use crate::error;
use anyhow::Result;

pub(super) fn spec(_args: &cli::Spec) -> Result<u8> {
    Err(error::coded(error::OTHER, "this command is not built yet", None))
}
