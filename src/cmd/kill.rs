//! `kill`: a signal for a container's first process, or for all of them (runtime.md, "Kill").

use super::state::status_of;
use super::{Session, matching_ids};
use crate::cli;
use crate::error;
use crate::state::{Container, Phase, Refused, Status};
use crate::sys::error::errno::ESRCH;
use crate::sys::{pidfd, signal_name};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, OwnedFd};

pub(super) fn kill(session: &Session, args: &cli::Kill) -> Result<u8> {
    let signal = parse_signal(&args.signal)?;
    let reach = if args.all { Reach::All } else { Reach::Init };
    if !args.regex {
        signal_container(session.container(&args.id)?, signal, reach)?;
        return Ok(0);
    }
    let Some(store) = session.store()? else { return Ok(0) };
    for id in matching_ids(&store, &args.id)? {
        let result = store.load(&id).and_then(|container| signal_container(container, signal, reach));
        match result {
            // Those that have ended are not what a pattern is after, nor are another runtime's folders.
            Err(e) if e.downcast_ref::<Refused>().is_some() => {}
            other => other.with_context(|| format!("container {id}"))?,
        }
    }
    Ok(0)
}

/// A signal's number from its name in any case, with or without `SIG`, or from a number; 0 only asks.
pub fn parse_signal(word: &str) -> Result<i32> {
    let number = if word.bytes().all(|b| b.is_ascii_digit()) {
        word.parse().ok().filter(|number| (0..=signal_name::LAST).contains(number))
    } else {
        signal_name::number(word)
    };
    let advice = "use a name such as TERM, SIGKILL or RTMIN+1, or a number up to 64";
    number.ok_or_else(|| error::coded(error::SIGNAL, format!("unknown signal {word:?}"), Some(advice)))
}

/// Whom a signal is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The container's first process.
    Init,
    /// Every process in its cgroup.
    All,
}

fn signal_container(mut container: Container, signal: i32, reach: Reach) -> Result<()> {
    container.forget_other_boots()?;
    let record = &container.record;
    let cgroup = record.cgroup.as_ref();
    if reach == Reach::All {
        // Also when the first process has ended: what is left of the others is still to be found in the cgroup.
        if let Some(cgroup) = container.groups()? {
            return cgroup.kill_all(signal).context("signal all processes of the cgroup");
        }
    }
    let Some(init) = signallable(&container)? else {
        return match reach {
            Reach::All if status_of(&mut container)? == Status::Stopped => Ok(()),
            _ => Err(Refused::NotRunning.into()),
        };
    };
    if signal == signal_name::KILL
        && let Some(cgroup) = cgroup.filter(|cgroup| !record.private_pids && cgroup.exists())
    {
        // Without a pid namespace of its own, the death of its first process would leave the others.
        return cgroup.kill_all(signal).context("kill all processes of the cgroup");
    }
    match pidfd::send_signal(init.as_fd(), signal, &format!("container {}", record.id)) {
        Err(e) if e.is(ESRCH) => return Err(Refused::NotRunning.into()),
        other => other.context("signal the container's first process")?,
    }
    if let Some(cgroup) = cgroup.filter(|_| signal == signal_name::KILL)
        && cgroup.is_frozen()?
    {
        // A frozen process of cgroup v1 dies only once it is thawed. After the signal: it must not run on before.
        cgroup.thaw().context("thaw the paused container")?;
    }
    Ok(())
}

/// A descriptor of the container's first process; none while it is "creating": there is a process, but not the user's yet.
fn signallable(container: &Container) -> Result<Option<OwnedFd>> {
    match container.record.phase {
        Phase::Creating | Phase::Deleting => Ok(None),
        Phase::Created | Phase::Running => container.init().context("find out the status"),
    }
}
