//! Processes: clone3(2), wait, prctl(2), execveat(2), and what a new process must not inherit.
//!
//! Used by `launch` (spawn, wait), `child` and `hook`. A process is signalled through its pidfd: that is `pidfd`.

use super::{Result, SysError};
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// Namespaces and more for [`clone3`], as CLONE_* of clone(2).
pub mod flag {
    /// A new time namespace (Linux 5.6).
    pub const NEWTIME: u64 = 0x80;
    /// A new mount namespace.
    pub const NEWNS: u64 = libc::CLONE_NEWNS as u64;
    /// A new cgroup namespace.
    pub const NEWCGROUP: u64 = libc::CLONE_NEWCGROUP as u64;
    /// A new UTS namespace.
    pub const NEWUTS: u64 = libc::CLONE_NEWUTS as u64;
    /// A new IPC namespace.
    pub const NEWIPC: u64 = libc::CLONE_NEWIPC as u64;
    /// A new user namespace.
    pub const NEWUSER: u64 = libc::CLONE_NEWUSER as u64;
    /// A new PID namespace.
    pub const NEWPID: u64 = libc::CLONE_NEWPID as u64;
    /// A new network namespace.
    pub const NEWNET: u64 = libc::CLONE_NEWNET as u64;
    /// The child becomes our parent's child.
    pub const PARENT: u64 = libc::CLONE_PARENT as u64;
}

/// What clone3 returned, and where.
#[derive(Debug)]
pub enum Cloned {
    /// In the caller: the child's pid and a descriptor of it.
    Parent {
        /// In the caller's pid namespace.
        pid: i32,
        /// Close-on-exec.
        pidfd: OwnedFd,
    },
    /// In the child.
    Child,
}

/// struct clone_args of clone3(2), as of Linux 5.7.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// Clones this process, as fork(2) does, into new namespaces (`flags` of [`flag`]) and, if given, into the cgroup v2
/// group whose folder is `cgroup` (Linux 5.7). Before Linux 5.5 the signal handlers are kept: we have none.
///
/// # Safety
/// The process has a single thread, or the child only makes system calls: locks of other threads would stay locked.
pub unsafe fn clone3(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned> {
    const CLONE_PIDFD: u64 = 0x1000;
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs {
        flags: flags | CLONE_PIDFD,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        // A sibling's parent is told by its own exit signal; with CLONE_PARENT the kernel wants none given.
        exit_signal: if flags & flag::PARENT == 0 { libc::SIGCHLD as u64 } else { 0 },
        ..CloneArgs::default()
    };
    if let Some(fd) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = fd.as_raw_fd() as u64;
    }
    keep_ended_children();
    // SAFETY: `args` is a live clone_args of the size given; without a stack the child runs on a copy of ours, and the
    // caller vouches for the threads.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    match pid {
        0 => Ok(Cloned::Child),
        pid if pid > 0 => {
            // SAFETY: CLONE_PIDFD made the kernel store a new descriptor there; nobody else owns it.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Cloned::Parent { pid: pid as i32, pidfd })
        }
        _ => Err(SysError::last("clone3", "container process")),
    }
}

/// Makes sure that ended children wait to be reaped, also if the caller ignored SIGCHLD (it is inherited). Before the first
/// child, and never again: it would take away the news of one that has ended meanwhile.
fn keep_ended_children() {
    static KEPT: Once = Once::new();
    // SAFETY: SIG_DFL is always a valid action.
    KEPT.call_once(|| unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    });
}

