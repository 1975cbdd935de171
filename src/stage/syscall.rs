//! System calls without a C library. One function a call; a negative result is an errno.

use core::ffi::c_char;

/// An errno, positive.
pub type Errno = i32;

#[cfg(target_arch = "x86_64")]
pub mod number {
    pub const READ: usize = 0;
    pub const CLOCK_GETTIME: usize = 228;
    pub const WRITE: usize = 1;
    pub const MMAP: usize = 9;
    pub const PREAD64: usize = 17;
    pub const LSEEK: usize = 8;
    pub const DUP3: usize = 292;
    pub const PIPE2: usize = 293;
    pub const EXECVE: usize = 59;
    pub const EXIT_GROUP: usize = 231;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const GETCWD: usize = 79;
    pub const CHDIR: usize = 80;
    pub const SETGROUPS: usize = 116;
    pub const SETRESUID: usize = 117;
    pub const SETRESGID: usize = 119;
    pub const CAPSET: usize = 126;
    pub const PRCTL: usize = 157;
    pub const SETPGID: usize = 109;
    pub const OPENAT: usize = 257;
    pub const NEWFSTATAT: usize = 262;
    pub const FSTATFS: usize = 138;
    pub const PPOLL: usize = 271;
    pub const ACCEPT4: usize = 288;
    pub const CLONE: usize = 56;
    pub const SECCOMP: usize = 317;
    pub const CLOSE: usize = 3;
    pub const CLOSE_RANGE: usize = 436;
    pub const PIDFD_OPEN: usize = 434;
    pub const FACCESSAT: usize = 269;
    pub const FCHDIR: usize = 81;
    pub const CHROOT: usize = 161;
    pub const RECVFROM: usize = 45;
    pub const SENDMSG: usize = 46;
    pub const SETNS: usize = 308;
    pub const SETSID: usize = 112;
    pub const IOCTL: usize = 16;
    pub const KEYCTL: usize = 250;
    pub const PRLIMIT64: usize = 302;
    pub const FACCESSAT2: usize = 439;
}

#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
pub mod number {
    pub const READ: usize = 63;
    pub const CLOCK_GETTIME: usize = 113;
    pub const WRITE: usize = 64;
    pub const MMAP: usize = 222;
    pub const PREAD64: usize = 67;
    pub const LSEEK: usize = 62;
    pub const DUP3: usize = 24;
    pub const PIPE2: usize = 59;
    pub const EXECVE: usize = 221;
    pub const EXIT_GROUP: usize = 94;
    pub const WAIT4: usize = 260;
    pub const KILL: usize = 129;
    pub const FCNTL: usize = 25;
    pub const GETCWD: usize = 17;
    pub const CHDIR: usize = 49;
    pub const SETGROUPS: usize = 159;
    pub const SETRESUID: usize = 147;
    pub const SETRESGID: usize = 149;
    pub const CAPSET: usize = 91;
    pub const PRCTL: usize = 167;
    pub const SETPGID: usize = 154;
    pub const OPENAT: usize = 56;
    pub const NEWFSTATAT: usize = 79;
    pub const FSTATFS: usize = 44;
    pub const PPOLL: usize = 73;
    pub const ACCEPT4: usize = 242;
    pub const CLONE: usize = 220;
    pub const SECCOMP: usize = 277;
    pub const CLOSE: usize = 57;
    pub const CLOSE_RANGE: usize = 436;
    pub const PIDFD_OPEN: usize = 434;
    pub const FACCESSAT: usize = 48;
    pub const FCHDIR: usize = 50;
    pub const CHROOT: usize = 51;
    pub const RECVFROM: usize = 207;
    pub const SENDMSG: usize = 211;
    pub const SETNS: usize = 268;
    pub const SETSID: usize = 157;
    pub const IOCTL: usize = 29;
    pub const KEYCTL: usize = 219;
    pub const PRLIMIT64: usize = 261;
    pub const FACCESSAT2: usize = 439;
}

