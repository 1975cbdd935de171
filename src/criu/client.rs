//! One CRIU, started for one request: `criu swrk FD`, and what is said over that descriptor (<https://criu.org/RPC>).
//!
//! Called by `cmd` through this folder's other files. CRIU gets /dev/null as its standard streams, PATH as its whole
//! environment, and no descriptor but its end of the socket and those that a restore passes on. The answers are CRIU's
//! own, and trusted; but a CRIU that dies is noticed, whoever else holds its end of the socket.

use super::messages::{Features, Kind, Notify, Options, Request, Response, Version};
use super::{Failed, log};
use crate::sys::spawn::{self, Place, Program, Spawned};
use crate::sys::{SysError, fd, pidfd, process, signal_name, socket::Seqpacket};
use anyhow::{Context, Result};
use prost::Message;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Larger than any answer.
const MESSAGE_LIMIT_BYTES: usize = 1 << 20;
/// How long a question that touches no container may take, and CRIU's own end after its last word.
const SHORT_MS: u16 = 10_000;

/// Which CRIU.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Its program.
    pub path: PathBuf,
    /// $PATH, for it and for what it calls: ip, iptables, tar.
    pub search: String,
}

impl Binary {
    /// `given`, by path or by name; without it the program `criu`. A name is looked up in the folders of `search`.
    ///
    /// # Errors
    /// There is none.
    pub fn find(given: Option<&Path>, search: &str) -> Result<Binary> {
        let wanted = given.unwrap_or(Path::new("criu"));
        let path = match wanted.components().count() {
            1 if wanted.is_relative() => {
                search.split(':').map(|dir| Path::new(dir).join(wanted)).find(|path| path.is_file())
            }
            _ => Some(wanted.to_path_buf()).filter(|path| path.is_file()),
        };
        let missing = || {
            let problem =
                format!("CRIU is not installed: there is no program {} ({search})", wanted.display());
            Failed::new(super::MISSING, problem, Some("install the package criu, 3.15 or newer"))
        };
        Ok(Binary { path: path.ok_or_else(missing)?, search: search.to_string() })
    }

    /// Its version, as 40201 for 4.2.1. One that was built from a repository counts as the next minor version.
    pub fn version(&self) -> Result<i32> {
        let answer = self.ask(Request { kind: Kind::Version as i32, ..Request::default() })?;
        let version = answer.version.context("CRIU tells no version")?;
        Ok(number(&version))
    }

    /// Which of the features that depend on the kernel, too, are there.
    pub fn features(&self, asked: Features) -> Result<Features> {
        let kind = Kind::FeatureCheck as i32;
        let answer = self.ask(Request { kind, features: Some(asked), ..Request::default() })?;
        Ok(answer.features.unwrap_or_default())
    }

    fn ask(&self, request: Request) -> Result<Response> {
        let criu = Criu::start(self, &Place::default())?;
        criu.send(&request)?;
        criu.wait_for_word(Some(SHORT_MS))?;
        let (answer, _) = criu.receive()?.ok_or_else(|| criu.died())?;
        Ok(answer)
    }

    /// Starts it for a dump or a restore.
    pub fn start(&self, place: &Place<'_>) -> Result<Criu> {
        Criu::start(self, place)
    }
}

/// 40201 for 4.2.1.
pub fn number(version: &Version) -> i32 {
    let next = i32::from(version.gitid.as_ref().is_some_and(|id| !id.is_empty()));
    version.major * 10_000 + (version.minor + next) * 100 + version.sublevel.unwrap_or(0)
}

/// A running CRIU. Dropped, it is killed and reaped.
#[derive(Debug)]
pub struct Criu {
    socket: Seqpacket,
    process: Spawned,
    reaped: std::cell::Cell<bool>,
}

/// What is done when CRIU has come to a point of its work; the descriptor is that of a terminal's master, if any.
pub type OnNotify<'a> = dyn FnMut(&Notify, Option<OwnedFd>) -> Result<()> + 'a;

impl Criu {
    fn start(binary: &Binary, place: &Place<'_>) -> Result<Criu> {
        let (ours, theirs) = Seqpacket::pair()?;
        let null = fd::null_device()?;
        let path = CString::new(binary.path.as_os_str().as_bytes()).context("path of criu")?;
        let number = (3 + place.descriptors.len()).to_string();
        let args = [path.clone(), c"swrk".into(), CString::new(number)?];
        let env = [CString::new(format!("PATH={}", binary.search)).context("PATH")?];
        let descriptors: Vec<BorrowedFd<'_>> =
            place.descriptors.iter().copied().chain([theirs.as_fd()]).collect();
        let program = Program {
            path: &path,
            args: &args,
            env: &env,
            dir: Some(c"/"),
            stdin: null.as_fd(),
            stdout: null.as_fd(),
            stderr: null.as_fd(),
        };
        let place = Place { descriptors: &descriptors, ..*place };
        let process = spawn::spawn_at(&program, &place).context("start CRIU")?;
        Ok(Criu { socket: ours, process, reaped: false.into() })
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.process.pid
    }

