//! The last stage of a birth: a tiny freestanding program, embedded here, executed by `child::stage`.
//!
//! main.rs and the files it names are compiled by build.rs into that program, not into this crate; `abi` is compiled
//! into both. Nobody but `wire` and `child` may use this module.

pub mod abi;

/// The program: a static ELF without a C library.
pub const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/stage"));
