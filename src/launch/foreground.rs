//! Staying with a container until it ends: signals are passed on, its terminal is relayed, its exit code is ours.
//!
//! Called by `cmd::run`.

use super::Child;
use super::console::Relay;
use crate::sys::process::{self, Ended};
use crate::sys::signal::{self, Incoming};
use crate::sys::{fd, pidfd};
use anyhow::{Context, Result};

/// Signals are taken from here on; made before the clone, so that none is lost.
#[derive(Debug)]
pub struct Watch {
    incoming: Incoming,
}

/// Begins to take signals instead of being ended by them. The child resets this for itself.
pub fn watch() -> Result<Watch> {
    Ok(Watch { incoming: Incoming::all().context("take over signals")? })
}

impl Watch {
    /// Waits until `child` has ended.
    pub fn until_end(self, child: Child, mut relay: Option<Relay>) -> Result<Ended> {
        loop {
            let input = relay.as_ref().filter(|relay| relay.wants_input()).map(|_| fd::stdin());
            let output = relay.as_ref().map(Relay::master);
            let ready = fd::poll_some(&[
                Some((self.incoming.fd(), fd::Wanted::Read)),
                Some((child.pidfd(), fd::Wanted::Read)),
                output.map(|fd| (fd, fd::Wanted::Read)),
                input.map(|fd| (fd, fd::Wanted::Read)),
                output
                    .filter(|_| relay.as_ref().is_some_and(Relay::has_typed))
                    .map(|fd| (fd, fd::Wanted::Write)),
            ])?;
            let is_ready = |at: usize| ready.get(at).copied().unwrap_or(false);
            if is_ready(0) {
                self.pass_on(&child, relay.as_ref())?;
            }
            if let Some(joined) = relay.as_mut() {
                if is_ready(3) {
                    joined.take_input();
                } else if is_ready(4) {
                    joined.give_input();
                }
                // The other side has closed: what is left to wait for is the end of the process.
                if is_ready(2) && !joined.take_output() && !is_ready(1) {
                    relay = None;
                }
            }
            if is_ready(1) {
                if let Some(relay) = relay.take() {
                    relay.drain();
                }
                return child.wait().context("wait for the container");
            }
        }
    }

    /// A signal for us is one for the container; but a child's end, a broken pipe and a change of our terminal's size
    /// are our own affairs.
    fn pass_on(&self, child: &Child, relay: Option<&Relay>) -> Result<()> {
        while let Some(number) = self.incoming.take()? {
            match number {
                signal::CHLD => process::reap_strangers(child.pid()),
                signal::PIPE | signal::URG => {}
                signal::WINCH if relay.is_some() => relay.into_iter().for_each(Relay::resize),
                // It may have ended meanwhile: that shows at its pidfd.
                other => drop(pidfd::send_signal(child.pidfd(), other, "container process")),
            }
        }
        Ok(())
    }
}
