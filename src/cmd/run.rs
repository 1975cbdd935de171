//! `run`: create, start, and stay until the end.

use super::Session;
use super::birth::{self, Gate, Stays};
use super::delete::retire;
use super::start::poststart;
use crate::cli;
use crate::launch::console::Relay;
use crate::launch::{Child, foreground};
use crate::state::{Container, Phase};
use crate::sys::process;
use anyhow::Result;
use std::os::fd::OwnedFd;

/// Runs a container. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn run(session: &Session, args: &cli::Run) -> Result<u8> {
    let planned = birth::plan(session, &args.birth)?;
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) = birth::console(&planned.plan, &args.birth, stays)?.split();
    let watch = watch(stays, args.no_subreaper)?;
    let warn = |message: &str| session.log.warn(message);
    let (mut container, ready) = birth::bear(session, &planned, Gate::None, console, &warn)?;
    let relay = relay_socket.map(|socket: OwnedFd| Relay::receive(&socket)).transpose();
    let started = relay.and_then(|relay| {
        birth::settle(session, &mut container, Phase::Running, &args.birth, ready.child())?;
        Ok((ready.start()?, relay))
    });
    match started {
        Ok((child, relay)) => go_on(session, container, child, Afterwards { watch, relay, keep: args.keep }),
        Err(error) => {
            birth::take_back_pid_file(&args.birth);
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
    // Others may kill and delete it from now on.
    container.unlock()?;
    poststart(&mut container, &session.log)?;
    session.log.settle();
    let Some(watch) = afterwards.watch else {
        child.release();
        return Ok(0);
    };
    let ended = watch.until_end(child, afterwards.relay)?;
    let id = container.id().to_string();
    if !afterwards.keep
        && let Err(error) = retire(container, &session.log)
    {
        // The container's own end is the answer; what is left of it can be deleted by hand.
        session.log.warn(&format!("the end of {id}: {error:#}"));
    }
    Ok(ended.exit_code())
}
