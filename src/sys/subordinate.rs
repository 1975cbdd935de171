//! The ids that this host lends to an ordinary user: /etc/subuid and /etc/subgid (subuid(5)).
//!
//! Called by `cmd` for a caller who is not root and whose configuration has no mappings. Reads text files only: whether
//! the ids may be used is for newuidmap(1) to say, which also knows those of a directory service.

use super::Result;
use super::error::errno::{ENOENT, ENOTDIR};
use super::fd;
use crate::host::{IdRange, Lent};
use nix::fcntl::OFlag;
use std::os::fd::AsFd;

/// More than the tables of any host have.
const FILE_LIMIT_BYTES: usize = 4 << 20;

/// What is lent to this user.
pub fn of_user(uid: u32) -> Result<Lent> {
    let passwd = read_if_there("/etc/passwd")?;
    let name = name_of(&passwd, uid);
    let ranges = |path| read_if_there(path).map(|table| ranges(&table, uid, name));
    Ok(Lent { uids: ranges("/etc/subuid")?, gids: ranges("/etc/subgid")? })
}

/// The name of a user in the text of /etc/passwd (passwd(5)).
pub fn name_of(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
    })
}

/// The ranges of a user in the text of such a table, in its order: lines `NAME-OR-ID:FIRST:COUNT`.
pub fn ranges(table: &str, uid: u32, name: Option<&str>) -> Vec<IdRange> {
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        if owner.parse() != Ok(uid) && Some(owner) != name {
            return None;
        }
        let range = IdRange { first: fields.next()?.parse().ok()?, count: fields.next()?.parse().ok()? };
        (range.count > 0 && range.first.checked_add(range.count).is_some()).then_some(range)
    };
    table.lines().filter_map(range).collect()
}

/// The text of a file; empty: there is none.
fn read_if_there(path: &str) -> Result<String> {
    let opened = fd::open_path(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY);
    let file = match opened.map_err(|error| super::SysError::nix("open", path, error)) {
        Err(error) if error.is(ENOENT) || error.is(ENOTDIR) => return Ok(String::new()),
        other => other?,
    };
    let bytes = fd::read_to_end(file.as_fd(), path, FILE_LIMIT_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
