//! The host: the only module with `unsafe`, libc and nix. Everything above it speaks to the kernel through here.
//!
//! Rules of this folder: a wrapper is a man-page name and does one call; its error is a [`SysError`] made where
//! the object is known; every descriptor is owned and close-on-exec; no policy, no logging, no printing.
#![allow(unsafe_code)]

pub mod acl;
pub mod attribute;
pub mod bpf;
pub mod cred;
pub mod datagram;
pub mod dir;
pub mod entry;
pub mod error;
pub mod eventfd;
pub mod fd;
pub mod heap;
pub mod inode;
pub mod kernel_file;
#[cfg(all(target_arch = "x86_64", any(all(target_env = "musl", not(debug_assertions)), test)))]
mod memory;
pub mod mount;
pub mod mountinfo;
pub mod namespace;
pub mod netlink;
pub mod openat2;
pub mod outlet;
pub mod path;
pub mod pidfd;
pub mod probe;
pub mod proc;
pub mod process;
pub mod processes;
pub mod pty;
pub mod signal;
pub mod signal_name;
pub mod socket;
pub mod spawn;
pub mod statx;
pub mod subordinate;
#[cfg(feature = "break-guards")]
mod unguarded;
pub mod unix;
pub mod walk;

pub use error::{Result, SysError};
