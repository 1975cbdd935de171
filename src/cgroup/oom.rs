//! Being told when a group runs out of memory.
//!
//! Called by [`Handle::watch_oom`], for `events`. v1: an eventfd, registered in cgroup.event_control
//! (Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"). v2: memory.events announces each change to poll(2).

use super::Handle;
use super::freeze::is_gone;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::fd::{self, Wanted};
use crate::sys::{SysError, eventfd};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A group that is watched for as long as this value lives.
#[derive(Debug)]
pub struct OomWatch(Source);

#[derive(Debug)]
enum Source {
    V1 {
        notified: OwnedFd,
        control: OwnedFd,
        object: String,
    },
    V2 {
        events: OwnedFd,
        object: String,
        /// How many processes had been killed when it was read last.
        kills: u64,
    },
}

/// What a look at the watch tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oom {
    /// Memory has run out since the last look.
    Happened,
    /// It has not.
    Nothing,
    /// The group is gone: nothing will happen any more, and the watch is to be dropped.
    Gone,
}

/// See [`Handle::watch_oom`].
pub fn watch(handle: &Handle) -> Result<Option<OomWatch>, SysError> {
    let source = match (handle.open_v1("memory"), handle.open_v2()) {
        (Some(dir), _) => watch_v1(&dir),
        (None, Some(dir)) => watch_v2(&dir),
        (None, None) => return Ok(None),
    };
    match source {
        Ok(source) => Ok(Some(OomWatch(source))),
        // No memory controller, or the group is gone.
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn watch_v1(dir: &Dir) -> Result<Source, SysError> {
    let control = dir.open_for_reading("memory.oom_control")?;
    let notified = eventfd::open()?;
    let request = format!("{} {}", notified.as_raw_fd(), control.as_raw_fd());
    dir.write_existing("cgroup.event_control", request.as_bytes())?;
    Ok(Source::V1 { notified, control, object: dir.path_of("memory.oom_control") })
}

fn watch_v2(dir: &Dir) -> Result<Source, SysError> {
    let object = dir.path_of("memory.events");
    let events = dir.open_for_reading("memory.events")?;
    // The read arms the announcement, too.
    let kills = read_kills(events.as_fd(), &object)?;
    Ok(Source::V2 { events, object, kills })
}

/// `oom_kill` counts the group and all below it.
fn read_kills(events: BorrowedFd<'_>, object: &str) -> Result<u64, SysError> {
    let text = fd::read_from_start(events, object, 4096)?;
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
    // Linux 4.13 is the first with this line, and older ones cannot run tare.
    value.ok_or_else(|| SysError::new("read", object, errno::EINVAL))
}

impl OomWatch {
    /// To wait for, and what for.
    pub fn waited_for(&self) -> (BorrowedFd<'_>, Wanted) {
        match &self.0 {
            Source::V1 { notified, .. } => (notified.as_fd(), Wanted::Read),
            Source::V2 { events, .. } => (events.as_fd(), Wanted::Change),
        }
    }

    /// Looks, without waiting.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn take(&mut self) -> Result<Oom, SysError> {
        match &mut self.0 {
            Source::V1 { notified, control, object } => {
                if eventfd::take(notified.as_fd())? == 0 {
                    return Ok(Oom::Nothing);
                }
                // The removal of the group is notified as well.
                match fd::read_from_start(control.as_fd(), object, 4096) {
                    Err(error) if is_gone(&error) => Ok(Oom::Gone),
                    result => result.map(|_| Oom::Happened),
                }
            }
            Source::V2 { events, object, kills } => match read_kills(events.as_fd(), object) {
                Err(error) if is_gone(&error) => Ok(Oom::Gone),
                Err(error) => Err(error),
                Ok(now) => {
                    let more = now > *kills;
                    *kills = now;
                    Ok(if more { Oom::Happened } else { Oom::Nothing })
                }
            },
        }
    }
}
