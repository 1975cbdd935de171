//! Staying with a container until it ends: signals are passed on, its terminal is relayed, its exit code is ours.
//!
//! Called by `cmd::run` and `cmd::exec`. Before the program runs there is nobody to pass a signal to: then one that asks
//! us to end is the end of the birth ([`Interrupted`]), which `launch` watches for by [`Watch::interrupted`].

use super::Child;
use super::console::Relay;
use super::notify::Proxy;
use crate::sys::process::{self, Ended};
use crate::sys::signal::{self, Incoming};
use crate::sys::{self, fd, pidfd, signal_name};
use anyhow::{Context, Result};
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// Signals are taken from here on; made before the clone, so that none is lost.
#[derive(Debug)]
pub struct Watch {
    incoming: Incoming,
    notify: Option<Proxy>,
}

/// A birth that ended because we were asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupted {
    /// By this signal.
    pub signal: i32,
}

impl Interrupted {
    /// The stable word for it, and its meaning.
    pub const CODE: (&'static str, &'static str) =
        ("interrupted", "a signal asked tare to end before the container's program ran");

    /// What a shell would say of a process that such a signal ends.
    pub fn exit_code(self) -> u8 {
        Ended::Signalled(self.signal).exit_code()
    }
}

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = signal_name::name(self.signal).map(|name| format!(" (SIG{name})")).unwrap_or_default();
        write!(f, "interrupted by signal {}{name} before the container's program ran", self.signal)
    }
}

impl std::error::Error for Interrupted {}

/// Begins to take signals instead of being ended by them. The child resets this for itself.
pub fn watch() -> Result<Watch> {
    Ok(Watch { incoming: Incoming::all().context("take over signals")?, notify: None })
}

impl Watch {
    /// Relays what the container tells its service manager, too.
    pub fn with_notify(self, notify: Option<Proxy>) -> Watch {
        Watch { notify, ..self }
    }

    /// Waits until `child` has ended.
    pub fn until_end(self, child: Child, mut relay: Option<Relay>) -> Result<Ended> {
        // Of those that a hook has left to us; while it ran, one of our children was the hook's own.
        process::reap_strangers(child.pid());
        // A new size may have been told before there was a relay.
        relay.as_ref().into_iter().for_each(Relay::take_terminal);
        loop {
            let ready = self.serve(&child, &mut relay, &[child.pidfd(), self.fd()], None)?;
            if ready.get(1) == Some(&true) {
                process::reap_strangers(child.pid());
            }
            if ready.first() == Some(&true) {
                if let Some(notify) = &self.notify {
                    notify.pass_on();
                }
                if let Some(relay) = relay.take() {
                    relay.finish(&self.incoming).context("pass on the container's last output")?;
                }
                return child.wait().context("wait for the container");
            }
        }
    }

