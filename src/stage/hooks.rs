//! startContainer hooks: in the container, as its user, under its filter, before its program (config.md, "Hooks").

use super::abi::{Detail, Hook, OBJECT_BYTES, Step, flag, slot};
use super::start::{Given, Mapped};
use super::syscall::{self, PollFd};
use super::wire::Failed;

const POLLIN: i16 = 1;
const NANOSECONDS: i64 = 1_000_000_000;
/// What the child of a hook exits with when the hook's program cannot be executed, after the errno is told.
const CANNOT_EXECUTE: i32 = 127;

/// Runs them one after the other; the first that fails ends the container.
pub fn run(given: &Given, payload: &Mapped) -> Result<(), Failed> {
    for (index, hook) in payload.items::<Hook>(payload.header.hooks).iter().enumerate() {
        run_one(given, payload, hook).map_err(|mut failed| {
            failed.index = index as u16;
            failed
        })?;
    }
    Ok(())
}

fn run_one(given: &Given, payload: &Mapped, hook: &Hook) -> Result<(), Failed> {
    let failed = |errno| Failed::new(Step::StartContainerHook, errno);
    let (output, input) = syscall::pipe().map_err(failed)?;
    let pid = syscall::fork().map_err(failed)?;
    if pid == 0 {
        become_hook(given, payload, hook, input)
    }
    syscall::close(input);
    let watched = watch(pid, output, hook.timeout_s);
    syscall::close(output);
    // The whole group: a hook that ran out of time may have children.
    let (tail, tail_len, in_time) = watched.map_err(failed)?;
    if !in_time {
        syscall::kill(-pid, syscall::SIGKILL);
        syscall::kill(pid, syscall::SIGKILL);
    }
    let status = loop {
        match syscall::wait(pid) {
            Err(syscall::EINTR) => {}
            other => break other.map_err(failed)?,
        }
    };
    let said = &tail[..tail_len];
    if !in_time {
        return Err(failed(hook.timeout_s as i32).because(Detail::HookTimeout).of(said));
    }
    match (status & 0x7f, status >> 8 & 0xff) {
        (0, 0) => Ok(()),
        (0, exit) => Err(failed(exit).because(Detail::HookStatus).of(said)),
        (signal, _) => Err(failed(signal).because(Detail::HookSignal).of(said)),
    }
}

/// In the forked process: state on standard input, output into the pipe or the files, the container's filter, execve(2).
fn become_hook(given: &Given, payload: &Mapped, hook: &Hook, output: i32) -> ! {
    syscall::setpgid();
    let state = given.file + slot::STATE;
    syscall::rewind(state);
    let file_or_output = |flag, slot| if payload.has(flag) { given.file + slot } else { output };
    let stdout = file_or_output(flag::HOOK_STDOUT, slot::HOOK_STDOUT);
    let stderr = file_or_output(flag::HOOK_STDERR, slot::HOOK_STDERR);
    let ready = syscall::dup3(state, 0).and_then(|_| syscall::dup3(stdout, 1)).and_then(|_| syscall::dup3(stderr, 2));
    let argv = payload.pointers(hook.argv);
    let envp = if hook.envp.offset == 0 { given.envp } else { payload.pointers(hook.envp) };
    let filtered = if payload.has(flag::SECCOMP) { super::filter(payload, 0) } else { Ok(0) };
    let errno = match ready.and(filtered.map(|_| 0)) {
        Ok(_) => syscall::execve(payload.string(hook.path), argv, envp),
        Err(errno) => errno,
    };
    let text: &[u8] = match errno {
        syscall::ENOENT => b"no such file or directory",
        syscall::EACCES => b"permission denied",
        syscall::ENOEXEC => b"exec format error",
        _ => b"cannot be executed",
    };
    let _ = syscall::write(2, text);
    syscall::exit(CANNOT_EXECUTE)
}

/// Reads the hook's output until it has ended; keeps the end of it. `false`: it ran out of time.
fn watch(pid: i32, output: i32, timeout_s: u32) -> Result<([u8; OBJECT_BYTES], usize, bool), syscall::Errno> {
    let pidfd = syscall::pidfd_open(pid)?;
    let deadline_ns = syscall::monotonic_ns() + i64::from(timeout_s) * NANOSECONDS;
    let mut tail = [0u8; OBJECT_BYTES];
    let mut tail_len = 0;
    let mut fds = [PollFd { fd: pidfd, events: POLLIN, revents: 0 }, PollFd { fd: output, events: POLLIN, revents: 0 }];
    let in_time = loop {
        // Reckoned anew each time: a hook that never stops writing must not stop the clock.
        let left_ns = deadline_ns - syscall::monotonic_ns();
        if timeout_s != 0 && left_ns <= 0 {
            break false;
        }
        let mut left = [left_ns / NANOSECONDS, left_ns % NANOSECONDS];
        let timeout = if timeout_s == 0 { None } else { Some(&mut left) };
        match syscall::poll(&mut fds, timeout) {
            Ok(0) => break false,
            Err(syscall::EINTR) => continue,
            Err(errno) => return Err(errno),
            Ok(_) => {}
        }
        if fds[1].revents != 0 {
            let mut chunk = [0u8; OBJECT_BYTES];
            match syscall::read(output, &mut chunk) {
                Ok(n) if n > 0 => tail_len = keep_tail(&mut tail, tail_len, &chunk[..n]),
                // Closed: from now on only its end counts.
                _ => fds[1].fd = -1,
            }
        }
        // Its end, not that of the pipe: a process that it has left behind may hold that open.
        if fds[0].revents != 0 {
            break true;
        }
    };
    syscall::close(pidfd);
    Ok((tail, tail_len, in_time))
}

fn keep_tail(tail: &mut [u8; OBJECT_BYTES], len: usize, more: &[u8]) -> usize {
    let kept = len.min(OBJECT_BYTES - more.len());
    tail.copy_within(len - kept..len, 0);
    tail[kept..kept + more.len()].copy_from_slice(more);
    kept + more.len()
}
