//! Why systemd could not be asked, or said no: what is wrong, and what to do.
//!
//! Made in this module, where the cause is known; `cgroup` makes its own error of it.

use super::Which;
use crate::sys::SysError;
use std::fmt;
use std::time::Duration;

/// A request that systemd did not carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: Kind,
    /// What is wrong, lower case.
    pub problem: String,
    /// What to do; may be empty.
    pub advice: String,
}

/// What a caller can tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nobody could be asked.
    Unreachable,
    /// Not in time.
    TimedOut,
    /// A refusal, by its D-Bus error name.
    Refused(String),
    /// An answer that makes no sense.
    Protocol,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "; {}", self.advice) }
    }
}

impl std::error::Error for Failure {}

/// Names of errors that systemd and the bus answer with (org.freedesktop.systemd1(5), D-Bus Specification).
pub mod name {
    /// A unit of this name is there.
    pub const UNIT_EXISTS: &str = "org.freedesktop.systemd1.UnitExists";
    /// There is no unit of this name.
    pub const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";
    /// The same of a unit that was never loaded.
    pub const UNIT_NOT_LOADED: &str = "org.freedesktop.systemd1.NotLoaded";
    /// There is no unit of this InvocationID.
    pub const NO_UNIT_FOR_RUN: &str = "org.freedesktop.systemd1.NoUnitForInvocationID";
    /// There is no object at this path.
    pub const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
    /// polkit, or the bus's policy.
    pub(super) const ACCESS_DENIED: &str = "org.freedesktop.DBus.Error.AccessDenied";
    /// polkit would have to ask somebody.
    pub(super) const AUTHORIZATION_REQUIRED: &str =
        "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
    /// The bus knows no systemd.
    pub(super) const SERVICE_UNKNOWN: &str = "org.freedesktop.DBus.Error.ServiceUnknown";
}

/// Control groups without systemd.
const WITHOUT: &str = "or use --cgroup-manager cgroupfs";

impl Failure {
    /// Whether systemd has refused with this error.
    pub fn is(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Refused(refusal) if refusal == name)
    }

    #[cold]
    pub(super) fn protocol(problem: String) -> Failure {
        Failure {
            kind: Kind::Protocol,
            problem: format!("talking to systemd: {problem}"),
            advice: String::new(),
        }
    }

    #[cold]
    pub(super) fn lost(error: &std::io::Error) -> Failure {
        Failure::protocol(format!("the connection broke: {error}"))
    }

    #[cold]
    pub(super) fn timed_out(what: &str, limit: Duration) -> Failure {
        Failure {
            kind: Kind::TimedOut,
            problem: format!("systemd did not answer {what} within {} s", limit.as_secs()),
            advice: "see `systemctl list-jobs` and `journalctl -b -u init.scope` for what keeps it"
                .to_owned(),
        }
    }

    #[cold]
    pub(super) fn refused(which: Which, call: &str, name: String, text: &str) -> Failure {
        let advice = match (name.as_str(), which) {
            (name::ACCESS_DENIED | name::AUTHORIZATION_REQUIRED, Which::System) => {
                format!(
                    "only root may do that: run as root, allow it in polkit (org.freedesktop.systemd1.manage-units), {WITHOUT}"
                )
            }
            (name::ACCESS_DENIED | name::AUTHORIZATION_REQUIRED, Which::User) => {
                format!(
                    "the user's systemd belongs to somebody else: log in as that user (`machinectl shell USER@`), {WITHOUT}"
                )
            }
            (name::SERVICE_UNKNOWN, Which::User) => {
                format!("the user's systemd is not on the bus: `systemctl start user@UID.service`, {WITHOUT}")
            }
            _ => String::new(),
        };
        let text = if text.is_empty() { name.as_str() } else { text };
        Failure { problem: format!("systemd refused {call}: {text}"), kind: Kind::Refused(name), advice }
    }

    /// A job that systemd has begun and not brought to its end.
    #[cold]
    pub(super) fn job(unit: &str, result: &str) -> Failure {
        Failure {
            kind: Kind::Refused(String::new()),
            problem: format!("systemd's job for {unit} ended with \"{result}\""),
            advice: format!("see `systemctl status {unit}` and `journalctl -b -u {unit}`"),
        }
    }

    /// Nobody listens at any of the sockets. `tried`: each with why not.
    #[cold]
    pub(super) fn unreachable(which: Which, tried: &[SysError], has_runtime_dir: bool) -> Failure {
        let tried: Vec<String> = tried.iter().map(SysError::to_string).collect();
        let (who, advice) = match which {
            Which::System => (
                "systemd",
                format!(
                    "this host is not run by systemd, or its socket is not visible here: bind /run/systemd, {WITHOUT}"
                ),
            ),
            Which::User if has_runtime_dir => (
                "the user's systemd",
                format!("start it with `loginctl enable-linger`, or log in (su and sudo do not), {WITHOUT}"),
            ),
            Which::User => (
                "the user's systemd",
                format!(
                    "XDG_RUNTIME_DIR is not set: log in (su and sudo do not), or `loginctl enable-linger` and `export XDG_RUNTIME_DIR=/run/user/$(id -u)`, {WITHOUT}"
                ),
            ),
        };
        Failure {
            kind: Kind::Unreachable,
            problem: format!("{who} cannot be reached: {}", tried.join("; ")),
            advice,
        }
    }

    /// systemd sees other pids than we do.
    #[cold]
    pub(super) fn other_namespace(socket: &str) -> Failure {
        Failure {
            kind: Kind::Unreachable,
            problem: format!(
                "the systemd behind {socket} is in another pid namespace, where our pids are other processes"
            ),
            advice: format!("call the runtime from the pid namespace of that systemd, {WITHOUT}"),
        }
    }

    /// A server that does not believe who we are.
    #[cold]
    pub(super) fn rejected(which: Which, socket: &str) -> Failure {
        let advice = match which {
            Which::System => String::new(),
            Which::User => format!(
                "XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS is another user's: log in as this one, {WITHOUT}"
            ),
        };
        Failure { kind: Kind::Unreachable, problem: format!("{socket} does not accept this user"), advice }
    }
}
