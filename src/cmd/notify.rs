//! The caller's service manager (sd_notify(3)), and the socket of a container's own that stands for it.
//!
//! Called by the commands that make a container. Knows no plan and no process but by their ids.

use super::Session;
use super::birth::absolute;
use crate::launch::notify::Proxy;
use crate::state::{Container, notify_folder};
use crate::sys::datagram::Target;
use anyhow::Result;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Whether the caller has a service manager, or what it takes for one.
fn names_service_manager() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some_and(|address| !address.is_empty())
}

/// The caller's service manager (NOTIFY_SOCKET of sd_notify(3); an empty one is none). One that cannot be spoken to is
/// worth a warning, never a container.
fn service_manager(session: &Session) -> Option<Target> {
    let address = std::env::var("NOTIFY_SOCKET").ok().filter(|address| !address.is_empty())?;
    let problem = match Target::of(&address) {
        _ if !address.starts_with(['/', '@']) => "it is neither a path nor an abstract name".to_string(),
        Ok(manager) => return Some(manager),
        Err(error) => error.to_string(),
    };
    session.log.warn(&format!("NOTIFY_SOCKET {address:?} is not used: {problem}"));
    None
}

/// Where the container will have its own, if there is somebody to tell.
pub(super) fn folder(session: &Session, id: &str) -> Result<Option<PathBuf>> {
    let folder = |_| Ok(notify_folder(&absolute(&session.root()?)?, id));
    service_manager(session).map(folder).transpose()
}

/// Between the container's NOTIFY_SOCKET and ours, if it has one: before its program runs.
pub(super) fn proxy(session: &Session, container: &Container) -> Result<Option<Proxy>> {
    if !names_service_manager() || !container.has_notify_folder() {
        return Ok(None);
    }
    let Some(manager) = service_manager(session) else { return Ok(None) };
    Ok(container.notify_inbox()?.map(|inbox| Proxy::new(inbox, manager)))
}

/// Waits until the container is ready, and tells so. The container runs: a service manager that cannot be reached is
/// no failure of it.
pub(super) fn tell_readiness(session: &Session, id: &str, notify: &Proxy, pidfd: BorrowedFd<'_>, pid: i32) {
    if let Err(error) = notify.until_ready(pidfd, pid) {
        session.log.warn(&format!("{id}: {error:#}"));
    }
}
