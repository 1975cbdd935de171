//! Mappings: what the kernel would answer with a bare EINVAL is said in words.

use crate::fixture::{namespaces, plan, plan_on, refused, rootless_host};
use serde_json::{Value, json};
use tare::bundle::Invalid;
use tare::host::{Host, IdRange, Lent};
use tare::plan::idmap::{cut, outside, parse};
use tare::plan::{IdMap, Plan};

fn range(container: u32, host: u32, size: u32) -> Value {
    json!({"containerID": container, "hostID": host, "size": size})
}

fn mapped(uids: Value) -> Result<Plan, Invalid> {
    plan(json!({"linux": {
        "namespaces": namespaces(&["user", "mount"]),
        "uidMappings": uids,
        "gidMappings": [range(0, 1000, 1)],
    }}))
}

#[test]
fn mappings_of_a_new_user_namespace_are_taken_over_in_order() {
    let maps = mapped(json!([range(1, 3000, 5), range(0, 2000, 1)])).unwrap().id_maps.unwrap();
    let first = IdMap { container_id: 1, host_id: 3000, size: 5 };
    assert_eq!(maps.uids, [first, IdMap { container_id: 0, host_id: 2000, size: 1 }]);
    assert_eq!(maps.gids, [IdMap { container_id: 0, host_id: 1000, size: 1 }]);
}

#[test]
fn four_hundred_mappings_are_refused_with_the_kernels_limit() {
    let many = |count: u32| (0..count).map(|n| range(n, 10_000 + n, 1)).collect::<Value>();
    mapped(many(340)).unwrap();
    refused(mapped(many(400)), "/linux/uidMappings", "has 400 ranges, the kernel takes at most 340");
}

#[test]
fn an_empty_range_is_refused() {
    refused(mapped(json!([range(0, 1000, 0)])), "/linux/uidMappings/0/size", "must be at least 1");
}

#[test]
fn a_range_beyond_the_last_id_is_refused() {
    for bad in [range(u32::MAX, 0, 1), range(0, u32::MAX, 1), range(1, 1, u32::MAX)] {
        refused(mapped(json!([bad])), "/linux/uidMappings/0", "reaches beyond the last id");
    }
    mapped(json!([range(0, 0, u32::MAX)])).unwrap();
}

#[test]
fn overlapping_ranges_are_refused_on_both_sides() {
    refused(
        mapped(json!([range(0, 1000, 10), range(9, 5000, 1)])),
        "/linux/uidMappings/1",
        "overlaps with entry 0",
    );
    refused(
        mapped(json!([range(0, 1000, 10), range(50, 1009, 1)])),
        "/linux/uidMappings/1",
        "overlaps with entry 0",
    );
    mapped(json!([range(0, 1000, 10), range(10, 1010, 1)])).unwrap();
}

#[test]
fn mappings_beside_a_joined_namespace_are_kept_for_comparison() {
    let plan = plan(json!({"linux": {
        "namespaces": [{"type": "user", "path": "/proc/7/ns/user"}],
        "uidMappings": [range(0, 1000, 1)],
        "gidMappings": [range(0, 1000, 1)],
    }}))
    .unwrap();
    assert!(plan.id_maps.is_none());
    assert_eq!(plan.expected_id_maps.unwrap().uids.len(), 1);
}

#[test]
fn the_process_cannot_have_ids_without_mapping() {
    let user = |user: Value| {
        plan(json!({"process": {"user": user}, "linux": {
            "namespaces": namespaces(&["user", "mount"]),
            "uidMappings": [range(0, 1000, 10)],
            "gidMappings": [range(5, 1000, 10)],
        }}))
    };
    user(json!({"uid": 9, "gid": 14, "additionalGids": [5, 6]})).unwrap();
    let words = "has no mapping in the container's user namespace";
    refused(user(json!({"uid": 10, "gid": 5})), "/process/user/uid", words);
    refused(user(json!({"uid": 0, "gid": 4})), "/process/user/gid", words);
    let groups = json!({"uid": 0, "gid": 5, "additionalGids": [6, 15]});
    refused(user(groups), "/process/user/additionalGids/1", words);
}

