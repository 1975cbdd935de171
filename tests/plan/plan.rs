//! The parts of a plan that stand alone.

use crate::fixture::{bundle, config, host, options, plan, refused};
use serde_json::json;
use tare::bundle::Bundle;
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

/// A profile that is known already changes nothing but how its filter was come by.
#[test]
fn a_known_profile_gives_the_same_plan() {
    let profile: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/seccomp/podman.json")).unwrap();
    let text = config(json!({"linux": {"seccomp": profile}}));
    let first = Bundle::from_json(text.clone()).unwrap();
    let compiled = Plan::for_create(&first, &options(), &host()).unwrap();
    let known_filter = compiled.seccomp.clone();
    assert!(compiled.is_filter_reusable);
    let again = Bundle::from_json_knowing(text, first.profile()).unwrap();
    assert!(again.has_known_profile);
    let known = Plan::for_create(&again, &Options { known_filter, ..options() }, &host()).unwrap();
    let compiled = Plan { is_filter_reusable: false, ..compiled };
    assert_eq!(format!("{known:?}"), format!("{compiled:?}"));
}

#[test]
fn a_profile_that_was_passed_over_is_never_without_its_filter() {
    let text = config(json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}}));
    let first = Bundle::from_json(text.clone()).unwrap();
    let known = Bundle::from_json_knowing(text, first.profile()).unwrap();
    refused(Plan::for_create(&known, &options(), &host()), "/linux/seccomp", "has no filter");
}

#[test]
fn a_receiver_that_a_known_profile_does_not_ask_is_told_as_for_any_other() {
    let annotated = json!({"annotations": {"run.oci.seccomp.receiver": "/agent"},
        "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}});
    let first = Bundle::from_json(config(annotated.clone())).unwrap();
    let compiled = Plan::for_create(&first, &options(), &host()).unwrap();
    let known = Bundle::from_json_knowing(config(annotated), first.profile()).unwrap();
    let given = Options { known_filter: compiled.seccomp, ..options() };
    let warnings = Plan::for_create(&known, &given, &host()).unwrap().warnings;
    assert!(warnings.iter().any(|text| text.contains("has no effect")), "{warnings:?}");
    assert_eq!(warnings, compiled.warnings);
}

#[test]
fn a_filter_is_for_others_only_if_it_is_all_that_there_is_to_its_profile() {
    let is_reusable = |profile| plan(json!({"linux": {"seccomp": profile}})).unwrap().is_filter_reusable;
    let rule = |listener: Option<&str>, name: &str, action: &str| {
        json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": listener,
            "syscalls": [{"names": [name], "action": action}]})
    };
    assert!(is_reusable(rule(None, "mkdir", "SCMP_ACT_ERRNO")));
    assert!(!is_reusable(rule(Some("/agent"), "mkdir", "SCMP_ACT_NOTIFY")));
    // An annotation may name another agent, which is an error.
    assert!(!is_reusable(rule(Some("/agent"), "mkdir", "SCMP_ACT_ERRNO")));
    assert!(!is_reusable(rule(None, "no_such_call", "SCMP_ACT_ERRNO")));
    assert!(!plan(json!({})).unwrap().is_filter_reusable);
}
