//! HOME, when the configuration does not set it: what the container's passwd file says of the user's id.
//!
//! Called by the step list in `child`. The file is the container's and may be anything: it is read only if it is a
//! regular file, only so far, and only for this one string; ids are never looked up in it (CVE-2016-3697).

use crate::plan::Plan;
use crate::sys::path::{Root, Symlinks};
use crate::sys::{fd, proc, statx};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

const LIMIT_BYTES: usize = 1 << 20;

const PASSWD: &str = "/etc/passwd";

/// The container's passwd file, if HOME has to be looked up and that is a regular file: an O_PATH descriptor.
pub fn passwd(plan: &Plan, root: &Root) -> Option<OwnedFd> {
    if !plan.process.needs_home {
        return None;
    }
    let file = root.resolve(Path::new(PASSWD), Symlinks::Follow).ok()?;
    let is_regular = statx::of(file.as_fd(), PASSWD).ok()?.file_type() == statx::Type::Regular;
    is_regular.then_some(file)
}

/// `HOME=...` for the environment; None if it is set already. `/` where nothing better is known.
pub fn of_user(plan: &Plan, passwd: Option<OwnedFd>, proc: Option<BorrowedFd<'_>>) -> Option<CString> {
    if !plan.process.needs_home {
        return None;
    }
    let found = passwd.zip(proc).and_then(|(passwd, proc)| text(passwd.as_fd(), proc));
    let home =
        found.and_then(|text| home_in(&text, plan.process.user.uid)).unwrap_or_else(|| "/".to_string());
    CString::new(format!("HOME={home}")).ok()
}

fn text(passwd: BorrowedFd<'_>, proc: BorrowedFd<'_>) -> Option<String> {
    let file = proc::reopen(proc, passwd, proc::Access::Read, PASSWD).ok()?;
    let data = fd::read_to_end(file.as_fd(), PASSWD, LIMIT_BYTES).ok()?;
    Some(String::from_utf8_lossy(&data).into_owned())
}

/// The sixth field of the line whose third is this id.
fn home_in(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let id = fields.nth(2)?;
        let home = fields.nth(2)?;
        (id.parse() == Ok(uid) && home.starts_with('/')).then(|| home.to_string())
    })
}
