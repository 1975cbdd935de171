//! Runs one hook of the configuration (config.md, "POSIX-platform Hooks"): the state on its standard input, its
//! environment, its timeout.
//!
//! Called by `cmd` (poststop, poststart), `launch` (prestart, createRuntime) and, after the clone, by `child`
//! (createContainer); so it allocates, but starts no thread and logs nothing. startContainer hooks are run by the
//! last stage. The hook gets descriptors 0 to 2 only. Its output is kept for the message of a failure, or goes to the
//! files that the annotations name.

use crate::plan::hooks::{Hook, Output};
use crate::sys::dir::Dir;
use crate::sys::process::{Ended, reap, reap_if_ended};
use crate::sys::spawn::{self, Available};
use crate::sys::{SysError, fd, pidfd};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::fmt;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The version of the runtime specification that is carried out.
pub const OCI_VERSION: &str = "1.3.0";

/// How much of the end of a hook's output is kept for a message.
const OUTPUT_BYTES: usize = 4096;
/// How long a killed hook may take to end.
const KILLED_MS: u16 = 10_000;

/// One run of one hook.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The hook.
    pub hook: &'a Hook,
    /// The property it stands in, for example `createRuntime`.
    pub moment: &'static str,
    /// Its position there.
    pub index: usize,
    /// The state, see [`state_json`].
    pub state: &'a str,
    /// Where it runs.
    pub place: Place,
    /// The folder it starts in; None: the current one.
    pub dir: Option<&'a Path>,
    /// Where it writes.
    pub files: &'a Files,
}

/// The files that take the output of hooks, open for appending. A stream without one is kept for the message of a
/// failure.
#[derive(Debug, Default)]
pub struct Files {
    /// For standard output.
    pub stdout: Option<OwnedFd>,
    /// For standard error.
    pub stderr: Option<OwnedFd>,
}

impl Files {
    /// Opens them, making those that are missing.
    pub fn open(wanted: &Output) -> Result<Files, SysError> {
        let open = |path: &Option<PathBuf>| path.as_deref().map(append_to).transpose();
        Ok(Files { stdout: open(&wanted.stdout)?, stderr: open(&wanted.stderr)? })
    }
}

fn append_to(path: &Path) -> Result<OwnedFd, SysError> {
    let no_file = || SysError::new("open", path.display().to_string(), crate::sys::error::errno::EISDIR);
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?;
    Dir::open(path.parent().ok_or_else(no_file)?)?.append_to(name)
}

/// Where a hook runs. Decides what a hook without `env` gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the runtime's namespaces: without `env` it has the environment of the runtime, as under runc and crun.
    Runtime,
    /// In the container's namespaces: without `env` it has none. Nothing of the host leaks in, nothing of the image
    /// (LD_PRELOAD) reaches a program of the host (CVE-2025-23266).
    Container,
}

/// Waits for descriptors, and for more: see [`Beside`].
pub type Wait<'a> = dyn Fn(&[BorrowedFd<'_>], Option<Instant>) -> Result<Vec<bool>, SysError> + 'a;

/// What else has to be looked after while a hook runs, by a caller that stays in the foreground: signals, and once the
/// container runs, its terminal and what it tells the service manager.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// Waits, at most until the moment that is given, until one of the descriptors has something to read, or something
    /// happens that the caller looks after, and does that. Tells which have.
    pub wait: &'a Wait<'a>,
    /// Looks, without waiting. A signal's number: the hook has to end because of it.
    pub look: &'a dyn Fn() -> Result<Option<i32>, SysError>,
}

/// A hook that did not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The property it stands in.
    pub moment: &'static str,
    /// Its position there.
    pub index: usize,
    /// Its program.
    pub path: String,
    /// What happened.
    pub reason: Reason,
    /// The end of its output.
    pub output: String,
}

impl Failed {
    /// The errno, if it could not be started or watched.
    pub fn errno(&self) -> Option<i32> {
        match &self.reason {
            Reason::System(error) => Some(error.errno),
            Reason::Ended(..) | Reason::Timeout(_) | Reason::Interrupted(_) => None,
        }
    }
}

