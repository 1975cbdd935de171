//! What parent and child say to each other during a birth: fixed-size messages over one SOCK_SEQPACKET pair.
//!
//! Shared by `launch` and `cmd::start` (the asking end's answers) and `child` (the other end); the last stage speaks
//! it too. One datagram is one message; end of file means that the other side died. Nothing here knows what a plan
//! is: a failure travels as step + errno + index, and the parent, which has the same plan, writes the sentence.
//!
//! ```text
//!   parent                          child / stage
//!     Go        ------------------->            the pid is recorded, cgroup and maps are in place
//!               <-------------------  AtHooks   mounts are made
//!     Done(pid) ------------------->
//!               <-------------------  Ready     (or Failed{step, errno, index, object}; Note at any time)
//!     Stand     ------------------->            create: the wire is closed, `start` comes through the gate
//!     Start     ------------------->            run, and start through the gate
//!               <-------------------  Executing
//!               <-------------------  Listener(fd), only with a seccomp listener; answered by Done, or by Send,
//!                                     on which the descriptor itself is sent, and then Done
//!               <------ end of file             execve succeeded (the wire is close-on-exec)
//! ```

use crate::sys::{self, SysError, socket::Seqpacket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::stage::abi::{self, Kind, MESSAGE_BYTES, Message};

pub use crate::stage::abi::{Detail, Step};

/// A failed step, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which step.
    pub step: Step,
    /// What the kernel said; 0 if the detail says it all.
    pub errno: i32,
    /// More than the errno, about programs and hooks.
    pub detail: Detail,
    /// Which one of several (a mount, a hook, …): the position in the plan's list.
    pub index: Option<u16>,
    /// What it was done to, where the plan does not know; may be empty.
    pub object: String,
}

impl Failure {
    /// A failed step with the error of its system call.
    pub fn new(step: Step, error: &SysError) -> Failure {
        let object = format!("{} {}", error.call, error.object);
        Failure { step, errno: error.errno, detail: Detail::None, index: None, object }
    }

    /// The same failure, of the `index`-th thing in the plan's list.
    pub fn at(mut self, index: usize) -> Failure {
        self.index = u16::try_from(index).ok();
        self
    }
}

/// What the child asks or tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Question {
    AtHooks,
    Ready,
    Failed(Failure),
    Note(Failure),
    Born(i32),
    Listener(i32),
    Executing,
}

/// What comes when a descriptor is asked for.
#[derive(Debug)]
pub enum Sent {
    /// It.
    Descriptor(OwnedFd),
    /// The step in which that failed.
    Failed(Failure),
    /// The child has ended, or the descriptor has found no room here.
    Nothing,
}

/// What the parent answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Go,
    Done(i32),
    Stand,
    Start,
    Send,
}

/// No index: `Message::index` holds this.
const NO_INDEX: u16 = u16::MAX;

fn failed(kind: Kind, failure: &Failure) -> Message {
    let mut message = Message::new(kind);
    message.step = failure.step as u8;
    message.detail = failure.detail as u8;
    message.value = failure.errno;
    message.index = failure.index.unwrap_or(NO_INDEX);
    let mut len = 0u8;
    for (slot, byte) in message.object.iter_mut().zip(failure.object.as_bytes()) {
        *slot = *byte;
        len += 1;
    }
    message.object_len = len;
    message
}

fn numbered<T: Copy>(table: &[T], number: u8) -> Option<T> {
    table.get(usize::from(number).checked_sub(1)?).copied()
}

fn failure_of(message: &Message) -> Failure {
    let object = message.object.get(..usize::from(message.object_len)).unwrap_or_default();
    Failure {
        step: numbered(&abi::STEPS, message.step).unwrap_or(Step::Panic),
        errno: message.value,
        detail: numbered(&abi::DETAILS, message.detail).unwrap_or(Detail::None),
        index: (message.index != NO_INDEX).then_some(message.index),
        object: String::from_utf8_lossy(object).into_owned(),
    }
}

fn receive(socket: &Seqpacket) -> sys::Result<Option<Message>> {
    let mut bytes = [0; MESSAGE_BYTES];
    Ok(socket.receive(&mut bytes)?.then(|| Message::from_bytes(&bytes)))
}

