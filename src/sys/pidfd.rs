//! Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), and what tells one process from a later one
//! with the same number.
//!
//! Used by `state` (is the init of the record still alive?), `cmd` (kill, delete, wait) and `launch`. A number alone is
//! never signalled: pids are reused (CVE class "pid reuse"), so the order is always open the pidfd, compare the
//! start time, then signal through the descriptor.

use super::process::Ended;
use super::{Result, SysError, fd, kernel_file};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

/// Opens a descriptor for the process `pid` (thread-group leader), close-on-exec (pidfd_open(2), Linux 5.3).
/// A zombie can still be opened; `ESRCH`: there is none.
pub fn open(pid: i32) -> Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(SysError::last("pidfd_open", format!("process {pid}")));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it. It fits an int by its contract.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends a signal number through a pidfd (pidfd_send_signal(2), Linux 5.1). Signal 0 asks whether it may be sent.
/// `object` names the process in the error. `ESRCH`: it has been reaped, or is about to be.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32, object: &str) -> Result<()> {
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a borrowed descriptor, an integer and a null siginfo, which asks for what kill(2) would fill in.
    match unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, no_info, 0) } {
        0 => Ok(()),
        _ => Err(SysError::last("pidfd_send_signal", object)),
    }
}

/// Waits until the process has ended (a zombie has), at most `timeout_ms`; `Ok(false)`: it still lives.
pub fn wait_end(pidfd: BorrowedFd<'_>, timeout_ms: u16) -> Result<bool> {
    Ok(fd::poll_readable(&[pidfd.as_fd()], Some(timeout_ms))?.first().copied().unwrap_or(false))
}

/// How a process ended that need not be our child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// So.
    Known(Ended),
    /// It has ended, is not reaped yet, and we may not look at it: once it is reaped, the kernel may tell.
    Unreaped,
    /// The kernel does not tell: it is older than Linux 6.15, and the process was reaped.
    Untold,
}

/// How the process behind a pidfd ended; to be asked once [`wait_end`] has said that it has. Two sources that complete
/// each other: until it is reaped, field 52 of its /proc/PID/stat (proc_pid_stat(5)); from then on, the pidfd itself.
pub fn end(pidfd: BorrowedFd<'_>, pid: i32) -> Result<End> {
    // It may be reaped between the two questions: then the first has the answer that it did not have before.
    for _ in 0..2 {
        if let Some(ended) = end_after_reaping(pidfd) {
            return Ok(End::Known(ended));
        }
        let stat = stat(pid)?.filter(Stat::is_dead);
        // While the pidfd has a pid, that number is nobody else's: what was read is of this process.
        let Some(stat) = stat.filter(|_| matches!(pid_of(pidfd), Ok(Some(now)) if now == pid)) else {
            continue;
        };
        match stat.wait_status {
            // To those who may not trace the process the kernel says 0, whatever it was.
            0 if !may_trace(pidfd) => return Ok(End::Unreaped),
            status => return Ok(End::Known(Ended::from_wait_status(status))),
        }
    }
    Ok(End::Untold)
}

/// struct pidfd_info of linux/pidfd.h, in its first version (Linux 6.13).
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroupid: u64,
    ids: [u32; 11],
    exit_code: i32,
}

/// What a pidfd keeps of a process that was reaped (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15).
fn end_after_reaping(pidfd: BorrowedFd<'_>) -> Option<Ended> {
    const PIDFD_GET_INFO: u64 = 0xc040_ff0b;
    const PIDFD_INFO_EXIT: u64 = 8;
    let mut info = PidfdInfo { mask: PIDFD_INFO_EXIT, ..PidfdInfo::default() };
    // SAFETY: `info` is a whole struct of the 64 bytes that the request's number announces; the kernel keeps nothing. A
    // kernel that does not know the request answers ENOTTY, EINVAL or ESRCH.
    let done = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO as _, &raw mut info) };
    (done == 0 && info.mask & PIDFD_INFO_EXIT != 0).then(|| Ended::from_wait_status(info.exit_code))
}

/// Whether the kernel lets us look into a process: pidfd_getfd(2) asks for the same right, and for more of it.
fn may_trace(pidfd: BorrowedFd<'_>) -> bool {
    !matches!(super::process::descriptor_of(pidfd, 0), Err(e) if e.is(libc::EPERM))
}

/// Waits until an ended process is reaped, at most `timeout_ms`: POLLHUP, which nobody has to ask for (Linux 6.9).
pub fn wait_reaped(pidfd: BorrowedFd<'_>, timeout_ms: u16) -> Result<()> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    match poll(&mut [PollFd::new(pidfd, PollFlags::empty())], PollTimeout::from(timeout_ms)) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
        Err(e) => Err(SysError::nix("poll", "process", e)),
    }
}

/// The pid behind a pidfd in our pid namespace; `None` once it has been reaped (/proc/self/fdinfo, proc(5)).
pub fn pid_of(pidfd: BorrowedFd<'_>) -> Result<Option<i32>> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = kernel_file::read(&path)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<i32>().ok());
    Ok(pid.filter(|pid| *pid > 0))
}

/// Three fields of /proc/PID/stat (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `D`, `Z` (zombie), `X` (dead) ...
    pub state: char,
    /// Field 22: when it started, in clock ticks after boot (as seen from the reader's time namespace).
    pub start_time: u64,
    /// Field 52: how it ended, as wait(2) has it. 0 while it lives, and to those who may not trace it.
    pub wait_status: i32,
}

impl Stat {
    /// Whether it only waits to be reaped.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Reads the state and start time of `pid`; `None`: there is no such process.
pub fn stat(pid: i32) -> Result<Option<Stat>> {
    let path = format!("/proc/{pid}/stat");
    match kernel_file::read(&path) {
        Ok(text) => parse_stat(&text).map(Some).ok_or_else(|| SysError::new("read", path, libc::EINVAL)),
        Err(e) if e.is(libc::ENOENT) || e.is(libc::ESRCH) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Takes the three fields out of a /proc/PID/stat line. The second field, the command name, may hold anything,
/// spaces and closing brackets too: the fields are counted from the last `)`.
pub fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    let wait_status = fields.nth(29).and_then(|field| field.parse().ok()).unwrap_or(0);
    Some(Stat { state, start_time, wait_status })
}

/// This boot's random id (/proc/sys/kernel/random/boot_id): start times of two boots cannot be compared. Read once: while we
/// run there is no other boot.
pub fn boot_id() -> Result<&'static str> {
    static ID: OnceLock<String> = OnceLock::new();
    if let Some(id) = ID.get() {
        return Ok(id);
    }
    let text = kernel_file::read("/proc/sys/kernel/random/boot_id")?;
    Ok(ID.get_or_init(|| text.trim_end().to_string()))
}
