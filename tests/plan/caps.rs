//! `process.capabilities` -> masks. What cannot be granted MUST be warned of, not refused (config.md).

use crate::fixture::{host, plan, plan_on};
use serde_json::{Value, json};
use tare::host::Host;
use tare::plan::process::Capabilities;

fn masks(capabilities: Value) -> (Capabilities, Vec<String>) {
    let plan = plan(json!({"process": {"capabilities": capabilities}})).unwrap();
    (plan.process.capabilities, plan.warnings)
}

const CHOWN: u64 = 1 << 0;
const KILL: u64 = 1 << 5;
const BPF: u64 = 1 << 39;

#[test]
fn names_become_the_kernels_numbers() {
    let all = json!(["CAP_CHOWN", "CAP_KILL", "CAP_BPF"]);
    let sets = json!({"bounding": all, "effective": all, "permitted": all, "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]});
    let (caps, warnings) = masks(sets);
    assert_eq!(caps.bounding, CHOWN | KILL | BPF);
    assert_eq!((caps.effective, caps.permitted), (caps.bounding, caps.bounding));
    assert_eq!((caps.inheritable, caps.ambient), (KILL, KILL));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn every_capability_of_the_kernel_headers_has_its_number() {
    for (name, number) in
        [("CAP_SETPCAP", 8), ("CAP_SYS_ADMIN", 21), ("CAP_SYSLOG", 34), ("CAP_CHECKPOINT_RESTORE", 40)]
    {
        assert_eq!(masks(json!({"bounding": [name]})).0.bounding, 1 << number, "{name}");
    }
    assert_eq!(tare::plan::caps::NAMES.len(), 41);
}

#[test]
fn unknown_capabilities_are_warned_of_and_left_out() {
    for name in ["CAP_FLY", "chown", "CHOWN", "CAP_cap_chown", ""] {
        let (caps, warnings) = masks(json!({"bounding": ["CAP_KILL", name]}));
        assert_eq!(caps.bounding, KILL);
        assert!(warnings[0].contains(&format!("unknown capability {name:?} (bounding)")), "{warnings:?}");
    }
}

#[test]
fn a_capability_newer_than_the_kernel_is_warned_of() {
    let old = Host { last_capability: 37, ..host() };
    let plan =
        plan_on(&old, json!({"process": {"capabilities": {"bounding": ["CAP_BPF", "CAP_KILL"]}}})).unwrap();
    assert_eq!(plan.process.capabilities.bounding, KILL);
    assert!(
        plan.warnings[0].contains("CAP_BPF (bounding) is not known to this kernel"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn no_capabilities_object_means_none_at_all() {
    let plan = plan(json!({})).unwrap();
    assert_eq!(plan.process.capabilities, Capabilities::default());
    assert!(plan.warnings.is_empty());
}

#[test]
fn ambient_needs_both_permitted_and_inheritable() {
    let one = json!(["CAP_KILL"]);
    let (caps, warnings) = masks(json!({"bounding": one, "permitted": one, "ambient": one}));
    assert_eq!((caps.permitted, caps.ambient), (KILL, 0));
    assert!(
        warnings[0].contains("CAP_KILL is ambient but not both permitted and inheritable"),
        "{warnings:?}"
    );
}

#[test]
fn effective_needs_permitted_and_both_need_the_bounding_set() {
    let one = json!(["CAP_KILL"]);
    let (caps, warnings) = masks(json!({"bounding": one, "effective": one}));
    assert_eq!((caps.bounding, caps.effective, warnings.len()), (KILL, 0, 1));
    let (caps, warnings) = masks(json!({"permitted": one, "effective": one, "inheritable": one}));
    assert_eq!(caps, Capabilities::default());
    assert_eq!(warnings.len(), 3, "{warnings:?}");
}

#[test]
fn nothing_is_added_to_the_inheritable_set() {
    let one = json!(["CAP_KILL"]);
    let (caps, _) = masks(json!({"bounding": one, "effective": one, "permitted": one}));
    assert_eq!((caps.inheritable, caps.ambient), (0, 0));
}
