//! The protocol: the bytes on the wire.

use prost::Message;
use tare::criu::client::{Binary, number};
use tare::criu::messages::{ExtMount, Kind, Options, Request, Response, Version};

#[test]
fn a_request_has_the_numbers_of_the_protocol() {
    let version = Request { kind: Kind::Version as i32, ..Request::default() };
    assert_eq!(version.encode_to_vec(), [0x08, 10]);
    let options = Options { images_dir_fd: 5, pid: Some(7), network_lock: Some(2), ..Options::default() };
    let dump = Request { kind: Kind::Dump as i32, opts: Some(options), ..Request::default() };
    // Type 1; options, 7 bytes: images_dir_fd 5, pid 7, field 64 in two bytes of key.
    assert_eq!(dump.encode_to_vec(), [0x08, 1, 0x12, 7, 0x08, 5, 0x10, 7, 0x80, 0x04, 2]);
}

#[test]
fn what_is_repeated_stays_in_order() {
    let mount = |key: &str| ExtMount { key: key.into(), val: "/v".into() };
    let options = Options { ext_mnt: vec![mount("/b"), mount("/a")], ..Options::default() };
    let back = Options::decode(options.encode_to_vec().as_slice()).unwrap();
    assert_eq!(back.ext_mnt, [mount("/b"), mount("/a")]);
}

#[test]
fn an_answer_with_fields_that_nobody_knows_is_understood() {
    // Type DUMP, success, field 99 with one byte, errno 2.
    let answer = Response::decode([0x08, 1, 0x10, 1, 0x98, 0x06, 1, 0x38, 2].as_slice()).unwrap();
    assert_eq!((answer.kind, answer.success, answer.cr_errno), (1, true, Some(2)));
    assert!(Response::decode([0x08].as_slice()).is_err());
}

#[test]
fn criu_is_found_by_path_or_by_name() {
    let folder = crate::state::Folder::new();
    std::fs::write(folder.path().join("criu"), "").unwrap();
    let search = format!("/nowhere:{}", folder.path().display());
    let found = |given: Option<&str>| Binary::find(given.map(std::path::Path::new), &search).map(|b| b.path);
    assert_eq!(found(None).unwrap(), folder.path().join("criu"));
    assert_eq!(found(Some("criu")).unwrap(), folder.path().join("criu"));
    let path = folder.path().join("criu");
    assert_eq!(found(path.to_str()).unwrap(), path);
    for missing in ["other", "/nowhere/criu"] {
        let text = found(Some(missing)).unwrap_err().to_string();
        assert!(text.contains("CRIU is not installed"), "{text}");
    }
}

#[test]
fn a_version_is_one_number() {
    let version = |sublevel, gitid: &str| Version { major: 4, minor: 2, sublevel, gitid: Some(gitid.into()) };
    assert_eq!(number(&version(Some(1), "")), 40201);
    assert_eq!(number(&version(None, "v4.2-12-gabc")), 40300);
}
