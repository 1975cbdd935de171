//! The text of `linux.seccomp`: to be compared with one that is known already, which then need not be parsed. It is most of a
//! configuration, and an engine gives nearly all of its containers the same one.
//!
//! Called by `Bundle`. Knows where the text stands, and nothing of what is in it.

use super::config::Config;
use super::read;

const KEY: &str = "seccomp";
/// What stands in its place while the profile is passed over: as long, and a key that [`Config`] has for this alone. It begins with
/// DEL, which no configuration may have then, in itself or as an escape.
const STAND_IN: &str = "\u{7f}eccomp";
/// How JSON escapes DEL and its neighbours.
const ESCAPED: &str = "\\u007";

/// Parses a configuration and passes over its profile, if that is `known`, letter by letter. None: it is another one, or what was
/// passed over was no profile, or there is something else wrong, which the parser of the whole text is to say.
pub(super) fn pass_over(text: &mut String, known: &str) -> Option<Box<Config>> {
    let (key, value) = read::find(text, KEY)?;
    if !text.get(value..)?.starts_with(known) || text.contains('\u{7f}') || text.contains(ESCAPED) {
        return None;
    }
    text.replace_range(key..key + KEY.len(), STAND_IN);
    let config: Option<Box<Config>> = read::json(text).ok();
    text.replace_range(key..key + KEY.len(), KEY);
    // The first key of this name may be anybody's: it was the profile's if `linux` has the one and not the other now.
    config.filter(|config| {
        config.linux.as_ref().is_some_and(|linux| linux.stand_in.is_some() && linux.seccomp.is_none())
    })
}

/// The text of the profile, as [`pass_over`] would find it. None: it would not.
pub(super) fn text(text: &str) -> Option<&str> {
    let (_, value) = read::find(text, KEY)?;
    let profile = read::first_value(text.get(value..)?)?;
    pass_over(&mut text.to_owned(), profile)?;
    Some(profile)
}
