//! Descriptors: reading and writing them whole, duplicating, closing in ranges, waiting for them.
//!
//! Used by every module that owns an fd. Opens by path for the rest of `sys` only, and nothing of a container: for that
//! there is `path`.

use super::{Result, SysError};
use nix::fcntl::OFlag;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::time::Instant;

/// Reads until end of file, at most `limit_bytes`; more than that is `E2BIG`, so that a file under somebody
/// else's control cannot feed us for ever.
pub fn read_to_end(fd: BorrowedFd<'_>, object: &str, limit_bytes: usize) -> Result<Vec<u8>> {
    let mut data = Vec::new();
    while read_more(fd, object, &mut data, limit_bytes)? > 0 {}
    Ok(data)
}

/// One read(2) into what `data` has room for, or into a page more. Gives how many bytes came; 0 at the end of the file.
fn read_more(fd: BorrowedFd<'_>, object: &str, data: &mut Vec<u8>, limit_bytes: usize) -> Result<usize> {
    const PAGE_BYTES: usize = 4096;
    if data.len() == data.capacity() {
        data.reserve(PAGE_BYTES.max(data.len()));
    }
    loop {
        let room = data.spare_capacity_mut();
        // SAFETY: the kernel writes at most as many bytes as there is room for, and reads none of it.
        let length = unsafe { libc::read(fd.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) };
        if let Ok(length) = usize::try_from(length) {
            // SAFETY: the kernel has just filled so many bytes behind those that were there.
            unsafe { data.set_len(data.len() + length) };
            let too_many = data.len() > limit_bytes;
            return if too_many { Err(SysError::new("read", object, libc::E2BIG)) } else { Ok(length) };
        }
        let error = SysError::last("read", object);
        if !error.is(libc::EINTR) {
            return Err(error);
        }
    }
}

/// Opens a path of the host (openat(2), which asks for close-on-exec in the call itself; musl's open(2) asks again).
pub fn open_path<P: ?Sized + nix::NixPath>(path: &P, flags: OFlag) -> nix::Result<OwnedFd> {
    nix::fcntl::openat(nix::fcntl::AT_FDCWD, path, flags | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
}

/// Reads a file that is written as one record (one of /proc/PID, a sysctl, one value of a control group; a regular file
/// that is replaced as a whole), at most `limit_bytes`, which is `E2BIG` beyond. A read(2) that does not fill the buffer had
/// all of it: the second one, which would say so, is left out. Not for tables, of which a read gives as many whole rows as it
/// likes. `usual_bytes`: more than most of its kind have.
pub fn read_record(
    fd: BorrowedFd<'_>,
    object: &str,
    usual_bytes: usize,
    limit_bytes: usize,
) -> Result<Vec<u8>> {
    let mut data = Vec::with_capacity(usual_bytes);
    read_more(fd, object, &mut data, limit_bytes)?;
    if data.len() == data.capacity() {
        while read_more(fd, object, &mut data, limit_bytes)? > 0 {}
    }
    Ok(data)
}

/// Writes all of `data`.
pub fn write_all(fd: BorrowedFd<'_>, object: &str, mut data: &[u8]) -> Result<()> {
    while !data.is_empty() {
        match nix::unistd::write(fd, data) {
            Ok(0) => return Err(SysError::new("write", object, libc::EIO)),
            Ok(n) => data = data.get(n..).unwrap_or_default(),
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("write", object, e)),
        }
    }
    Ok(())
}

/// Writes `data` in one write(2): what kernel files (cgroup, /proc) need. A short write is an error.
pub fn write_once(fd: BorrowedFd<'_>, object: &str, data: &[u8]) -> Result<()> {
    match nix::unistd::write(fd, data) {
        Ok(n) if n == data.len() => Ok(()),
        Ok(_) => Err(SysError::new("write", object, libc::EIO)),
        Err(e) => Err(SysError::nix("write", object, e)),
    }
}

