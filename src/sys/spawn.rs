//! Starting a program beside us: clone3(2) and execve(2) with exactly the arguments, environment and descriptors given.
//!
//! Called by `hook`, from the parent and from the child of a birth, by `criu` and by `capture`. The standard library's
//! Command would sort the environment and pass on descriptors that the caller left open; this does neither.

use super::process::{self, Cloned, clone3, die_with_parent, exit_now, flag, reset_signals};
use super::{Result, SysError, cred, fd, mount};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

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

/// Where a program starts, beside its folder. By default as we are, with no descriptor but its standard streams.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// Its descriptors 3, 4 and so on.
    pub descriptors: &'a [BorrowedFd<'a>],
    /// The cgroup2 group that it is born into.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// v1 `tasks` files that it enters, with their paths.
    pub tasks: &'a [(BorrowedFd<'a>, &'a str)],
    /// Given: it has a mount namespace of its own, whose mounts are slaves of ours, with these detached trees attached.
    pub mounts: Option<&'a [(BorrowedFd<'a>, &'a CStr)]>,
    /// What becomes of it if we die first.
    pub if_we_die: IfWeDie,
    /// A new session keyring of this name (keyctl(2)), where the kernel has any.
    pub keyring: Option<&'a CStr>,
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
const CALLS: [&str; 8] = ["sigaction", "setpgid", "chdir", "dup2", "execve", "write", "move_mount", "keyctl"];

/// Starts a program in a process group of its own, with default signal actions, no signal blocked, and no descriptor
/// but 0 to 2. Returns once it has been executed; otherwise the error is that of the call that failed in the child.
pub fn spawn(program: &Program<'_>) -> Result<Spawned> {
    spawn_at(program, &Place::default())
}

/// What becomes of a program whose parent dies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfWeDie {
    /// Nothing.
    #[default]
    LivesOn,
    /// It is killed.
    IsKilled,
}

/// The same in a place of its own.
pub fn spawn_at(program: &Program<'_>, place: &Place<'_>) -> Result<Spawned> {
    let object = program.path.to_string_lossy().into_owned();
    let (ours, theirs) = pipe(OFlag::O_CLOEXEC)?;
    let (argv, envp) = (pointers(program.args), pointers(program.env));
    // SAFETY: this program has one thread (nothing starts a second), so no lock is held across the clone.
    let (pid, pidfd) = match unsafe { clone3(place.mounts.map_or(0, |_| flag::NEWNS), place.cgroup)? } {
        Cloned::Child => become_program(program, place, &argv, &envp, &theirs),
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
    place: &Place<'_>,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    report: &OwnedFd,
) -> ! {
    let first_unused = 3 + place.descriptors.len() as i32;
    // Out of the way of the numbers that the program gets; if that fails, the parent sees end of file.
    let Ok(report) = fd::duplicate(report.as_fd(), first_unused) else { exit_now(127) };
    let fail = |which: u8, errno: i32| -> ! {
        let [a, b, c, d] = errno.to_ne_bytes();
        // If the parent cannot be told, it sees end of file and then our exit status.
        let _ = nix::unistd::write(&report, &[which, a, b, c, d]);
        exit_now(127)
    };
    let last = || std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if let Err((which, error)) = enter(place) {
        fail(which, error.errno);
    }
    if let Err(e) = reset_signals() {
        fail(0, e.errno);
    }
    // SAFETY: changes the process group of this process only.
    if unsafe { libc::setpgid(0, 0) } != 0 {
        fail(1, last());
    }
    if place.if_we_die == IfWeDie::IsKilled {
        // Cannot fail: the signal is one. If we are dead already, nobody reads what it prints, which ends it as well.
        let _ = die_with_parent();
    }
    if let Some(dir) = program.dir {
        // SAFETY: `dir` is a NUL-terminated string that outlives the call.
        if unsafe { libc::chdir(dir.as_ptr()) } != 0 {
            fail(2, last());
        }
    }
    let streams = [(program.stdin, 0), (program.stdout, 1), (program.stderr, 2)];
    let wanted: Vec<_> = streams.into_iter().chain(place.descriptors.iter().copied().zip(3..)).collect();
    if let Err(e) = process::place_descriptors(&wanted).and_then(|_| fd::cloexec_from(first_unused)) {
        fail(3, e.errno);
    }
    // SAFETY: path, argv and envp are NUL-terminated strings in null-terminated arrays that outlive the call.
    unsafe { libc::execve(program.path.as_ptr(), argv.as_ptr(), envp.as_ptr()) };
    fail(4, last())
}

/// Control groups, mounts and keys of the new program; the number says which of [`CALLS`] failed.
fn enter(place: &Place<'_>) -> std::result::Result<(), (u8, SysError)> {
    for (file, path) in place.tasks {
        fd::write_once(*file, path, b"0").map_err(|e| (5, e))?;
    }
    if let Some(trees) = place.mounts {
        attach_all(trees).map_err(|e| (6, e))?;
    }
    match place.keyring.map_or(Ok(()), cred::join_session_keyring) {
        // No key support, or a seccomp filter of whoever runs us.
        Err(e) if !e.is(libc::ENOSYS) && !e.is(libc::EPERM) => Err((7, e)),
        _ => Ok(()),
    }
}

fn attach_all(trees: &[(BorrowedFd<'_>, &CStr)]) -> Result<()> {
    let slave = mount::Change { propagation: mount::propagation::SLAVE, ..mount::Change::default() };
    mount::set_attributes(mount::open_path(c"/")?.as_fd(), slave, mount::Depth::Tree, "/")?;
    for (tree, target) in trees {
        mount::attach(*tree, mount::open_path(target)?.as_fd(), &target.to_string_lossy())?;
    }
    Ok(())
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
