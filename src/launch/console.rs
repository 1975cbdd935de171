//! The terminal of a container, seen from outside: the console socket that gets it, or our own terminal, to which it is
//! joined for a foreground `run`, `exec` or `restore`.

use crate::sys::error::errno;
use crate::sys::fd::{self, Wanted};
use crate::sys::outlet::Outlet;
use crate::sys::signal::Incoming;
use crate::sys::{pty, socket};
use anyhow::{Context, Result};
use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Who gets the terminal's master.
#[derive(Debug)]
pub enum Console {
    /// The container has none.
    None,
    /// Whoever listens at the console socket.
    Theirs(OwnedFd),
    /// We do: the child's end, and ours.
    Ours(OwnedFd, OwnedFd),
}

impl Console {
    /// Connects to a console socket.
    pub fn at(path: &Path) -> Result<Console> {
        Ok(Console::Theirs(socket::connect_stream(path).context("connect to the console socket")?))
    }

    /// A terminal that we relay.
    pub fn ours() -> Result<Console> {
        let (child, parent) = socket::stream_pair()?;
        Ok(Console::Ours(child, parent))
    }

    /// Splits off the child's end.
    pub fn split(self) -> (Option<OwnedFd>, Option<OwnedFd>) {
        match self {
            Console::None => (None, None),
            Console::Theirs(child) => (Some(child), None),
            Console::Ours(child, parent) => (Some(child), Some(parent)),
        }
    }
}

/// How much of the container's output waits here for a slow reader. The rest waits in its terminal, and then the
/// container does.
const PRINTED_BYTES_MAX: usize = 64 << 10;
/// More than a terminal of the kernel holds (64 KiB and 4 KiB, drivers/tty): what is read after the container's end.
const LEFT_BYTES_MAX: usize = 128 << 10;

/// Whether our standard input has more to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    Open,
    /// The terminal belongs to another job at the moment.
    Elsewhere,
    /// As under runc, its end is not the container's: that goes on with a terminal on which nobody types.
    Ended,
}

/// Our standard streams and the container's terminal, joined.
#[derive(Debug)]
pub struct Relay {
    master: OwnedFd,
    /// Held open, so that a container which closes its terminal for a while does not hang it up.
    slave: Option<OwnedFd>,
    /// Nothing will come any more: only without that slave.
    hung_up: bool,
    input: Cell<Input>,
    /// Bytes typed that the container has not taken yet.
    typed: Vec<u8>,
    outlet: Outlet,
    /// Bytes of the container that our standard output has not taken yet.
    printed: Vec<u8>,
}

/// What a relay waits for.
pub type Wants<'a> = [Option<(BorrowedFd<'a>, Wanted)>; 4];

impl Relay {
    /// Takes the master that the child has sent; puts our terminal, if we have one, into raw mode.
    pub fn receive(socket: &OwnedFd) -> Result<Relay> {
        let master = socket::receive_descriptor(socket.as_fd())?.context("the container sent no terminal")?;
        fd::set_nonblocking(master.as_fd())?;
        let relay = Relay {
            slave: pty::open_slave(master.as_fd()).ok(),
            hung_up: false,
            master,
            input: Cell::new(Input::Open),
            typed: Vec::new(),
            outlet: Outlet::of(fd::stdout())?,
            printed: Vec::new(),
        };
        relay.take_terminal();
        Ok(relay)
    }

    /// Uses our terminal, if we have one and it is not another job's: now, or when we are continued (SIGCONT). Raw mode
    /// is for who types: if standard input is no terminal, the keyboard's signals stay ours.
    pub fn take_terminal(&self) {
        let input = fd::stdin();
        if pty::is_terminal(input) && self.input.get() != Input::Ended {
            if pty::is_in_foreground(input) {
                self.input.set(Input::Open);
                // A terminal that has just gone away: the next read tells.
                let _ = pty::enter_raw(input);
            } else {
                self.input.set(Input::Elsewhere);
            }
        }
        self.resize();
    }