/// An anonymous file (memfd_create(2), Linux 3.17) that is close-on-exec and may be sealed.
/// `executable` asks for MFD_EXEC (Linux 6.3) where the kernel knows it.
pub fn memfd(name: &std::ffi::CStr, executable: Executable) -> Result<OwnedFd> {
    const MFD_NOEXEC_SEAL: libc::c_uint = 0x0008;
    const MFD_EXEC: libc::c_uint = 0x0010;
    let base = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    let wanted = match executable {
        Executable::Yes => base | MFD_EXEC,
        Executable::No => base | MFD_NOEXEC_SEAL,
    };
    for flags in [wanted, base] {
        // SAFETY: `name` is a NUL-terminated string; the call reads it and keeps nothing.
        let fd = unsafe { libc::memfd_create(name.as_ptr(), flags) };
        if fd >= 0 {
            // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd) });
        }
        // EINVAL: a kernel before 6.3, which knows neither flag.
        if std::io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            break;
        }
    }
    Err(SysError::last("memfd_create", name.to_string_lossy()))
}

/// Whether an anonymous file will be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executable {
    /// It holds a program.
    Yes,
    /// It holds data.
    No,
}

/// Makes an anonymous file immutable: no write, no resize, no further seal (fcntl(2), F_ADD_SEALS).
pub fn seal(fd: BorrowedFd<'_>, object: &str) -> Result<()> {
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: fcntl on a descriptor that the caller holds; the argument is an integer.
    match unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) } {
        -1 => Err(SysError::last("fcntl F_ADD_SEALS", object)),
        _ => Ok(()),
    }
}

/// A close-on-exec copy of `fd` numbered `lowest` or above (fcntl(2), F_DUPFD_CLOEXEC).
pub fn duplicate(fd: BorrowedFd<'_>, lowest: RawFd) -> Result<OwnedFd> {
    // Not through the C library: musl's sets close-on-exec a second time.
    // SAFETY: fcntl on a descriptor that the caller holds; the argument is an integer.
    let copy = unsafe { libc::syscall(libc::SYS_fcntl, fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) };
    if copy < 0 {
        return Err(SysError::last("fcntl F_DUPFD_CLOEXEC", format!("fd {}", fd.as_raw_fd())));
    }
    // SAFETY: the kernel has just given us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy as RawFd) })
}

/// Whether `fd` is open in this process.
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD reads a flag; on a closed descriptor it fails with EBADF and does nothing.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Sets or clears close-on-exec on a descriptor number (fcntl(2), F_SETFD).
pub fn set_cloexec(fd: RawFd, on: OnExec) -> Result<()> {
    let flag = match on {
        OnExec::Close => libc::FD_CLOEXEC,
        OnExec::Keep => 0,
    };
    // SAFETY: sets a flag of a descriptor number; no memory is involved.
    match unsafe { libc::fcntl(fd, libc::F_SETFD, flag) } {
        -1 => Err(SysError::last("fcntl F_SETFD", format!("fd {fd}"))),
        _ => Ok(()),
    }
}

/// What happens to a descriptor at execve(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExec {
    /// It is closed.
    Close,
    /// It is passed on.
    Keep,
}

/// Linux 5.11, linux/close_range.h. Neither it nor the function is in the `libc` crate for musl.
const CLOSE_RANGE_CLOEXEC: libc::c_uint = 1 << 2;

/// Marks every descriptor from `first` on as close-on-exec (close_range(2), Linux 5.11; else one by one).
pub fn cloexec_from(first: RawFd) -> Result<()> {
    // SAFETY: changes flags of descriptor numbers; no memory is involved.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, first as libc::c_uint, libc::c_uint::MAX, CLOSE_RANGE_CLOEXEC)
    };
    if done == 0 {
        return Ok(());
    }
    for fd in first..1024 {
        if is_open(fd) {
            set_cloexec(fd, OnExec::Close)?;
        }
    }
    Ok(())
}