/// How a hook failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It could not be started, or not be watched.
    System(SysError),
    /// It ended with another status than 0, after so long.
    Ended(Ended, Duration),
    /// It was killed at the end of its timeout of so many seconds.
    Timeout(u32),
    /// It was killed because of a signal to us.
    Interrupted(i32),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hook #{} {}: ", self.moment, self.index, self.path)?;
        match &self.reason {
            Reason::System(error) => write!(f, "{error}")?,
            Reason::Ended(Ended::Exited(status), after) => {
                write!(f, "exit status {status} after {}", seconds(*after))?
            }
            Reason::Ended(Ended::Signalled(signal), after) => {
                write!(f, "ended by signal {signal} after {}", seconds(*after))?;
            }
            Reason::Timeout(limit_s) => write!(f, "ran past its timeout of {limit_s} s and was killed")?,
            Reason::Interrupted(signal) => write!(f, "killed because of signal {signal} to tare")?,
        }
        let output = self.output.trim();
        if output.is_empty() { Ok(()) } else { write!(f, ", output: {}", output.replace('\n', " | ")) }
    }
}

impl std::error::Error for Failed {}

fn seconds(time: Duration) -> String {
    format!("{}.{:03} s", time.as_secs(), time.subsec_millis())
}

impl Run<'_> {
    /// Runs the hook to its end.
    pub fn run(&self) -> Result<(), Failed> {
        self.run_beside(None)
    }

    /// Runs the hook to its end, and looks after something else meanwhile.
    pub fn run_beside(&self, beside: Option<Beside<'_>>) -> Result<(), Failed> {
        let mut output = Tail::default();
        self.run_into(&mut output, beside).map_err(|reason| Failed {
            moment: self.moment,
            index: self.index,
            path: self.hook.path.clone(),
            reason,
            output: output.text(),
        })
    }

    fn run_into(&self, output: &mut Tail, beside: Option<Beside<'_>>) -> Result<(), Reason> {
        let begin = Instant::now();
        let (child, read) = self.spawn()?;
        let limit = self.hook.timeout_s.map(|seconds| begin + Duration::from_secs(seconds.into()));
        let watched = watch(child.pidfd.as_fd(), read.as_fd(), output, limit, beside);
        if watched != Ok(Watched::Ended) {
            end(&child);
            // What it has said last.
            let _ = output.fill(read.as_fd());
        }
        match watched? {
            Watched::Late => Err(Reason::Timeout(self.hook.timeout_s.unwrap_or_default())),
            Watched::Interrupted(signal) => Err(Reason::Interrupted(signal)),
            Watched::Ended => match reap(child.pidfd.as_fd())? {
                Ended::Exited(0) => Ok(()),
                ended => Err(Reason::Ended(ended, begin.elapsed())),
            },
        }
    }

    /// The running hook, and the end to read its output from.
    fn spawn(&self) -> Result<(spawn::Spawned, OwnedFd), SysError> {
        let stdin = self.state_file()?;
        let (read, write) = spawn::output_pipe()?;
        let path = self.c_string(self.hook.path.as_bytes())?;
        let dir = self.dir.map(|dir| self.c_string(dir.as_os_str().as_bytes())).transpose()?;
        let args = match self.hook.args.as_slice() {
            [] => vec![path.clone()],
            args => args.iter().map(|arg| self.c_string(arg.as_bytes())).collect::<Result<_, _>>()?,
        };
        let program = spawn::Program {
            path: &path,
            args: &args,
            env: &self.environment()?,
            dir: dir.as_deref(),
            stdin: stdin.as_fd(),
            stdout: self.files.stdout.as_ref().unwrap_or(&write).as_fd(),
            stderr: self.files.stderr.as_ref().unwrap_or(&write).as_fd(),
        };
        Ok((spawn::spawn(&program)?, read))
    }

    /// The state as a file: a hook that does not read it, or not all of it, stops nobody.
    fn state_file(&self) -> Result<OwnedFd, SysError> {
        let memory = fd::memfd(c"state", fd::Executable::No)?;
        let mut file = std::fs::File::from(memory);
        let written = file.write_all(self.state.as_bytes()).and_then(|()| file.rewind());
        written.map_err(|e| SysError::io("write", "the state for a hook", &e))?;
        Ok(file.into())
    }

    fn environment(&self) -> Result<Vec<CString>, SysError> {
        match (&self.hook.env, self.place) {
            (Some(env), _) => env.iter().map(|entry| self.c_string(entry.as_bytes())).collect(),
            (None, Place::Container) if !broken!("cve_2025_23266") => Ok(Vec::new()),
            (None, _) => std::env::vars_os()
                .map(|(mut entry, value)| {
                    entry.push("=");
                    entry.push(value);
                    self.c_string(&entry.into_vec())
                })
                .collect(),
        }
    }

    fn c_string(&self, bytes: &[u8]) -> Result<CString, SysError> {
        let object = || format!("{} (an argument has a NUL byte)", self.hook.path);
        CString::new(bytes).map_err(|_| SysError::new("execve", object(), crate::sys::error::errno::EINVAL))
    }
}

