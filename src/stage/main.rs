//! The last stage: from "the container is made" to its program's execve(2).
//!
//! Executed by `child::stage` from a sealed anonymous file, with the container's own argv and envp, so that nothing
//! of the runtime is in the process when it becomes the container's (CVE-2019-5736) and a created container waits in
//! a few pages. It has no C library and no heap: it works on its stack, and on a payload of plain numbers that lies
//! behind the program in the same file (abi.rs). Whatever fails is told over the wire as a step and an errno.
//!
//! The order of [`stage`] is the security of the container; each line says why it stands where it does.
#![no_std]
#![no_main]

mod abi;
mod hooks;
mod identity;
mod join;
mod lookup;
mod runtime;
mod start;
mod syscall;
mod wire;

use abi::{Kind, Payload, Step, flag, slot};
use start::{Given, Mapped};
use wire::{Failed, Wire};

const PR_SET_PDEATHSIG: i32 = 1;
const PR_SET_DUMPABLE: i32 = 4;

/// Called by the entry point with the stack as execve(2) left it: argc, argv, envp, auxiliary vector.
///
/// # Safety
/// `stack` is that stack.
unsafe extern "C" fn main(stack: *const usize) -> ! {
    // First of all: from here on no process of the container may trace us or look into /proc/PID (CVE-2016-9962).
    let _ = syscall::undumpable();
    // SAFETY: passed on as we got it.
    let given = unsafe { Given::from_stack(stack) };
    if given.is_broken(b"cve_2016_9962") {
        let _ = syscall::prctl(PR_SET_DUMPABLE, 1, 0);
    }
    let Some(payload) = Mapped::from_file(given.file) else {
        // Somebody executed this file by hand (or as /proc/self/exe): there is nothing to do.
        syscall::exit(1)
    };
    let mut wire = Wire::new(given.file + slot::WIRE);
    let Err(failed) = stage(&given, &payload, &mut wire);
    wire.failed(&failed);
    syscall::exit(1)
}

/// The steps, in order. Returns only if one fails.
fn stage(given: &Given, payload: &Mapped, wire: &mut Wire) -> Result<core::convert::Infallible, Failed> {
    // Labels first: they need the private procfs, which must be closed before a path of the container is touched.
    write_labels(given, payload)?;
    // A real close of everything but the container's own and ours: no path below can lead out (CVE-2024-21626).
    if !given.is_broken(b"cve_2024_21626") && !given.is_broken(b"cve_2016_8649") {
        close_descriptors(given, payload)?;
    }
    let joins = payload.has(flag::JOIN);
    if joins {
        join::namespaces(given, payload)?;
    }
    // As root of the container: a folder that only root may enter is a legal working directory.
    let entered = identity::chdir_before(given, payload)?;
    identity::become_user(given, payload)?;
    // `exec`: until here nothing of the container could see us, and now that it can, there is nothing to be had.
    let early = payload.has(flag::EARLY_FILTER);
    let found = if early { Some(find_and_confine(given, payload, wire)?) } else { None };
    if joins {
        join::clone_inside(payload, wire)?;
    }
    identity::chdir_after(given, payload, entered)?;
    let program = match found {
        Some(program) => program,
        None => find(given)?,
    };

    let wire = stand(given, payload, wire)?;
    program.must_be_there()?;
    hooks::run(given, payload)?;
    // Of ourselves, for which no privilege is needed; and not before: they are the program's, not those of its birth.
    set_limits(payload)?;
    wire.tell(Kind::Executing, 0);
    // As late as possible: after this only a message and execve(2) are left, which no profile can do without.
    if !early {
        load_filter(payload, wire)?;
    }
    Err(program.execute(given))
}

/// Looks the program up, as the user, so that the answer is the one execve(2) will give.
fn find(given: &Given) -> Result<lookup::Program, Failed> {
    let mut program = lookup::Program::find(given)?;
    program.examine();
    Ok(program)
}

/// The same, and the filter at once: from here on the profile must allow what is left to do, which is
/// clone, read, write, prctl, setsid, capset, chdir, ioctl for a terminal, and execve.
fn find_and_confine(given: &Given, payload: &Mapped, wire: &Wire) -> Result<lookup::Program, Failed> {
    let program = find(given)?;
    load_filter(payload, wire)?;
    identity::give_up_filter_right(payload)?;
    Ok(program)
}