/// Descriptors that nobody uses any more and that are closed together: neighbours in one call of close_range(2). How many
/// may lie here is bounded, as the number of open descriptors is.
#[derive(Debug, Default)]
pub struct Pile(Vec<OwnedFd>);

impl Pile {
    /// Not many: with more than 64 descriptors the kernel would have to make a larger table for them.
    const HEIGHT_MAX: usize = 40;

    /// Takes one more.
    pub fn add(&mut self, fd: OwnedFd) {
        self.0.push(fd);
        if self.0.len() >= Pile::HEIGHT_MAX {
            self.close();
        }
    }

    /// Takes those of another pile.
    pub fn append(&mut self, mut other: Pile) {
        std::mem::take(&mut other.0).into_iter().for_each(|fd| self.add(fd));
    }

    /// Closes all.
    pub fn close(&mut self) {
        let mut numbers: Vec<RawFd> = self.0.drain(..).map(IntoRawFd::into_raw_fd).collect();
        numbers.sort_unstable();
        for run in numbers.chunk_by(|one, next| one + 1 == *next) {
            if let [first, .., last] | [first @ last] = run {
                close_run(*first, *last);
            }
        }
    }
}

impl Drop for Pile {
    fn drop(&mut self) {
        self.close();
    }
}

/// Closes descriptors that were owned by the caller, from `first` to `last` (close_range(2), Linux 5.9; else one by one).
fn close_run(first: RawFd, last: RawFd) {
    // SAFETY: closes descriptor numbers that the caller owned; no memory is involved.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, first as libc::c_uint, last as libc::c_uint, 0) };
    if done != 0 {
        for number in first..=last {
            // SAFETY: as above.
            unsafe { libc::close(number) };
        }
    }
}

/// Waits until one of `fds` is readable or hung up, or `timeout_ms` has passed (None: for ever).
/// Returns, in the order of `fds`, which are ready.
pub fn poll_readable(fds: &[BorrowedFd<'_>], timeout_ms: Option<u16>) -> Result<Vec<bool>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut polled: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let timeout = timeout_ms.map_or(PollTimeout::NONE, PollTimeout::from);
    loop {
        match poll(&mut polled, timeout) {
            Ok(_) => return Ok(polled.iter().map(|p| p.any().unwrap_or(true)).collect()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("poll", "descriptors", e)),
        }
    }
}

/// Waits until the kernel announces a change of the file (POLLPRI: cgroup.events, cgroups(7)), at most `timeout_ms`.
/// Every read of the file from its start arms it again. `Ok(false)`: the time is up.
pub fn poll_change(fd: BorrowedFd<'_>, object: &str, timeout_ms: u16) -> Result<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let mut polled = [PollFd::new(fd, PollFlags::POLLPRI)];
    match poll(&mut polled, PollTimeout::from(timeout_ms)) {
        Ok(ready) => Ok(ready > 0),
        Err(nix::errno::Errno::EINTR) => Ok(true),
        Err(e) => Err(SysError::nix("poll", object, e)),
    }
}

/// Reads the file from its start, whatever was read before (pread(2)), at most `limit_bytes`.
pub fn read_from_start(fd: BorrowedFd<'_>, object: &str, limit_bytes: usize) -> Result<Vec<u8>> {
    let mut data = vec![0; limit_bytes];
    let length = nix::sys::uio::pread(fd, &mut data, 0).map_err(|e| SysError::nix("pread", object, e))?;
    data.truncate(length);
    Ok(data)
}

/// Writes all of `data` at a place of a file (pwrite(2)).
pub fn write_at(fd: BorrowedFd<'_>, object: &str, mut data: &[u8], mut offset: u64) -> Result<()> {
    while !data.is_empty() {
        match nix::sys::uio::pwrite(fd, data, offset as i64) {
            Ok(0) => return Err(SysError::new("pwrite", object, libc::EIO)),
            Ok(n) => {
                data = data.get(n..).unwrap_or_default();
                offset += n as u64;
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("pwrite", object, e)),
        }
    }
    Ok(())
}

fn stat(number: RawFd) -> Option<nix::sys::stat::FileStat> {
    // SAFETY: the descriptor is only asked about; if it is not open, fstat fails with EBADF.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    nix::sys::stat::fstat(fd).ok()
}

/// What a standard stream is, as far as it matters for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// A null device (character device 1:3).
    Null,
    /// A pipe or FIFO.
    Pipe,
    /// Anything else, or not open.
    Other,
}

