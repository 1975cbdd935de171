//! `create`: everything up to the gate (runtime.md, "Create").

use super::Session;
use super::birth::{self, Gate, Stays};
use crate::cli;
use crate::state::Phase;
use anyhow::Result;

/// Creates a container: when this returns, its process stands at the gate and waits for `start`.
pub(super) fn create(session: &Session, args: &cli::Create) -> Result<u8> {
    let planned = birth::plan(session, &args.birth)?;
    let (console, _) = birth::console(&planned.plan, &args.birth, Stays::No)?.split();
    let warn = |message: &str| session.log.warn(message);
    let (mut container, ready) = birth::bear(session, &planned, Gate::Closed, console, &warn)?;
    let settled = birth::settle(session, &mut container, Phase::Created, &args.birth, ready.child());
    match settled.and_then(|()| ready.stand()) {
        Ok(()) => Ok(0),
        Err(error) => {
            birth::take_back_pid_file(&args.birth);
            Err(birth::undo(container, session, error))
        }
    }
}