fn write_labels(given: &Given, payload: &Mapped) -> Result<(), Failed> {
    const O_WRONLY_NOFOLLOW_CLOEXEC: i32 = 0o1 | 0o400000 | 0o2000000;
    let proc = given.file + slot::PROC;
    let write = |path: &core::ffi::CStr, label: &[u8], step: Step| {
        let fd = syscall::openat(proc, path.as_ptr(), O_WRONLY_NOFOLLOW_CLOEXEC).map_err(|e| Failed::new(step, e))?;
        let written = syscall::write(fd, label).map_err(|e| Failed::new(step, e));
        syscall::close(fd);
        match written? {
            n if n == label.len() => Ok(()),
            _ => Err(Failed::new(step, syscall::EINVAL)),
        }
    };
    let apparmor = payload.bytes(payload.header.apparmor);
    if !apparmor.is_empty() {
        // The stacked interface first; kernels before 5.8 have only the old one.
        match write(c"thread-self/attr/apparmor/exec", apparmor, Step::ApparmorProfile) {
            Err(e) if e.errno == syscall::ENOENT => {
                write(c"thread-self/attr/exec", apparmor, Step::ApparmorProfile)?;
            }
            other => other?,
        }
    }
    let selinux = payload.bytes(payload.header.selinux);
    if !selinux.is_empty() {
        write(c"thread-self/attr/exec", selinux, Step::SelinuxLabel)?;
    }
    Ok(())
}

fn close_descriptors(given: &Given, payload: &Mapped) -> Result<(), Failed> {
    let failed = |errno| Failed::new(Step::CloseDescriptors, errno);
    syscall::close_range(given.file + slot::COUNT, u32::MAX).map_err(failed)?;
    syscall::close(given.file);
    syscall::close_on_exec(given.file + slot::WIRE).map_err(failed)?;
    if payload.has(flag::PROC) {
        syscall::close(given.file + slot::PROC);
    }
    if payload.has(flag::GATE) {
        syscall::close_on_exec(given.file + slot::GATE).map_err(failed)?;
    }
    if payload.header.hooks.len > 0 {
        syscall::close_on_exec(given.file + slot::STATE).map_err(failed)?;
    }
    let more = [
        (flag::JOIN, slot::TARGET),
        (flag::CHROOT, slot::ROOT),
        (flag::HOOK_STDOUT, slot::HOOK_STDOUT),
        (flag::HOOK_STDERR, slot::HOOK_STDERR),
    ];
    for (flag, slot) in more {
        if payload.has(flag) {
            syscall::close_on_exec(given.file + slot).map_err(failed)?;
        }
    }
    Ok(())
}

fn set_limits(payload: &Mapped) -> Result<(), Failed> {
    for (limit, index) in payload.items::<abi::Rlimit>(payload.header.rlimits).iter().zip(0..) {
        syscall::set_limit(limit.resource, limit.soft, limit.hard)
            .map_err(|errno| Failed { index, ..Failed::new(Step::Limits, errno) })?;
    }
    Ok(())
}

/// Tells that everything is ready, and waits: for the parent's `Start` (run, exec), or at the gate (create).
fn stand<'w>(given: &Given, payload: &Mapped, wire: &'w mut Wire) -> Result<&'w Wire, Failed> {
    // From here on the end of the wire tells that our parent is gone. Its death signal would come too late to be
    // cleared: the parent of `create` may end as soon as it has said `Stand`.
    let _ = syscall::prctl(PR_SET_PDEATHSIG, 0, 0);
    wire.tell(Kind::Ready, 0);
    let answer = wire.answer();
    match answer {
        Some(Kind::Start) => Ok(wire),
        Some(Kind::Stand) if payload.has(flag::GATE) => {
            wire.close();
            let gate = given.file + slot::GATE;
            loop {
                let connection = match syscall::accept(gate) {
                    Err(syscall::EINTR) => continue,
                    other => other.map_err(|e| Failed::new(Step::Gate, e))?,
                };
                wire.replace(connection);
                // Whoever connects and says nothing only asked whether we are still here.
                if wire.answer() == Some(Kind::Start) {
                    return Ok(wire);
                }
                wire.close();
            }
        }
        _ => syscall::exit(1),
    }
}

/// seccomp(2). Without no_new_privs this needs CAP_SYS_ADMIN, which `identity` has kept for it.
fn load_filter(payload: &Mapped, wire: &Wire) -> Result<(), Failed> {
    const NEW_LISTENER: u32 = 8;
    if !payload.has(flag::SECCOMP) {
        return Ok(());
    }
    let wanted = if payload.has(flag::LISTENER) { NEW_LISTENER } else { 0 };
    let listener = filter(payload, wanted).map_err(|e| Failed::new(Step::Seccomp, e))?;
    if wanted != 0 {
        // By write(2), which is why a profile may not notify on it. Any later call can: the agent has the
        // descriptor by then, or will have it at once; but for those that sending it takes.
        wire.tell(Kind::Listener, listener);
        let mut answer = wire.answer();
        if answer == Some(Kind::Send) {
            wire.give(listener).map_err(|e| Failed::new(Step::Seccomp, e))?;
            answer = wire.answer();
        }
        if answer != Some(Kind::Done) {
            syscall::exit(1);
        }
    }
    Ok(())
}

/// Loads the container's filter into this process.
fn filter(payload: &Mapped, more_flags: u32) -> Result<i32, syscall::Errno> {
    let header: &Payload = &payload.header;
    syscall::seccomp(header.seccomp_flags | more_flags, payload.address(header.seccomp), header.seccomp.len)
}