/// What a standard stream is. Asked once: the caller's streams stay what they are.
pub fn stream_of(number: RawFd) -> Stream {
    static KNOWN: [OnceLock<Stream>; 3] = [const { OnceLock::new() }; 3];
    let known = usize::try_from(number).ok().and_then(|number| KNOWN.get(number));
    known.map_or_else(|| look_at(number), |known| *known.get_or_init(|| look_at(number)))
}

fn look_at(number: RawFd) -> Stream {
    match stat(number).map(|stat| (stat.st_mode & libc::S_IFMT, stat.st_rdev)) {
        Some((libc::S_IFCHR, device)) if device == libc::makedev(1, 3) => Stream::Null,
        Some((libc::S_IFIFO, _)) => Stream::Pipe,
        _ => Stream::Other,
    }
}

/// Gives a pipe or FIFO to a user; leaves everything else alone.
pub fn give_pipe_to(number: RawFd, uid: u32) {
    if stream_of(number) == Stream::Pipe {
        give_to(number, uid);
    }
}

/// Gives what a descriptor refers to to a user.
pub fn give_to(number: RawFd, uid: u32) {
    // SAFETY: fchown on a descriptor number; no memory is involved. A refusal only costs reopening it by name.
    let _ = unsafe { libc::fchown(number, uid, libc::gid_t::MAX) };
}

/// Takes over the caller's descriptors 3 to 3 + `count`: gives the numbers that are open. Holes are filled with
/// placeholders, so that no descriptor of ours lands there. All of them, and all above, become close-on-exec.
pub fn take_inherited(count: u32) -> Result<Vec<RawFd>> {
    let end = 3 + RawFd::try_from(count).map_err(|_| SysError::new("dup", "--preserve-fds", libc::EMFILE))?;
    let mut inherited = Vec::new();
    for number in 3..end {
        if is_open(number) {
            inherited.push(number);
            continue;
        }
        let null = null_device()?;
        // Lives as long as the process: it must only keep the number taken.
        std::mem::forget(null);
    }
    if !broken!("cve_2016_8649", "cve_2024_21626") {
        cloexec_from(3)?;
    }
    Ok(inherited)
}

/// The host's /dev/null, for reading and writing.
pub fn null_device() -> Result<OwnedFd> {
    open_path("/dev/null", OFlag::O_RDWR).map_err(|e| SysError::nix("open", "/dev/null", e))
}

/// The end of a file, at most `limit_bytes`.
pub fn read_tail(fd: BorrowedFd<'_>, object: &str, limit_bytes: usize) -> Result<Vec<u8>> {
    let stat = nix::sys::stat::fstat(fd).map_err(|e| SysError::nix("fstat", object, e))?;
    let mut data = vec![0; limit_bytes];
    let start = stat.st_size.saturating_sub(i64::try_from(limit_bytes).unwrap_or(i64::MAX)).max(0);
    let length = nix::sys::uio::pread(fd, &mut data, start).map_err(|e| SysError::nix("pread", object, e))?;
    data.truncate(length);
    Ok(data)
}

/// Whether a descriptor number is open for writing (fcntl(2), F_GETFL).
pub fn is_writable(number: RawFd) -> bool {
    // SAFETY: F_GETFL reads flags; on a closed descriptor it fails with EBADF and does nothing.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFL) };
    flags >= 0 && flags & libc::O_ACCMODE != libc::O_RDONLY
}