/// The parent's end: asks nothing, answers.
#[derive(Debug)]
pub struct ParentWire(Seqpacket);

/// The child's end: asks, and waits for the answer.
#[derive(Debug)]
pub struct ChildWire(Seqpacket);

/// A new wire, both ends close-on-exec.
pub fn pair() -> sys::Result<(ParentWire, ChildWire)> {
    let (parent, child) = Seqpacket::pair()?;
    Ok((ParentWire(parent), ChildWire(child)))
}

impl ParentWire {
    /// The parent's end of a connection that `start` made to the gate.
    pub fn from_gate(connection: Seqpacket) -> ParentWire {
        ParentWire(connection)
    }

    /// Waits for the next word of the child; `None` if it died, or executed its program.
    pub fn question(&self) -> sys::Result<Option<Question>> {
        let Some(message) = receive(&self.0)? else { return Ok(None) };
        Ok(match message.kind {
            k if k == Kind::AtHooks as u8 => Some(Question::AtHooks),
            k if k == Kind::Ready as u8 => Some(Question::Ready),
            k if k == Kind::Failed as u8 => Some(Question::Failed(failure_of(&message))),
            k if k == Kind::Note as u8 => Some(Question::Note(failure_of(&message))),
            k if k == Kind::Born as u8 => Some(Question::Born(message.value)),
            k if k == Kind::Listener as u8 => Some(Question::Listener(message.value)),
            k if k == Kind::Executing as u8 => Some(Question::Executing),
            _ => None,
        })
    }

    /// Answers. The child's death shows as EPIPE.
    pub fn answer(&self, answer: Answer) -> sys::Result<()> {
        let mut message = Message::new(match answer {
            Answer::Go => Kind::Go,
            Answer::Done(_) => Kind::Done,
            Answer::Stand => Kind::Stand,
            Answer::Start => Kind::Start,
            Answer::Send => Kind::Send,
        });
        if let Answer::Done(pid) = answer {
            message.value = pid;
        }
        self.0.send(&message.to_bytes())
    }

    /// Waits for the descriptor that the child sends when it is asked to, with one byte; or for why it cannot.
    pub fn descriptor(&self) -> sys::Result<Sent> {
        let Some((datagram, descriptor)) = self.0.receive_message(MESSAGE_BYTES)? else {
            return Ok(Sent::Nothing);
        };
        Ok(match (descriptor, datagram.as_slice().try_into()) {
            (Some(descriptor), _) => Sent::Descriptor(descriptor),
            (None, Ok(bytes)) => Sent::Failed(failure_of(&Message::from_bytes(bytes))),
            (None, Err(_)) => Sent::Nothing,
        })
    }
}

impl AsFd for ParentWire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ChildWire {
    /// Waits for the parent's answer; `None` if the parent died.
    pub fn answer(&self) -> Option<Answer> {
        let message = receive(&self.0).ok()??;
        match message.kind {
            k if k == Kind::Go as u8 => Some(Answer::Go),
            k if k == Kind::Done as u8 => Some(Answer::Done(message.value)),
            k if k == Kind::Stand as u8 => Some(Answer::Stand),
            k if k == Kind::Start as u8 => Some(Answer::Start),
            _ => None,
        }
    }

    /// Tells or asks something. An error means that the parent died: there is nobody left to tell.
    pub fn tell(&self, question: &Question) -> sys::Result<()> {
        let message = match question {
            Question::AtHooks => Message::new(Kind::AtHooks),
            Question::Ready => Message::new(Kind::Ready),
            Question::Failed(failure) => failed(Kind::Failed, failure),
            Question::Note(failure) => failed(Kind::Note, failure),
            Question::Born(pid) => Message { value: *pid, ..Message::new(Kind::Born) },
            Question::Executing => Message::new(Kind::Executing),
            Question::Listener(fd) => Message { value: *fd, ..Message::new(Kind::Listener) },
        };
        self.0.send(&message.to_bytes())
    }

    /// Gives the descriptor away, for the stage.
    pub fn into_fd(self) -> OwnedFd {
        self.0.into_fd()
    }
}

impl AsFd for ChildWire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
