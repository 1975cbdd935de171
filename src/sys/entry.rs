//! From the C library to us: what the standard library does before `main`, as far as we want it.
//!
//! Called by main.rs, whose `main` is the C library's (`called_by_c`). Left out is the handler that tells an overflow of the stack
//! from another invalid access: it takes nine system calls and two mappings of every command, and the process ends either way.

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

/// The `main` that the C library calls, in a program without Rust's own (`no_main`): it gives the arguments to `$main`.
#[macro_export]
macro_rules! called_by_c {
    ($main:path) => {
        #[allow(unsafe_code)]
        // SAFETY: the program has no other symbol of this name.
        #[unsafe(no_mangle)]
        extern "C" fn main(argc: std::ffi::c_int, argv: *const *const std::ffi::c_char) -> std::ffi::c_int {
            // SAFETY: the C library calls this once, with its arguments, before anything else.
            $main(unsafe { $crate::sys::entry::enter(argc, argv) })
        }
    };
}

/// The arguments. Before: closed standard streams become /dev/null, so that no file that we open is one of them by its number,
/// and a write to a pipe that nobody reads becomes an error (EPIPE) in place of our end.
///
/// # Safety
/// `argc` and `argv` are those that the C library gives to `main`, and nothing has been opened yet.
pub unsafe fn enter(argc: c_int, argv: *const *const c_char) -> Vec<OsString> {
    open_missing_streams();
    // SAFETY: no handler is installed; the signal exists.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
    let of = |index| {
        // SAFETY: the caller's promise: `argc` pointers to strings that live as long as the process.
        let argument = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsString::from_vec(argument.to_bytes().to_vec())
    };
    (0..usize::try_from(argc).unwrap_or(0)).map(of).collect()
}

fn open_missing_streams() {
    let mut streams = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: three live structs, which the kernel fills; it waits for nothing.
    let asked = unsafe { libc::poll(streams.as_mut_ptr(), 3, 0) };
    // Where it cannot be asked (a limit of descriptors below three, a signal), each is asked for.
    let is_open = |stream: &libc::pollfd| match asked {
        -1 => super::fd::is_open(stream.fd),
        _ => stream.revents & libc::POLLNVAL == 0,
    };
    for stream in &streams {
        // The lowest number that is free is the stream's: those below it are open by now.
        // SAFETY: opens by a string with a NUL.
        if !is_open(stream) && unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } == -1 {
            let line = b"tare: a standard stream is closed, and /dev/null cannot be opened in its place\n";
            // SAFETY: reads a live buffer of that length. If nobody can be told, the exit code says it.
            unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
            super::process::exit_now(1);
        }
    }
}
