//! CRIU, spoken to through its RPC (<https://criu.org/RPC>): what `checkpoint` and `restore` need of it.
//!
//! Called by `cmd::checkpoint` and `cmd::restore`, which know containers; this folder knows what CRIU must be told about
//! one. It changes no record and makes no process but CRIU itself.
//!
//! | file | its part |
//! |---|---|
//! | `messages` | the protocol |
//! | `client` | one CRIU for one request, and its notifications |
//! | `log` | what its log says of a failure |
//! | `options` | pure: flags of the command line -> options of CRIU; what cannot be combined |
//! | `namespaces` | which namespaces stay outside of the image |
//! | `external` | which mounts do, and what they are bound from at a restore |
//! | `mountpoints` | where they go in a root filesystem that has never seen the container |
//! | `images` | the folders, and our own two files in them |
//! | `stdio` | the standard streams, which lead out of the container |

pub mod client;
pub mod external;
pub mod images;
pub mod log;
pub mod messages;
pub mod mountpoints;
pub mod namespaces;
pub mod options;
pub mod stdio;

use std::fmt;

/// There is no CRIU.
pub const MISSING: &str = "criu-missing";
/// CRIU, or the kernel beneath it, cannot do what was asked.
pub const UNABLE: &str = "criu-unable";
/// CRIU did not succeed.
pub const FAILED: &str = "criu-failed";
/// The container, or its image, has something that cannot be saved or restored.
pub const UNFIT: &str = "not-checkpointable";

/// The codes of [`Failed`], with their meaning.
pub const CODES: &[(&str, &str)] = &[
    (MISSING, "CRIU is not installed"),
    (UNABLE, "this CRIU, or the kernel, cannot do what was asked"),
    (FAILED, "CRIU did not succeed; the line has the errors of its log"),
    (UNFIT, "the container or its image has something that cannot be saved or restored"),
];

/// An error of CRIU, or of what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The stable word for it, one of [`CODES`].
    pub code: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub advice: Option<&'static str>,
}

impl Failed {
    /// An error with a code.
    pub fn new(code: &'static str, problem: impl Into<String>, advice: Option<&'static str>) -> Failed {
        Failed { code, problem: problem.into(), advice }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Failed {}
