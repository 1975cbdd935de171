//! `src/bundle/names.rs`: names of system calls, looked up while they are parsed.

use tare::bundle::names::Names;
use tare::bundle::syscalls::Call;

fn names(json: &str) -> Names {
    serde_json::from_str(json).unwrap()
}

#[test]
fn known_names_become_calls_in_their_order() {
    let names = names(r#"["write", "read", "write"]"#);
    let call = |name| Call::find(name).unwrap();
    assert_eq!(names.calls(), [call("write"), call("read"), call("write")]);
    assert!(names.unknown().is_empty());
}

#[test]
fn a_position_counts_known_and_unknown_names() {
    let names = names(r#"["no_such_call", "read", "", "nor_this", "write"]"#);
    let unknown: Vec<_> = names.unknown().iter().map(|one| (one.name.as_str(), one.position)).collect();
    assert_eq!(unknown, [("no_such_call", 0), ("", 2), ("nor_this", 3)]);
    let position = |name| names.position_of(Call::find(name).unwrap());
    assert_eq!((position("read"), position("write"), position("openat")), (Some(1), Some(4), None));
}

#[test]
fn a_list_of_unknown_names_is_not_empty() {
    assert!(names("[]").is_empty());
    assert!(!names(r#"["no_such_call"]"#).is_empty());
}
