//! Starting a program beside us: clone3(2) and execve(2) with exactly the arguments, environment and descriptors given.
//!
//! Called by `hook`, from the parent and from the child of a birth, and by `cmd::capture`. The standard library's Command would sort the
//! environment and pass on descriptors that the caller left open; this does neither.

use super::process::{Cloned, clone3, die_with_parent, exit_now, reset_signals};
use super::{Result, SysError, fd};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// A program to start.
#[derive(Debug)]
pub struct Program<'a> {
    /// What to execute; no search in $PATH.
    pub path: &'a CStr,
    /// argv.
    pub args: &'a [CString],
    /// The environment, verbatim.
    pub env: &'a [CString],
    /// Where it starts; None: where we are.
    pub dir: Option<&'a CStr>,
    /// Its standard input.
    pub stdin: BorrowedFd<'a>,
    /// Its standard output.
    pub stdout: BorrowedFd<'a>,
    /// Its standard error.
    pub stderr: BorrowedFd<'a>,
}

/// A program that has been executed.
#[derive(Debug)]
pub struct Spawned {
    /// Its pid, which is its process group too.
    pub pid: i32,
    /// Its pidfd.
    pub pidfd: OwnedFd,
}

/// Where a new program did not start, as the first byte of what its child reports.
const CALLS: [&str; 5] = ["sigaction", "setpgid", "chdir", "dup2", "execve"];

/// Starts a program in a process group of its own, with default signal actions, no signal blocked, and no descriptor
/// but 0 to 2. Returns once it has been executed; otherwise the error is that of the call that failed in the child.
pub fn spawn(program: &Program<'_>) -> Result<Spawned> {
    start(program, IfWeDie::LivesOn)
}

/// The same, and it is killed if we die first.
pub fn spawn_captive(program: &Program<'_>) -> Result<Spawned> {
    start(program, IfWeDie::IsKilled)
}

/// What becomes of a program whose parent dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfWeDie {
    LivesOn,
    IsKilled,
}

fn start(program: &Program<'_>, if_we_die: IfWeDie) -> Result<Spawned> {
    let object = program.path.to_string_lossy().into_owned();
    let (ours, theirs) = pipe(OFlag::O_CLOEXEC)?;
    let (argv, envp) = (pointers(program.args), pointers(program.env));
    // SAFETY: this program has one thread (nothing starts a second), so no lock is held across the clone.
    let (pid, pidfd) = match unsafe { clone3(0, None)? } {
        Cloned::Child => become_program(program, if_we_die, &argv, &envp, &theirs),
        Cloned::Parent { pid, pidfd } => (pid, pidfd),
    };
    drop(theirs);
    // Closed by a successful execve: end of file is success.
    let said = fd::read_to_end(ours.as_fd(), &object, 64)?;
    let [which, errno @ ..] = said.as_slice() else { return Ok(Spawned { pid, pidfd }) };
    super::process::reap(pidfd.as_fd())?;
    let errno = <[u8; 4]>::try_from(errno).map_or(libc::EIO, i32::from_ne_bytes);
    let call = CALLS.get(usize::from(*which)).copied().unwrap_or("execve");
    let object = match program.dir {
        Some(dir) if call == "chdir" => dir.to_string_lossy().into_owned(),
        _ => object,
    };
    Err(SysError::new(call, object, errno))
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The child's half: never returns.
fn become_program(
    program: &Program<'_>,
    if_we_die: IfWeDie,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    report: &OwnedFd,
) -> ! {
    let fail = |which: u8, errno: i32| -> ! {
        let [a, b, c, d] = errno.to_ne_bytes();
        // If the parent cannot be told, it sees end of file and then our exit status.
        let _ = nix::unistd::write(report, &[which, a, b, c, d]);
        exit_now(127)
    };
    let last = || std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if let Err(e) = reset_signals() {
        fail(0, e.errno);
    }
    // SAFETY: changes the process group of this process only.
    if unsafe { libc::setpgid(0, 0) } != 0 {
        fail(1, last());
    }
    if if_we_die == IfWeDie::IsKilled {
        // Cannot fail: the signal is one. If we are dead already, nobody reads what it prints, which ends it as well.
        let _ = die_with_parent();
    }
    if let Some(dir) = program.dir {
        // SAFETY: `dir` is a NUL-terminated string that outlives the call.
        if unsafe { libc::chdir(dir.as_ptr()) } != 0 {
            fail(2, last());
        }
    }
    for (from, to) in [(program.stdin, 0), (program.stdout, 1), (program.stderr, 2)] {
        // SAFETY: replaces descriptor numbers 0 to 2 of a process that is about to execute; no source has such a
        // number, for std keeps 0 to 2 open from the start.
        if unsafe { libc::dup2(from.as_raw_fd(), to) } < 0 {
            fail(3, last());
        }
    }
    if let Err(e) = fd::cloexec_from(3) {
        fail(3, e.errno);
    }
    // SAFETY: path, argv and envp are NUL-terminated strings in null-terminated arrays that outlive the call.
    unsafe { libc::execve(program.path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    fail(4, last())
}

/// A pipe (pipe2(2)): the end to read, the end to write.
pub fn pipe(flags: OFlag) -> Result<(OwnedFd, OwnedFd)> {
    nix::unistd::pipe2(flags).map_err(|e| SysError::nix("pipe2", "a program's output", e))
}

/// A pipe for a program's output: reading does not wait, writing does.
pub fn output_pipe() -> Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe(OFlag::O_CLOEXEC)?;
    let set = nix::fcntl::fcntl(&read, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    set.map_err(|e| SysError::nix("fcntl F_SETFL", "a program's output", e))?;
    Ok((read, write))
}

/// What can be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Available {
    /// So many bytes were read.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

/// Reads what is there.
pub fn read_available(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<Available> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Ok(0) => return Ok(Available::End),
            Ok(n) => return Ok(Available::Bytes(n)),
            Err(Errno::EAGAIN) => return Ok(Available::Nothing),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("read", "a program's output", e)),
        }
    }
}

/// Sends SIGKILL to a whole process group (kill(2)); one that is gone is fine.
pub fn kill_group(group: i32) -> Result<()> {
    match nix::sys::signal::killpg(nix::unistd::Pid::from_raw(group), nix::sys::signal::Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(e) => Err(SysError::nix("kill", format!("process group {group}"), e)),
    }
}

/// Makes sure that ended children wait to be reaped, also if the caller ignored SIGCHLD (it is inherited).
pub fn keep_ended_children() {
    // SAFETY: SIG_DFL is always a valid action.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}
