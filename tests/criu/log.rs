//! What CRIU's log says of a failure.

use crate::state::Folder;
use tare::criu::log::{Log, error_lines};
use tare::sys::dir::Dir;

const LOG: &str = "(00.000024) Version: 4.2.1\n\
    (00.001200) Error (criu/util.c:1534): rlimit: no\n\
    (00.101200)     13: Error (criu/mount.c:7): mnt: no root\n\
    (00.101201)     13: Error (criu/mount.c:7): mnt: no root\n\
    (00.101300) Warn  (criu/cr-dump.c:3): not an error\n";

#[test]
fn errors_lose_their_times_and_come_once() {
    let expected = ["Error (criu/util.c:1534): rlimit: no", "Error (criu/mount.c:7): mnt: no root"];
    assert_eq!(error_lines(LOG), expected);
    assert_eq!(error_lines("(00.1) all is well\n"), [] as [&str; 0]);
}

#[test]
fn the_last_errors_are_told() {
    let text: String = (1..=9).map(|n| format!("(0) Error (a.c:{n}): e{n}\n")).collect();
    let lines = error_lines(&text);
    assert_eq!((lines.len(), lines[4].as_str()), (5, "Error (a.c:9): e9"));
}

#[test]
fn a_failure_names_the_log_or_the_reason() {
    let folder = Folder::new();
    let dir = Dir::open(folder.path()).unwrap();
    let log = Log { dir: &dir, name: "dump.log" };
    let text = log.failed("no reason").to_string();
    assert!(text.contains("CRIU: no reason") && text.contains("/dump.log"), "{text}");
    std::fs::write(folder.path().join("dump.log"), LOG).unwrap();
    let text = log.failed("no reason").to_string();
    assert!(text.contains("mnt: no root") && !text.contains("no reason"), "{text}");
    log.remove_old().unwrap();
    log.remove_old().unwrap();
    assert!(!folder.path().join("dump.log").exists());
}