/// uid_map of the container of an ordinary user, 1000, whose configuration says nothing of mappings.
fn lent(uid: u32, ranges: &[(u32, u32)]) -> (Vec<(u32, u32, u32)>, Vec<String>) {
    let uids: Vec<_> = ranges.iter().map(|(first, count)| IdRange { first: *first, count: *count }).collect();
    let gids = vec![IdRange { first: 7000, count: 100 }];
    let host = Host { lent: Lent { uids, gids }, ..rootless_host() };
    let plan = plan_on(&host, json!({"process": {"user": {"uid": uid, "gid": 5}}})).unwrap();
    let maps = plan.id_maps.unwrap();
    let gids: Vec<_> = maps.gids.iter().map(|m| (m.container_id, m.host_id, m.size)).collect();
    assert_eq!(gids, [(5, 1000, 1), (0, 7000, 5), (6, 7005, 95)]);
    (maps.uids.iter().map(|m| (m.container_id, m.host_id, m.size)).collect(), plan.warnings)
}

#[test]
fn an_ordinary_user_is_the_containers_user_and_lends_it_the_ids_around() {
    assert_eq!(lent(0, &[(100_000, 65_536)]).0, [(0, 1000, 1), (1, 100_000, 65_536)]);
    let around = [(3, 1000, 1), (0, 100_000, 3), (4, 100_003, 7), (11, 300_000, 5)];
    assert_eq!(lent(3, &[(100_000, 10), (300_000, 5)]).0, around);
    // Fewer ids than there are below the user.
    assert_eq!(lent(50, &[(100_000, 10)]).0, [(50, 1000, 1), (0, 100_000, 10)]);
}

#[test]
fn an_ordinary_user_without_lent_ids_is_warned_of_being_alone() {
    let (maps, warnings) = lent(0, &[]);
    assert_eq!(maps, [(0, 1000, 1)]);
    let expected = "the container has no user but 0, as /etc/subuid lends no ids to user 1000: see usermod(8), --add-subuids";
    assert_eq!(warnings, [expected]);
    // His own id is none that could be lent to him.
    assert_eq!(lent(0, &[(500, 1000)]).0, [(0, 1000, 1)]);
    let same_again = [(100_000, 10), (100_005, 10), (100_000, 10)];
    assert_eq!(lent(0, &same_again).0, [(0, 1000, 1), (1, 100_000, 10)]);
}

#[test]
fn mappings_are_cut_where_a_range_of_the_caller_ends() {
    let map = |container_id, host_id, size| IdMap { container_id, host_id, size };
    // As in a container of podman's: root is the user, the others are lent.
    let own = [map(0, 1000, 1), map(1, 100_000, 65_536)];
    assert_eq!(cut(&[map(0, 0, 1000)], &own), [map(0, 0, 1), map(1, 1, 999)]);
    assert_eq!(cut(&[map(0, 10, 100), map(500, 0, 1)], &own), [map(0, 10, 100), map(500, 0, 1)]);
    // What the caller has not stays as it is, for the kernel to refuse.
    assert_eq!(cut(&[map(0, 65_000, 1000)], &own), [map(0, 65_000, 537), map(537, 65_537, 463)]);
    let everything = [map(0, 0, u32::MAX)];
    assert_eq!(cut(&[map(0, 5, 4_000_000_000)], &everything), [map(0, 5, 4_000_000_000)]);
}

#[test]
fn an_id_is_looked_up_in_the_text_of_a_map() {
    let ranges = parse("         0       1000          1\n         1     100000      65536\n");
    assert_eq!(ranges.len(), 2);
    for (inside, expected) in [(0, Some(1000)), (1, Some(100_000)), (65_536, Some(165_535)), (65_537, None)] {
        assert_eq!(outside(&ranges, inside), expected, "{inside}");
    }
    assert_eq!(parse(""), []);
}
