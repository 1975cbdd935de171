//! sd_notify(3) for a container: what it says at its own socket is passed on to the caller's service manager, as far as it
//! is harmless.
//!
//! Called by `cmd::run` and `cmd::start`; `foreground` relays for as long as it stays. The service manager believes us,
//! its main process: so nothing passes that names a process (MAINPID), hands over descriptors (FDSTORE, BARRIER) or
//! changes how it treats its unit (NOTIFYACCESS, WATCHDOG_USEC, EXTEND_TIMEOUT_USEC). Whatever is not named in
//! [`passed`] is dropped.

use crate::sys::datagram::{Inbox, Target};
use crate::sys::{fd, spawn};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd};

/// What a service manager takes at most of one message (systemd: PIPE_BUF).
const MESSAGE_BYTES: usize = 4096;
/// How much of a status passes.
const STATUS_CHARS_MAX: usize = 256;
/// How many messages are passed on before other things get their turn.
const MESSAGES_AT_ONCE: usize = 32;
/// How long the service manager may take to note who we are, before we end: as sd_notify_barrier(3) is used.
const BARRIER_MS: u16 = 30_000;

/// The container's socket, and the service manager's.
#[derive(Debug)]
pub struct Proxy {
    inbox: Inbox,
    manager: Target,
}

impl Proxy {
    /// Between a container's socket and that of the service manager.
    pub fn new(inbox: Inbox, manager: Target) -> Proxy {
        Proxy { inbox, manager }
    }

    /// To wait for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.inbox.as_fd()
    }

    /// Passes on what has come. A service manager that is gone, or is restarted at this moment, must not end a container.
    pub fn pass_on(&self) {
        for _ in 0..MESSAGES_AT_ONCE {
            let Ok(Some(text)) = self.take() else { return };
            if !text.is_empty() && self.manager.send(text.as_bytes(), None).is_err() {
                return;
            }
        }
    }

    /// Before we end and leave the container alone: waits until it is ready, tells so, and who it is. If its process
    /// behind `pidfd` ends first, there is nothing to tell.
    pub fn until_ready(&self, pidfd: BorrowedFd<'_>, pid: i32) -> Result<()> {
        loop {
            let ready = fd::poll_readable(&[self.fd(), pidfd], None)?;
            // So many at once: somebody who never stops telling must not hide the end.
            for _ in 0..MESSAGES_AT_ONCE {
                let Some(text) = self.take()? else { break };
                if text.lines().any(|line| line == READY) {
                    let told = format!("MAINPID={pid}\n{text}");
                    self.manager
                        .send(told.as_bytes(), None)
                        .context("tell NOTIFY_SOCKET that it is ready")?;
                    return self.barrier();
                }
                if !text.is_empty() {
                    self.manager.send(text.as_bytes(), None).context("pass on to NOTIFY_SOCKET")?;
                }
            }
            if ready.get(1) == Some(&true) {
                return Ok(());
            }
        }
    }

    /// The service manager closes its end once it has worked off what we said: until then it must be able to see whose
    /// word it was.
    fn barrier(&self) -> Result<()> {
        let (ours, theirs) = spawn::output_pipe()?;
        self.manager.send(b"BARRIER=1", Some(theirs.as_fd())).context("wait for NOTIFY_SOCKET")?;
        drop(theirs);
        fd::poll_readable(&[ours.as_fd()], Some(BARRIER_MS))?;
        Ok(())
    }

    /// The next message, without what must not pass; None: there is none now.
    fn take(&self) -> Result<Option<String>> {
        let mut message = [0u8; MESSAGE_BYTES];
        let Some(n) = self.inbox.take(&mut message)? else { return Ok(None) };
        // Cut off, it could say something else.
        Ok(Some(message.get(..n).map(passed).unwrap_or_default()))
    }
}

const READY: &str = "READY=1";

/// The lines of a message that may pass: that it is ready, reloads, stops and lives, and what it says of itself.
pub fn passed(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let lines = text.split('\n').filter_map(|line| match line.split_once('=')? {
        ("READY" | "RELOADING" | "STOPPING" | "WATCHDOG", "1") => Some(line.to_string()),
        ("MONOTONIC_USEC", time) if is_number(time) => Some(line.to_string()),
        ("STATUS", status) => {
            let shown = status.chars().filter(|c| !c.is_control()).take(STATUS_CHARS_MAX);
            Some(format!("STATUS={}", shown.collect::<String>()))
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
