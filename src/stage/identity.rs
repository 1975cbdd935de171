//! Who the container's process is: groups, ids, capabilities, working directory.

use super::abi::{Detail, Step, flag, slot};
use super::start::{Given, Mapped};
use super::syscall;
use super::wire::Failed;

const PR_SET_KEEPCAPS: i32 = 8;
const PR_CAPBSET_DROP: i32 = 24;
const PR_CAP_AMBIENT: i32 = 47;
const PR_CAP_AMBIENT_RAISE: usize = 2;
const PR_CAP_AMBIENT_CLEAR_ALL: usize = 4;
const CAP_SYS_ADMIN: u64 = 1 << 21;

/// Whether the working directory has been entered already.
#[derive(PartialEq, Eq)]
pub enum Entered {
    Yes,
    /// Root may not (a network file system, an id-mapped mount): the user may.
    NotYet,
}

/// Enters the working directory as the container's root.
pub fn chdir_before(given: &Given, payload: &Mapped) -> Result<Entered, Failed> {
    match syscall::chdir(payload.string(payload.header.cwd)) {
        Ok(_) => check_inside(given).map(|()| Entered::Yes),
        Err(syscall::EACCES | syscall::EPERM) => Ok(Entered::NotYet),
        // /proc/self is nobody in there before `exec` has its pid inside.
        Err(syscall::ENOENT) if payload.has(flag::JOIN) => Ok(Entered::NotYet),
        Err(errno) => Err(Failed::new(Step::Chdir, errno)),
    }
}

/// Enters it as the container's user, if root could not.
pub fn chdir_after(given: &Given, payload: &Mapped, entered: Entered) -> Result<(), Failed> {
    if entered == Entered::Yes {
        return Ok(());
    }
    syscall::chdir(payload.string(payload.header.cwd)).map_err(|errno| Failed::new(Step::Chdir, errno))?;
    check_inside(given)
}

/// The kernel names a working directory outside of the root "(unreachable)..." (CVE-2024-21626).
fn check_inside(given: &Given) -> Result<(), Failed> {
    if given.is_broken(b"cve_2024_21626") {
        return Ok(());
    }
    let mut path = [0u8; 256];
    match syscall::getcwd(&mut path) {
        Err(syscall::ERANGE) => check_long(),
        named => is_inside(named, path[0]),
    }
}

/// The same, where the name is long: in a frame of its own, as its pages are seldom wanted.
#[inline(never)]
fn check_long() -> Result<(), Failed> {
    let mut path = [0u8; 4096];
    is_inside(syscall::getcwd(&mut path), path[0])
}

fn is_inside(named: Result<usize, syscall::Errno>, first: u8) -> Result<(), Failed> {
    match named {
        Ok(_) if first == b'/' => Ok(()),
        // Deeper than a path can say, but reached from our root.
        Err(syscall::ENAMETOOLONG) => Ok(()),
        Err(errno) => Err(Failed::new(Step::Chdir, errno)),
        Ok(_) => Err(Failed::new(Step::Chdir, syscall::EPERM).because(Detail::OutsideRoot)),
    }
}

/// Groups, ids, and all five capability sets.
pub fn become_user(given: &Given, payload: &Mapped) -> Result<(), Failed> {
    let header = &payload.header;
    let [bounding, effective, inheritable, permitted, ambient] = header.capabilities;
    let inheritable = if given.is_broken(b"cve_2022_24769") { bounding } else { inheritable };
    let uid = if given.is_broken(b"cve_2016_3697") { 0 } else { header.uid };
    let at = |step| move |errno| Failed::new(step, errno);

    if !payload.has(flag::KEEP_GROUPS) {
        syscall::setgroups(payload.numbers(header.groups)).map_err(at(Step::Groups))?;
    }
    syscall::setresgid(header.gid).map_err(at(Step::Gid))?;
    // While CAP_SETPCAP is still there.
    for capability in 0..=header.last_capability as usize {
        if bounding & (1 << capability) == 0 {
            syscall::prctl(PR_CAPBSET_DROP, capability, 0).map_err(at(Step::BoundingSet))?;
        }
    }
    // Or the change of user would empty the permitted set.
    syscall::prctl(PR_SET_KEEPCAPS, 1, 0).map_err(at(Step::Uid))?;
    syscall::setresuid(uid).map_err(at(Step::Uid))?;

    // A filter without no_new_privs is loaded with CAP_SYS_ADMIN, and as late as possible. The execve takes it away
    // again: with the bounding set cut above, neither root nor anybody else gets it back.
    let for_filter = if payload.has(flag::SECCOMP) && !no_new_privileges() { CAP_SYS_ADMIN } else { 0 };
    syscall::capset(effective | for_filter, permitted | for_filter, inheritable).map_err(at(Step::Capabilities))?;

    let _ = syscall::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0);
    for capability in 0..=header.last_capability as usize {
        if ambient & (1 << capability) != 0 {
            syscall::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability).map_err(at(Step::Capabilities))?;
        }
    }
    // Where fs.suid_dumpable is 1, the change of ids has opened us to every process of this user.
    if !given.is_broken(b"cve_2016_9962") {
        let _ = syscall::undumpable();
    }
    // It has undone this, too. A parent that has died in between is seen at the wire.
    syscall::die_with_parent();
    if syscall::is_hung_up(given.file + slot::WIRE) {
        syscall::exit(1);
    }
    Ok(())
}

/// Exactly the sets that the program gets: without the right to load a filter.
pub fn give_up_filter_right(payload: &Mapped) -> Result<(), Failed> {
    let [_, effective, inheritable, permitted, _] = payload.header.capabilities;
    let dropped = syscall::capset(effective, permitted, inheritable);
    dropped.map(|_| ()).map_err(|errno| Failed::new(Step::Capabilities, errno))
}

/// The configuration's, or the caller's own: under that one an execve takes nothing away, so nothing may be held.
fn no_new_privileges() -> bool {
    const PR_GET_NO_NEW_PRIVS: i32 = 39;
    syscall::prctl(PR_GET_NO_NEW_PRIVS, 0, 0) == Ok(1)
}
