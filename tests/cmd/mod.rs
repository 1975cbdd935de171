//! src/cmd: the pure parts of the commands.

mod events;
mod program;
mod ps;
mod wait;

use serde_json::Value;
use std::ffi::OsStr;
use tare::cmd::{features_json, oci_state, parse_signal, version_text};
use tare::state::{Init, Record, Status};

#[test]
fn signals_have_names_in_any_case_with_or_without_sig() {
    for word in ["TERM", "SIGTERM", "term", "sigterm", "SigTerm", "15"] {
        assert_eq!(parse_signal(word).unwrap(), 15, "{word}");
    }
    assert_eq!(parse_signal("KILL").unwrap(), 9);
    assert_eq!(parse_signal("0").unwrap(), 0);
    assert_eq!(parse_signal("64").unwrap(), 64);
}

#[test]
fn real_time_signals_are_counted_from_both_ends() {
    for (word, number) in
        [("RTMIN", 34), ("SIGRTMIN+3", 37), ("rtmin+30", 64), ("RTMAX", 64), ("SIGRTMAX-14", 50)]
    {
        assert_eq!(parse_signal(word).unwrap(), number, "{word}");
    }
}

#[test]
fn what_is_no_signal_is_refused() {
    for word in [
        "",
        "NOSUCH",
        "SIGSIGTERM",
        "-5",
        "65",
        "99",
        "1x",
        "RTMIN+31",
        "RTMIN-1",
        "RTMAX+1",
        "RTMIN+",
        "+9",
        "TERM ",
    ] {
        let error = parse_signal(word).expect_err(word).to_string();
        assert_eq!(error, format!("unknown signal {word:?}"));
    }
}

fn record() -> Record {
    let mut record = Record::new("web1");
    record.bundle = "/b".into();
    record.rootfs = "/b/rootfs".into();
    record.created = "2026-01-01T00:00:00Z".to_string();
    record.init = Some(Init { pid: 42, start_time: 1, boot_id: String::new() });
    record
}

#[test]
fn the_state_has_the_properties_and_the_order_of_runc() {
    let mut record = record();
    let text = serde_json::to_string(&oci_state(&record, Status::Running, String::new())).unwrap();
    assert_eq!(
        text,
        "{\"ociVersion\":\"1.3.0\",\"id\":\"web1\",\"pid\":42,\"status\":\"running\",\"bundle\":\"/b\",\
         \"rootfs\":\"/b/rootfs\",\"created\":\"2026-01-01T00:00:00Z\",\"owner\":\"\"}"
    );
    record.annotations.insert("k".to_string(), "v".to_string());
    let text = serde_json::to_string(&oci_state(&record, Status::Running, "alice".to_string())).unwrap();
    assert!(text.ends_with("\"annotations\":{\"k\":\"v\"},\"owner\":\"alice\"}"), "{text}");
}

#[test]
fn a_stopped_container_has_no_pid() {
    let record = record();
    let state = serde_json::to_value(oci_state(&record, Status::Stopped, String::new())).unwrap();
    assert_eq!(state["pid"], 0);
}

#[test]
fn the_version_text_has_the_lines_that_engines_parse() {
    let text = version_text(OsStr::new("/usr/bin/tare"));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("tare version "), "{text}");
    assert!(lines[1].starts_with("commit: ") && lines[1].len() > 8, "{text}");
    assert_eq!(lines[2], "spec: 1.3.0");
    assert_eq!(text.matches("version").count(), 1, "dockerd takes the last line with that word");
}

#[test]
fn under_the_name_of_a_peer_the_first_line_has_that_name_and_the_commit_says_who_it_is() {
    for (called, name) in [("runc", "runc"), ("/usr/sbin/runc", "runc"), ("./crun", "crun")] {
        let text = version_text(OsStr::new(called));
        let lines: Vec<&str> = text.lines().collect();
        let words: Vec<&str> = lines[0].split(' ').collect();
        assert_eq!(words, [name, "version", env!("CARGO_PKG_VERSION")], "nerdctl wants three words");
        assert!(lines[1].starts_with("commit: tare-"), "{text}");
        assert_eq!(lines[2], "spec: 1.3.0");
        assert_eq!(text.matches("version").count(), 1, "{text}");
    }
}

#[test]
fn under_the_name_of_runc_each_line_after_the_first_has_a_colon() {
    let text = version_text(OsStr::new("runc"));
    assert!(text.lines().skip(1).all(|line| line.contains(": ")), "nerdctl warns of any other: {text}");
}

#[test]
fn any_other_name_is_ours() {
    let ours = version_text(OsStr::new(""));
    for called in ["tare", "", "/", "..", "runc-tare", "docker-runc", "runc/tare", "RUNC"] {
        assert_eq!(version_text(OsStr::new(called)), ours, "{called}");
    }
}

#[test]
fn features_have_every_part_that_engines_look_at() {
    let features: Value = serde_json::from_str(&features_json().unwrap()).unwrap();
    assert_eq!(features["ociVersionMax"], "1.3.0");
    assert_eq!(features["hooks"].as_array().unwrap().len(), 6);
    let options = features["mountOptions"].as_array().unwrap();
    for option in ["ro", "rro", "rbind", "idmap", "ridmap", "tmpcopyup"] {
        assert!(options.iter().any(|o| o == option), "{option}");
    }
    let linux = &features["linux"];
    assert_eq!(linux["namespaces"].as_array().unwrap().len(), 8);
    assert_eq!(linux["capabilities"].as_array().unwrap().len(), 41);
    assert_eq!(linux["cgroup"]["systemd"], true);
    assert_eq!(linux["mountExtensions"]["idmap"]["enabled"], true);
    assert_eq!(linux["seccomp"]["enabled"], true);
    let known = linux["seccomp"]["knownFlags"].as_array().unwrap();
    let supported = linux["seccomp"]["supportedFlags"].as_array().unwrap();
    assert!(supported.iter().all(|flag| known.contains(flag)), "{supported:?}");
    assert!(supported.iter().any(|flag| flag == "SECCOMP_FILTER_FLAG_LOG"), "{supported:?}");
}

#[test]
fn features_list_exactly_the_annotations_that_change_what_is_done() {
    let features: Value = serde_json::from_str(&features_json().unwrap()).unwrap();
    let listed = features["potentiallyUnsafeConfigAnnotations"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().map(|name| name.as_str().unwrap()).collect();
    let known: Vec<&str> = tare::plan::annotations::KNOWN.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, known);
    assert!(listed.contains(&"org.systemd.property."), "a prefix ends in a dot (features.md)");
}