/// [`clone3`] for a process that has one thread, which is checked.
pub fn clone_single_threaded(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Cloned> {
    if !has_one_thread()? {
        return Err(SysError::new(
            "clone3",
            "container process (this process has more than one thread)",
            libc::EBUSY,
        ));
    }
    // SAFETY: a single thread, as was just seen; only this thread could have made another since.
    unsafe { clone3(flags, cgroup) }
}

/// unshare(2) with CLONE_THREAD does nothing in a process of one thread, and is EINVAL in every other. Where it is not
/// allowed: /proc/self/task has two links and one for each.
fn has_one_thread() -> Result<bool> {
    // SAFETY: changes nothing, whatever the answer.
    if unsafe { libc::unshare(libc::CLONE_THREAD) } == 0 {
        return Ok(true);
    }
    if SysError::last("unshare", "CLONE_THREAD").is(libc::EINVAL) {
        return Ok(false);
    }
    let tasks =
        nix::sys::stat::stat(c"/proc/self/task").map_err(|e| SysError::nix("stat", "/proc/self/task", e))?;
    Ok(tasks.st_nlink <= 3)
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With this exit status.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

impl Ended {
    /// From the encoding of wait(2): a signal in the low seven bits, else an exit status in the next byte.
    pub fn from_wait_status(status: i32) -> Ended {
        match status & 0x7f {
            0 => Ended::Exited((status >> 8) & 0xff),
            signal => Ended::Signalled(signal),
        }
    }

    /// The shell's convention: the status, or 128 + signal.
    pub fn exit_code(self) -> u8 {
        match self {
            Ended::Exited(status) => status as u8,
            Ended::Signalled(signal) => 128u8.wrapping_add(signal as u8),
        }
    }
}

/// Waits for our child behind `pidfd` and reaps it (waitid(2) with P_PIDFD, Linux 5.4).
pub fn reap(pidfd: BorrowedFd<'_>) -> Result<Ended> {
    loop {
        if let Some((_, ended)) = wait_for(libc::P_PIDFD, pidfd.as_raw_fd(), 0)? {
            return Ok(ended);
        }
    }
}

/// Reaps our child behind `pidfd` if it has ended; does not wait.
pub fn reap_if_ended(pidfd: BorrowedFd<'_>) -> Result<Option<Ended>> {
    Ok(wait_for(libc::P_PIDFD, pidfd.as_raw_fd(), libc::WNOHANG)?.map(|(_, ended)| ended))
}

/// Reaps every child that has ended, without waiting; for a subreaper.
pub fn reap_strangers(but: i32) {
    loop {
        // WNOWAIT first: the one that somebody else waits for must stay.
        let Ok(Some((pid, _))) = wait_for(libc::P_ALL, 0, libc::WNOHANG | libc::WNOWAIT) else { return };
        if pid == but || wait_for(libc::P_PID, pid, libc::WNOHANG).is_err() {
            return;
        }
    }
}

/// waitid(2) for an end: whose, and how; None: nobody has ended yet. Not through nix, which has no name for real-time
/// signals: a process that one of them ended would be reaped, and then be an error.
fn wait_for(kind: libc::idtype_t, id: i32, options: i32) -> Result<Option<(i32, Ended)>> {
    loop {
        // SAFETY: siginfo_t is plain numbers; all zeroes is a valid value, and what the kernel leaves if nobody ended.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: `info` is a live struct that the kernel fills; the rest are integers.
        if unsafe { libc::waitid(kind, id as libc::id_t, &mut info, libc::WEXITED | options) } == 0 {
            // SAFETY: waitid fills the fields of SIGCHLD, or leaves the zeroes.
            let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
            let exited = info.si_code == libc::CLD_EXITED;
            let ended = if exited { Ended::Exited(status) } else { Ended::Signalled(status) };
            return Ok((info.si_signo != 0).then_some((pid, ended)));
        }
        let error = SysError::last("waitid", "container process");
        if !error.is(libc::EINTR) {
            return Err(error);
        }
    }
}

fn prctl(option: i32, argument: u64, object: &'static str) -> Result<i32> {
    // SAFETY: the options used below take integers only.
    match unsafe { libc::prctl(option, argument, 0, 0, 0) } {
        -1 => Err(SysError::last("prctl", object)),
        value => Ok(value),
    }
}

/// Nobody without CAP_SYS_PTRACE may trace this process or look into its /proc files, until its next execve
/// (PR_SET_DUMPABLE; CVE-2016-9962).
pub fn set_undumpable() -> Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE").map(|_| ())
}

/// SIGKILL for this process when its parent dies (PR_SET_PDEATHSIG).
pub fn die_with_parent() -> Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as u64, "PR_SET_PDEATHSIG").map(|_| ())
}

