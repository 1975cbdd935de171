//! Why an operation does not fit the state of a container. The texts are matched by engines: containerd looks for
//! "container not running", CRI-O for "container does not exist". Read by `error`, which prints them.

use super::Status;
use std::fmt;

/// An operation that is refused, before anything was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no container of this id.
    NotFound {
        /// The id asked for.
        id: String,
    },
    /// `create` with an id that is taken.
    Exists {
        /// The id asked for.
        id: String,
    },
    /// The folder of that id is not one of ours.
    Foreign {
        /// The id asked for.
        id: String,
    },
    /// The id is not one.
    BadId {
        /// What is wrong with it.
        problem: String,
    },
    /// The record on disk cannot be understood.
    Damaged {
        /// The id asked for.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// `exec` in a container whose processes are stopped.
    Paused,
    /// `kill` of a container that is neither created nor running.
    NotRunning,
    /// `events` of such a container.
    NoEvents {
        /// The id asked for.
        id: String,
    },
    /// `pause` of a container that is paused.
    AlreadyPaused,
    /// `resume` of a container that is not paused.
    NotPaused {
        /// Its status.
        status: Status,
    },
    /// `start` of a container that has been started.
    AlreadyRunning,
    /// `start` of a container that has ended.
    HasStopped,
    /// `start` in a status that has no words of its own.
    CannotStart {
        /// Its status.
        status: Status,
    },
    /// A container whose process does not exist yet.
    StillCreating,
    /// `mounts` of a container that has no process to see them.
    NotAlive {
        /// Its status.
        status: Status,
    },
    /// `checkpoint` of a container that neither runs nor is paused.
    CannotCheckpoint {
        /// Its status.
        status: Status,
    },
    /// `delete` without force of a container that is alive.
    NotStopped {
        /// The id asked for.
        id: String,
        /// Its status.
        status: Status,
    },
    /// The folder of all containers cannot be trusted or used.
    Root {
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
}

/// Every code that [`Refused::code`] gives, with its meaning, for docs/errors.md.
pub const CODES: &[(&str, &str)] = &[
    ("not-found", "there is no container of this id below --root"),
    ("exists", "the id is taken by another container"),
    ("foreign", "the folder below --root belongs to another runtime"),
    ("bad-id", "the container id has a character or a length that is not allowed"),
    ("damaged", "the record of the container cannot be read"),
    ("paused", "the container is paused, and a new process would wait until that ends"),
    ("not-running", "the container is neither created nor running"),
    ("already-paused", "the container is paused"),
    ("not-paused", "only a paused container can be resumed"),
    ("already-running", "the container has been started before"),
    ("stopped", "the container has ended and cannot be started"),
    ("wrong-status", "the operation is not allowed in the container's status"),
    ("not-stopped", "the container is alive; only delete --force ends it"),
    ("bad-root", "the state root cannot be used"),
];

impl Refused {
    /// The stable word for this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::NotFound { .. } => "not-found",
            Refused::Exists { .. } => "exists",
            Refused::Foreign { .. } => "foreign",
            Refused::BadId { .. } => "bad-id",
            Refused::Damaged { .. } => "damaged",
            Refused::Paused => "paused",
            Refused::NotRunning | Refused::NoEvents { .. } => "not-running",
            Refused::AlreadyPaused => "already-paused",
            Refused::NotPaused { .. } => "not-paused",
            Refused::AlreadyRunning => "already-running",
            Refused::HasStopped => "stopped",
            Refused::CannotStart { .. }
            | Refused::CannotCheckpoint { .. }
            | Refused::StillCreating
            | Refused::NotAlive { .. } => "wrong-status",
            Refused::NotStopped { .. } => "not-stopped",
            Refused::Root { .. } => "bad-root",
        }
    }

    /// What the user can do about it.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Refused::NotFound { .. } => Some("see `tare list`; another --root may hold it"),
            Refused::Exists { .. } => Some("choose another id or `tare delete` the old one"),
            Refused::Foreign { .. } => Some("choose another id or another --root"),
            Refused::BadId { .. } => Some("use letters, digits and _ + . -"),
            Refused::Damaged { .. } => Some("remove it with `tare delete --force`"),
            Refused::Paused => Some("`tare resume` it first, or use --ignore-paused"),
            Refused::HasStopped => Some("delete it and create it again"),
            Refused::NotStopped { .. } => Some("stop it with `tare kill` or use `tare delete --force`"),
            Refused::Root { advice, .. } => Some(advice),
            Refused::AlreadyPaused => Some("`tare resume` lets it go on"),
            Refused::NotPaused { status: Status::Stopped } => {
                Some("it has ended: there is nothing to resume")
            }
            Refused::NotPaused { .. } => Some("only what `tare pause` has stopped can be resumed"),
            Refused::CannotCheckpoint { .. } => {
                Some("only a running or a paused container has something to save")
            }
            Refused::StillCreating => Some("wait for the end of `create`, and try again"),
            Refused::NotRunning
            | Refused::NoEvents { .. }
            | Refused::AlreadyRunning
            | Refused::CannotStart { .. }
            | Refused::NotAlive { .. } => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotFound { .. } => write!(f, "container does not exist"),
            Refused::Exists { .. } => write!(f, "container with given ID already exists"),
            Refused::Foreign { .. } => {
                write!(
                    f,
                    "container does not exist, but a folder of its ID already exists: it belongs to another runtime"
                )
            }
            Refused::BadId { problem } => write!(f, "{problem}"),
            Refused::Damaged { problem, .. } => write!(f, "the container's record is damaged: {problem}"),
            Refused::Paused => write!(f, "the container is paused"),
            Refused::NotRunning => write!(f, "container not running"),
            Refused::NoEvents { id } => write!(f, "container with id {id} is not running"),
            Refused::AlreadyPaused => write!(f, "container not running: it is paused already"),
            Refused::NotPaused { status } => write!(f, "container not paused: it is {status}"),
            Refused::AlreadyRunning => write!(f, "cannot start an already running container"),
            Refused::HasStopped => write!(f, "cannot start a container that has stopped"),
            Refused::CannotStart { status } => write!(f, "cannot start a container in the {status} state"),
            Refused::StillCreating => write!(f, "the container is still being created"),
            Refused::NotAlive { status } => {
                write!(f, "the container is {status}: it must be created, running or paused")
            }
            Refused::CannotCheckpoint { status } => {
                write!(f, "Container cannot be checkpointed in {status} state")
            }
            Refused::NotStopped { id, status } => {
                write!(f, "cannot delete container {id} that is not stopped: {status}")
            }
            Refused::Root { problem, .. } => write!(f, "{problem}"),
        }
    }
}

impl std::error::Error for Refused {}
