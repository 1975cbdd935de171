//! src/log.rs: records as engines read them.

use crate::state::Folder;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use tare::cli::{LogFormat, LogLevel};
use tare::error::Report;
use tare::log::daemon::{Daemon, Protocol};
use tare::log::{Fraction, Log, record, rfc3339};

fn report(message: &str) -> Report {
    Report {
        code: "system-call",
        message: message.to_string(),
        step: Some("open".to_string()),
        object: Some("/x".to_string()),
        errno: Some(2),
        pointer: None,
    }
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_string).collect()
}

fn open(path: &Path, level: Option<LogLevel>) -> Log {
    Log::open(path.to_str(), LogFormat::Json, level).unwrap()
}

#[test]
fn times_are_rfc3339_in_utc() {
    let at = |secs, nanos| UNIX_EPOCH + Duration::new(secs, nanos);
    assert_eq!(rfc3339(at(0, 0), Fraction::Micros), "1970-01-01T00:00:00.000000Z");
    assert_eq!(rfc3339(at(951_782_399, 999_999_999), Fraction::Nanos), "2000-02-28T23:59:59.999999999Z");
    assert_eq!(rfc3339(at(951_782_400, 0), Fraction::Micros), "2000-02-29T00:00:00.000000Z");
    assert_eq!(rfc3339(at(951_868_800, 0), Fraction::Micros), "2000-03-01T00:00:00.000000Z");
    assert_eq!(rfc3339(at(1_709_251_199, 0), Fraction::Micros), "2024-02-29T23:59:59.000000Z");
    assert_eq!(rfc3339(at(1_735_689_599, 1_000), Fraction::Micros), "2024-12-31T23:59:59.000001Z");
    assert_eq!(rfc3339(at(4_107_542_400, 0), Fraction::Micros), "2100-03-01T00:00:00.000000Z");
}

#[test]
fn a_json_record_has_the_fields_of_the_error() {
    let line = record(LogFormat::Json, "error", "create web1: open /x: \"no\"", Some(&report("")));
    assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["level"], "error");
    assert_eq!(value["msg"], "create web1: open /x: \"no\"");
    assert_eq!(value["code"], "system-call");
    assert_eq!(value["step"], "open");
    assert_eq!(value["object"], "/x");
    assert_eq!(value["errno"], 2);
    assert_eq!(value.get("pointer"), None);
    assert!(value["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_text_record_is_key_and_value() {
    let line = record(LogFormat::Text, "error", "a \"b\"", None);
    assert!(line.starts_with("time=\"20"), "{line}");
    assert!(line.ends_with("Z\" level=error msg=\"a \\\"b\\\"\"\n"), "{line}");
}

#[test]
fn the_file_is_made_when_it_is_opened_and_appended_to() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    crate::state::write(&path, "before\n");
    let log = open(&path, None);
    log.error(&report("first"));
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], "before");
}

#[test]
fn an_error_is_the_only_record_unless_more_is_asked_for() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    let log = open(&path, None);
    log.warn("unknown capability");
    log.debug("step");
    log.error(&report("bad"));
    log.settle();
    assert_eq!(lines(&path).len(), 1, "podman takes the whole file for one JSON value");
}

#[test]
fn warnings_are_written_once_it_is_known_that_all_went_well() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    let log = open(&path, None);
    log.warn("unknown capability");
    assert!(lines(&path).is_empty());
    log.settle();
    log.settle();
    let lines = lines(&path);
    assert_eq!(lines.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&lines[0]).unwrap()["level"], "warning");
}

#[test]
fn a_level_chooses_what_is_written_at_once() {
    for (level, count) in [(LogLevel::Error, 0), (LogLevel::Warning, 1), (LogLevel::Debug, 2)] {
        let folder = Folder::new();
        let path = folder.path().join("log");
        let log = open(&path, Some(level));
        log.warn("w");
        log.debug("d");
        assert_eq!(lines(&path).len(), count, "{level:?}");
    }
}

#[test]
fn crun_spells_a_file_with_a_scheme() {
    let folder = Folder::new();
    let path = folder.path().join("log");
    Log::open(Some(&format!("file:{}", path.display())), LogFormat::Text, None).unwrap();
    assert!(path.exists());
}

#[test]
fn a_bad_path_names_itself() {
    let error = Log::open(Some("/no/such/folder/log"), LogFormat::Text, None).unwrap_err();
    let text = format!("{error:#}");
    assert_eq!(text, "open the log: open /no/such/folder/log: no such file or directory (ENOENT)");
}

/// A daemon's socket, and what it has got.
fn daemon(protocol: Protocol) -> (Folder, std::os::unix::net::UnixDatagram, Log) {
    let folder = Folder::new();
    let path = folder.path().join("socket");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    let daemon = Daemon::at(&path, protocol, "box").unwrap();
    (folder, socket, Log::to_daemon(daemon, None))
}

fn datagram(socket: &std::os::unix::net::UnixDatagram) -> String {
    let mut bytes = [0; 8192];
    let len = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

#[test]
fn the_journal_gets_fields() {
    let (_folder, socket, log) = daemon(Protocol::Journal);
    log.error(&report("bad\nPRIORITY=0"));
    let text = datagram(&socket);
    assert!(
        text.starts_with("MESSAGE=bad PRIORITY=0\nPRIORITY=3\nSYSLOG_IDENTIFIER=tare\nID=box\nCODE="),
        "{text}"
    );
}

#[test]
fn syslog_gets_a_line_with_its_priority() {
    let (_folder, socket, log) = daemon(Protocol::Syslog);
    log.warn("careful");
    log.settle();
    assert_eq!(datagram(&socket), format!("<12>box[{}]: careful", std::process::id()));
}

#[test]
fn a_daemon_that_is_not_there_is_named() {
    let error = Daemon::at(std::path::Path::new("/no/socket"), Protocol::Journal, "box").unwrap_err();
    let text = format!("{error:#}");
    assert_eq!(
        text,
        "open the log (no such daemon here? give --log a file): connect /no/socket: no such file or directory (ENOENT)"
    );
}
