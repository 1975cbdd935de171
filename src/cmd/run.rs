//! `run`: create, start, and stay until the end.

use super::Session;
use super::birth::{self, Attended, Gate, Stays};
use super::delete::retire;
use super::start::poststart;
use crate::cli;
use crate::error;
use crate::hook::Beside;
use crate::launch::console::Relay;
use crate::launch::foreground::Interrupted;
use crate::launch::notify::Proxy;
use crate::launch::{Child, foreground};
use crate::state::{Container, Phase};
use crate::sys::{fd, process};
use anyhow::Result;
use std::os::fd::{AsFd, OwnedFd};

/// Runs a container. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn run(session: &Session, args: &cli::Run) -> Result<u8> {
    let error = match run_to_the_end(session, args) {
        Ok(code) => return Ok(code),
        Err(error) => error,
    };
    match error.downcast_ref::<Interrupted>() {
        // Asked to end, and so it did: no failure of ours.
        Some(interrupted) => {
            session.log.error(&error::report("run", Some(&args.birth.id), &error));
            Ok(interrupted.exit_code())
        }
        None => Err(error),
    }
}

fn run_to_the_end(session: &Session, args: &cli::Run) -> Result<u8> {
    let planned = birth::plan(session, &args.birth)?;
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) = birth::console(&planned.plan, &args.birth, stays)?.split();
    let pidfd_socket = birth::pidfd_socket(&args.birth)?;
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
        birth::settle(session, &mut container, Phase::Running, &args.birth, pidfd_socket, &ready)?;
        Ok((ready.start()?, relay, notify))
    });
    let (child, relay, notify) = match started {
        Ok(started) => started,
        Err(error) => {
            birth::take_back_pid_file(&args.birth);
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
    container: Container,
    child: Child,
    watch: foreground::Watch,
    relay: Option<Relay>,
) -> Result<u8> {
    let ended = watch.until_end(child, relay)?;
    if !args.keep
        && let Err(error) = retire(container, &session.log)
    {
        // The container's own end is the answer; what is left of it can be deleted by hand.
        session.log.warn(&format!("run {}: {error:#}", args.birth.id));
    }
    Ok(ended.exit_code())
}
