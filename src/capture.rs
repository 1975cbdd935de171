//! Runs a program of the host beside us and keeps what it prints, within bounds of time and size.
//!
//! Called by `cmd::ps` and by `launch::maps`. The program gets no input, and none of our own output: whoever waits for the end of ours must not
//! wait for a program that hangs. It does not outlive us, but for one that not even SIGKILL ends.

use crate::sys::process::{Ended, reap};
use crate::sys::spawn::{self, Available};
use crate::sys::{SysError, error::errno, fd, pidfd};
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a killed program may take to end.
const KILLED_MS: u16 = 1000;
/// How much of its errors is kept.
const ERRORS_BYTES: usize = 4096;

/// A program to run, in our environment.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its arguments, its own name not counted.
    pub args: &'a [String],
    /// How long it may take.
    pub limit: Duration,
    /// How much it may print.
    pub limit_bytes: usize,
    /// Somebody who may ask us to end meanwhile.
    pub interrupt: Option<Interrupt<'a>>,
}

/// A wish that we end.
#[derive(Clone, Copy)]
pub struct Interrupt<'a> {
    /// Has something to read when there may be one.
    pub fd: BorrowedFd<'a>,
    /// Looks, without waiting, for the signal that asks.
    pub look: &'a dyn Fn() -> Result<Option<i32>, SysError>,
}

impl std::fmt::Debug for Interrupt<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Interrupt").field(&self.fd).finish()
    }
}

/// How that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Captured {
    /// It ended by itself.
    Ended {
        /// How.
        ended: Ended,
        /// Its standard output.
        output: String,
        /// Its standard error, the first part of it.
        errors: String,
    },
    /// It was killed when its time was up.
    TooLong,
    /// It was killed for printing more than it may.
    TooMuch,
    /// It was killed as we were asked to end, by this signal.
    Interrupted(i32),
}

/// Looks for a program through $PATH. Relative folders are left out: we do not know whose folder we stand in.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(program)).find(is_program)
}

/// Runs it to its end, or to the end of its time.
///
/// # Errors
/// It cannot be executed, or not be watched.
pub fn capture(command: &Invocation<'_>) -> Result<Captured, SysError> {
    let end = Instant::now() + command.limit;
    let (out, out_write) = spawn::output_pipe()?;
    let (err, err_write) = spawn::output_pipe()?;
    let child = start(command, &out_write, &err_write)?;
    drop((out_write, err_write));
    let mut output = Stream { fd: out, kept: Vec::new(), open: true };
    let mut errors = Stream { fd: err, kept: Vec::new(), open: true };
    let stopped = loop {
        let process = Some((child.pidfd.as_fd(), fd::Wanted::Read));
        let wish = command.interrupt.map(|interrupt| (interrupt.fd, fd::Wanted::Read));
        let ready = fd::poll_some_until(&[process, output.wanted(), errors.wanted(), wish], Some(end))?;
        let has_ended = ready.first().copied().unwrap_or(false);
        let may_be_asked = !has_ended && ready.get(3).copied().unwrap_or(false);
        if let Some(interrupt) = command.interrupt.filter(|_| may_be_asked)
            && let Some(signal) = (interrupt.look)()?
        {
            break Some(Captured::Interrupted(signal));
        }
        output.fill(command.limit_bytes.saturating_add(1))?;
        // More than is kept is read all the same, and thrown away: a full pipe would stop the program.
        errors.fill(usize::MAX)?;
        errors.kept.truncate(ERRORS_BYTES);
        if output.kept.len() > command.limit_bytes {
            break Some(Captured::TooMuch);
        }
        if has_ended {
            break None;
        }
        if Instant::now() >= end {
            break Some(Captured::TooLong);
        }
    };
    if stopped.is_some() {
        spawn::kill_group(child.pid)?;
    }
    // One that is stuck in the kernel is left to whoever reaps orphans: it holds nothing of ours.
    if !pidfd::wait_end(child.pidfd.as_fd(), KILLED_MS)? {
        return Ok(Captured::TooLong);
    }
    let ended = reap(child.pidfd.as_fd())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (output, errors) = (text(&output.kept), text(&errors.kept));
    Ok(stopped.unwrap_or(Captured::Ended { ended, output, errors }))
}

fn start(command: &Invocation<'_>, out: &OwnedFd, err: &OwnedFd) -> Result<spawn::Spawned, SysError> {
    let nowhere =
        std::fs::File::open("/dev/null").map_err(|error| SysError::io("open", "/dev/null", &error))?;
    let object = command.path.display().to_string();
    let c_string = |text: OsString| {
        CString::new(text.into_vec()).map_err(|_| SysError::new("execve", object.as_str(), errno::EINVAL))
    };
    let path = c_string(command.path.into())?;
    let name = command.path.file_name().unwrap_or_default().to_owned();
    let args = std::iter::once(name).chain(command.args.iter().map(OsString::from));
    let env = std::env::vars_os().map(|(mut entry, value)| {
        entry.push("=");
        entry.push(value);
        entry
    });
    let program = spawn::Program {
        path: &path,
        args: &args.map(c_string).collect::<Result<Vec<_>, _>>()?,
        env: &env.map(c_string).collect::<Result<Vec<_>, _>>()?,
        dir: None,
        stdin: nowhere.as_fd(),
        stdout: out.as_fd(),
        stderr: err.as_fd(),
    };
    spawn::spawn_at(
        &program,
        &spawn::Place { if_we_die: spawn::IfWeDie::IsKilled, ..spawn::Place::default() },
    )
}

/// One of its two outputs.
struct Stream {
    fd: OwnedFd,
    kept: Vec<u8>,
    open: bool,
}

impl Stream {
    fn wanted(&self) -> Option<(BorrowedFd<'_>, fd::Wanted)> {
        self.open.then_some((self.fd.as_fd(), fd::Wanted::Read))
    }

    /// Takes what is there, until so much is kept.
    fn fill(&mut self, limit_bytes: usize) -> Result<(), SysError> {
        let mut chunk = [0u8; 8192];
        // Bounded: a program that never stops writing must not keep us from looking at the clock.
        for _ in 0..64 {
            if !self.open || self.kept.len() >= limit_bytes {
                return Ok(());
            }
            match spawn::read_available(self.fd.as_fd(), &mut chunk)? {
                Available::Bytes(n) => self.kept.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Available::Nothing => return Ok(()),
                Available::End => self.open = false,
            }
        }
        Ok(())
    }
}
