//! `events`: statistics and out-of-memory events of a container, as JSON lines.
//!
//! One poll(2) loop: the container's end, its memory running out, the reader's end, and the clock. Nothing is started
//! and nothing is made, so the default action of SIGINT and SIGTERM is the right one.

use super::interfaces::{Interface, interfaces_of};
use super::state::status_of;
use super::{Session, print};
use crate::cgroup::fs::{Refusal, code};
use crate::cgroup::stats::{Blkio, Cpu, Cpuset, Hugetlb, IntelRdt, Memory, Pids, Stats};
use crate::cgroup::{Handle, Oom, OomWatch};
use crate::cli;
use crate::state::{Container, Refused, Status};
use crate::sys::error::errno::EPIPE;
use crate::sys::{SysError, fd, pidfd};
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

pub(super) fn events(session: &Session, args: &cli::Events) -> Result<u8> {
    let mut container = session.container(&args.id)?;
    let source = Source::of(&mut container)?;
    let done = if args.stats {
        match source.print_stats() {
            Ok(Printed::GroupsGone) => Err(not_running(&args.id)),
            other => other.map(drop),
        }
    } else {
        source.follow(args.interval.0)
    };
    match done {
        Err(error) if reader_is_gone(&error) => Ok(0),
        other => other.map(|()| 0),
    }
}

fn not_running(id: &str) -> anyhow::Error {
    Refused::NoEvents { id: id.to_string() }.into()
}

/// Whoever stops reading has seen enough.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<SysError>().is_some_and(|error| error.is(EPIPE)))
}

/// A container that is alive.
struct Source<'a> {
    container: &'a Container,
    cgroup: &'a Handle,
    init: OwnedFd,
    pid: i32,
}

/// One line.
#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

/// The statistics of the groups, and what does not come from them. In runc's order; not flattened by serde, which
/// costs code for every type below.
#[derive(Serialize)]
struct Data<'a> {
    cpu: &'a Cpu,
    cpuset: &'a Cpuset,
    memory: &'a Memory,
    pids: &'a Pids,
    blkio: &'a Blkio,
    hugetlb: &'a BTreeMap<String, Hugetlb>,
    intel_rdt: IntelRdt,
    network_interfaces: Vec<Interface>,
}

/// What became of one line of statistics.
enum Printed {
    Yes,
    /// The container has been deleted.
    GroupsGone,
}

impl<'a> Source<'a> {
    fn of(container: &'a mut Container) -> Result<Source<'a>> {
        let status = status_of(container)?;
        let container = &*container;
        let record = &container.record;
        let init = match status {
            Status::Stopped | Status::Creating => None,
            Status::Created | Status::Running | Status::Paused => container.init()?,
        };
        let Some(init) = init else { return Err(not_running(&record.id)) };
        let Some(cgroup) = record.cgroup.as_ref().filter(|cgroup| cgroup.exists()) else {
            let problem = "the container has no control group, so nothing is counted for it";
            return Err(Refusal::new(code::NO_CONTROLLER, "", problem).into());
        };
        let pid = record.pid();
        Ok(Source { container, cgroup, init, pid })
    }

    /// Prints until the container ends, with the statistics of its whole life as the last line.
    fn follow(&self, interval: Duration) -> Result<()> {
        let mut watch = self.cgroup.watch_oom().context("watch for a lack of memory")?;
        let mut next = Instant::now() + interval;
        loop {
            let ready = fd::poll_some_until(
                &[
                    Some((self.init.as_fd(), fd::Wanted::Read)),
                    Some((fd::stdout(), fd::Wanted::HangUp)),
                    watch.as_ref().map(OomWatch::waited_for),
                ],
                Some(next),
            )?;
            let is_ready = |at: usize| ready.get(at).copied().unwrap_or(false);
            let (has_ended, nobody_reads) = (is_ready(0), is_ready(1));
            if nobody_reads {
                return Ok(());
            }
            // Also at the end: what killed the container is told before it (the kernel counts, then kills).
            if has_ended || is_ready(2) {
                self.report_oom(&mut watch)?;
            }
            if has_ended {
                return self.print_stats().map(drop);
            }
            if Instant::now() >= next {
                self.print_stats()?;
                // What was missed, because the reader or the machine was slow, is not made up for.
                let now = Instant::now();
                next = if next + interval > now { next + interval } else { now + interval };
            }
        }
    }

    fn report_oom(&self, watch: &mut Option<OomWatch>) -> Result<()> {
        match watch.as_mut().map(OomWatch::take).transpose().context("watch for a lack of memory")? {
            Some(Oom::Happened) => self.print("oom", None),
            Some(Oom::Gone) => {
                *watch = None;
                Ok(())
            }
            Some(Oom::Nothing) | None => Ok(()),
        }
    }

    fn print_stats(&self) -> Result<Printed> {
        let Some(stats) = self.cgroup.stats().context("read the statistics")? else {
            return Ok(Printed::GroupsGone);
        };
        let rdt = self.container.record.rdt.as_ref().map(|group| group.stats()).transpose();
        let network_interfaces = self.interfaces().context("read the network interfaces")?;
        let intel_rdt = rdt.context("read the statistics of Intel RDT")?.unwrap_or_default();
        let Stats { cpu, cpuset, memory, pids, blkio, hugetlb } = &stats;
        let data = Data { cpu, cpuset, memory, pids, blkio, hugetlb, intel_rdt, network_interfaces };
        self.print("stats", Some(data))?;
        Ok(Printed::Yes)
    }

    /// The pid is the container's if its process still lives afterwards.
    fn interfaces(&self) -> Result<Vec<Interface>> {
        let found = interfaces_of(self.pid)?;
        let has_ended = pidfd::wait_end(self.init.as_fd(), 0)?;
        Ok(if has_ended { Vec::new() } else { found })
    }

    fn print(&self, r#type: &'static str, data: Option<Data<'_>>) -> Result<()> {
        let line = serde_json::to_string(&Event { r#type, id: self.container.id(), data });
        print(&format!("{}\n", line.context("the event")?))
    }
}