impl From<SysError> for Reason {
    fn from(error: SysError) -> Reason {
        Reason::System(error)
    }
}

/// Why a hook is not watched any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    /// It has ended.
    Ended,
    /// Its time is up.
    Late,
    /// It has to end because of this signal.
    Interrupted(i32),
}

/// Collects output until the process has ended, or has to. What it left behind may hold the output open for ever, so
/// the end of the process counts, not the end of the output.
fn watch(
    process: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    kept: &mut Tail,
    limit: Option<Instant>,
    beside: Option<Beside<'_>>,
) -> Result<Watched, SysError> {
    let mut open = true;
    loop {
        if limit.is_some_and(|limit| limit <= Instant::now()) {
            let ended = pidfd::wait_end(process, 0)?;
            return Ok(if ended { Watched::Ended } else { Watched::Late });
        }
        let watched: Vec<_> = [process].into_iter().chain(open.then_some(output)).collect();
        let ready = match beside {
            Some(beside) => (beside.wait)(&watched, limit)?,
            None => wait(&watched, limit)?,
        };
        open = open && kept.fill(output)?;
        if ready.first() == Some(&true) {
            return Ok(Watched::Ended);
        }
        if let Some(beside) = beside
            && let Some(signal) = (beside.look)()?
        {
            return Ok(Watched::Interrupted(signal));
        }
    }
}

fn wait(fds: &[BorrowedFd<'_>], end: Option<Instant>) -> Result<Vec<bool>, SysError> {
    let polled: Vec<_> = fds.iter().map(|fd| Some((*fd, fd::Wanted::Read))).collect();
    fd::poll_some_until(&polled, end)
}

/// Kills a hook and all that it has started, and reaps it. One that does not end even so, for it waits in the kernel or
/// is frozen, must not keep us: it is left to whoever reaps after us.
fn end(child: &spawn::Spawned) {
    // The whole group: a shell that is killed leaves its sleep behind.
    let _ = spawn::kill_group(child.pid);
    let _ = pidfd::wait_end(child.pidfd.as_fd(), KILLED_MS);
    let _ = reap_if_ended(child.pidfd.as_fd());
}

/// The last bytes of an output.
#[derive(Debug, Default)]
struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    /// Takes what is there; `Ok(false)`: the output has ended.
    fn fill(&mut self, output: BorrowedFd<'_>) -> Result<bool, SysError> {
        let mut chunk = [0u8; 4096];
        // A hook that never stops writing must not keep us from looking at the clock.
        for _ in 0..64 {
            match spawn::read_available(output, &mut chunk)? {
                Available::Bytes(n) => self.bytes.extend(chunk.iter().take(n)),
                Available::Nothing => return Ok(true),
                Available::End => return Ok(false),
            }
            let surplus = self.bytes.len().saturating_sub(OUTPUT_BYTES);
            self.bytes.drain(..surplus);
        }
        Ok(true)
    }

    fn text(&self) -> String {
        let (a, b) = self.bytes.as_slices();
        String::from_utf8_lossy(&[a, b].concat()).into_owned()
    }
}

/// The state that hooks get (runtime.md, "State"), on one line. `pid` 0: there is no process, and none is shown.
pub fn state_json(
    id: &str,
    status: &str,
    pid: i32,
    bundle: &Path,
    annotations: &BTreeMap<String, String>,
) -> String {
    let mut state = serde_json::json!({
        "ociVersion": OCI_VERSION,
        "id": id,
        "status": status,
        "bundle": bundle.to_string_lossy(),
    });
    if pid != 0 {
        state["pid"] = pid.into();
    }
    if !annotations.is_empty() {
        state["annotations"] = serde_json::json!(annotations);
    }
    state.to_string()
}
