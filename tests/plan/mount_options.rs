//! The option table of config.md, "Linux mount options", word by word.

use crate::fixture::plan;
use serde_json::json;
use tare::plan::MountOp;
use tare::plan::mount_options::{attr, names};
use tare::plan::mounts::{Attributes, PropagationKind};

/// A tmpfs with these options.
fn tmpfs(options: &[&str]) -> MountOp {
    let mount = json!({"destination": "/a", "type": "tmpfs", "source": "tmpfs", "options": options});
    plan(json!({"mounts": [mount]})).unwrap().rootfs.mounts.remove(0)
}

/// A bind mount with these options.
fn bind(options: &[&str]) -> MountOp {
    let mount = json!({"destination": "/a", "source": "/b", "options": options});
    plan(json!({"mounts": [mount]})).unwrap().rootfs.mounts.remove(0)
}

fn set(bits: u64) -> Attributes {
    Attributes { set: bits, clear: 0 }
}

fn clear(bits: u64) -> Attributes {
    Attributes { set: 0, clear: bits }
}

fn atime(mode: u64) -> Attributes {
    Attributes { set: mode, clear: attr::ATIME_FIELD }
}

/// All words that the specification says MUST or SHOULD.
const REQUIRED: &str = "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev \
    nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev \
    rdiratime relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid \
    rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared \
    silent slave strictatime suid symfollow sync unbindable idmap ridmap mand nomand tmpcopyup";

#[test]
fn every_option_of_the_specification_is_known() {
    let names: Vec<&str> = names().collect();
    for word in REQUIRED.split_whitespace() {
        assert!(names.contains(&word), "{word}");
    }
    assert!(names.is_sorted(), "the table is sorted, as features prints it");
}

#[test]
fn no_option_of_the_specification_becomes_data() {
    for word in REQUIRED.split_whitespace().filter(|word| !word.ends_with("idmap") && !word.ends_with("bind"))
    {
        assert!(tmpfs(&[word]).data.is_empty(), "{word}");
    }
}

#[test]
fn each_attribute_has_a_word_that_sets_and_one_that_clears() {
    for (off, on, bit) in [
        ("rw", "ro", attr::RDONLY),
        ("suid", "nosuid", attr::NOSUID),
        ("dev", "nodev", attr::NODEV),
        ("exec", "noexec", attr::NOEXEC),
        ("diratime", "nodiratime", attr::NODIRATIME),
        ("symfollow", "nosymfollow", attr::NOSYMFOLLOW),
    ] {
        assert_eq!((bind(&["bind", on]).attributes, bind(&["bind", off]).attributes), (set(bit), clear(bit)));
        assert_eq!(bind(&["bind", on, off]).attributes, clear(bit), "{on},{off}: the last wins");
        assert_eq!(bind(&["bind", off, on]).attributes, set(bit), "{off},{on}: the last wins");
        let (on, off) = (format!("r{on}"), format!("r{off}"));
        assert_eq!(bind(&["rbind", &on]).recursive_attributes, set(bit), "{on}");
        assert_eq!(bind(&["rbind", &off]).recursive_attributes, clear(bit), "{off}");
        assert_eq!(bind(&["rbind", &on]).attributes, Attributes::default(), "{on} is not {}", &on[1..]);
    }
}

#[test]
fn the_attribute_values_are_the_kernels() {
    use nix::libc as c;
    assert_eq!(attr::RDONLY, c::MOUNT_ATTR_RDONLY);
    assert_eq!(attr::NOSUID, c::MOUNT_ATTR_NOSUID);
    assert_eq!(attr::NODEV, c::MOUNT_ATTR_NODEV);
    assert_eq!(attr::NOEXEC, c::MOUNT_ATTR_NOEXEC);
    assert_eq!(attr::ATIME_FIELD, c::MOUNT_ATTR__ATIME);
    assert_eq!(attr::RELATIME, c::MOUNT_ATTR_RELATIME);
    assert_eq!(attr::NOATIME, c::MOUNT_ATTR_NOATIME);
    assert_eq!(attr::STRICTATIME, c::MOUNT_ATTR_STRICTATIME);
    assert_eq!(attr::NODIRATIME, c::MOUNT_ATTR_NODIRATIME);
    assert_eq!(attr::NOSYMFOLLOW, c::MOUNT_ATTR_NOSYMFOLLOW);
}

