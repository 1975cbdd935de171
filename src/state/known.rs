//! The seccomp profile of the container that was made last, with the filter that it compiled to, in the root folder: an engine
//! gives nearly all of its containers the same one, and to parse and compile it is 5 % of what `create` costs.
//!
//! Called by creations. The filter is another container's only if its profile is the same, letter by letter, and this very build of
//! tare has compiled it. Whoever can write here could as well change what `exec` loads: see `root`.

use super::Store;
use crate::plan::seccomp::{COMPILER, Filter, fnv1a};
use crate::sys::probe;

/// Name of the file in the root folder. No container can have it: a leading dot is kept for us.
const KNOWN: &str = ".seccomp";
/// More than most have.
const USUAL_BYTES: usize = 32 << 10;
/// A profile that is longer is compiled each time.
const LONGEST_PROFILE_BYTES: usize = 256 << 10;
const LIMIT_BYTES: usize = 20 + Filter::LONGEST_BYTES + LONGEST_PROFILE_BYTES;

/// A profile, and what it compiled to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProfile {
    /// `linux.seccomp`, as it was written.
    pub text: String,
    /// Its filter, which has no listener.
    pub filter: Filter,
}

impl KnownProfile {
    /// The file: seal, length of the program and of the text, flags; the program; the text.
    fn bytes(profile: &str, filter: &Filter) -> Vec<u8> {
        let program = filter.program_bytes();
        let mut bytes = seal(&program, filter.flags).to_ne_bytes().to_vec();
        for number in [program.len() as u32, profile.len() as u32, filter.flags] {
            bytes.extend_from_slice(&number.to_ne_bytes());
        }
        bytes.extend_from_slice(&program);
        bytes.extend_from_slice(profile.as_bytes());
        bytes
    }

    /// None: another build's, or not whole.
    fn of_bytes(bytes: &[u8]) -> Option<KnownProfile> {
        let (sealed, rest) = bytes.split_first_chunk()?;
        let (program_bytes, rest) = rest.split_first_chunk()?;
        let (text_bytes, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (program, text) = rest.split_at_checked(u32::from_ne_bytes(*program_bytes) as usize)?;
        let flags = u32::from_ne_bytes(*flags);
        let is_ours = u64::from_ne_bytes(*sealed) == seal(program, flags);
        let is_whole = text.len() == u32::from_ne_bytes(*text_bytes) as usize && !text.is_empty();
        if !is_ours || !is_whole {
            return None;
        }
        Some(KnownProfile {
            text: str::from_utf8(text).ok()?.to_owned(),
            filter: Filter::of_kept(program, flags)?,
        })
    }
}

/// Of a program, its flags, and the build that compiled it. The text needs none: it is compared. Against a power cut, after which a
/// file of the right length may have zeros in it; not against somebody's will.
fn seal(program: &[u8], flags: u32) -> u64 {
    const BUILD: u64 = fnv1a(COMPILER, probe::architecture().as_bytes());
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    let (words, _) = program.as_chunks();
    words.iter().fold(mix(BUILD, flags.into()), |sum, word| mix(sum, u64::from_ne_bytes(*word)))
}

impl Store {
    /// The profile that is known. None: there is none, or it cannot be read, or others could have written it: it is compiled then.
    pub fn known_profile(&self) -> Option<KnownProfile> {
        let file = self.dir.stat(KNOWN).ok()??;
        // The root may have been open to others before it was ours alone.
        if file.st_uid != probe::euid() || file.st_mode & 0o022 != 0 {
            return None;
        }
        KnownProfile::of_bytes(&self.dir.read_record(KNOWN, USUAL_BYTES, LIMIT_BYTES).ok()?)
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