/// PR_SET_NO_NEW_PRIVS.
pub fn set_no_new_privileges() -> Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, "PR_SET_NO_NEW_PRIVS").map(|_| ())
}

/// Orphans below us become our children (PR_SET_CHILD_SUBREAPER).
pub fn become_subreaper() -> Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1, "PR_SET_CHILD_SUBREAPER").map(|_| ())
}

/// This process's pid, as it sees it.
pub fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Its parent's pid; another one's when the parent has died.
pub fn parent_pid() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// Holds no descriptor and does nothing, until a signal ends this process: for a clone of ours that only has to be there.
pub fn idle() -> ! {
    // SAFETY: whoever owns these descriptors in this process never runs again. If the kernel has no such call, they stay.
    unsafe { libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) };
    loop {
        nix::unistd::pause();
    }
}

/// Ends this process at once: no destructors, no buffers, which belong to the parent that we are a copy of.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit does not return and touches nothing of ours.
    unsafe { libc::_exit(status) }
}

/// Executes the program in a descriptor (execveat(2) with AT_EMPTY_PATH). Returns only if that fails.
pub fn execute(program: BorrowedFd<'_>, args: &[CString], env: &[CString]) -> SysError {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, envp) = (pointers(args), pointers(env));
    let empty: &CStr = c"";
    // SAFETY: both lists are NULL-terminated and their strings live in `args` and `env`.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            program.as_raw_fd(),
            empty.as_ptr(),
            argv.as_ptr(),
            envp.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    SysError::last("execveat", "last stage")
}

/// Default action for every signal and an empty mask: the container inherits nothing of the caller's (conmon and Rust
/// ignore SIGPIPE). Handlers go by themselves at the next execve(2), so only what is ignored is changed. To be called
/// while /proc is the host's.
pub fn reset_signals() -> Result<()> {
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    // The kernel's own struct sigaction, larger than any architecture's; all zeroes is SIG_DFL. Not through libc, which
    // keeps signals 32 and 33 for itself and would leave them ignored if the caller ignored them.
    let default = [0u64; 8];
    let ignored = ignored_signals().unwrap_or(u64::MAX);
    for signal in (1..=64).filter(|signal| ignored & (1 << (signal - 1)) != 0) {
        // SAFETY: the kernel reads one struct from a live buffer that is large enough, and writes nothing. SIGKILL and
        // SIGSTOP are refused with EINVAL, which is right.
        unsafe {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), std::ptr::null_mut::<u64>(), 8)
        };
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)
        .map_err(|e| SysError::nix("sigprocmask", "container process", e))
}