#[test]
fn the_atime_words_choose_one_mode_and_clear_the_whole_field() {
    for (words, expected) in [
        (&["noatime"][..], atime(attr::NOATIME)),
        (&["relatime"], atime(attr::RELATIME)),
        (&["strictatime"], atime(attr::STRICTATIME)),
        (&["noatime", "strictatime"], atime(attr::STRICTATIME)),
        (&["strictatime", "noatime"], atime(attr::NOATIME)),
        (&["noatime", "atime"], atime(attr::RELATIME)),
        (&["strictatime", "atime"], atime(attr::STRICTATIME)),
        (&["strictatime", "nostrictatime"], atime(attr::RELATIME)),
        (&["noatime", "nostrictatime"], atime(attr::NOATIME)),
        (&["relatime", "norelatime"], Attributes::default()),
        (&["norelatime"], Attributes::default()),
        (&["atime"], atime(attr::RELATIME)),
        (&["nostrictatime"], atime(attr::RELATIME)),
        (&[], Attributes::default()),
    ] {
        let mut options = vec!["bind"];
        options.extend(words);
        assert_eq!(bind(&options).attributes, expected, "{words:?}");
    }
    let both = bind(&["bind", "noatime", "nodiratime"]).attributes;
    assert_eq!(both, Attributes { set: attr::NOATIME | attr::NODIRATIME, clear: attr::ATIME_FIELD });
}

#[test]
fn the_recursive_atime_words_choose_a_mode_below_too() {
    for (word, mode) in [
        ("rnoatime", attr::NOATIME),
        ("rrelatime", attr::RELATIME),
        ("rstrictatime", attr::STRICTATIME),
        ("ratime", attr::RELATIME),
        ("rnostrictatime", attr::RELATIME),
        ("rnorelatime", attr::STRICTATIME),
    ] {
        let op = bind(&["rbind", word]);
        assert_eq!((op.recursive_attributes, op.attributes), (atime(mode), Attributes::default()), "{word}");
    }
}

#[test]
fn superblock_words_go_to_the_file_system_and_the_last_wins() {
    for (words, expected) in [
        (&["sync"][..], &["sync"][..]),
        (&["sync", "async"], &[]),
        (&["dirsync", "lazytime"], &["dirsync", "lazytime"]),
        (&["lazytime", "nolazytime"], &[]),
        (&["nolazytime", "lazytime"], &["lazytime"]),
        (&["mand"], &["mand"]),
        (&["iversion"], &["iversion"]),
        (&["iversion", "noiversion"], &[]),
        (&["silent"], &["silent"]),
        (&["silent", "loud"], &[]),
        (&["defaults"], &[]),
        (&["ro"], &["ro"]),
        (&["ro", "rw"], &[]),
    ] {
        assert_eq!(tmpfs(words).superblock_flags, expected, "{words:?}");
    }
    assert_eq!(tmpfs(&["ro"]).attributes, set(attr::RDONLY), "ro is the mount's property, too");
}

#[test]
fn a_remount_may_clear_superblock_flags() {
    let op = tmpfs(&["remount", "rw", "async", "nolazytime", "nomand", "noiversion"]);
    assert!(op.remount);
    assert_eq!(op.superblock_flags, ["rw", "async", "nolazytime", "nomand", "noiversion"]);
    assert!(bind(&["remount", "bind", "ro"]).superblock_flags.is_empty());
}

#[test]
fn propagation_words_are_kept_in_order() {
    let op = bind(&["rbind", "private", "rshared", "slave", "runbindable"]);
    let kinds: Vec<_> = op.propagation.iter().map(|p| (p.kind, p.recursive)).collect();
    assert_eq!(
        kinds,
        [
            (PropagationKind::Private, false),
            (PropagationKind::Shared, true),
            (PropagationKind::Slave, false),
            (PropagationKind::Unbindable, true),
        ]
    );
}

#[test]
fn every_other_word_is_data_for_the_file_system() {
    let op = tmpfs(&["mode=755", "size=65536k", "nr_inodes=0", "inode64", "a=b=c", "empty="]);
    let data: Vec<_> = op
        .data
        .iter()
        .map(|(key, value)| (key.to_str().unwrap(), value.as_ref().map(|value| value.to_str().unwrap())))
        .collect();
    assert_eq!(
        data,
        [
            ("mode", Some("755")),
            ("size", Some("65536k")),
            ("nr_inodes", Some("0")),
            ("inode64", None),
            ("a", Some("b=c")),
            ("empty", Some("")),
        ]
    );
}

#[test]
fn commas_separate_words_but_not_in_quotes_or_after_a_backslash() {
    let op = tmpfs(&["nosuid,mode=755,,noexec", "context=\"u:r:t:s0:c1,c2\",size=1", r"lowerdir=/a\,b:/c"]);
    assert_eq!(op.attributes.set, attr::NOSUID | attr::NOEXEC);
    let data: Vec<_> = op
        .data
        .iter()
        .map(|(key, value)| (key.to_str().unwrap(), value.as_ref().unwrap().to_str().unwrap()))
        .collect();
    assert_eq!(
        data,
        [("mode", "755"), ("context", "u:r:t:s0:c1,c2"), ("size", "1"), ("lowerdir", r"/a\,b:/c")]
    );
}

#[test]
fn words_of_crun_are_known() {
    assert!(bind(&["bind", "src-nofollow"]).source_nofollow);
    assert!(bind(&["bind", "copy-symlink"]).source_nofollow);
    assert!(bind(&["bind", "dest-nofollow"]).target_nofollow);
    let plain = bind(&["bind"]);
    assert!(!plain.source_nofollow && !plain.target_nofollow && !plain.copy_up);
}
