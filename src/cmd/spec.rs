//! `spec`: writes a config.json to start from. Never replaces a file.

use crate::bundle::{CONFIG_NAME, example};
use crate::cli;
use crate::error::{self, OUTPUT_EXISTS};
use crate::sys::{SysError, probe};
use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(super) fn spec(args: &cli::Spec) -> Result<u8> {
    let audience = match args.rootless {
        true => example::For::Rootless { uid: probe::euid(), gid: probe::egid() },
        false => example::For::Root,
    };
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(CONFIG_NAME));
    // An absolute file stands for itself.
    let path = args.bundle.as_ref().map_or(file.clone(), |bundle| bundle.join(&file));
    write_new(&path, &example::text(audience)).context("write the example")?;
    Ok(0)
}

/// O_EXCL: a link that dangles is not followed, and nothing that is there is touched.
fn write_new(path: &Path, text: &str) -> Result<()> {
    let object = path.display().to_string();
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            let advice = Some("remove it first, or name another with --file");
            return Err(error::coded(OUTPUT_EXISTS, format!("file {object} exists"), advice));
        }
        Err(e) => return Err(SysError::io("open", object, &e).into()),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.map_err(|e| SysError::io("write", object, &e).into())
}
