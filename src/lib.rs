//! tare: an OCI low-level container runtime.
//!
//! The modules are listed in the order in which a container passes through them. Who may import whom is the
//! table in ARCHITECTURE.md; tests/layering.rs reads it from there and fails on a forbidden import.

#[macro_use]
mod guard;

pub mod cli;
pub mod cmd;
pub mod criu;
pub mod error;
pub mod log;

pub mod bundle;
pub mod host;
pub mod plan;

pub mod capture;
pub mod cgroup;
pub mod child;
pub mod hook;
pub mod launch;
pub mod stage;
pub mod systemd;
pub mod wire;

pub mod state;

pub mod sys;

/// Runs this process's command line, and ends it. Called by main.rs only.
pub fn main(arguments: Vec<std::ffi::OsString>) -> ! {
    cmd::main(arguments)
}
