//! The error of a system call: which call, on what, and what the kernel said.
//!
//! Made by every wrapper in `sys`; read by `error` (to print) and by whoever branches on the errno.
//! A `std::io::Error` without an object cannot be converted into it: that is a rule, kept by the type.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// A failed system call, printed as `CALL OBJECT: reason (ERRNO)`.
///
/// As wide as a pointer: nearly every function here can return one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysError(Box<Failure>);

/// What a [`SysError`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The call's man-page name, for example `move_mount`.
    pub call: &'static str,
    /// What it was done to: a path, an id, a file of a cgroup.
    pub object: String,
    /// The errno, as in errno(3).
    pub errno: i32,
}

/// The result of a wrapper in `sys`.
pub type Result<T> = std::result::Result<T, SysError>;

impl SysError {
    /// An error with an errno that the caller has at hand.
    pub fn new(call: &'static str, object: impl Into<String>, errno: i32) -> Self {
        SysError::boxed(call, object.into(), errno)
    }

    #[cold]
    fn boxed(call: &'static str, object: String, errno: i32) -> Self {
        SysError(Box::new(Failure { call, object, errno }))
    }

    /// An error with the errno of the system call that failed last in this thread.
    pub fn last(call: &'static str, object: impl Into<String>) -> Self {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        SysError::new(call, object, errno)
    }

    /// An error from nix, which knows the errno only.
    pub fn nix(call: &'static str, object: impl Into<String>, errno: nix::errno::Errno) -> Self {
        SysError::new(call, object, errno as i32)
    }

    /// An error from std, which may have no errno (then EIO).
    pub fn io(call: &'static str, object: impl Into<String>, error: &std::io::Error) -> Self {
        SysError::new(call, object, error.raw_os_error().unwrap_or(libc::EIO))
    }

    /// Whether the errno is this one (a constant of [`errno`]).
    pub fn is(&self, errno: i32) -> bool {
        self.errno == errno
    }
}

impl Deref for SysError {
    type Target = Failure;

    fn deref(&self) -> &Failure {
        &self.0
    }
}

impl DerefMut for SysError {
    fn deref_mut(&mut self) -> &mut Failure {
        &mut self.0
    }
}

/// The errno constants that other modules branch on, so that they need no libc.
pub mod errno {
    pub use libc::{
        E2BIG, EACCES, EAGAIN, EBADF, EBUSY, ECHILD, ECONNREFUSED, ECONNRESET, EDQUOT, EEXIST, EINTR, EINVAL,
        EIO, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENODATA, ENODEV, ENOENT, ENOEXEC, ENOMEM, ENOSPC, ENOSYS,
        ENOTCONN, ENOTDIR, ENOTEMPTY, ENXIO, EOPNOTSUPP, EPERM, EPIPE, ERANGE, EROFS, ESRCH, ETIMEDOUT,
        ETXTBSY, EXDEV,
    };
}

/// The errno's text and name: `permission denied (EACCES)`. Lower case, as the engines match it.
pub fn describe(errno: i32) -> String {
    let known = nix::errno::Errno::from_raw(errno);
    if known == nix::errno::Errno::UnknownErrno {
        return format!("unknown error (errno {errno})");
    }
    format!("{} ({known:?})", reason(errno))
}

/// The errno's text alone, in lower case: `no such file or directory`.
pub fn reason(errno: i32) -> String {
    let text = nix::errno::Errno::from_raw(errno).desc();
    let mut chars = text.chars();
    match chars.next() {
        // "RPC ..." and "I/O error" keep their capitals: only an ordinary sentence start is lowered.
        Some(first) if chars.clone().next().is_some_and(|second| second.is_lowercase() || second == ' ') => {
            std::iter::once(first.to_ascii_lowercase()).chain(chars).collect()
        }
        _ => text.to_string(),
    }
}

impl fmt::Display for SysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.call, self.object, describe(self.errno))
    }
}

impl std::error::Error for SysError {}
