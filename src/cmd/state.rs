//! `state`: what a container is, as JSON (runtime.md, "State" and "Query State").

use super::{OCI_VERSION, Session, print};
use crate::cli;
use crate::state::{Container, Record, Status};
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The state of a container as the specification defines it, with the two properties that runc adds (`rootfs`,
/// `owner`). The order is runc's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OciState<'a> {
    oci_version: &'static str,
    id: &'a str,
    /// 0: there is no process.
    pid: i32,
    status: String,
    bundle: &'a Path,
    rootfs: &'a Path,
    created: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    owner: String,
}

/// The state of the container of `record`. `owner` is a user name, empty where nobody asked for it.
pub fn oci_state(record: &Record, status: Status, owner: String) -> OciState<'_> {
    let pid = match status {
        Status::Stopped => 0,
        _ => record.pid(),
    };
    OciState {
        oci_version: OCI_VERSION,
        id: &record.id,
        pid,
        status: status.to_string(),
        bundle: &record.bundle,
        rootfs: &record.rootfs,
        created: &record.created,
        annotations: &record.annotations,
        owner,
    }
}

pub(super) fn state(session: &Session, args: &cli::State) -> Result<u8> {
    let mut container = session.container(&args.id)?;
    let status = status_of(&mut container)?;
    let state = oci_state(&container.record, status, String::new());
    print(&format!("{}\n", serde_json::to_string_pretty(&state).context("the state")?))?;
    Ok(0)
}

/// The status, with the folder in the error.
pub(super) fn status_of(container: &mut Container) -> Result<Status> {
    container.status().context("find out the status")
}

/// The same with a descriptor of its first process, if that is alive.
pub(super) fn status_and_init(container: &mut Container) -> Result<(Status, Option<OwnedFd>)> {
    container.status_and_init().context("find out the status")
}