    /// Gives the container's terminal the size of ours: that of the first of our streams which is one.
    pub fn resize(&self) {
        let streams = [fd::stdin(), fd::stdout(), fd::stderr()];
        let _ = streams.into_iter().any(|stream| pty::copy_size(stream, self.master.as_fd()));
    }

    /// What to wait for, in the order of [`Relay::go_on`]. Nothing is read that could not be kept.
    pub fn wants(&self) -> Wants<'_> {
        let master = self.master.as_fd();
        let input = self.input.get() == Input::Open && self.typed.is_empty();
        [
            (!self.hung_up && self.printed.len() < PRINTED_BYTES_MAX).then_some((master, Wanted::Read)),
            (!self.printed.is_empty()).then_some((self.outlet.as_fd(), Wanted::Write)),
            input.then_some((fd::stdin(), Wanted::Read)),
            (!self.typed.is_empty()).then_some((master, Wanted::Write)),
        ]
    }

    /// Does what is ready. `false`: nobody takes our output any more.
    pub fn go_on(&mut self, ready: [bool; 4]) -> bool {
        let [output, outlet, input, typed] = ready;
        if input {
            self.take_input();
        }
        if input || typed {
            self.give_input();
        }
        if output {
            self.take_output();
        }
        !(output || outlet) || self.give_output()
    }

    fn take_input(&mut self) {
        let mut chunk = [0u8; 4096];
        match fd::read_some(fd::stdin(), &mut chunk) {
            Ok(n) if n > 0 => self.typed.extend_from_slice(chunk.get(..n).unwrap_or_default()),
            // Somebody who shares it was faster.
            Err(e) if e.is(errno::EAGAIN) => {}
            // What the kernel tells a job in the background, with SIGTTIN blocked (termios(3)).
            Err(e) if e.is(errno::EIO) && !pty::is_in_foreground(fd::stdin()) => {
                self.input.set(Input::Elsewhere)
            }
            Ok(_) | Err(_) => self.input.set(Input::Ended),
        }
    }

    fn give_input(&mut self) {
        match fd::write_some(self.master.as_fd(), &self.typed) {
            Ok(n) => drop(self.typed.drain(..n.min(self.typed.len()))),
            Err(e) if e.is(errno::EAGAIN) => {}
            Err(_) => self.typed.clear(),
        }
    }

    /// Reads what the container has written; 0: there is nothing now.
    fn take_output(&mut self) -> usize {
        let mut chunk = [0u8; 16384];
        match fd::read_some(self.master.as_fd(), &mut chunk) {
            Ok(n) => {
                self.printed.extend_from_slice(chunk.get(..n).unwrap_or_default());
                n
            }
            Err(e) => {
                // EIO: the container has closed its terminal, and nothing holds a slave open.
                self.hung_up = self.slave.is_none() && !e.is(errno::EAGAIN);
                0
            }
        }
    }

    fn give_output(&mut self) -> bool {
        match self.outlet.write(&self.printed) {
            Ok(n) => drop(self.printed.drain(..n.min(self.printed.len()))),
            Err(e) if e.is(errno::EAGAIN) => {}
            Err(_) => return false,
        }
        true
    }

    /// The container has ended: passes on all that it has left in its terminal, however slow our reader is. Somebody
    /// who asks us to end meanwhile has seen enough.
    pub fn finish(mut self, incoming: &Incoming) -> Result<()> {
        let mut left = LEFT_BYTES_MAX;
        loop {
            // The kernel's read waits for what is still on its way through the terminal, so that nothing is nothing.
            while left > 0 && self.printed.len() < PRINTED_BYTES_MAX {
                match self.take_output() {
                    0 => left = 0,
                    n => left = left.saturating_sub(n),
                }
            }
            if self.printed.is_empty() {
                return Ok(());
            }
            let outlet = Some((self.outlet.as_fd(), Wanted::Write));
            let ready = fd::poll_some(&[Some((incoming.fd(), Wanted::Read)), outlet])?;
            if ready.first() == Some(&true) && incoming.ending()?.is_some() {
                return Ok(());
            }
            if ready.get(1) == Some(&true) && !self.give_output() {
                return Ok(());
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        pty::leave_raw();
    }
}
