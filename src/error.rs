//! From an error's chain to what the user and the engine get: one line, and the fields of a log record.
//!
//! Called by `cmd` once, at the end of a command. The line is
//! `tare: OPERATION ID: doing what on which object: reason (config.json#/POINTER); what to do`.
//! The kinds of errors and their stable codes are listed in [`codes`] and in docs/errors.md; a test compares the two.

use crate::bundle::{Invalid, code as config};
use crate::cgroup::fs::{Refusal, code as cgroup};
use crate::cli::Usage;
use crate::hook;
use crate::launch;
use crate::state::Refused;
use crate::sys::SysError;
use crate::sys::error::errno::*;

/// Exit code of a command that could not do what it was asked: ours, never the container's. For `exec` it is 255, as
/// runc's: the program's own codes are mostly small.
pub fn exit_code(operation: &str) -> u8 {
    if operation == "exec" { 255 } else { 1 }
}

/// A kind of error with no type of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// The stable word for it, one of [`codes`].
    pub code: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: Option<&'static str>,
}

impl std::fmt::Display for Coded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Coded {}

/// An error with a code, ready for `?`.
pub fn coded(code: &'static str, problem: impl Into<String>, advice: Option<&'static str>) -> anyhow::Error {
    Coded { code, problem: problem.into(), advice }.into()
}

/// An error, ready to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The stable word for this kind of error.
    pub code: &'static str,
    /// The line, without the program's name.
    pub message: String,
    /// Which step of a birth, or which system call, did not succeed.
    pub step: Option<String>,
    /// What it was done to.
    pub object: Option<String>,
    /// What the kernel said.
    pub errno: Option<i32>,
    /// Where in config.json the cause is (RFC 6901).
    pub pointer: Option<String>,
}

impl Report {
    /// A mistake in tare itself.
    pub fn bug(what: &str) -> Report {
        let message = one_line(&format!("{what}; this is a mistake in tare, please report it"));
        Report { code: BUG, message, step: None, object: None, errno: None, pointer: None }
    }
}

/// The codes of errors that have no type of their own, with their meaning.
const OWN_CODES: &[(&str, &str)] = &[
    (USAGE, "the command line cannot be understood"),
    (SYSTEM_CALL, "the kernel refused something outside a birth; step names the call, errno the reason"),
    (OTHER, "any other error; the message says it all"),
    (BUG, "tare itself is wrong: please report the message"),
    (SIGNAL, "the signal's name or number is not known"),
    (PATTERN, "the regular expression cannot be understood"),
    (OUTPUT_EXISTS, "spec does not replace a file"),
    (BUSY, "another command works on the container"),
    (UNKILLABLE, "a process did not end within ten seconds after SIGKILL"),
    (PS, "ps(1) failed, did not end in time, or printed something else than a list of processes"),
    (HOOK, "a hook of the configuration failed, or took longer than its timeout"),
];

/// The command line cannot be understood.
pub const USAGE: &str = "usage";
/// A system call did not succeed.
pub const SYSTEM_CALL: &str = "system-call";
/// None of the other kinds.
pub const OTHER: &str = "other";
/// A mistake in tare.
pub const BUG: &str = "bug";
/// An unknown signal.
pub const SIGNAL: &str = "bad-signal";
/// A bad regular expression.
pub const PATTERN: &str = "bad-pattern";
/// A file that would have to be overwritten.
pub const OUTPUT_EXISTS: &str = "output-exists";
/// Somebody else works on the container.
pub const BUSY: &str = "busy";
/// A process that does not die.
pub const UNKILLABLE: &str = "unkillable";
/// ps(1).
pub const PS: &str = "ps";
/// A hook.
pub const HOOK: &str = "hook";

/// The codes of [`Invalid`], with their meaning.
const CONFIG_CODES: &[(&str, &str)] = &[
    (config::MISSING, "config.json does not exist"),
    (config::UNREADABLE, "config.json cannot be read"),
    (config::SYNTAX, "config.json is not JSON, not UTF-8, or nested too deeply"),
    (config::TYPE, "a value has the wrong JSON type, or a key stands twice"),
    (config::REQUIRED, "a required property is missing"),
    (config::VALUE, "a value that the specification or the kernel does not know"),
    (config::CONFLICT, "two values exclude each other, or one needs another"),
    (config::UNSUPPORTED, "a valid value that this host or tare cannot do"),
];

/// The codes of [`Refusal`], with their meaning.
const CGROUP_CODES: &[(&str, &str)] = &[
    (cgroup::NO_CONTROLLER, "a limit needs a cgroup controller that this host lacks"),
    (cgroup::NO_CONVERSION, "this host's version of cgroups has no such limit"),
    (cgroup::LIMIT, "the kernel refused a limit"),
    (cgroup::PLACE, "the cgroup's place cannot be used: a bad path, not ours, not empty, or frozen"),
    (cgroup::MANAGER, "the cgroup manager cannot be used"),
    (cgroup::SYSTEMD, "systemd cannot be asked for a unit, or refuses"),
    (cgroup::BUSY, "processes in the cgroup do not freeze, end, or leave"),
    (cgroup::RDT, "Intel RDT is not there, or its group cannot be had"),
];

/// Every code that a log record can hold, with its meaning.
pub fn codes() -> impl Iterator<Item = (&'static str, &'static str)> {
    OWN_CODES
        .iter()
        .chain(CONFIG_CODES)
        .chain(CGROUP_CODES)
        .chain(crate::state::CODES)
        .chain(launch::CODES)
        .chain([&launch::foreground::Interrupted::CODE])
        .chain(crate::criu::CODES)
        .copied()
}

