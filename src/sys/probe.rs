//! Fills [`Host`]: the few facts about this machine that a plan depends on. Asked of the kernel, not guessed from
//! its version. Called by `cmd` (create, run, features) and, for the two cheap ones, by `state`.

use super::Result;
use super::kernel_file::read_if_there;
use crate::host::{Fact, Host, Lent};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// Effective user id of this process, which is what it was executed with.
pub fn euid() -> u32 {
    auxiliary(libc::AT_EUID)
}

/// Effective group id of this process, in the same way.
pub fn egid() -> u32 {
    auxiliary(libc::AT_EGID)
}

/// An id of the auxiliary vector, which execve(2) has left us (getauxval(3)): no system call.
fn auxiliary(kind: libc::c_ulong) -> u32 {
    // SAFETY: reads the vector, which lives as long as the process.
    unsafe { libc::getauxval(kind) as u32 }
}

/// The time, by the system call itself: for the one time that a short command wants it, the C library's search for the
/// kernel's page with a faster one (vdso(7)) costs more.
pub fn now() -> SystemTime {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a live struct that the kernel fills.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut time) };
    SystemTime::UNIX_EPOCH + Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Whether we are in a user namespace other than the initial one: its uid map is not "all ids to themselves"
/// (user_namespaces(7)). A kernel without the file has no user namespaces.
pub fn in_user_namespace() -> Result<bool> {
    // It is asked more than once, and the process that asks stays where it is.
    static ANSWER: OnceLock<bool> = OnceLock::new();
    match ANSWER.get() {
        Some(answer) => Ok(*answer),
        None => {
            let answer = !in_initial_user_namespace()
                && read_if_there("/proc/self/uid_map")?.is_some_and(|map| !is_identity(&map));
            Ok(*ANSWER.get_or_init(|| answer))
        }
    }
}

/// Whether we are in the user namespace that there was first, whose inode number is part of the kernel's interface
/// (linux/nsfs.h, USER_NS_INIT_INO). False also if it cannot be told.
pub fn in_initial_user_namespace() -> bool {
    const INITIAL_INODE: u64 = 0xefff_fffd;
    super::namespace::own_user().is_ok_and(|(_, inode)| inode == INITIAL_INODE)
}

/// Whether a uid_map maps all ids to themselves.
pub fn is_identity(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// All facts. A few system calls.
pub fn host() -> Result<Host> {
    let (euid, egid) = (euid(), egid());
    Ok(Host {
        euid,
        egid,
        lent: Lent::default(),
        rootless: euid != 0 || in_user_namespace()?,
        last_capability: last_capability(),
        apparmor: Fact::Asked(apparmor),
        selinux: Fact::Asked(selinux),
        architecture: architecture(),
    })
}

/// Found by asking for capabilities one by one, from the last that Linux 5.9 brought on: of one that it does not know the
/// kernel says EINVAL (PR_CAPBSET_READ). That is two system calls, and none of them opens a file.
fn last_capability() -> u8 {
    // SAFETY: integers only.
    let is_known =
        |number: u8| unsafe { libc::prctl(libc::PR_CAPBSET_READ, u64::from(number), 0, 0, 0) } >= 0;
    let mut last = 40;
    while last < 63 && is_known(last + 1) {
        last += 1;
    }
    while last > 0 && !is_known(last) {
        last -= 1;
    }
    last
}

/// False also if it cannot be told.
fn apparmor() -> bool {
    let enabled = read_if_there("/sys/module/apparmor/parameters/enabled");
    enabled.is_ok_and(|text| text.is_some_and(|text| text.starts_with('Y')))
}

/// Whether selinuxfs is mounted where it always is.
fn selinux() -> bool {
    use super::dir::Dir;
    const SELINUX_MAGIC: i64 = 0xf97c_ff8c;
    let mounted = |dir: Dir| dir.filesystem_magic().is_ok_and(|magic| magic == SELINUX_MAGIC);
    Dir::open(std::path::Path::new("/sys/fs/selinux")).is_ok_and(mounted)
}

/// This machine's architecture in the words of the runtime specification (linux.seccomp.architectures).
pub const fn architecture() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "SCMP_ARCH_X86_64"
    } else if cfg!(target_arch = "aarch64") {
        "SCMP_ARCH_AARCH64"
    } else if cfg!(target_arch = "x86") {
        "SCMP_ARCH_X86"
    } else if cfg!(target_arch = "arm") {
        "SCMP_ARCH_ARM"
    } else if cfg!(target_arch = "riscv64") {
        "SCMP_ARCH_RISCV64"
    } else if cfg!(target_arch = "s390x") {
        "SCMP_ARCH_S390X"
    } else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
        "SCMP_ARCH_PPC64LE"
    } else if cfg!(target_arch = "loongarch64") {
        "SCMP_ARCH_LOONGARCH64"
    } else {
        "SCMP_ARCH_UNKNOWN"
    }
}

/// Whether the kernel knows a flag of seccomp(2), a single SECCOMP_FILTER_FLAG_* bit; no bit at all is known to all.
/// Asked with a null program: EFAULT says that the flag was accepted, EINVAL that it was not; nothing is loaded.
pub fn seccomp_flag(bit: u32) -> bool {
    const SET_MODE_FILTER: libc::c_uint = 1;
    const NEW_LISTENER: u32 = 8;
    const WAIT_KILLABLE_RECV: u32 = 32;
    // This one is refused without a listener.
    let flags = if bit == WAIT_KILLABLE_RECV { bit | NEW_LISTENER } else { bit };
    let no_program = std::ptr::null::<libc::sock_fprog>();
    // SAFETY: the program's address is null, which the kernel answers with EFAULT; no memory of ours is involved.
    let answer = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, flags, no_program) };
    answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}
