//! `src/state/known.rs`: the profile of the container that was made last.

use super::Folder;
use tare::plan::seccomp::Filter;
use tare::state::{KnownProfile, Store};

fn filter() -> Filter {
    Filter::of_kept(&[6, 0, 0, 0, 0, 0, 0xff, 0x7f], 4).unwrap()
}

fn store(folder: &Folder) -> Store {
    Store::create_root(&folder.path().join("root")).unwrap()
}

#[test]
fn what_is_known_is_what_was_written_last() {
    let folder = Folder::new();
    let store = store(&folder);
    assert_eq!(store.known_profile(), None);
    store.know_profile("{\"a\":1}", &filter());
    store.know_profile("{\"b\":2}", &filter());
    let known = KnownProfile { text: "{\"b\":2}".to_owned(), filter: filter() };
    assert_eq!(store.known_profile(), Some(known));
    // It is none of the containers.
    assert!(store.ids().unwrap().is_empty());
}

#[test]
fn a_file_that_is_not_whole_or_another_builds_is_as_good_as_none() {
    let folder = Folder::new();
    let store = store(&folder);
    store.know_profile("{\"a\":1}", &filter());
    let path = store.path().join(".seccomp");
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(store.known_profile(), None, "{length} bytes");
    }
    std::fs::write(&path, [&whole[..], b" "].concat()).unwrap();
    assert_eq!(store.known_profile(), None);
    // The seal, the lengths, the flags, the program: no bit of it may be another.
    for at in 0..20 + 8 {
        let mut changed = whole.clone();
        changed[at] ^= 0x40;
        std::fs::write(&path, changed).unwrap();
        assert_eq!(store.known_profile(), None, "byte {at}");
    }
    std::fs::write(&path, whole).unwrap();
    assert!(store.known_profile().is_some());
}

#[test]
fn a_profile_that_is_very_long_is_not_kept() {
    let folder = Folder::new();
    let store = store(&folder);
    store.know_profile(&"a".repeat(300 << 10), &filter());
    assert_eq!(store.known_profile(), None);
}

#[test]
fn a_file_that_others_could_have_written_is_as_good_as_none() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = store(&folder);
    store.know_profile("{\"a\":1}", &filter());
    let path = store.path().join(".seccomp");
    for (mode, is_known) in [(0o660, false), (0o602, false), (0o644, true)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(store.known_profile().is_some(), is_known, "{mode:o}");
    }
}
