//! The rules between values (config.md, config-linux.md). Each test is named after its rule.

use crate::fixture::{bundle, namespaces, refused};
use serde_json::json;
use tare::bundle::RULES;

#[test]
fn rules_have_names_and_sections() {
    for rule in RULES {
        assert!(rule.section.starts_with("config") && rule.section.contains(".md#"), "{}", rule.name);
    }
}

#[test]
fn oci_version_must_be_semver() {
    for version in ["1.3.0", "1.0.2-dev", "1.2.1+dev", "1.0.0-rc.1+build.5", "0.6.0"] {
        bundle(json!({"ociVersion": version})).unwrap_or_else(|e| panic!("{version}: {e}"));
    }
    for version in
        ["", "1", "1.0", "v1.0.0", "1.0.0.0", "1.0.x", "01.0.0", "1.0.0-", "1.0.0-a..b", "1.0.0 ", "-1.0.0"]
    {
        refused(bundle(json!({"ociVersion": version})), "/ociVersion", "must be a version in SemVer form");
    }
}

#[test]
fn another_major_version_is_refused_and_an_older_one_warned_of() {
    refused(bundle(json!({"ociVersion": "2.0.0"})), "/ociVersion", "Only 1.X.Y is supported");
    assert!(bundle(json!({"ociVersion": "0.5.0-dev"})).unwrap().warnings[0].contains("older than 1.0.0"));
}

#[test]
fn root_is_required() {
    refused(bundle(json!({"root": null})), "/root", "is required and missing");
    refused(bundle(json!({"root": {"path": null}})), "/root/path", "is required and missing");
    refused(bundle(json!({"root": {"path": ""}})), "/root/path", "must name a directory");
}

#[test]
fn process_may_be_absent() {
    assert!(bundle(json!({"process": null})).is_ok());
}

#[test]
fn annotation_keys_must_not_be_empty() {
    refused(bundle(json!({"annotations": {"": "x"}})), "/annotations", "must not be empty");
    bundle(json!({"annotations": {"com.example.key": ""}})).unwrap();
}

#[test]
fn hook_paths_must_be_absolute() {
    for moment in ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
    {
        let hooks = json!({"hooks": {moment: [{"path": "/bin/true"}, {"path": "bin/true"}]}});
        refused(
            bundle(hooks),
            &format!("/hooks/{moment}/1/path"),
            "must be an absolute path, is \"bin/true\"",
        );
    }
}

#[test]
fn hook_timeouts_must_be_greater_than_zero() {
    for timeout in [0, -1] {
        let hooks = json!({"hooks": {"poststop": [{"path": "/bin/true", "timeout": timeout}]}});
        refused(bundle(hooks), "/hooks/poststop/0/timeout", "must be greater than zero");
    }
}

#[test]
fn nul_in_a_hook_is_refused_with_its_place() {
    let hook = |hook| bundle(json!({"hooks": {"poststart": [hook]}}));
    refused(hook(json!({"path": "/a\0b"})), "/hooks/poststart/0/path", "NUL");
    refused(hook(json!({"path": "/a", "args": ["a", "b\0"]})), "/hooks/poststart/0/args/1", "NUL");
    refused(hook(json!({"path": "/a", "env": ["A=\0"]})), "/hooks/poststart/0/env/0", "NUL");
}

#[test]
fn duplicated_namespaces_must_be_an_error() {
    for namespace in ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"] {
        let linux = json!({"linux": {"namespaces": [
            {"type": namespace}, {"type": namespace, "path": "/proc/1/ns/x"},
        ]}});
        refused(bundle(linux), "/linux/namespaces/1/type", &format!("duplicated ns {namespace:?}"));
    }
}

#[test]
fn mappings_need_a_user_namespace() {
    let mapping = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let words = "user namespace mappings specified, but user namespace isn't enabled";
    refused(bundle(json!({"linux": {"uidMappings": mapping}})), "/linux/uidMappings", words);
    refused(bundle(json!({"linux": {"gidMappings": mapping}})), "/linux/gidMappings", words);
}

#[test]
fn a_new_user_namespace_needs_both_mappings() {
    let mapping = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let user = |uids, gids| {
        bundle(
            json!({"linux": {"namespaces": namespaces(&["user"]), "uidMappings": uids, "gidMappings": gids}}),
        )
    };
    user(mapping.clone(), mapping.clone()).unwrap();
    // Without any: an ordinary user gets those that there are.
    user(json!([]), json!([])).unwrap();
    refused(user(mapping.clone(), json!([])), "/linux/gidMappings", "is required and missing");
    refused(user(json!([]), mapping), "/linux/uidMappings", "is required and missing");
}

#[test]
fn a_joined_user_namespace_may_have_mappings_beside_it_or_none() {
    let joined = json!([{"type": "user", "path": "/proc/7/ns/user"}]);
    let mapping = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    bundle(json!({"linux": {"namespaces": joined}})).unwrap();
    bundle(json!({"linux": {"namespaces": joined, "uidMappings": mapping, "gidMappings": mapping}})).unwrap();
}

#[test]
fn time_offsets_need_a_new_time_namespace() {
    let offsets = json!({"monotonic": {"secs": 1}});
    let with = |namespaces| bundle(json!({"linux": {"namespaces": namespaces, "timeOffsets": offsets}}));
    with(json!([{"type": "time"}])).unwrap();
    refused(
        with(json!([{"type": "pid"}])),
        "/linux/timeOffsets",
        "time namespace isn't enabled in the config",
    );
    refused(
        with(json!([{"type": "time", "path": "/proc/1/ns/time"}])),
        "/linux/timeOffsets",
        "both namespace path and time offsets specified",
    );
}

#[test]
fn host_and_domain_name_need_a_uts_namespace() {
    for field in ["hostname", "domainname"] {
        let without = json!({field: "a", "linux": {"namespaces": namespaces(&["mount"])}});
        let words = format!("unable to set {field} without a private UTS namespace");
        refused(bundle(without), &format!("/{field}"), &words);
        refused(bundle(json!({field: "a", "linux": null})), &format!("/{field}"), &words);
        bundle(json!({field: "a"})).unwrap();
        bundle(json!({field: "", "linux": null})).unwrap();
    }
}

#[test]
fn masked_and_readonly_paths_need_a_mount_namespace() {
    for field in ["maskedPaths", "readonlyPaths"] {
        let without = json!({"linux": {"namespaces": namespaces(&["pid"]), field: ["/proc/kcore"]}});
        let words = "unable to restrict sys entries without a private MNT namespace";
        refused(bundle(without), &format!("/linux/{field}"), words);
    }
}

#[test]
fn network_devices_need_a_network_namespace() {
    let devices = json!({"eth0": {}});
    let without = json!({"linux": {"namespaces": namespaces(&["mount"]), "netDevices": devices}});
    refused(bundle(without), "/linux/netDevices", "unable to move network devices without a NET namespace");
    bundle(json!({"linux": {"netDevices": devices}})).unwrap();
}

#[test]
fn listener_metadata_must_not_stand_without_a_listener_path() {
    let seccomp = |listener: serde_json::Value| {
        let mut profile = json!({"defaultAction": "SCMP_ACT_ALLOW"});
        profile.as_object_mut().unwrap().extend(listener.as_object().unwrap().clone());
        bundle(json!({"linux": {"seccomp": profile}}))
    };
    refused(
        seccomp(json!({"listenerMetadata": "x"})),
        "/linux/seccomp/listenerMetadata",
        "listenerPath is not",
    );
    seccomp(json!({"listenerMetadata": "x", "listenerPath": "/run/a.sock"})).unwrap();
}
