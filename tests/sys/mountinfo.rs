//! `sys::mountinfo`: the two files of /proc.

use std::path::{Path, PathBuf};
use tare::sys::mountinfo::{parse, parse_cgroups};

#[test]
fn a_line_has_optional_fields_and_escapes() {
    let text =
        b"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n";
    let mounted = parse(text).remove(0);
    assert_eq!((mounted.root.as_path(), mounted.point.as_path()), (Path::new("/mnt1"), Path::new("/mnt 2")));
    assert_eq!((mounted.id, mounted.attributes), (36, 0));
    assert_eq!(parse(b"1 2 0:1 / /a ro,nosuid,nodev,noexec - tmpfs none rw")[0].attributes, 15);
    assert_eq!((mounted.fstype.as_str(), mounted.options.len()), ("ext3", 2));
}

#[test]
fn broken_lines_are_left_out() {
    for text in ["", "1 2 3", "36 35 98:0 / / rw shared:2", "a b c d e f - g", "\\"] {
        assert_eq!(parse(text.as_bytes()), [], "{text}");
    }
    let odd = b"1 2 0:1 / /a\\04 rw - tmpfs none rw";
    assert_eq!(parse(odd)[0].point, Path::new("/a\\04"));
}

#[test]
fn a_cgroup_line_has_three_fields() {
    let text = b"4:cpu,cpuacct:/a:b\n1:name=systemd:/\n0::/own\nbroken\n";
    let expected = [("cpu,cpuacct", "/a:b"), ("name=systemd", "/"), ("", "/own")];
    let expected = expected.map(|(name, path)| (name.to_string(), PathBuf::from(path)));
    assert_eq!(parse_cgroups(text), expected);
}
