//! Annotations `org.systemd.property.NAME`.

use crate::fixture::{plan, refused};
use serde_json::{Map, Value as Json, json};
use tare::bundle::Invalid;
use tare::plan::gvariant::Value;
use tare::plan::unit_properties::{UnitProperty, allowed};

fn properties(given: &[(&str, &str)]) -> Result<Vec<UnitProperty>, Invalid> {
    let annotations: Map<String, Json> = given
        .iter()
        .map(|(name, text)| (format!("org.systemd.property.{name}"), Json::from(*text)))
        .collect();
    plan(json!({"annotations": annotations})).map(|plan| plan.asked.unit_properties)
}

#[track_caller]
fn one(name: &str, text: &str) -> (String, Value) {
    let mut properties = properties(&[(name, text)]).unwrap();
    assert_eq!(properties.len(), 1);
    let property = properties.remove(0);
    (property.name, property.value)
}

#[test]
fn what_cri_o_and_podman_set_is_taken() {
    assert_eq!(one("TimeoutStopUSec", "uint64 30000000"), ("TimeoutStopUSec".into(), Value::U64(30_000_000)));
    assert_eq!(one("DefaultDependencies", "true"), ("DefaultDependencies".into(), Value::Bool(true)));
    assert_eq!(one("KillSignal", "15").1, Value::I32(15));
    let (name, Value::Array(_, units)) = one("After", "['crio.service']") else { panic!("no array") };
    assert_eq!((name.as_str(), units), ("After", vec![Value::Str("crio.service".into())]));
}

#[test]
fn seconds_are_converted_and_the_name_with_them() {
    assert_eq!(one("TimeoutStopSec", "uint64 5"), ("TimeoutStopUSec".into(), Value::U64(5_000_000)));
    assert_eq!(one("RuntimeMaxSec", "1.5"), ("RuntimeMaxUSec".into(), Value::U64(1_500_000)));
    refused(
        properties(&[("TimeoutStopSec", "-1")]),
        "/annotations/org.systemd.property.TimeoutStopSec",
        "is less than 0",
    );
}

#[test]
fn one_property_in_two_units_is_refused() {
    let both = properties(&[("TimeoutStopSec", "5"), ("TimeoutStopUSec", "uint64 5")]);
    refused(both, "/annotations/org.systemd.property.TimeoutStopUSec", "a second time");
}

#[test]
fn a_name_is_at_least_three_letters() {
    for name in ["", "ab", "Kill Mode", "Kill-Mode", "Kill1", "Ünit", "CollectMode.", "a/b"] {
        let error = properties(&[(name, "'x'")]).unwrap_err();
        assert!(error.problem.contains("names no unit property"), "{name}: {error}");
    }
}

#[test]
fn what_would_command_the_hosts_systemd_is_refused() {
    for name in [
        "ExecStart",
        "ExecStartPre",
        "ExecStopPost",
        "SuccessAction",
        "FailureAction",
        "StartLimitAction",
        "JobTimeoutAction",
        "Wants",
        "Requires",
        "Requisite",
        "BindsTo",
        "Upholds",
        "RequiresMountsFor",
        "OnFailure",
        "OnSuccess",
        "Conflicts",
        "PropagatesStopTo",
        "PropagatesReloadTo",
        "JoinsNamespaceOf",
        "Slice",
        "Delegate",
        "DevicePolicy",
        "DeviceAllow",
        "User",
        "Group",
        "Environment",
        "PIDs",
        "ControlGroup",
        "AmbientCapabilities",
        "MemoryMin",
        "MemoryLow",
        "CPUWeight",
        "IOWeight",
        "BPFProgram",
        "IPAddressAllow",
        "AddRef",
        "Controller",
        "RebootArgument",
    ] {
        let error = properties(&[(name, "'x'")]).unwrap_err();
        let pointer = format!("/annotations/org.systemd.property.{name}");
        assert_eq!((error.code, &error.pointer), ("config-unsupported", &pointer), "{error}");
        assert!(error.to_string().contains("; remove the annotation"), "{error}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_an_example() {
    for (name, text, words) in [
        ("TimeoutStopUSec", "int32 5", "for example uint64 1"),
        ("CollectMode", "inactive", "for example 'text'"),
        ("After", "'crio.service'", "for example ['text']"),
        ("DefaultDependencies", "yes", "for example true"),
        ("IOReadBandwidthMax", "['/dev/sda']", "for example [('text', uint64 1)]"),
        ("TimeoutStopSec", "'5'", "for example 5"),
    ] {
        let error = properties(&[(name, text)]).unwrap_err();
        assert!(error.to_string().contains(words) && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn no_allowed_property_can_start_stop_or_execute_anything() {
    let bad = [
        "Exec",
        "Action",
        "Wants",
        "Requires",
        "Binds",
        "Conflicts",
        "Propagates",
        "On",
        "User",
        "Slice",
        "Delegate",
        "Device",
    ];
    for name in allowed() {
        assert!(!bad.iter().any(|start| name.starts_with(start)) && !name.ends_with("Action"), "{name}");
    }
}