/// The signals that this process ignores, signal 1 in the lowest bit (proc_pid_status(5)); None: /proc does not say.
fn ignored_signals() -> Option<u64> {
    let file = super::fd::open_path(c"/proc/self/status", nix::fcntl::OFlag::O_NONBLOCK).ok()?;
    // On the stack: also a process that may not allocate asks.
    let mut buffer = [0; 2048];
    let length = super::fd::read_some(file.as_fd(), &mut buffer).ok()?;
    let mut lines = buffer.get(..length)?.split(|byte| *byte == b'\n');
    let digits = lines.find_map(|line| line.strip_prefix(b"SigIgn:"))?.trim_ascii();
    // Fewer, if the read ended in them: hundreds of groups stand before.
    if digits.len() != 16 {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// setsid(2). EPERM, which a session leader gets, is no error.
pub fn new_session() -> Result<()> {
    match nix::unistd::setsid() {
        Ok(_) | Err(nix::errno::Errno::EPERM) => Ok(()),
        Err(e) => Err(SysError::nix("setsid", "container process", e)),
    }
}

/// What was last given to umask(2); a number that is none: nothing yet.
static UMASK: AtomicU32 = AtomicU32::new(u32::MAX);

/// umask(2); nothing is asked of the kernel if it is so already. Gives what it was before.
pub fn set_umask(mask: u32) -> u32 {
    let before = UMASK.swap(mask, Ordering::Relaxed);
    if before == mask {
        return before;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask)).bits() as u32
}

/// A resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// A resource limit of this process (getrlimit(2)).
pub fn own_limit(resource: u32, name: &str) -> Result<Limit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a live struct that the kernel fills.
    match unsafe { libc::prlimit(0, resource as _, std::ptr::null(), &mut limit) } {
        -1 => Err(SysError::last("prlimit", name)),
        _ => Ok(Limit { soft: limit.rlim_cur, hard: limit.rlim_max }),
    }
}

/// prlimit(2) on another process. u64::MAX is RLIM_INFINITY.
pub fn set_limit(pid: i32, resource: u32, name: &str, soft: u64, hard: u64) -> Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: `limit` is a live struct that the kernel only reads; no old value is asked for.
    match unsafe { libc::prlimit(pid, resource as _, &limit, std::ptr::null_mut()) } {
        -1 => Err(SysError::last("prlimit", name)),
        _ => Ok(()),
    }
}

/// A copy of a descriptor of another process (pidfd_getfd(2), Linux 5.6).
pub fn descriptor_of(pidfd: BorrowedFd<'_>, number: i32) -> Result<OwnedFd> {
    // SAFETY: takes integers; the result is a new descriptor.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), number, 0) };
    if fd < 0 {
        return Err(SysError::last("pidfd_getfd", format!("fd {number}")));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Descriptors at the numbers where the next program will look for them, not close-on-exec.
#[derive(Debug)]
pub struct Placed(());

impl Placed {
    /// The one with this number.
    pub fn program(&self, number: i32) -> BorrowedFd<'_> {
        // SAFETY: it was just placed there, and stays for as long as this value lives.
        unsafe { BorrowedFd::borrow_raw(number) }
    }
}

/// Places open descriptors at fixed numbers for the next execve and clears close-on-exec on them. Whatever was at
/// those numbers is gone: only somebody who is about to execute may call this, and must not go on if that fails.
pub fn place_descriptors(wanted: &[(BorrowedFd<'_>, i32)]) -> Result<Placed> {
    let above = wanted.iter().map(|(_, number)| number + 1).max().unwrap_or(0);
    // First out of each other's way, then into place.
    let mut parked = Vec::new();
    for (fd, number) in wanted {
        let is_in_the_way = wanted.iter().any(|(_, taken)| *taken == fd.as_raw_fd());
        parked.push((is_in_the_way.then(|| super::fd::duplicate(*fd, above)).transpose()?, *fd, *number));
    }
    for (copy, fd, number) in &parked {
        replace_descriptor(copy.as_ref().map_or(*fd, AsFd::as_fd), *number)?;
    }
    Ok(Placed(()))
}

/// Makes `number` a copy of `fd` (dup2(2)). What was there is gone: standard streams, or what nobody uses again.
pub fn replace_descriptor(fd: BorrowedFd<'_>, number: i32) -> Result<()> {
    // SAFETY: replaces a descriptor number of our own process, which Rust's std never closes.
    match unsafe { libc::dup2(fd.as_raw_fd(), number) } {
        -1 => Err(SysError::last("dup2", format!("fd {number}"))),
        _ => Ok(()),
    }
}

/// Makes `fd` standard input, output and error (dup2(2)).
pub fn become_stdio(fd: BorrowedFd<'_>) -> Result<()> {
    (0..3).try_for_each(|number| replace_descriptor(fd, number))
}
