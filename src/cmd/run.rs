//! `run`: create, start, and stay until the end.

use super::birth::{self, Attended, Gate, Stays};
use super::delete::retire;
use super::start::poststart;
use super::{Session, notify, pid_file};
use crate::cli;
use crate::hook::Beside;
use crate::launch::console::Relay;
use crate::launch::notify::Proxy;
use crate::launch::{Child, foreground};
use crate::state::{Container, Phase};
use crate::sys::fd;
use crate::sys::process::{self, Ended};
use anyhow::Result;
use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Runs a container. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn run(session: &Session, args: &cli::Run) -> Result<u8> {
    pid_file::check(args.birth.pid_file.as_deref())?;
    let planned = birth::plan(session, &args.birth)?;
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) =
        birth::console(planned.plan, args.birth.console_socket.as_deref(), stays)?.split();
    let pidfd_sockets = birth::pidfd_sockets(planned.plan, args.birth.pidfd_socket.as_deref())?;
    let watch = watch(stays, args.no_subreaper)?;
    let warn = |message: &str| session.log.warn(message);
    let attended = Attended { gate: Gate::None, console, watch: watch.as_ref(), warn: &warn };
    let (mut container, ready) = birth::bear(session, &planned, attended)?;
    let relay = relay_socket.map(|socket: OwnedFd| Relay::receive(&socket)).transpose();
    let started = relay.and_then(|relay| {
        let notify = notify::proxy(session, &container)?;
        birth::settle(session, &mut container, Phase::Running, &args.birth, pidfd_sockets, ready.child())?;
        Ok((ready.start()?, relay, notify))
    });
    match started {
        Ok((child, relay, notify)) => {
            go_on(session, container, child, Afterwards { watch, relay, notify, keep: args.keep })
        }
        Err(error) => {
            pid_file::take_back(args.birth.pid_file.as_deref(), container.record.pid());
            Err(birth::undo(container, session, error))
        }
    }
}

/// For a command that stays with its container: signals are taken from here on, orphans become ours.
pub(super) fn watch(stays: Stays, no_subreaper: bool) -> Result<Option<foreground::Watch>> {
    if stays == Stays::No {
        return Ok(None);
    }
    if !no_subreaper {
        process::become_subreaper()?;
    }
    Ok(Some(foreground::watch()?))
}

/// What is done with a container that lives.
pub(super) struct Afterwards {
    /// Given: we stay with it until it ends.
    pub watch: Option<foreground::Watch>,
    /// Its terminal and ours.
    pub relay: Option<Relay>,
    /// Between it and our service manager.
    pub notify: Option<Proxy>,
    /// Whether it is left as it is when it has ended.
    pub keep: bool,
}

/// The container lives: poststart hooks, then it is left alone or stayed with. Also the end of `restore`.
pub(super) fn go_on(
    session: &Session,
    mut container: Container,
    child: Child,
    afterwards: Afterwards,
) -> Result<u8> {
    let Afterwards { watch, relay, notify, keep } = afterwards;
    // Others may kill and delete it from now on.
    container.unlock()?;
    let Some(watch) = watch else {
        poststart(&mut container, &session.log, None)?;
        session.log.settle();
        return detach(session, container.id(), child, notify);
    };
    let ended = stay(&mut container, session, child, watch.with_notify(notify), relay);
    let id = container.id().to_string();
    // It has ended, also if we could not stay: nobody else can learn how, and nobody else removes it.
    let settled = match &ended {
        Ok(ended) if keep => container.keep_end((*ended).into()),
        Err(_) if keep => Ok(()),
        _ => {
            if ended.is_ok() {
                container.has_reaped_init();
            }
            retire(container, &session.log)
        }
    };
    if let Err(error) = settled {
        // The container's own end is the answer; what is left of it can be deleted by hand.
        session.log.warn(&format!("the end of {id}: {error:#}"));
    }
    Ok(ended?.exit_code())
}

/// Runs the poststart hooks, then waits for the end; signals, terminal and service manager are served all the time.
fn stay(
    container: &mut Container,
    session: &Session,
    child: Child,
    watch: foreground::Watch,
    relay: Option<Relay>,
) -> Result<Ended> {
    let relay = Cell::new(relay);
    let wait = |hook: &[BorrowedFd<'_>], end| {
        let mut ours = relay.take();
        let ready = watch.serve(&child, &mut ours, hook, end);
        relay.set(ours);
        ready
    };
    let beside = Beside { wait: &wait, look: &|| Ok(None) };
    poststart(container, &session.log, Some(beside))?;
    session.log.settle();
    watch.until_end(child, relay.into_inner())
}

/// Leaves the container alone; once it is ready, if a service manager waits for that.
fn detach(session: &Session, id: &str, child: Child, notify: Option<Proxy>) -> Result<u8> {
    let pid = child.pid();
    let pidfd = fd::duplicate(child.pidfd(), 3)?;
    child.release();
    if let Some(notify) = notify {
        notify::tell_readiness(session, id, &notify, pidfd.as_fd(), pid);
    }
    Ok(0)
}
