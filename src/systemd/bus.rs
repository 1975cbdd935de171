//! A connection to systemd: at a socket of its own, or through a bus.
//!
//! Used by [`Systemd`](super::Systemd). Blocking, without threads: calls are sent ahead as far as they do not depend on each
//! other, then the answers are read. Every wait for an answer ends at the deadline that the connection was opened with.

use super::Which;
use super::address::{Address, End};
use super::failure::Failure;
use super::message::{self, Arguments, Body, FIXED_BYTES, Message, Method};
use crate::sys::error::errno;
use crate::sys::{kernel_file, socket, unix};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long all that is asked over one connection may take. Starting a unit takes milliseconds; a host under load is
/// given the half minute that its own tools give it.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Who we are is told by the socket itself (SO_PEERCRED): EXTERNAL with nothing to say. So it is right also for root of a
/// user namespace, whose uid here is not the one that the other side sees. sd-bus sends the same.
const GREETING: &[u8] = b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

/// The most that the other side says before the first message.
const MOST_GREETING_BYTES: usize = 512;

/// The bus's own methods (D-Bus Specification, "Message Bus Messages").
const BUS: Method<'static> = Method {
    destination: Some("org.freedesktop.DBus"),
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
    member: "",
};

/// The connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// Who is asked, for messages.
    which: Which,
    end: End,
    serial: u32,
    /// Bytes that were read and not yet understood.
    unread: Vec<u8>,
    /// Signals that came while something else was waited for.
    signals: VecDeque<(String, Body)>,
    until: Instant,
}

impl Connection {
    /// Opens the first address where somebody listens and lets us in.
    ///
    /// # Errors
    /// Nobody does: what was tried. The first that listens does not accept us.
    pub fn open(which: Which, addresses: &[Address], has_runtime_dir: bool) -> Result<Connection, Failure> {
        let until = Instant::now() + LIMIT;
        let mut tried = Vec::new();
        for Address { path, end } in addresses {
            match socket::connect_stream_within(path, LIMIT) {
                Ok(stream) => {
                    let stream = UnixStream::from(stream);
                    let socket = path.display().to_string();
                    check_namespace(&stream, &socket)?;
                    return Connection::greet(stream, which, *end, &socket, until);
                }
                Err(error) if error.is(errno::EAGAIN) => {
                    return Err(Failure::timed_out("the connection", LIMIT));
                }
                Err(error) => tried.push(error),
            }
        }
        Err(Failure::unreachable(which, &tried, has_runtime_dir))
    }

    fn greet(
        stream: UnixStream,
        which: Which,
        end: End,
        socket: &str,
        until: Instant,
    ) -> Result<Connection, Failure> {
        let (unread, signals) = (Vec::new(), VecDeque::new());
        let mut connection = Connection { stream, which, end, serial: 0, unread, signals, until };
        connection.write(GREETING)?;
        let is_bus = end == End::Bus;
        let hello = is_bus
            .then(|| connection.send(Method { member: "Hello", ..BUS }, &Arguments::none()))
            .transpose()?;
        for expected in ["DATA", "OK "] {
            if !connection.line()?.starts_with(expected) {
                return Err(Failure::rejected(which, socket));
            }
        }
        if let Some(serial) = hello {
            connection.answer(serial, "Hello")?;
        }
        Ok(connection)
    }

    /// Whether a bus stands between.
    pub fn is_bus(&self) -> bool {
        self.end == End::Bus
    }

    /// Asks the bus for signals that match `rule`; the serial, to wait for its answer with.
    pub fn ask_for_signals(&mut self, rule: &str) -> Result<u32, Failure> {
        self.send(Method { member: "AddMatch", ..BUS }, &Arguments::none().text(rule)?)
    }

    /// Sends a call; its serial, to wait for the answer with.
    pub fn send(&mut self, method: Method<'_>, arguments: &Arguments) -> Result<u32, Failure> {
        self.serial += 1;
        let method = Method { destination: method.destination.filter(|_| self.is_bus()), ..method };
        let message = message::call(method, self.serial, arguments)?;
        self.write(&message)?;
        Ok(self.serial)
    }

    /// Waits for the answer to the call of this serial. `call`: what it is called, for messages.
    ///
    /// # Errors
    /// The refusal; the deadline.
    pub fn answer(&mut self, serial: u32, call: &str) -> Result<Body, Failure> {
        loop {
            match self.next(call)? {
                Message::Return(answered, body) if answered == serial => return Ok(body),
                Message::Error(answered, name, text) if answered == serial => {
                    return Err(Failure::refused(self.which, call, name, &text));
                }
                Message::Signal(member, body) => self.signals.push_back((member, body)),
                _ => {}
            }
        }
    }

    /// Waits for the next signal. `what`: the wait, for messages.
    pub fn signal(&mut self, what: &str) -> Result<(String, Body), Failure> {
        loop {
            if let Some(signal) = self.signals.pop_front() {
                return Ok(signal);
            }
            if let Message::Signal(member, body) = self.next(what)? {
                return Ok((member, body));
            }
        }
    }

    fn next(&mut self, what: &str) -> Result<Message, Failure> {
        let fixed = loop {
            match self.unread.first_chunk::<FIXED_BYTES>() {
                Some(fixed) => break *fixed,
                None => self.read(what)?,
            }
        };
        let length = message::length(&fixed)?;
        while self.unread.len() < length {
            self.read(what)?;
        }
        let rest = self.unread.split_off(length);
        message::parse(std::mem::replace(&mut self.unread, rest))
    }

    /// A line of the greeting.
    fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let line = std::mem::replace(&mut self.unread, rest);
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.unread.len() > MOST_GREETING_BYTES {
                return Err(Failure::protocol("its greeting has no end".to_owned()));
            }
            self.read("the greeting")?;
        }
    }

    fn read(&mut self, what: &str) -> Result<(), Failure> {
        let mut buffer = [0; 4096];
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::timed_out(what, LIMIT));
        }
        self.stream.set_read_timeout(Some(left)).map_err(|error| Failure::lost(&error))?;
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(Failure::protocol("it hung up".to_owned())),
            Ok(length) => {
                self.unread.extend_from_slice(buffer.get(..length).unwrap_or_default());
                Ok(())
            }
            // The loop around this looks at the clock.
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => Ok(()),
            Err(error) => Err(Failure::lost(&error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self.stream.write_all(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(Failure::timed_out("a request", LIMIT))
            }
            result => result.map_err(|error| Failure::lost(&error)),
        }
    }
}

/// Processes are named by pid: in another pid namespace that would be somebody else's process. Who is in one above ours has
/// no pid here, and who is in one below has more than one (NSpid, proc_pid_status(5)). The namespace's own file says the same, but
/// not to root of a user namespace.
fn check_namespace(stream: &UnixStream, socket: &str) -> Result<(), Failure> {
    let peer = unix::peer(stream.as_fd()).ok().flatten();
    let status = peer.and_then(|pid| kernel_file::read(&format!("/proc/{pid}/status")).ok());
    let pids = |status: &String| {
        let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        line.map_or(1, |pids| pids.split_ascii_whitespace().count())
    };
    match status.as_ref().map(pids) {
        Some(1) => Ok(()),
        _ => Err(Failure::other_namespace(socket)),
    }
}
