//! `linux.namespaces` and `linux.timeOffsets`.

use crate::fixture::{plan, plan_on, refused, rootless_host};
use serde_json::json;
use tare::plan::Place;

#[test]
fn a_namespace_is_new_joined_or_the_callers() {
    let plan = plan(json!({"linux": {"namespaces": [
        {"type": "mount"},
        {"type": "pid", "path": ""},
        {"type": "network", "path": "/run/netns/a"},
    ]}}))
    .unwrap();
    assert_eq!((&plan.namespaces.mount, &plan.namespaces.pid), (&Place::New, &Place::New));
    let joined = plan.namespaces.network.joined().unwrap();
    assert_eq!((joined.path.to_str().unwrap(), joined.index), ("/run/netns/a", 2));
    for place in [
        &plan.namespaces.user,
        &plan.namespaces.ipc,
        &plan.namespaces.uts,
        &plan.namespaces.cgroup,
        &plan.namespaces.time,
    ] {
        assert!(place.is_shared());
    }
}

#[test]
fn all_eight_types_are_known() {
    let all = ["pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time"];
    let map = json!([{"containerID": 0, "hostID": 0, "size": 1}]);
    let namespaces = crate::fixture::namespaces(&all);
    let namespaces =
        plan(json!({"linux": {"namespaces": namespaces, "uidMappings": map, "gidMappings": map}}))
            .unwrap()
            .namespaces;
    let places = [
        &namespaces.pid,
        &namespaces.network,
        &namespaces.mount,
        &namespaces.ipc,
        &namespaces.uts,
        &namespaces.user,
        &namespaces.cgroup,
        &namespaces.time,
    ];
    assert!(places.iter().all(|place| place.is_new()));
}

#[test]
fn a_namespace_path_must_be_absolute() {
    let namespaces = json!([{"type": "mount"}, {"type": "pid", "path": "proc/1/ns/pid"}]);
    refused(
        plan(json!({"linux": {"namespaces": namespaces}})),
        "/linux/namespaces/1/path",
        "must be an absolute path",
    );
}

#[test]
fn time_offsets_are_taken_over_by_clock() {
    let plan = plan(json!({"linux": {
        "namespaces": [{"type": "time"}, {"type": "mount"}],
        "timeOffsets": {"monotonic": {"secs": -7, "nanosecs": 999_999_999}, "boottime": {}},
    }}))
    .unwrap();
    let offsets: Vec<_> = plan.time_offsets.iter().map(|o| (o.clock, o.secs, o.nanosecs)).collect();
    assert_eq!(offsets, [("boottime", 0, 0), ("monotonic", -7, 999_999_999)]);
}

#[test]
fn an_unknown_clock_and_too_many_nanoseconds_are_refused() {
    let with = |offsets| plan(json!({"linux": {"namespaces": [{"type": "time"}], "timeOffsets": offsets}}));
    refused(with(json!({"realtime": {"secs": 1}})), "/linux/timeOffsets/realtime", "unknown clock");
    let nanosecs = json!({"monotonic": {"nanosecs": 1_000_000_000}});
    refused(with(nanosecs), "/linux/timeOffsets/monotonic/nanosecs", "must be at most 999999999");
}

#[test]
fn the_container_of_an_ordinary_user_has_a_user_namespace_of_its_own_or_a_joined_one() {
    for namespaces in [json!([{"type": "mount"}]), json!([{"type": "mount"}, {"type": "user"}])] {
        let plan = plan_on(&rootless_host(), json!({"linux": {"namespaces": namespaces}})).unwrap();
        assert!(plan.namespaces.user.is_new());
        assert!(plan.id_maps.is_some());
    }
    let joined = json!([{"type": "user", "path": "/proc/7/ns/user"}]);
    let plan = plan_on(&rootless_host(), json!({"linux": {"namespaces": joined}})).unwrap();
    assert!(plan.namespaces.user.joined().is_some() && plan.id_maps.is_none());
}

#[test]
fn root_says_the_mappings_of_a_new_user_namespace() {
    let words = "no namespace path to join nor mappings to apply";
    refused(plan(json!({"linux": {"namespaces": [{"type": "user"}]}})), "/linux/uidMappings", words);
}
