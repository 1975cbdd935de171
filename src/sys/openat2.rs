//! openat2(2), and the choice between the kernel's resolver and our own walk.
//!
//! Used by `path` only. The kernel resolves a path inside a root in one call since Linux 5.6; where the call is
//! missing (an old kernel, or a seccomp filter around us that answers ENOSYS) `walk` does it step by step.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Who resolves a path inside a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver {
    /// openat2(2) with RESOLVE_IN_ROOT.
    Kernel,
    /// One O_PATH open for each component.
    Walk,
}

const UNDECIDED: u8 = 0;
const KERNEL: u8 = 1;
const WALK: u8 = 2;
static CHOICE: AtomicU8 = AtomicU8::new(UNDECIDED);

/// The resolver in use. Debug builds start with the walk if TARE_FORCE_WALK=1 is in the environment, so that the
/// whole test suite can be run through it; all builds change to it for good at the first ENOSYS.
pub fn resolver() -> Resolver {
    match CHOICE.load(Ordering::Relaxed) {
        KERNEL => Resolver::Kernel,
        WALK => Resolver::Walk,
        _ => {
            let forced =
                cfg!(debug_assertions) && std::env::var_os("TARE_FORCE_WALK").is_some_and(|v| v == "1");
            choose(if forced { Resolver::Walk } else { Resolver::Kernel })
        }
    }
}

fn choose(resolver: Resolver) -> Resolver {
    let choice = if resolver == Resolver::Walk { WALK } else { KERNEL };
    CHOICE.store(choice, Ordering::Relaxed);
    resolver
}

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Tries before the clock is looked at: a rename anywhere on the machine makes one try answer EAGAIN.
const EAGER_TRIES: u32 = 128;
/// Then for how long: somebody who renames for longer than this is an attacker.
const PATIENCE: Duration = Duration::from_millis(2);

/// openat2(2) with O_CLOEXEC; EAGAIN (a rename or mount during the resolution) is tried again. The errno if it fails.
/// On ENOSYS the walk is chosen for the rest of the process.
pub fn open(dir: BorrowedFd<'_>, path: &CStr, flags: i32, resolve: u64) -> std::result::Result<OwnedFd, i32> {
    let how = OpenHow { flags: (flags | libc::O_CLOEXEC) as u64, mode: 0, resolve };
    let mut tries = 0;
    let mut since = None;
    loop {
        match open_once(dir.as_raw_fd(), path, &how) {
            Ok(fd) => return Ok(fd),
            Err(libc::EAGAIN | libc::EINTR) => {}
            Err(libc::ENOSYS) => {
                choose(Resolver::Walk);
                return Err(libc::ENOSYS);
            }
            Err(errno) => return Err(errno),
        }
        tries += 1;
        if tries >= EAGER_TRIES && since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
            return Err(libc::EAGAIN);
        }
    }
}

fn open_once(dir: RawFd, path: &CStr, how: &OpenHow) -> std::result::Result<OwnedFd, i32> {
    let size = std::mem::size_of::<OpenHow>();
    // SAFETY: `path` is NUL-terminated, `how` is a struct open_how of the size given; the kernel keeps neither.
    let fd = unsafe { libc::syscall(libc::SYS_openat2, dir, path.as_ptr(), how as *const OpenHow, size) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
