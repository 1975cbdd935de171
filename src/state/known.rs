//! The seccomp profile of the container that was made last, with the filter that it compiled to, in the root folder: an engine
//! gives nearly all of its containers the same one, and to parse and compile it is a tenth of what `create` costs.
//!
//! Called by creations. The filter is another container's only if its profile is the same, letter by letter, and this very build of
//! tare has compiled it. Whoever can write here could as well change what `exec` loads: see `root`.

use super::Store;
use crate::plan::seccomp::{COMPILER, Filter};

/// Name of the file in the root folder. No container can have it: a leading dot is kept for us.
const KNOWN: &str = ".seccomp";
/// More than most have.
const USUAL_BYTES: usize = 32 << 10;
/// A profile that is longer is compiled each time.
const LONGEST_PROFILE_BYTES: usize = 256 << 10;
const LIMIT_BYTES: usize = size_of::<Header>() + Filter::LONGEST_BYTES + LONGEST_PROFILE_BYTES;

/// A profile, and what it compiled to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProfile {
    /// `linux.seccomp`, as it was written.
    pub text: String,
    /// Its filter, which has no listener.
    pub filter: Filter,
}

/// Begins the file; the program follows, then the text. [`COMPILER`], the length of each, and the flags.
type Header = [u8; 20];

impl KnownProfile {
    fn bytes(profile: &str, filter: &Filter) -> Vec<u8> {
        let program = filter.program_bytes();
        let lengths = [program.len() as u32, profile.len() as u32, filter.flags];
        let mut bytes = COMPILER.to_ne_bytes().to_vec();
        lengths.iter().for_each(|number| bytes.extend_from_slice(&number.to_ne_bytes()));
        bytes.extend_from_slice(&program);
        bytes.extend_from_slice(profile.as_bytes());
        bytes
    }

    /// None: another build's, or not whole.
    fn of_bytes(bytes: Vec<u8>) -> Option<KnownProfile> {
        let (compiler, rest) = bytes.split_first_chunk()?;
        let (program_bytes, rest) = rest.split_first_chunk()?;
        let (text_bytes, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let number = |bytes: &[u8; 4]| u32::from_ne_bytes(*bytes);
        let (program, text) = rest.split_at_checked(number(program_bytes) as usize)?;
        let is_whole = text.len() == number(text_bytes) as usize && !text.is_empty();
        if u64::from_ne_bytes(*compiler) != COMPILER || !is_whole {
            return None;
        }
        let filter = Filter::of_kept(program, number(flags))?;
        Some(KnownProfile { text: String::from_utf8(text.to_vec()).ok()?, filter })
    }
}

impl Store {
    /// The profile that is known. None: there is none, or it cannot be read: it is compiled then.
    pub fn known_profile(&self) -> Option<KnownProfile> {
        let bytes = self.dir.read_record(KNOWN, USUAL_BYTES, LIMIT_BYTES).ok()?;
        KnownProfile::of_bytes(bytes)
    }

    /// From now on `profile` is the one that is known, with `filter`, which is all that comes of it; unless it is very long, or cannot
    /// be written, which is no reason to have no container: the next one of this profile compiles it again.
    pub fn know_profile(&self, profile: &str, filter: &Filter) {
        if profile.len() <= LONGEST_PROFILE_BYTES {
            // Others may do so at the same time, and put this file in place before it is whole: then nobody takes it for one.
            let _ = self.dir.replace(KNOWN, &KnownProfile::bytes(profile, filter), 0o600);
        }
    }
}