/// What to do about what the kernel said: by call (empty: any), by errno.
const HINTS: &[(&str, i32, &str)] = &[
    ("pidfd_open", ENOSYS, "Linux 5.3 or newer is needed"),
    ("connect", EAGAIN, "whoever listens there takes no connections"),
    ("connect", ECONNREFUSED, "nobody listens there any more"),
    ("mkdir", EACCES, "use --root with a folder of your own, or set XDG_RUNTIME_DIR"),
    ("mkdir", EROFS, "use --root with a folder that can be written"),
    ("", ENOSPC, "make room on that file system"),
    ("", EMFILE, "raise the limit of open files (ulimit -n)"),
    ("", ENOMEM, "free memory, or raise the memory limit of the caller's cgroup"),
];

/// Turns the error of a command into its report. `operation` is the command's name, empty before one is known.
pub fn report(operation: &str, id: Option<&str>, error: &anyhow::Error) -> Report {
    let mut report =
        Report { code: OTHER, message: String::new(), step: None, object: None, errno: None, pointer: None };
    let advice = classify(error, &mut report);
    let subject = [Some(operation), id].into_iter().flatten().filter(|word| !word.is_empty());
    let subject = subject.collect::<Vec<_>>().join(" ");
    let mut message = if subject.is_empty() { String::new() } else { format!("{subject}: ") };
    message.push_str(&format!("{error:#}"));
    if let Some(advice) = advice {
        message.push_str("; ");
        message.push_str(&advice);
    }
    report.message = one_line(&message);
    report
}

/// Fills in the fields from the innermost error that has a type, and returns what to do.
fn classify(error: &anyhow::Error, report: &mut Report) -> Option<String> {
    if let Some(usage) = error.downcast_ref::<Usage>() {
        report.code = USAGE;
        return Some(usage.advice.clone());
    }
    if let Some(invalid) = error.downcast_ref::<Invalid>() {
        report.code = invalid.code;
        report.pointer = Some(invalid.pointer.clone()).filter(|pointer| !pointer.is_empty());
        // Its advice is part of its own text.
        return None;
    }
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        report.code = refusal.code;
        report.step = Some("cgroup".to_string());
        report.object = Some(refusal.object.clone());
        report.errno = Some(refusal.errno).filter(|errno| *errno != 0);
        report.pointer = Some(refusal.pointer.clone()).filter(|pointer| !pointer.is_empty());
        return None;
    }
    if let Some(failed) = error.downcast_ref::<hook::Failed>() {
        report.code = HOOK;
        report.step = Some(failed.moment.to_string());
        report.object = Some(failed.path.clone());
        report.errno = failed.errno();
        report.pointer = Some(format!("/hooks/{}/{}", failed.moment, failed.index));
        return None;
    }
    if let Some(failed) = error.downcast_ref::<launch::Failed>() {
        report.code = failed.code;
        report.step = Some(failed.step.clone());
        report.object = Some(failed.object.clone()).filter(|object| !object.is_empty());
        report.errno = failed.errno.filter(|errno| *errno != 0);
        report.pointer = Some(failed.pointer.clone()).filter(|pointer| !pointer.is_empty());
        return Some(failed.advice.clone()).filter(|advice| !advice.is_empty());
    }
    if error.downcast_ref::<launch::foreground::Interrupted>().is_some() {
        report.code = launch::foreground::Interrupted::CODE.0;
        return None;
    }
    if let Some(refused) = error.downcast_ref::<Refused>() {
        report.code = refused.code();
        return refused.advice().map(str::to_string);
    }
    if let Some(failed) = error.downcast_ref::<crate::criu::Failed>() {
        report.code = failed.code;
        return failed.advice.map(str::to_string);
    }
    if let Some(coded) = error.downcast_ref::<Coded>() {
        report.code = coded.code;
        return coded.advice.map(str::to_string);
    }
    let failed = error.chain().find_map(|cause| cause.downcast_ref::<SysError>())?;
    report.code = SYSTEM_CALL;
    report.step = Some(failed.call.to_string());
    report.object = Some(failed.object.clone());
    report.errno = Some(failed.errno);
    hint(failed.call, failed.errno).map(str::to_string)
}

/// The hint for an errno of a call, if there is one.
pub fn hint(call: &str, errno: i32) -> Option<&'static str> {
    let found = HINTS.iter().find(|(of, number, _)| *number == errno && (of.is_empty() || *of == call));
    found.map(|(_, _, hint)| *hint)
}

/// A message longer than this says nothing more to anybody: a name in it is somebody's attack or mistake.
const MESSAGE_CHARS_MAX: usize = 4000;

/// The text with everything that would end the line, or play tricks on a terminal, made visible; cut in the middle
/// if it is too long, for its end holds the reason.
pub fn one_line(text: &str) -> String {
    let chars = text.chars().count();
    if chars > MESSAGE_CHARS_MAX {
        let half = MESSAGE_CHARS_MAX / 2 - 1;
        let cut = text
            .chars()
            .take(half)
            .chain("[...]".chars())
            .chain(text.chars().skip(chars - half))
            .collect::<String>();
        return cut.chars().flat_map(visible).collect();
    }
    if !text.chars().any(char::is_control) {
        return text.to_string();
    }
    text.trim_end().chars().flat_map(visible).collect()
}

fn visible(c: char) -> Box<dyn Iterator<Item = char>> {
    if c == '\n' || c == '\t' {
        Box::new(std::iter::once(' '))
    } else if c.is_control() {
        Box::new(c.escape_default())
    } else {
        Box::new(std::iter::once(c))
    }
}
