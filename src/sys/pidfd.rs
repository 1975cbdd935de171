//! Processes by descriptor: pidfd_open(2), pidfd_send_signal(2), and what tells one process from a later one
//! with the same number.
//!
//! Used by `state` (is the init of the record still alive?), `cmd` (kill, delete) and `launch`. A number alone is
//! never signalled: pids are reused (CVE class "pid reuse"), so the order is always open the pidfd, compare the
//! start time, then signal through the descriptor.

use super::{Result, SysError, fd};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

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

/// The pid behind a pidfd in our pid namespace; `None` once it has been reaped (/proc/self/fdinfo, proc(5)).
pub fn pid_of(pidfd: BorrowedFd<'_>) -> Result<Option<i32>> {
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = read_small(&path)?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse::<i32>().ok());
    Ok(pid.filter(|pid| *pid > 0))
}

/// Two fields of /proc/PID/stat (proc_pid_stat(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `D`, `Z` (zombie), `X` (dead) ...
    pub state: char,
    /// Field 22: when it started, in clock ticks after boot (as seen from the reader's time namespace).
    pub start_time: u64,
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
    match read_small(&path) {
        Ok(text) => parse_stat(&text).map(Some).ok_or_else(|| SysError::new("read", path, libc::EINVAL)),
        Err(e) if e.is(libc::ENOENT) || e.is(libc::ESRCH) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Takes the two fields out of a /proc/PID/stat line. The second field, the command name, may hold anything,
/// spaces and closing brackets too: the fields are counted from the last `)`.
pub fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start_time = fields.nth(18)?.parse().ok()?;
    Some(Stat { state, start_time })
}

/// This boot's random id (/proc/sys/kernel/random/boot_id): start times of two boots cannot be compared.
pub fn boot_id() -> Result<String> {
    Ok(read_small("/proc/sys/kernel/random/boot_id")?.trim_end().to_string())
}

fn read_small(path: &str) -> Result<String> {
    let file = nix::fcntl::open(path, nix::fcntl::OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
        .map_err(|e| SysError::nix("open", path, e))?;
    let data = fd::read_to_end(file.as_fd(), path, 4096)?;
    Ok(String::from_utf8_lossy(&data).into_owned())
}
