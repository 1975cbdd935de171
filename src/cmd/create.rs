//! `create`: everything up to the gate (runtime.md, "Create").

use super::birth::{self, Attended, Gate, Stays};
use super::{Session, pid_file};
use crate::cli;
use crate::state::Phase;
use anyhow::Result;

/// Creates a container: when this returns, its process stands at the gate and waits for `start`.
pub(super) fn create(session: &Session, args: &cli::Create) -> Result<u8> {
    pid_file::check(args.birth.pid_file.as_deref())?;
    let planned = birth::plan(session, &args.birth)?;
    let (console, _) = birth::console(planned.plan, args.birth.console_socket.as_deref(), Stays::No)?.split();
    let pidfd_sockets = birth::pidfd_sockets(planned.plan, args.birth.pidfd_socket.as_deref())?;
    let warn = |message: &str| session.log.warn(message);
    let attended = Attended { gate: Gate::Closed, console, watch: None, warn: &warn };
    let (mut container, ready) = birth::bear(session, &planned, attended)?;
    let settled =
        birth::settle(session, &mut container, Phase::Created, &args.birth, pidfd_sockets, ready.child());
    match settled.and_then(|()| ready.stand()) {
        Ok(()) => Ok(0),
        Err(error) => {
            pid_file::take_back(args.birth.pid_file.as_deref(), container.record.pid());
            Err(birth::undo(container, session, error))
        }
    }
}
