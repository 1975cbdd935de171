//! Credentials of this process while it sets a container up: its ids, its capabilities, its session keyring.
//!
//! Used by `child`. The container's own user and capabilities are set by the last stage.

use super::{Result, SysError};
use std::ffi::CStr;

/// Becomes uid 0 and gid 0 of the user namespace. EINVAL: it has none.
pub fn become_root() -> Result<()> {
    become_ids(0, 0)
}

/// Becomes another user and group, for all three ids of each (setresuid(2)).
pub fn become_ids(uid: u32, gid: u32) -> Result<()> {
    use nix::unistd::{Gid, Uid, setresgid, setresuid};
    let (g, u) = (Gid::from_raw(gid), Uid::from_raw(uid));
    setresgid(g, g, g).map_err(|e| SysError::nix("setresgid", format!("gid {gid}"), e))?;
    setresuid(u, u, u).map_err(|e| SysError::nix("setresuid", format!("uid {uid}"), e))
}

/// Lets all permitted capabilities of a process that is not root survive its next execve (capabilities(7)).
pub fn keep_capabilities_over_exec() -> Result<()> {
    let fail = |what: &str| SysError::new("capset", what, libc::EPERM);
    let permitted = caps::read(None, caps::CapSet::Permitted).map_err(|_| fail("permitted"))?;
    caps::set(None, caps::CapSet::Inheritable, &permitted).map_err(|_| fail("inheritable"))?;
    caps::set(None, caps::CapSet::Ambient, &permitted).map_err(|_| fail("ambient"))
}

/// Effective user and group id, as this process's user namespace counts: the owner of what it makes.
pub fn own_ids() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}

/// Joins a new session keyring of that name, and lets its owner search it (keyctl(2)). ENOSYS: no key support.
pub fn join_session_keyring(name: &CStr) -> Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    const KEYCTL_SETPERM: libc::c_long = 5;
    const KEYCTL_DESCRIBE: libc::c_long = 6;
    const POSSESSOR_AND_USER_SEARCH: u32 = 0x0008_0000;
    let object = || name.to_string_lossy().into_owned();
    // SAFETY: `name` is NUL-terminated and only read.
    let id = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) };
    if id < 0 {
        return Err(SysError::last("keyctl", object()));
    }
    // The description reads "type;uid;gid;perm;name", perm in hexadecimal.
    let mut text = [0u8; 512];
    // SAFETY: the buffer is live and of the length given.
    let len = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_DESCRIBE, id, text.as_mut_ptr(), text.len()) };
    let text = usize::try_from(len).ok().and_then(|len| text.get(..len)).map(String::from_utf8_lossy);
    let permissions = text.and_then(|text| u32::from_str_radix(text.split(';').nth(3)?, 16).ok());
    if let Some(permissions) = permissions {
        let wanted = permissions | POSSESSOR_AND_USER_SEARCH;
        if wanted == permissions {
            return Ok(());
        }
        // SAFETY: integers only.
        if unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_SETPERM, id, wanted) } != 0 {
            return Err(SysError::last("keyctl", object()));
        }
    }
    Ok(())
}