/// A descriptor number of the caller's, for as long as the process lives. `None`: it is not open.
pub fn of_caller(number: RawFd) -> Option<BorrowedFd<'static>> {
    // SAFETY: standard streams and inherited descriptors are never closed by this process.
    is_open(number).then(|| unsafe { BorrowedFd::borrow_raw(number) })
}

/// Where a standard stream of this process leads: the text of its link in /proc/self/fd, for example `pipe:[4711]`. A null
/// device is /dev/null, whatever it is called.
pub fn link_of(number: RawFd) -> Option<String> {
    if stream_of(number) == Stream::Null {
        return Some("/dev/null".to_string());
    }
    let link = nix::fcntl::readlink(format!("/proc/self/fd/{number}").as_str()).ok()?;
    Some(link.to_string_lossy().into_owned())
}

/// Reads what is there, once; 0 at end of file.
pub fn read_some(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> Result<usize> {
    loop {
        match nix::unistd::read(fd, buffer) {
            Err(nix::errno::Errno::EINTR) => {}
            other => return other.map_err(|e| SysError::nix("read", "stream", e)),
        }
    }
}

/// Writes what is taken, once.
pub fn write_some(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize> {
    nix::unistd::write(fd, data).map_err(|e| SysError::nix("write", "stream", e))
}

/// O_NONBLOCK.
pub fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<()> {
    use nix::fcntl::{FcntlArg, fcntl};
    let flags = fcntl(fd, FcntlArg::F_GETFL).map_err(|e| SysError::nix("fcntl", "F_GETFL", e))?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(fd, FcntlArg::F_SETFL(flags)).map(|_| ()).map_err(|e| SysError::nix("fcntl", "F_SETFL", e))
}

/// Standard input.
pub fn stdin() -> BorrowedFd<'static> {
    // SAFETY: Rust's std keeps 0 to 2 open for as long as the process lives.
    unsafe { BorrowedFd::borrow_raw(0) }
}

/// Standard output.
pub fn stdout() -> BorrowedFd<'static> {
    // SAFETY: as above.
    unsafe { BorrowedFd::borrow_raw(1) }
}

/// Standard error.
pub fn stderr() -> BorrowedFd<'static> {
    // SAFETY: as above.
    unsafe { BorrowedFd::borrow_raw(2) }
}

/// What a descriptor is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Something to read, or its end.
    Read,
    /// Room to write.
    Write,
    /// A change that the kernel announces: POLLPRI of cgroup.events and memory.events.
    Change,
    /// The other side's end (a pipe that nobody reads any more), and nothing else.
    HangUp,
}

/// Waits until one of those that are given is ready, for ever; tells which.
pub fn poll_some(fds: &[Option<(BorrowedFd<'_>, Wanted)>]) -> Result<Vec<bool>> {
    poll_some_until(fds, None)
}

/// The same, at most until `end`: then none is ready.
pub fn poll_some_until(fds: &[Option<(BorrowedFd<'_>, Wanted)>], end: Option<Instant>) -> Result<Vec<bool>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let flags = |wanted| match wanted {
        Wanted::Read => PollFlags::POLLIN,
        Wanted::Write => PollFlags::POLLOUT,
        Wanted::Change => PollFlags::POLLPRI,
        Wanted::HangUp => PollFlags::empty(),
    };
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().flatten().map(|(fd, wanted)| PollFd::new(*fd, flags(*wanted))).collect();
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        // Rounded up: a wait that ends a little too early would be repeated again and again.
        let left_ms = left.map(|left| i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX));
        let timeout = left_ms.and_then(|ms| PollTimeout::try_from(ms).ok()).unwrap_or(PollTimeout::NONE);
        match poll(&mut polled, timeout) {
            Ok(0) if left_ms == Some(i32::MAX) => {}
            Ok(_) => break,
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(SysError::nix("poll", "descriptors", e)),
        }
    }
    let mut results = polled.iter().map(|p| p.any().unwrap_or(true));
    Ok(fds.iter().map(|fd| fd.is_some() && results.next().unwrap_or(false)).collect())
}
