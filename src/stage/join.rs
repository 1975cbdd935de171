//! `exec`: into a container that runs.
//!
//! Done by the stage and not by the runtime: a process of the container that may trace others (CAP_SYS_PTRACE) finds
//! nothing here but these few pages. The stage joins the namespaces and gives up its rights while its pid is still the
//! host's, where nothing of the container can see it; only the clone gets a pid inside, and that has the rights of the
//! program that it becomes (CVE-2016-9962, CVE-2019-5736). One more right is CAP_SYS_ADMIN, where a filter without
//! no_new_privs needs it: in a container that may trace, that filter is loaded before the clone (`flag::EARLY_FILTER`).

use super::abi::{Kind, Step, flag, slot};
use super::start::{Given, Mapped};
use super::syscall;
use super::wire::{Failed, Wire};

/// Joins all namespaces but the pid namespace, which is entered by children only, and the container's keyring.
pub fn namespaces(given: &Given, payload: &Mapped) -> Result<(), Failed> {
    const CLONE_NEWUSER: u32 = 0x1000_0000;
    let target = given.file + slot::TARGET;
    let kinds = payload.header.namespaces;
    // All at once: the kernel takes the user namespace first, and asks for the rights in both the old and the new.
    if kinds != 0 {
        syscall::setns(target, kinds).map_err(|errno| Failed::new(Step::JoinContainer, errno))?;
    }
    syscall::close(target);
    if payload.has(flag::CHROOT) {
        let root = given.file + slot::ROOT;
        syscall::chroot_to(root).map_err(|errno| Failed::new(Step::JoinContainer, errno))?;
        syscall::close(root);
    }
    if kinds & CLONE_NEWUSER != 0 {
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

/// Goes on in a clone inside of the pid namespace, which is our parent's child, so that it can wait for it. A session
/// of its own, with its terminal.
pub fn clone_inside(payload: &Mapped, wire: &Wire) -> Result<(), Failed> {
    match syscall::fork_sibling().map_err(|errno| Failed::new(Step::JoinContainer, errno))? {
        0 => {}
        pid => {
            wire.tell(Kind::Born, pid);
            syscall::exit(0)
        }
    }
    // If our parent is gone already, the wire says so.
    syscall::die_with_parent();
    if wire.answer() != Some(Kind::Go) {
        syscall::exit(1);
    }
    syscall::setsid().map_err(|errno| Failed::new(Step::Session, errno))?;
    if payload.has(flag::TERMINAL) {
        syscall::make_controlling(0).map_err(|errno| Failed::new(Step::Console, errno))?;
    }
    Ok(())
}