    /// Has it work, and answers its notifications until it is done. `step` is what the log is called after.
    ///
    /// # Errors
    /// [`Failed`] with the errors of CRIU's log; or that of `on_notify`, which makes CRIU give up.
    pub fn work(
        self,
        kind: Kind,
        options: &Options,
        log: &log::Log,
        on_notify: &mut OnNotify<'_>,
    ) -> Result<Response> {
        log.remove_old()?;
        self.send(&Request { kind: kind as i32, opts: Some(options.clone()), ..Request::default() })?;
        let mut refused = None;
        loop {
            self.wait_for_word(None)?;
            let Some((answer, descriptor)) = self.receive()? else {
                return Err(refused.unwrap_or_else(|| log.failed("CRIU ended without a word").into()));
            };
            let is_notice = answer.kind == Kind::Notify as i32;
            let Some(notify) = answer.notify.as_ref().filter(|_| is_notice) else {
                self.finish()?;
                return match (answer.success, refused) {
                    (true, None) => Ok(answer),
                    (_, Some(error)) => Err(error),
                    (false, None) => Err(log.failed(&reason(&answer)).into()),
                };
            };
            let outcome = on_notify(notify, descriptor);
            let word = Request {
                kind: Kind::Notify as i32,
                notify_success: Some(outcome.is_ok()),
                ..Request::default()
            };
            refused = refused.or(outcome.err());
            self.send(&word)?;
        }
    }

    fn send(&self, request: &Request) -> Result<()> {
        self.socket.send(&request.encode_to_vec()).context("ask CRIU")
    }

    fn receive(&self) -> Result<Option<(Response, Option<OwnedFd>)>> {
        let Some((data, descriptor)) = self.socket.receive_message(MESSAGE_LIMIT_BYTES).context("CRIU")?
        else {
            return Ok(None);
        };
        Ok(Some((Response::decode(data.as_slice()).context("CRIU's answer")?, descriptor)))
    }

    /// Waits until there is something to receive, be it the end. A dump takes as long as the memory is large.
    fn wait_for_word(&self, limit_ms: Option<u16>) -> Result<()> {
        let ready = fd::poll_readable(&[self.socket.as_fd(), self.process.pidfd.as_fd()], limit_ms)?;
        match ready.as_slice() {
            [true, _] => Ok(()),
            [false, true] => Err(self.died()),
            _ => Err(SysError::new("poll", "CRIU", crate::sys::error::errno::ETIMEDOUT).into()),
        }
    }

    fn died(&self) -> anyhow::Error {
        let ended = process::reap(self.process.pidfd.as_fd());
        self.reaped.set(ended.is_ok());
        let how = match ended {
            Ok(process::Ended::Exited(status)) => format!("CRIU ended with {status} before it answered"),
            Ok(process::Ended::Signalled(signal)) => format!("CRIU was killed by signal {signal}"),
            Err(error) => format!("CRIU ended: {error}"),
        };
        Failed::new(super::FAILED, how, None).into()
    }

    /// Waits for the end that follows its last word.
    fn finish(&self) -> Result<()> {
        if pidfd::wait_end(self.process.pidfd.as_fd(), SHORT_MS)? {
            self.reaped.set(process::reap(self.process.pidfd.as_fd()).is_ok());
        }
        Ok(())
    }
}

impl Drop for Criu {
    fn drop(&mut self) {
        if !self.reaped.get() {
            // If it has ended already there is nothing to kill, but still something to reap.
            let _ = pidfd::send_signal(self.process.pidfd.as_fd(), signal_name::KILL, "CRIU");
            let _ = process::reap(self.process.pidfd.as_fd());
        }
    }
}

fn reason(answer: &Response) -> String {
    match (&answer.cr_errmsg, answer.cr_errno) {
        (Some(text), _) if !text.is_empty() => text.trim_end().to_string(),
        (_, Some(errno)) if errno > 0 => crate::sys::error::describe(errno),
        _ => "it gives no reason".to_string(),
    }
}
