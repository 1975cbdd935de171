//! The log daemons that crun's `--log journald:ID` and `--log syslog:ID` name: one datagram for each record.
//!
//! Used by [`Log`](super::Log). systemd's journal takes fields (systemd documents it as the "Native Journal Protocol"),
//! syslog(3) one line with its priority in front (RFC 3164).

use crate::error::Report;
use crate::sys::SysError;
use anyhow::{Context, Result};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// A daemon that takes records.
#[derive(Debug)]
pub struct Daemon {
    socket: UnixDatagram,
    protocol: Protocol,
    /// What the records are marked with: the caller's ID.
    id: String,
}

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// systemd-journald.
    Journal,
    /// Any syslogd.
    Syslog,
}

impl Protocol {
    /// Where its daemon listens.
    pub fn socket(self) -> &'static Path {
        Path::new(match self {
            Protocol::Journal => "/run/systemd/journal/socket",
            Protocol::Syslog => "/dev/log",
        })
    }
}

impl Daemon {
    /// Connects to the daemon that listens at `path`.
    pub fn at(path: &Path, protocol: Protocol, id: &str) -> Result<Daemon> {
        let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(path).map(|()| socket));
        let socket = connected
            .map_err(|e| SysError::io("connect", path.display().to_string(), &e))
            .context("open the log (no such daemon here? give --log a file)")?;
        // A daemon that does not read must not stop us.
        socket.set_nonblocking(true).map_err(|e| SysError::io("fcntl", path.display().to_string(), &e))?;
        Ok(Daemon { socket, protocol, id: id.to_string() })
    }

    /// Sends one record; `message` is one line. Best effort, as with a file on a full disk.
    pub fn send(&self, level: &str, message: &str, report: Option<&Report>) {
        let text = match self.protocol {
            Protocol::Journal => self.fields(level, message, report),
            Protocol::Syslog => {
                const LOG_USER: u8 = 1 << 3;
                format!("<{}>{}[{}]: {message}", LOG_USER | priority(level), self.id, std::process::id())
            }
        };
        drop(self.socket.send(text.as_bytes()));
    }

    fn fields(&self, level: &str, message: &str, report: Option<&Report>) -> String {
        let mut text = format!("MESSAGE={message}\nPRIORITY={}\nSYSLOG_IDENTIFIER=tare\n", priority(level));
        text.push_str(&format!("ID={}\n", self.id.replace('\n', " ")));
        if let Some(report) = report {
            text.push_str(&format!("CODE={}\n", report.code));
            if let Some(errno) = report.errno {
                text.push_str(&format!("ERRNO={errno}\n"));
            }
        }
        text
    }
}

/// syslog(3)'s number for a level.
fn priority(level: &str) -> u8 {
    match level {
        "error" => 3,
        "warning" => 4,
        _ => 7,
    }
}
