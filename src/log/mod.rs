//! The log that engines read (`--log`, `--log-format`, `--log-level`, `--debug`), and the only writer of it.
//!
//! Called by `cmd`. One record is one line, written with one write(2) to a file that was opened for appending at the
//! start. Two rules come from the readers: podman takes the whole file for one JSON value, containerd takes the last
//! record of level "error"; so an error is one record, and at the default level warnings wait until it is known
//! that none will come ([`Log::settle`]). An error goes to stderr too, as the plain line of `error`.

pub mod daemon;

use crate::cli::{LogFormat, LogLevel};
use crate::error::{Report, one_line};
use crate::sys::SysError;
use anyhow::{Context, Result};
use daemon::{Daemon, Protocol};
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where records go, and which.
#[derive(Debug)]
pub struct Log {
    to: Destination,
    format: LogFormat,
    /// What the caller asked for; None: warnings, unless there is an error.
    level: Option<LogLevel>,
    waiting: RefCell<Vec<String>>,
}

/// Where records go.
#[derive(Debug)]
enum Destination {
    Stderr,
    File(File),
    Daemon(Daemon),
}

impl Log {
    /// Opens the log. `destination` is a path, or crun's `file:PATH`, `journald:ID` or `syslog:ID`; None: stderr.
    pub fn open(destination: Option<&str>, format: LogFormat, level: Option<LogLevel>) -> Result<Log> {
        let to = destination.map_or(Ok(Destination::Stderr), open_destination)?;
        Ok(Log { to, format, level, waiting: RefCell::default() })
    }

    /// A log that goes to a daemon.
    pub fn to_daemon(daemon: Daemon, level: Option<LogLevel>) -> Log {
        Log { to: Destination::Daemon(daemon), format: LogFormat::Text, level, waiting: RefCell::default() }
    }

    /// A log that writes plain lines to stderr: for errors before there is a real one.
    pub fn stderr() -> Log {
        Log { to: Destination::Stderr, format: LogFormat::Text, level: None, waiting: RefCell::default() }
    }

    /// Writes the error that ends the command, and says it on stderr.
    pub fn error(&self, report: &Report) {
        if self.level.is_none() {
            self.waiting.borrow_mut().clear();
        }
        let on_stderr = matches!(self.to, Destination::Stderr);
        if !on_stderr || self.format == LogFormat::Json {
            self.write("error", &report.message, Some(report));
        }
        if !on_stderr || self.format == LogFormat::Text {
            // A closed stderr (old podman) must not turn an error into a crash.
            drop(std::io::stderr().write_all(format!("tare: {}\n", report.message).as_bytes()));
        }
    }

    /// Notes what was ignored or not granted (the specification asks for a warning in some places).
    pub fn warn(&self, message: &str) {
        match self.level {
            None => self.waiting.borrow_mut().push(message.to_string()),
            Some(LogLevel::Error) => {}
            Some(_) => self.say("warning", message),
        }
    }

    /// Notes a step, with `--debug`.
    pub fn debug(&self, message: &str) {
        if self.level == Some(LogLevel::Debug) {
            self.say("debug", message);
        }
    }

    /// No error can come any more (or not for a long time: a foreground `run`): writes the warnings that waited.
    pub fn settle(&self) {
        for message in self.waiting.take() {
            self.say("warning", &message);
        }
    }

    fn say(&self, level: &str, message: &str) {
        if matches!(self.to, Destination::Stderr) && self.format == LogFormat::Text {
            drop(std::io::stderr().write_all(format!("tare: {level}: {}\n", one_line(message)).as_bytes()));
        } else {
            self.write(level, message, None);
        }
    }

    /// A full disk under the log must not change what the command does: the error is on stderr as well.
    fn write(&self, level: &str, message: &str, report: Option<&Report>) {
        let line = || record(self.format, level, message, report);
        match &self.to {
            Destination::File(file) => drop((&*file).write_all(line().as_bytes())),
            Destination::Stderr => drop(std::io::stderr().write_all(line().as_bytes())),
            Destination::Daemon(daemon) => daemon.send(level, &one_line(message), report),
        }
    }
}

fn open_destination(destination: &str) -> Result<Destination> {
    for (scheme, protocol) in [("journald:", Protocol::Journal), ("syslog:", Protocol::Syslog)] {
        if let Some(id) = destination.strip_prefix(scheme) {
            return Daemon::at(protocol.socket(), protocol, id).map(Destination::Daemon);
        }
    }
    let path = destination.strip_prefix("file:").unwrap_or(destination);
    let opened = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)
        .map_err(|e| SysError::io("open", path, &e))
        .context("open the log")?;
    Ok(Destination::File(opened))
}

/// One record as a line, its newline included. `report` gives the error's fields.
pub fn record(format: LogFormat, level: &str, message: &str, report: Option<&Report>) -> String {
    let time = rfc3339(SystemTime::now(), Fraction::Micros);
    let message = one_line(message);
    if format == LogFormat::Text {
        return format!("time={} level={level} msg={}\n", quoted(&time), quoted(&message));
    }
    let mut line =
        format!("{{\"level\":{},\"msg\":{},\"time\":{}", quoted(level), quoted(&message), quoted(&time));
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(",\"{name}\":{value}"));
        }
    };
    if let Some(report) = report {
        field("code", Some(quoted(report.code)));
        field("step", report.step.as_deref().map(quoted));
        field("object", report.object.as_deref().map(quoted));
        field("errno", report.errno.map(|errno| errno.to_string()));
        field("pointer", report.pointer.as_deref().map(quoted));
    }
    line.push_str("}\n");
    line
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How much of a second is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fraction {
    /// Six digits.
    Micros,
    /// Nine digits.
    Nanos,
}

/// A time as RFC 3339 in UTC: `2026-11-23T09:37:10.123456Z`. Times before 1970 are shown as 1970.
pub fn rfc3339(time: SystemTime, fraction: Fraction) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    match fraction {
        Fraction::Micros => format!("{year:04}-{month:02}-{day:02}T{clock}.{:06}Z", since.subsec_micros()),
        Fraction::Nanos => format!("{year:04}-{month:02}-{day:02}T{clock}.{:09}Z", since.subsec_nanos()),
    }
}

/// Days since 1970-01-01 to year, month and day: whole 400-year cycles of 146,097 days, counted from 1 March, so
/// that the leap day is the last day of the year and every five months from March have 153 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, in_cycle) = (days / 146_097, days % 146_097);
    let year = (in_cycle - in_cycle / 1460 + in_cycle / 36_524 - in_cycle / 146_096) / 365;
    let in_year = in_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day)
}
