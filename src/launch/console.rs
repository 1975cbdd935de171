//! The terminal of a container, seen from outside: the console socket that gets it, or our own terminal, to which it is
//! joined for a foreground `run`.

use crate::sys::error::errno;
use crate::sys::{fd, pty, socket};
use anyhow::{Context, Result};
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

/// Our terminal and the container's, joined.
#[derive(Debug)]
pub struct Relay {
    master: OwnedFd,
    /// Bytes typed that the container has not taken yet.
    typed: Vec<u8>,
    /// Whether our standard input may still say something.
    input_open: bool,
    raw: Option<pty::Raw>,
}

impl Relay {
    /// Takes the master that the child has sent; puts our terminal, if we have one, into raw mode.
    pub fn receive(socket: &OwnedFd) -> Result<Relay> {
        let master = socket::receive_descriptor(socket.as_fd())?.context("the container sent no terminal")?;
        fd::set_nonblocking(master.as_fd())?;
        let input = fd::stdin();
        let raw = pty::is_terminal(input).then(|| pty::Raw::enter(input)).transpose()?;
        let relay = Relay { master, typed: Vec::new(), input_open: true, raw };
        relay.resize();
        Ok(relay)
    }

    /// Gives the container's terminal the size of ours.
    pub fn resize(&self) {
        if self.raw.is_some()
            && let Some(size) = pty::size(fd::stdin())
        {
            // The container may have ended: then nobody minds.
            let _ = pty::set_size(self.master.as_fd(), size);
        }
    }

    /// The master, to wait for output.
    pub fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Whether input is wanted: not while the container has not taken the last.
    pub fn wants_input(&self) -> bool {
        self.input_open && self.typed.is_empty()
    }

    /// Whether typed bytes wait to be taken.
    pub fn has_typed(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Reads what was typed.
    pub fn take_input(&mut self) {
        let mut chunk = [0u8; 4096];
        match fd::read_some(fd::stdin(), &mut chunk) {
            Ok(0) | Err(_) => self.input_open = false,
            Ok(n) => self.typed.extend_from_slice(chunk.get(..n).unwrap_or_default()),
        }
        self.give_input();
    }

    /// Passes on what was typed, as far as the container takes it.
    pub fn give_input(&mut self) {
        match fd::write_some(self.master.as_fd(), &self.typed) {
            Ok(n) => drop(self.typed.drain(..n.min(self.typed.len()))),
            Err(e) if e.is(errno::EAGAIN) => {}
            Err(_) => self.typed.clear(),
        }
    }

    /// Passes on what the container has written. `false`: there will be nothing more.
    pub fn take_output(&mut self) -> bool {
        let mut chunk = [0u8; 16384];
        match fd::read_some(self.master.as_fd(), &mut chunk) {
            Ok(0) => false,
            Ok(n) => fd::write_all(fd::stdout(), "stdout", chunk.get(..n).unwrap_or_default()).is_ok(),
            Err(e) => e.is(errno::EAGAIN),
        }
    }

    /// The container has ended: passes on all that it has left in its terminal.
    pub fn drain(mut self) {
        loop {
            let mut chunk = [0u8; 16384];
            match fd::read_some(self.master.as_fd(), &mut chunk) {
                Ok(n) if n > 0 => {
                    if fd::write_all(fd::stdout(), "stdout", chunk.get(..n).unwrap_or_default()).is_err() {
                        break;
                    }
                }
                _ => break,
            }
        }
        self.raw = None;
    }
}
