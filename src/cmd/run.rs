//! `run`: create, start, and stay until the end.

use super::birth::{self, Gate, Stays};
use super::delete::retire;
use super::start::poststart;
use super::{Session, pid_file};
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
    let (console, relay_socket) =
        birth::console(&planned.plan, args.birth.console_socket.as_deref(), stays)?.split();
    let watch = if stays == Stays::Yes {
        if !args.no_subreaper {
            process::become_subreaper()?;
        }
        Some(foreground::watch()?)
    } else {
        None
    };
    let warn = |message: &str| session.log.warn(message);
    let (mut container, ready) = birth::bear(session, &planned, Gate::None, console, &warn)?;
    let relay = relay_socket.map(|socket: OwnedFd| Relay::receive(&socket)).transpose();
    let started = relay.and_then(|relay| {
        birth::settle(session, &mut container, Phase::Running, &args.birth, &ready)?;
        Ok((ready.start()?, relay))
    });
    let (child, relay) = match started {
        Ok(started) => started,
        Err(error) => {
            pid_file::take_back(args.birth.pid_file.as_deref());
            return Err(birth::undo(container, session, error));
        }
    };
    // Others may kill and delete it from now on.
    container.unlock()?;
    poststart(&mut container, &session.log)?;
    session.log.settle();
    match watch {
        None => {
            child.release();
            Ok(0)
        }
        Some(watch) => stay(session, args, container, child, watch, relay),
    }
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