    /// Waits, at most until `end`, until something happens, and does what it asks for: signals, the container's
    /// terminal, what it tells the service manager. Tells which of `others` have something to read.
    pub fn serve(
        &self,
        child: &Child,
        relay: &mut Option<Relay>,
        others: &[BorrowedFd<'_>],
        end: Option<Instant>,
    ) -> sys::Result<Vec<bool>> {
        let read = |fd| Some((fd, fd::Wanted::Read));
        let [output, outlet, input, typed] = relay.as_ref().map(Relay::wants).unwrap_or_default();
        let notify = self.notify.as_ref().and_then(|notify| read(notify.fd()));
        let ours = [read(self.fd()), notify, output, outlet, input, typed];
        let polled: Vec<_> = others.iter().map(|fd| read(*fd)).chain(ours).collect();
        let mut ready = fd::poll_some_until(&polled, end)?;
        let ours = ready.split_off(others.len());
        let is_ready = |at: usize| ours.get(at).copied().unwrap_or(false);
        if is_ready(0) {
            self.pass_on(child.pidfd(), relay.as_ref())?;
        }
        if let Some(notify) = self.notify.as_ref().filter(|_| is_ready(1)) {
            notify.pass_on();
        }
        let streams = [is_ready(2), is_ready(3), is_ready(4), is_ready(5)];
        if relay.as_mut().is_some_and(|relay| !relay.go_on(streams)) {
            // Our reader is gone: the container's terminal hangs up, as that of a lost connection does.
            *relay = None;
        }
        Ok(ready)
    }

    /// A signal for us is one for the container; but a child's end, a broken pipe and a change of our terminal's size
    /// are our own affairs, and a hangup that our caller has chosen to have ignored (nohup(1)) ends nobody.
    fn pass_on(&self, process: BorrowedFd<'_>, relay: Option<&Relay>) -> sys::Result<()> {
        while let Some(number) = self.incoming.take()? {
            match number {
                signal::CHLD | signal::PIPE | signal::URG => {}
                signal::WINCH if relay.is_some() => relay.into_iter().for_each(Relay::resize),
                other => {
                    if other == signal::CONT {
                        // The shell that has stopped us has used the terminal in between.
                        relay.into_iter().for_each(Relay::take_terminal);
                    }
                    if !signal::is_ignored_hangup(other) {
                        // It may have ended meanwhile: that shows at its pidfd.
                        let _ = pidfd::send_signal(process, other, "container process");
                    }
                }
            }
        }
        Ok(())
    }

    /// To wait for, beside what a birth waits for.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.incoming.fd()
    }

    /// During a birth: whether we have been asked to end.
    ///
    /// # Errors
    /// [`Interrupted`], if so.
    pub fn interrupted(&self) -> Result<()> {
        match self.incoming.ending()? {
            Some(signal) => Err(Interrupted { signal }.into()),
            None => Ok(()),
        }
    }

    /// For a hook before the program runs: a signal that asks us to end is the end of the hook.
    pub fn ending(&self) -> sys::Result<Option<i32>> {
        self.incoming.ending()
    }

    /// For such a hook: waits, at most until `end`, until there is a signal, or one of `others` has something to read.
    pub fn wait_beside(&self, others: &[BorrowedFd<'_>], end: Option<Instant>) -> sys::Result<Vec<bool>> {
        let all: Vec<_> = others.iter().chain([&self.fd()]).map(|fd| Some((*fd, fd::Wanted::Read))).collect();
        fd::poll_some_until(&all, end)
    }
}

/// Waits until `fd` has something to read.
///
/// # Errors
/// [`Interrupted`], if a watch is given and we are asked to end.
pub fn wait_readable(fd: BorrowedFd<'_>, watch: Option<&Watch>) -> Result<()> {
    let Some(watch) = watch else { return Ok(()) };
    loop {
        let ready = fd::poll_readable(&[fd, watch.fd()], None)?;
        // First what has been said already: if it is that the program runs, then the signal is the program's.
        if ready.first() == Some(&true) {
            return Ok(());
        }
        watch.interrupted()?;
    }
}

/// Waits until the other side of `fd` has gone, or there is a signal, and looks at neither.
pub fn wait_hung_up(fd: BorrowedFd<'_>, watch: Option<&Watch>) -> sys::Result<()> {
    let signals = watch.map(|watch| (watch.fd(), fd::Wanted::Read));
    fd::poll_some(&[Some((fd, fd::Wanted::HangUp)), signals]).map(|_| ())
}

/// As [`wait_readable`], once a signal is one for the process behind `process`, which is about to become its program: the
/// execve can take as long as a seccomp agent or a file system likes, and must be able to die of it: if it is the first of its
/// PID namespace, of SIGKILL only (pid_namespaces(7)).
pub fn wait_readable_passing_on(
    fd: BorrowedFd<'_>,
    process: BorrowedFd<'_>,
    watch: Option<&Watch>,
) -> Result<()> {
    let Some(watch) = watch else { return Ok(()) };
    while fd::poll_readable(&[fd, watch.fd()], None)?.first() != Some(&true) {
        watch.pass_on(process, None)?;
    }
    Ok(())
}
