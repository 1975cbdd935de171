//! src/state/record.rs

use tare::state::{End, Init, Namespaces, Phase, Record, Refused};
use tare::sys::process::Ended;

fn full() -> Record {
    let mut record = Record::new("web1");
    record.phase = Phase::Created;
    record.bundle = "/b".into();
    record.rootfs = "/b/rootfs".into();
    record.created = "2026-01-01T00:00:00Z".to_string();
    record.init = Some(Init { pid: 7, start_time: 8, boot_id: "boot".to_string() });
    record.private_pids = true;
    record.annotations.insert("a\n\"b".to_string(), "ü".to_string());
    record
}

#[test]
fn a_record_survives_the_disk() {
    let record = full();
    assert_eq!(Record::parse("web1", &record.to_json().unwrap()), Ok(record));
}

#[test]
fn the_end_is_kept_once_it_is_known() {
    let mut record = full();
    assert!(!String::from_utf8(record.to_json().unwrap()).unwrap().contains("\"end\""));
    for (ended, json) in
        [(Ended::Exited(3), r#""end":{"exited":3}"#), (Ended::Signalled(9), r#""end":{"signalled":9}"#)]
    {
        record.end = Some(End::from(ended));
        let text = record.to_json().unwrap();
        assert!(String::from_utf8(text.clone()).unwrap().contains(json));
        assert_eq!(Record::parse("web1", &text), Ok(record.clone()));
    }
}

#[test]
fn the_namespaces_of_a_record_may_be_unknown() {
    let mut record = full();
    let text = String::from_utf8(record.to_json().unwrap()).unwrap();
    assert!(!text.contains("namespaces"), "as an older version has written it");
    record.namespaces = Some(Namespaces { user: (4, u64::MAX), mount: (4, 7) });
    let text = record.to_json().unwrap();
    assert_eq!(Record::parse("web1", &text), Ok(record));
}

#[test]
fn a_record_without_extras_is_small() {
    let mut record = full();
    record.annotations.clear();
    assert!(record.to_json().unwrap().len() < 400);
}

#[test]
fn fields_of_a_newer_version_are_ignored() {
    let json = r#"{"tare":9,"id":"web1","phase":"running","novelty":{"x":[1]},"cgroup":{"manager":"cgroupfs","more":1}}"#;
    let record = Record::parse("web1", json.as_bytes()).unwrap();
    assert_eq!((record.phase, record.tare), (Phase::Running, 9));
}

#[test]
fn the_state_file_of_another_runtime_is_recognised() {
    for json in [r#"{"id":"web1","init_process_pid":1,"config":{}}"#, "[]", "{}"] {
        assert!(matches!(Record::parse("web1", json.as_bytes()), Err(Refused::Foreign { .. })), "{json}");
    }
}

#[test]
fn a_truncated_record_is_damaged() {
    let json = full().to_json().unwrap();
    for end in [0, 1, 10, json.len() - 1] {
        assert!(matches!(Record::parse("web1", &json[..end]), Err(Refused::Damaged { .. })), "{end} bytes");
    }
    assert!(matches!(Record::parse("web1", b"{\"tare\":1}"), Err(Refused::Damaged { .. })));
}

#[test]
fn the_record_of_another_container_is_damaged() {
    let json = full().to_json().unwrap();
    assert!(matches!(Record::parse("web2", &json), Err(Refused::Damaged { .. })));
}