/// Makes a system call.
///
/// # Safety
/// The arguments are what the call's man page asks for; pointers are valid for it.
#[cfg(target_arch = "x86_64")]
#[inline]
pub unsafe fn raw(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel's calling convention; rcx and r11 are its to spoil.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") number as isize => result,
            in("rdi") a[0], in("rsi") a[1], in("rdx") a[2], in("r10") a[3], in("r8") a[4], in("r9") a[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Makes a system call.
///
/// # Safety
/// The arguments are what the call's man page asks for; pointers are valid for it.
#[cfg(target_arch = "aarch64")]
#[inline]
pub unsafe fn raw(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel's calling convention.
    unsafe {
        core::arch::asm!("svc 0", in("x8") number, inlateout("x0") a[0] => result,
            in("x1") a[1], in("x2") a[2], in("x3") a[3], in("x4") a[4], in("x5") a[5], options(nostack));
    }
    result
}

/// Makes a system call.
///
/// # Safety
/// The arguments are what the call's man page asks for; pointers are valid for it.
#[cfg(target_arch = "riscv64")]
#[inline]
pub unsafe fn raw(number: usize, a: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel's calling convention.
    unsafe {
        core::arch::asm!("ecall", in("a7") number, inlateout("a0") a[0] => result,
            in("a1") a[1], in("a2") a[2], in("a3") a[3], in("a4") a[4], in("a5") a[5], options(nostack));
    }
    result
}

fn checked(result: isize) -> Result<usize, Errno> {
    if result < 0 { Err(-result as Errno) } else { Ok(result as usize) }
}

/// Makes a call whose arguments are numbers or addresses of live memory of the right size.
macro_rules! call {
    ($number:ident $(, $argument:expr)*) => {{
        let mut arguments = [0usize; 6];
        let mut _next = 0;
        $( arguments[_next] = $argument as usize; _next += 1; )*
        // SAFETY: each function below passes numbers, or addresses of memory that outlives the call.
        checked(unsafe { raw(number::$number, arguments) })
    }};
}

pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    call!(READ, fd, buffer.as_mut_ptr(), buffer.len())
}

pub fn pread(fd: i32, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
    call!(PREAD64, fd, buffer.as_mut_ptr(), buffer.len(), offset)
}

pub fn write(fd: i32, buffer: &[u8]) -> Result<usize, Errno> {
    call!(WRITE, fd, buffer.as_ptr(), buffer.len())
}

pub fn close(fd: i32) {
    let _ = call!(CLOSE, fd);
}

/// Closes every descriptor from `first` to `last`.
pub fn close_range(first: i32, last: u32) -> Result<usize, Errno> {
    call!(CLOSE_RANGE, first, last, 0)
}

/// fcntl(2) F_SETFD FD_CLOEXEC.
pub fn close_on_exec(fd: i32) -> Result<usize, Errno> {
    call!(FCNTL, fd, 2, 1)
}

/// Maps `len` bytes of a file privately, readable and writable.
pub fn map(fd: i32, offset: usize, len: usize) -> Result<*mut u8, Errno> {
    call!(MMAP, 0, len, 3, 2, fd, offset).map(|address| address as *mut u8)
}

pub fn openat(dir: i32, path: *const c_char, flags: i32) -> Result<i32, Errno> {
    call!(OPENAT, dir, path, flags, 0).map(|fd| fd as i32)
}

pub fn prctl(option: i32, a: usize, b: usize) -> Result<usize, Errno> {
    call!(PRCTL, option, a, b, 0, 0)
}

/// PR_SET_DUMPABLE 0: nobody without CAP_SYS_PTRACE may look into this process. A change of ids undoes it.
pub fn undumpable() -> Result<usize, Errno> {
    const PR_SET_DUMPABLE: i32 = 4;
    prctl(PR_SET_DUMPABLE, 0, 0)
}

pub fn setgroups(groups: &[u32]) -> Result<usize, Errno> {
    call!(SETGROUPS, groups.len(), groups.as_ptr())
}

pub fn setresgid(gid: u32) -> Result<usize, Errno> {
    call!(SETRESGID, gid, gid, gid)
}

pub fn setresuid(uid: u32) -> Result<usize, Errno> {
    call!(SETRESUID, uid, uid, uid)
}

/// capset(2), version 3: sets as bit masks.
pub fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<usize, Errno> {
    let header: [u32; 2] = [0x2008_0522, 0];
    let data: [u32; 6] = [
        effective as u32,
        permitted as u32,
        inheritable as u32,
        (effective >> 32) as u32,
        (permitted >> 32) as u32,
        (inheritable >> 32) as u32,
    ];
    call!(CAPSET, header.as_ptr(), data.as_ptr())
}

pub fn chdir(path: *const c_char) -> Result<usize, Errno> {
    call!(CHDIR, path)
}

/// Makes a directory this process's root and working directory.
pub fn chroot_to(dir: i32) -> Result<usize, Errno> {
    call!(FCHDIR, dir)?;
    call!(CHROOT, c".".as_ptr())
}

/// Whether the other end of a socket is gone. Does not wait, and takes nothing out of it.
pub fn is_hung_up(socket: i32) -> bool {
    const MSG_PEEK_DONTWAIT: i32 = 2 | 0x40;
    let mut byte = [0u8; 1];
    call!(RECVFROM, socket, byte.as_mut_ptr(), byte.len(), MSG_PEEK_DONTWAIT, 0, 0) == Ok(0)
}

/// struct msghdr, with one part and one control message.
#[repr(C)]
struct Envelope {
    name: usize,
    name_len: usize,
    parts: *const Part,
    parts_len: usize,
    control: *const Rights,
    control_len: usize,
    flags: usize,
}

/// struct iovec.
#[repr(C)]
struct Part {
    base: *const u8,
    len: usize,
}

/// struct cmsghdr and its one descriptor (unix(7), SCM_RIGHTS).
#[repr(C)]
struct Rights {
    len: usize,
    level: i32,
    kind: i32,
    descriptor: i32,
}

/// Sends a copy of a descriptor through a unix socket, with one byte, as that takes.
pub fn send_descriptor(socket: i32, descriptor: i32) -> Result<usize, Errno> {
    const SOL_SOCKET: i32 = 1;
    const SCM_RIGHTS: i32 = 1;
    const HEADER_BYTES: usize = 16;
    let byte = [0u8; 1];
    let part = Part { base: byte.as_ptr(), len: byte.len() };
    let rights = Rights { len: HEADER_BYTES + 4, level: SOL_SOCKET, kind: SCM_RIGHTS, descriptor };
    let envelope = Envelope {
        name: 0,
        name_len: 0,
        parts: &raw const part,
        parts_len: 1,
        control: &raw const rights,
        control_len: size_of::<Rights>(),
        flags: 0,
    };
    call!(SENDMSG, socket, &raw const envelope, 0)
}

/// SIGKILL when our parent dies (PR_SET_PDEATHSIG). A change of ids, and a clone, undo it.
pub fn die_with_parent() {
    const PR_SET_PDEATHSIG: i32 = 1;
    let _ = prctl(PR_SET_PDEATHSIG, SIGKILL as usize, 0);
}

pub fn getcwd(buffer: &mut [u8]) -> Result<usize, Errno> {
    call!(GETCWD, buffer.as_mut_ptr(), buffer.len())
}

/// The mode of what `path` leads to.
pub fn stat_mode(path: *const c_char) -> Result<u32, Errno> {
    // struct stat is 144 bytes on x86_64 and 128 elsewhere; st_mode lies at 24 and 16.
    #[repr(align(8))]
    struct Stat([u8; 144]);
    const MODE_AT: usize = if cfg!(target_arch = "x86_64") { 24 } else { 16 };
    let mut stat = Stat([0; 144]);
    call!(NEWFSTATAT, AT_FDCWD, path, stat.0.as_mut_ptr(), 0)?;
    let mode = &stat.0[MODE_AT..MODE_AT + 4];
    Ok(u32::from_ne_bytes([mode[0], mode[1], mode[2], mode[3]]))
}

/// Whether the effective user may do `mode` (1 execute, 0 exist) with `path`.
pub fn may(path: *const c_char, mode: i32) -> Result<usize, Errno> {
    const AT_EACCESS: i32 = 0x200;
    match call!(FACCESSAT2, AT_FDCWD, path, mode, AT_EACCESS) {
        // Before Linux 5.8: asks for the real user, who is the same by now.
        Err(ENOSYS) => call!(FACCESSAT, AT_FDCWD, path, mode),
        other => other,
    }
}

/// Whether the file lies on a noexec mount (statfs(2), ST_NOEXEC).
pub fn is_noexec(fd: i32) -> bool {
    // struct statfs is 120 bytes on 64-bit machines; f_flags is the 11th long.
    let mut statfs = [0u64; 15];
    call!(FSTATFS, fd, statfs.as_mut_ptr()).is_ok() && statfs[10] & 8 != 0
}

pub fn accept(socket: i32) -> Result<i32, Errno> {
    const SOCK_CLOEXEC: i32 = 0o2000000;
    call!(ACCEPT4, socket, 0, 0, SOCK_CLOEXEC).map(|fd| fd as i32)
}

/// struct sock_fprog.
#[repr(C)]
struct Program {
    len: u16,
    filter: *const u8,
}

/// seccomp(2) SECCOMP_SET_MODE_FILTER; gives the listener's descriptor if the flags ask for one.
pub fn seccomp(flags: u32, filter: *const u8, instructions: u32) -> Result<i32, Errno> {
    let program = Program { len: instructions as u16, filter };
    call!(SECCOMP, 1, flags, &raw const program).map(|fd| fd as i32)
}

pub fn execve(path: *const c_char, argv: *const *const c_char, envp: *const *const c_char) -> Errno {
    match call!(EXECVE, path, argv, envp) {
        Err(errno) => errno,
        Ok(_) => 0,
    }
}

pub fn exit(status: i32) -> ! {
    let _ = call!(EXIT_GROUP, status);
    // A profile may forbid even that. Nobody can forbid a fault.
    fault()
}

#[cfg(target_arch = "x86_64")]
fn fault() -> ! {
    // SAFETY: an instruction that is none: the kernel ends the process by SIGILL, whose action is the default one.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
}

#[cfg(target_arch = "aarch64")]
fn fault() -> ! {
    // SAFETY: as above.
    unsafe { core::arch::asm!("udf #0", options(noreturn)) }
}

#[cfg(target_arch = "riscv64")]
fn fault() -> ! {
    // SAFETY: as above.
    unsafe { core::arch::asm!("unimp", options(noreturn)) }
}

/// Forks (clone(2) with SIGCHLD): 0 in the child.
pub fn fork() -> Result<i32, Errno> {
    call!(CLONE, SIGCHLD, 0, 0, 0, 0).map(|pid| pid as i32)
}

/// Forks a child that is not ours but our parent's (CLONE_PARENT): 0 in the child.
pub fn fork_sibling() -> Result<i32, Errno> {
    const CLONE_PARENT: i32 = 0x8000;
    call!(CLONE, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0).map(|pid| pid as i32)
}

/// Joins namespaces of the process behind a pidfd, all of `kinds` at once (setns(2), Linux 5.8).
pub fn setns(pidfd: i32, kinds: u32) -> Result<usize, Errno> {
    call!(SETNS, pidfd, kinds)
}

pub fn setsid() -> Result<usize, Errno> {
    call!(SETSID)
}

/// Makes a terminal the controlling one of this session (TIOCSCTTY).
pub fn make_controlling(terminal: i32) -> Result<usize, Errno> {
    const TIOCSCTTY: i32 = 0x540e;
    call!(IOCTL, terminal, TIOCSCTTY, 0)
}

/// Joins the session keyring of that name, or makes it (keyctl(2)).
pub fn join_session_keyring(name: *const c_char) -> Result<usize, Errno> {
    const KEYCTL_JOIN_SESSION_KEYRING: i32 = 1;
    call!(KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, name)
}

/// Sets a resource limit of this process.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<usize, Errno> {
    let limit = [soft, hard];
    call!(PRLIMIT64, 0, resource, limit.as_ptr(), 0)
}

