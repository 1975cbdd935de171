//! `exec`: into the namespaces of a container that runs.
//!
//! Done by the stage and not by the runtime: a process of the container that may trace others (CAP_SYS_PTRACE) finds
//! nothing here but these few pages. We join while our pid is still the host's, with every descriptor closed but the
//! wire, and only the clone, which has nothing else either, gets a pid inside (CVE-2016-9962, CVE-2019-5736).

use super::abi::{Kind, Step, flag, slot};
use super::start::{Given, Mapped};
use super::syscall;
use super::wire::{Failed, Wire};

const PR_SET_PDEATHSIG: i32 = 1;

/// Joins the container, and goes on in a clone that is our parent's child, so that it can wait for it.
pub fn enter_container(given: &Given, payload: &Mapped, wire: &Wire) -> Result<(), Failed> {
    let target = given.file + slot::TARGET;
    let failed = |errno| Failed::new(Step::JoinContainer, errno);
    // All at once: the kernel takes the user namespace first, and asks for the rights in both the old and the new.
    if payload.header.namespaces != 0 {
        syscall::setns(target, payload.header.namespaces).map_err(failed)?;
    }
    syscall::close(target);
    // A pid namespace is entered by children only.
    match syscall::fork_sibling().map_err(failed)? {
        0 => {}
        pid => {
            wire.tell(Kind::Born, pid);
            syscall::exit(0)
        }
    }
    // A clone does not inherit it; if our parent is gone already, the wire says so.
    let _ = syscall::prctl(PR_SET_PDEATHSIG, syscall::SIGKILL as usize, 0);
    if wire.answer() != Some(Kind::Go) {
        syscall::exit(1);
    }
    session(payload)
}

/// A session of its own with its terminal, and the container's keyring.
fn session(payload: &Mapped) -> Result<(), Failed> {
    const CLONE_NEWUSER: u32 = 0x1000_0000;
    syscall::setsid().map_err(|errno| Failed::new(Step::Session, errno))?;
    if payload.has(flag::TERMINAL) {
        syscall::make_controlling(0).map_err(|errno| Failed::new(Step::Console, errno))?;
    }
    if payload.header.namespaces & CLONE_NEWUSER != 0 {
        // The keyring belongs to the container's root. A namespace without an id 0 does without.
        let _ = syscall::setresgid(0);
        let _ = syscall::setresuid(0);
        let _ = syscall::undumpable();
    }
    if payload.header.keyring.len > 0 {
        match syscall::join_session_keyring(payload.string(payload.header.keyring)) {
            // No support for keys, or none allowed: as at the container's birth.
            Err(syscall::ENOSYS | syscall::EPERM) => {}
            other => drop(other.map_err(|errno| Failed::new(Step::Keyring, errno))?),
        }
    }
    Ok(())
}
