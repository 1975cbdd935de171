//! The types of config.json: what must be tolerated, and where oci-spec's own types would be wrong.

use crate::fixture::{bundle, config};
use serde_json::json;
use tare::bundle::{Bundle, process_from_json};

#[test]
fn unknown_properties_are_ignored_at_every_level() {
    bundle(json!({
        "unknown": {"a": [1, {"b": null}]},
        "process": {"unknown": 1, "user": {"unknown": 1}},
        "linux": {"unknown": 1, "resources": {"unknown": {}, "memory": {"unknown": 1}}},
        "mounts": [{"destination": "/a", "type": "tmpfs", "unknown": true}],
    }))
    .unwrap();
}

#[test]
fn parts_of_other_platforms_are_ignored_whatever_they_hold() {
    bundle(json!({"windows": {"layerFolders": 3}, "solaris": [], "vm": {}, "zos": 1, "freebsd": "x"}))
        .unwrap();
}

#[test]
fn null_counts_as_not_given_where_go_programs_write_it() {
    let text = config(json!({}));
    let text =
        text.replacen('{', r#"{"mounts": null, "hooks": null, "annotations": null, "hostname": null,"#, 1);
    let text = text.replace(
        r#""namespaces""#,
        r#""uidMappings": null, "sysctl": null, "resources": null, "seccomp": null, "namespaces""#,
    );
    let text = text.replace(
        r#""cwd""#,
        r#""env": null, "rlimits": null, "capabilities": {"bounding": null}, "scheduler": null, "cwd""#,
    );
    Bundle::from_json(&text).unwrap();
}

#[test]
fn a_missing_user_is_root() {
    let user = bundle(json!({"process": {"user": null}})).unwrap().config.process.unwrap().user;
    assert_eq!((user.uid, user.gid, user.umask), (0, 0, None));
}

#[test]
fn a_pids_object_without_limit_sets_none() {
    let limits = |pids| {
        let bundle = bundle(json!({"linux": {"resources": {"pids": pids}}})).unwrap();
        bundle.config.linux.unwrap().resources.unwrap().pids().map(|pids| pids.limit())
    };
    assert_eq!(limits(json!({})), None);
    assert_eq!(limits(json!({"limit": 0})), Some(0));
    assert_eq!(limits(json!({"limit": -1})), Some(-1));
}

#[test]
fn a_hugepage_limit_may_use_all_64_bits() {
    let limits = json!([{"pageSize": "2MB", "limit": u64::MAX}]);
    let bundle = bundle(json!({"linux": {"resources": {"hugepageLimits": limits}}})).unwrap();
    let resources = bundle.config.linux.unwrap().resources.unwrap();
    assert_eq!(resources.hugepage_limits().as_ref().unwrap()[0].limit(), i64::MAX);
}

#[test]
fn every_part_of_resources_arrives() {
    let bundle = bundle(json!({"linux": {"resources": {
        "devices": [{"allow": false, "access": "rwm"}],
        "memory": {"limit": 1, "disableOOMKiller": true, "kernelTCP": 3},
        "cpu": {"shares": 2, "realtimePeriod": 7},
        "blockIO": {"weight": 10, "throttleReadIOPSDevice": [{"major": 8, "minor": 0, "rate": 1}]},
        "network": {"classID": 5},
        "rdma": {"mlx": {"hcaHandles": 3}},
        "unified": {"memory.high": "1"},
    }}}))
    .unwrap();
    let resources = bundle.config.linux.unwrap().resources.unwrap();
    assert_eq!(resources.devices().as_ref().unwrap().len(), 1);
    assert_eq!(resources.memory().unwrap().disable_oom_killer(), Some(true));
    assert_eq!(resources.memory().unwrap().kernel_tcp(), Some(3));
    assert_eq!(resources.cpu().as_ref().unwrap().realtime_period(), Some(7));
    assert_eq!(resources.block_io().as_ref().unwrap().throttle_read_iops_device().as_ref().unwrap().len(), 1);
    assert_eq!(resources.network().as_ref().unwrap().class_id(), Some(5));
    assert_eq!(resources.rdma().as_ref().unwrap()["mlx"].hca_handles(), Some(3));
    assert_eq!(resources.unified().as_ref().unwrap()["memory.high"], "1");
}

#[test]
fn a_process_file_of_exec_is_parsed_alone() {
    let process = process_from_json(r#"{"cwd": "/", "args": ["id"], "env": ["A=1"]}"#).unwrap();
    assert_eq!(process.args, ["id"]);
    assert_eq!(process_from_json(r#"{"args": ["id"]}"#).unwrap_err().pointer, "/cwd");
}
