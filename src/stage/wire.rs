//! The stage's end of the wire.

use super::abi::{Detail, Kind, MESSAGE_BYTES, Message, OBJECT_BYTES, Step};
use super::syscall::{self, Errno};

/// A failed step.
pub struct Failed {
    pub step: Step,
    pub errno: Errno,
    pub detail: Detail,
    pub index: u16,
    pub object: [u8; OBJECT_BYTES],
    pub object_len: usize,
}

impl Failed {
    pub fn new(step: Step, errno: Errno) -> Failed {
        Failed { step, errno, detail: Detail::None, index: u16::MAX, object: [0; OBJECT_BYTES], object_len: 0 }
    }

    pub fn because(mut self, detail: Detail) -> Failed {
        self.detail = detail;
        self
    }

    /// Names what it was done to, cut at what a message holds.
    pub fn of(mut self, object: &[u8]) -> Failed {
        self.object_len = object.len().min(OBJECT_BYTES);
        self.object[..self.object_len].copy_from_slice(&object[..self.object_len]);
        self
    }
}

/// A connection: the wire of the birth, later that of `start`.
pub struct Wire(i32);

impl Wire {
    pub fn new(fd: i32) -> Wire {
        Wire(fd)
    }

    pub fn replace(&mut self, fd: i32) {
        self.0 = fd;
    }

    pub fn close(&mut self) {
        syscall::close(self.0);
    }

    pub fn tell(&self, kind: Kind, value: i32) {
        self.send(&Message { value, ..Message::new(kind) });
    }

    pub fn failed(&self, failed: &Failed) {
        let mut message = Message::new(Kind::Failed);
        message.step = failed.step as u8;
        message.detail = failed.detail as u8;
        message.index = failed.index;
        message.value = failed.errno;
        message.object = failed.object;
        message.object_len = failed.object_len as u8;
        self.send(&message);
    }

    /// Gives the other side a copy of a descriptor.
    pub fn give(&self, descriptor: i32) -> Result<(), Errno> {
        loop {
            match syscall::send_descriptor(self.0, descriptor) {
                Err(syscall::EINTR) => {}
                other => return other.map(|_| ()),
            }
        }
    }

    fn send(&self, message: &Message) {
        // SIGPIPE has its default action: if nobody is there to read, we are not wanted any more.
        while syscall::write(self.0, &message.to_bytes()) == Err(syscall::EINTR) {}
    }

    /// The other side's word; None if it is gone.
    pub fn answer(&self) -> Option<Kind> {
        let mut bytes = [0; MESSAGE_BYTES];
        let read = loop {
            match syscall::read(self.0, &mut bytes) {
                Err(syscall::EINTR) => {}
                other => break other,
            }
        };
        if read != Ok(MESSAGE_BYTES) {
            return None;
        }
        match Message::from_bytes(&bytes).kind {
            k if k == Kind::Start as u8 => Some(Kind::Start),
            k if k == Kind::Stand as u8 => Some(Kind::Stand),
            k if k == Kind::Done as u8 => Some(Kind::Done),
            k if k == Kind::Go as u8 => Some(Kind::Go),
            k if k == Kind::Send as u8 => Some(Kind::Send),
            _ => None,
        }
    }
}
