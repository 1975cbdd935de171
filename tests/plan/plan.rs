//! The parts of a plan that stand alone.

use crate::fixture::{bundle, host, options, plan, refused};
use serde_json::json;
use tare::plan::{Options, Plan};

#[test]
fn names_are_taken_over_and_bounded() {
    let plan_ = plan(json!({"hostname": "box.a", "domainname": "example.test"})).unwrap();
    assert_eq!(plan_.hostname.unwrap().to_str().unwrap(), "box.a");
    assert_eq!(plan_.domainname.unwrap().to_str().unwrap(), "example.test");
    assert!(plan(json!({"hostname": ""})).unwrap().hostname.is_none());
    plan(json!({"hostname": "a".repeat(64)})).unwrap();
    refused(plan(json!({"hostname": "a".repeat(65)})), "/hostname", "must be at most 64 bytes long, has 65");
}

#[test]
fn dot_dot_in_cgroups_path_is_refused() {
    for path in ["..", "/a/../b", "a/..", "../a"] {
        refused(
            plan(json!({"linux": {"cgroupsPath": path}})),
            "/linux/cgroupsPath",
            "must not contain \"..\"",
        );
    }
    for path in ["/a/b", "a/b", "system.slice:tare:box", "/a..b"] {
        assert_eq!(
            plan(json!({"linux": {"cgroupsPath": path}})).unwrap().cgroups_path.as_deref(),
            Some(path)
        );
    }
    assert_eq!(plan(json!({"linux": {"cgroupsPath": ""}})).unwrap().cgroups_path, None);
}

#[test]
fn options_of_the_caller_arrive() {
    let given = Options { preserve_fds: 3, no_new_keyring: true, ..options() };
    let planned = Plan::for_create(&bundle(json!({})).unwrap(), &given, &host()).unwrap();
    assert_eq!((planned.id.as_str(), planned.preserve_fds, planned.new_keyring), ("box", 3, false));
    assert!(plan(json!({})).unwrap().new_keyring);
}

#[test]
fn annotations_arrive() {
    let plan = plan(json!({"annotations": {"a.b": "c", "empty": ""}})).unwrap();
    assert_eq!(plan.annotations["a.b"], "c");
    assert_eq!(plan.annotations["empty"], "");
}

#[test]
fn warnings_of_the_bundle_are_the_plans_too() {
    assert_eq!(plan(json!({"ociVersion": "0.9.0"})).unwrap().warnings.len(), 1);
}

#[test]
fn a_config_without_linux_shares_everything() {
    let plan = plan(json!({"linux": null})).unwrap();
    assert_eq!(plan.namespaces, Default::default());
    assert!(plan.seccomp.is_none() && plan.id_maps.is_none());
}

#[test]
fn a_profile_under_which_no_program_could_be_executed_is_refused() {
    let profile = |syscalls: serde_json::Value| {
        plan(json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": syscalls}}}))
    };
    refused(profile(json!([])), "/linux/seccomp", "forbids execve");
    profile(json!([{"names": ["execve"], "action": "SCMP_ACT_ALLOW"}])).unwrap();
}
