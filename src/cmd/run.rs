//! `run`: create, start, and stay until the end.

use super::birth::{self, Attended, Gate, Stays};
use super::delete::retire;
use super::start::poststart;
use super::{Session, pid_file};
use crate::cli;
use crate::hook::Beside;
use crate::launch::console::Relay;
use crate::launch::notify::Proxy;
use crate::launch::{Child, foreground};
use crate::state::{Container, Phase};
use crate::sys::{fd, process};
use anyhow::Result;
use std::os::fd::{AsFd, OwnedFd};

/// Runs a container. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn run(session: &Session, args: &cli::Run) -> Result<u8> {
    let planned = birth::plan(session, &args.birth)?;
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) =
        birth::console(&planned.plan, args.birth.console_socket.as_deref(), stays)?.split();
    let pidfd_sockets = birth::pidfd_sockets(&planned.plan, args.birth.pidfd_socket.as_deref())?;
    let watch = if stays == Stays::Yes {
        if !args.no_subreaper {
            process::become_subreaper()?;
        }
        Some(foreground::watch()?)
    } else {
        None
    };
    let warn = |message: &str| session.log.warn(message);
    let attended = Attended { gate: Gate::None, console, watch: watch.as_ref(), warn: &warn };
    let (mut container, ready) = birth::bear(session, &planned, attended)?;
    let relay = relay_socket.map(|socket: OwnedFd| Relay::receive(&socket)).transpose();
    let started = relay.and_then(|relay| {
        let notify = birth::notify_proxy(&container)?;
        birth::settle(session, &mut container, Phase::Running, &args.birth, pidfd_sockets, &ready)?;
        Ok((ready.start()?, relay, notify))
    });
    let (child, relay, notify) = match started {
        Ok(started) => started,
        Err(error) => {
            pid_file::take_back(args.birth.pid_file.as_deref());
            return Err(birth::undo(container, session, error));
        }
    };
    // Others may kill and delete it from now on.
    container.unlock()?;
    let Some(watch) = watch else {
        poststart(&mut container, &session.log, None)?;
        session.log.settle();
        return detach(session, &args.birth.id, child, notify);
    };
    let look = || watch.passing_on(&child, relay.as_ref());
    poststart(&mut container, &session.log, Some(Beside { fd: watch.fd(), look: &look }))?;
    session.log.settle();
    stay(session, args, container, child, watch.with_notify(notify), relay)
}

/// Leaves the container alone; once it is ready, if a service manager waits for that.
fn detach(session: &Session, id: &str, child: Child, notify: Option<Proxy>) -> Result<u8> {
    let pid = child.pid();
    let pidfd = fd::duplicate(child.pidfd(), 3)?;
    child.release();
    if let Some(notify) = notify {
        birth::tell_readiness(session, id, &notify, pidfd.as_fd(), pid);
    }
    Ok(0)
}

fn stay(
    session: &Session,
    args: &cli::Run,
    mut container: Container,
    child: Child,
    watch: foreground::Watch,
    relay: Option<Relay>,
) -> Result<u8> {
    let ended = watch.until_end(child, relay)?;
    // We have reaped it: nobody else can learn this any more.
    let settled = if args.keep { container.keep_end(ended.into()) } else { retire(container, &session.log) };
    if let Err(error) = settled {
        // The container's own end is the answer; what is left of it can be deleted by hand.
        session.log.warn(&format!("run {}: {error:#}", args.birth.id));
    }
    Ok(ended.exit_code())
}