pub fn pidfd_open(pid: i32) -> Result<i32, Errno> {
    call!(PIDFD_OPEN, pid, 0).map(|fd| fd as i32)
}

/// Waits for a child; gives its wait status.
pub fn wait(pid: i32) -> Result<i32, Errno> {
    let mut status = 0i32;
    call!(WAIT4, pid, &raw mut status, 0, 0).map(|_| status)
}

pub fn kill(pid: i32, signal: i32) {
    let _ = call!(KILL, pid, signal);
}

pub fn setpgid() {
    let _ = call!(SETPGID, 0, 0);
}

pub fn dup3(from: i32, to: i32) -> Result<usize, Errno> {
    call!(DUP3, from, to, 0)
}

pub fn rewind(fd: i32) {
    let _ = call!(LSEEK, fd, 0, 0);
}

/// The time since some fixed moment (CLOCK_MONOTONIC), in nanoseconds.
pub fn monotonic_ns() -> i64 {
    const CLOCK_MONOTONIC: i32 = 1;
    let mut time = [0i64; 2];
    let _ = call!(CLOCK_GETTIME, CLOCK_MONOTONIC, time.as_mut_ptr());
    time[0] * 1_000_000_000 + time[1]
}

/// A pipe: (read end, write end), both close-on-exec.
pub fn pipe() -> Result<(i32, i32), Errno> {
    const O_CLOEXEC: i32 = 0o2000000;
    let mut ends = [0i32; 2];
    call!(PIPE2, ends.as_mut_ptr(), O_CLOEXEC)?;
    Ok((ends[0], ends[1]))
}

/// struct pollfd.
#[repr(C)]
pub struct PollFd {
    pub fd: i32,
    pub events: i16,
    pub revents: i16,
}

/// Waits until one is readable; 0 after `timeout` (seconds, nanoseconds), which the kernel counts down in place.
pub fn poll(fds: &mut [PollFd], timeout: Option<&mut [i64; 2]>) -> Result<usize, Errno> {
    let timeout = timeout.map_or(core::ptr::null_mut(), |t| t.as_mut_ptr());
    call!(PPOLL, fds.as_mut_ptr(), fds.len(), timeout, 0, 8)
}

pub const AT_FDCWD: i32 = -100;
pub const SIGCHLD: i32 = 17;
pub const SIGKILL: i32 = 9;
pub const EPERM: Errno = 1;
pub const ENOENT: Errno = 2;
pub const EINTR: Errno = 4;
pub const ENOEXEC: Errno = 8;
pub const EACCES: Errno = 13;
pub const ENOTDIR: Errno = 20;
pub const EISDIR: Errno = 21;
pub const EINVAL: Errno = 22;
pub const ERANGE: Errno = 34;
pub const ENAMETOOLONG: Errno = 36;
pub const ENOSYS: Errno = 38;
