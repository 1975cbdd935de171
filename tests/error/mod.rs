//! src/error.rs: the line, the fields, the codes.

use anyhow::{Context, Error};
use std::collections::BTreeSet;
use tare::bundle::Invalid;
use tare::cgroup::fs::Refusal;
use tare::cli::Usage;
use tare::error::{Report, coded, codes, hint, report};
use tare::state::Refused;
use tare::sys::SysError;
use tare::sys::error::errno::{EACCES, ENOENT, ENOSPC, ENOSYS};

fn of(error: Error) -> Report {
    report("create", Some("web1"), &error)
}

#[test]
fn the_line_names_operation_id_action_object_reason_and_advice() {
    let error = Err::<(), _>(SysError::new("write", "/run/tare/web1/state.json", ENOSPC))
        .context("write the container's record")
        .unwrap_err();
    let report = of(error);
    assert_eq!(
        report.message,
        "create web1: write the container's record: write /run/tare/web1/state.json: no space left on device \
         (ENOSPC); make room on that file system"
    );
    assert_eq!(report.code, "system-call");
    assert_eq!(report.step.as_deref(), Some("write"));
    assert_eq!(report.object.as_deref(), Some("/run/tare/web1/state.json"));
    assert_eq!(report.errno, Some(ENOSPC));
}

#[test]
fn a_mistake_in_a_file_of_the_caller_names_that_file() {
    let invalid = |pointer: &str, problem: &str| Invalid::value(pointer, problem).advise("correct it");
    let report = of(invalid("/mounts/2/destination", "is empty").in_file("m.json", "/mounts").into());
    assert_eq!(report.message, "create web1: m.json#/2/destination: is empty; correct it");
    assert_eq!((report.code, report.pointer.as_deref()), ("config-value", Some("/2/destination")));
    let whole = of(invalid("", "m.json is a directory").in_file("m.json", "/mounts").into());
    assert_eq!(whole.message, "create web1: m.json: is a directory; correct it");
    let other = of(invalid("/linux/seccomp", "is odd").in_file("m.json", "/mounts").into());
    assert_eq!(other.message, "create web1: config.json#/linux/seccomp: is odd; correct it");
}

#[test]
fn a_mistake_in_the_configuration_has_its_pointer_and_its_code() {
    let invalid =
        Invalid::value("/process/cwd", "must be an absolute path, is \"tmp\"").advise("begin it with /");
    let report = of(Error::new(invalid).context("read bundle /b"));
    assert_eq!(
        report.message,
        "create web1: read bundle /b: config.json#/process/cwd: must be an absolute path, is \"tmp\"; begin it with /"
    );
    assert_eq!((report.code, report.pointer.as_deref()), ("config-value", Some("/process/cwd")));
}

#[test]
fn a_limit_that_cannot_be_had_has_its_parts() {
    let kernel = SysError::new("open", "/sys/fs/cgroup/memory", ENOENT);
    let refusal = Refusal::system("cgroup-controller", &kernel, "is not there").at("/linux/resources/memory");
    let report = of(refusal.into());
    assert_eq!((report.code, report.errno), ("cgroup-controller", Some(ENOENT)));
    assert_eq!(report.pointer.as_deref(), Some("/linux/resources/memory"));
}

#[test]
fn the_phrases_that_engines_look_for_are_in_the_line() {
    let id = || "web1".to_string();
    let status = tare::state::Status::Running;
    for (refused, phrase, code) in [
        (Refused::NotFound { id: id() }, "container does not exist", "not-found"),
        (Refused::Exists { id: id() }, "container with given ID already exists", "exists"),
        (Refused::NotRunning, "container not running", "not-running"),
        (Refused::AlreadyRunning, "cannot start an already running container", "already-running"),
        (Refused::HasStopped, "cannot start a container that has stopped", "stopped"),
        (
            Refused::NotStopped { id: id(), status },
            "cannot delete container web1 that is not stopped: running",
            "not-stopped",
        ),
    ] {
        let report = of(refused.into());
        assert!(report.message.starts_with(&format!("create web1: {phrase}")), "{}", report.message);
        assert_eq!(report.code, code);
    }
}

#[test]
fn a_usage_error_says_where_help_is() {
    let usage = Usage {
        command: Some("create".to_string()),
        problem: "missing argument: <ID>".to_string(),
        advice: "see `tare create --help`".to_string(),
    };
    let report = report("create", None, &usage.into());
    assert_eq!(report.message, "create: missing argument: <ID>; see `tare create --help`");
    assert_eq!(report.code, "usage");
}

#[test]
fn the_line_is_one_line_whatever_the_error_holds() {
    let report = of(coded("other", "first\nsecond\x1b[31m\tthird\r\n", None));
    assert_eq!(report.message, "create web1: first second\\u{1b}[31m third");
}

#[test]
fn hints_are_by_call_and_errno() {
    assert!(hint("pidfd_open", ENOSYS).is_some());
    assert!(hint("read", ENOSYS).is_none());
    assert!(hint("anything", ENOSPC).is_some());
    assert!(hint("mkdir", EACCES).is_some());
    assert!(hint("open", ENOENT).is_none());
}

#[test]
fn codes_are_unique_words() {
    let mut seen = BTreeSet::new();
    for (code, meaning) in codes() {
        assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
        assert!(!meaning.is_empty());
        assert!(seen.insert(code), "{code} is there twice");
    }
}

/// The first column of every table row of docs/errors.md that holds a code.
fn documented() -> BTreeSet<String> {
    let text = include_str!("../../docs/errors.md");
    let sections = text.split("\n## ").skip(1);
    let rows = sections.flat_map(str::lines).filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_string).collect()
}

#[test]
fn docs_errors_md_lists_exactly_the_codes_there_are() {
    let there: BTreeSet<String> = codes().map(|(code, _)| code.to_string()).collect();
    let documented = documented();
    let missing: Vec<_> = there.difference(&documented).collect();
    let surplus: Vec<_> = documented.difference(&there).collect();
    assert!(missing.is_empty(), "not in docs/errors.md: {missing:?}");
    assert!(surplus.is_empty(), "in docs/errors.md, but not a code: {surplus:?}");
}
