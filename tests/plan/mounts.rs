//! `mounts` -> one operation each.

use crate::fixture::{host, namespaces, plan, plan_on, refused, rootless_host};
use serde_json::{Value, json};
use std::ffi::CString;
use tare::bundle::Invalid;
use tare::host::{Host, IdRange, Lent};
use tare::plan::mounts::{Idmap, MountKind};
use tare::plan::{IdMap, MountOp};

fn op(mount: Value) -> Result<MountOp, Invalid> {
    Ok(plan(json!({"mounts": [mount]}))?.rootfs.mounts.remove(0))
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn bind(source: &str, recursive: bool) -> MountKind {
    MountKind::Bind { source: c(source), recursive }
}

#[test]
fn mounts_keep_the_listed_order_and_their_positions() {
    let mounts: Vec<Value> =
        (0..3000).map(|n| json!({"destination": format!("/m{n}"), "type": "tmpfs"})).collect();
    let mounts = plan(json!({"mounts": mounts})).unwrap().rootfs.mounts;
    for (n, op) in mounts.iter().enumerate() {
        assert_eq!((usize::from(op.index), op.target.to_str().unwrap()), (n, format!("/m{n}").as_str()));
    }
}

#[test]
fn more_mounts_than_a_plan_can_number_are_refused() {
    let mounts: Vec<Value> = (0..65537).map(|_| json!({"destination": "/m", "type": "tmpfs"})).collect();
    refused(plan(json!({"mounts": mounts})), "/mounts", "more than 65536 entries");
}

#[test]
fn a_file_system_has_type_and_source() {
    let kind = op(json!({"destination": "/p", "type": "proc", "source": "proc"})).unwrap().kind;
    assert_eq!(kind, MountKind::Filesystem { fstype: c("proc"), source: Some(c("proc")) });
    let kind = op(json!({"destination": "/p", "type": "tmpfs", "source": ""})).unwrap().kind;
    assert_eq!(kind, MountKind::Filesystem { fstype: c("tmpfs"), source: None });
}

#[test]
fn bind_options_make_a_bind_mount_whatever_the_type() {
    let mount = |kind, options: &[&str]| {
        op(json!({"destination": "/a", "type": kind, "source": "/b", "options": options}))
    };
    assert_eq!(mount("tmpfs", &["bind"]).unwrap().kind, bind("/b", false));
    assert_eq!(mount("none", &["rbind"]).unwrap().kind, bind("/b", true));
    assert_eq!(mount("bind", &[]).unwrap().kind, bind("/b", false));
    assert_eq!(mount("bind", &["rbind"]).unwrap().kind, bind("/b", true));
    assert_eq!(mount("none", &["rbind", "bind"]).unwrap().kind, bind("/b", false), "the last wins");
}

#[test]
fn a_relative_bind_source_counts_from_the_bundle() {
    let op = op(json!({"destination": "/a", "source": "data/x", "options": ["bind"]})).unwrap();
    assert_eq!(op.kind, bind("/bundle/data/x", false));
}

#[test]
fn a_bind_mount_needs_a_source() {
    for source in [Value::Null, json!("")] {
        let mount = json!({"destination": "/a", "type": "bind", "source": source});
        refused(op(mount), "/mounts/0/source", "is required and missing");
    }
}

#[test]
fn bind_mounts_take_no_file_system_options() {
    let mount = json!({"destination": "/a", "source": "/b", "options": ["bind", "ro", "size=1k"]});
    refused(
        op(mount),
        "/mounts/0/options/2",
        "bind mounts cannot have any filesystem-specific options applied",
    );
}

#[test]
fn superblock_options_on_a_bind_mount_are_warned_of() {
    let mount = json!({"destination": "/a", "source": "/b", "options": ["bind", "sync"]});
    let plan = plan(json!({"mounts": [mount]})).unwrap();
    assert!(plan.rootfs.mounts[0].superblock_flags.is_empty());
    assert!(plan.warnings[0].contains("mounts[0]"), "{:?}", plan.warnings);
}

#[test]
fn a_cgroup_mount_is_the_containers_own_view() {
    for kind in ["cgroup", "cgroup2"] {
        let op =
            op(json!({"destination": "/sys/fs/cgroup", "type": kind, "options": ["ro", "nosuid"]})).unwrap();
        assert_eq!((op.kind, op.attributes.set), (MountKind::Cgroup, 3));
    }
}

#[test]
fn a_relative_destination_is_taken_from_the_root_and_warned_of() {
    let plan = plan(json!({"mounts": [{"destination": "tmp/x", "type": "tmpfs"}]})).unwrap();
    assert_eq!(plan.rootfs.mounts[0].target, c("/tmp/x"));
    assert!(plan.warnings[0].contains("relative destination path is **deprecated**"), "{:?}", plan.warnings);
    refused(op(json!({"destination": "", "type": "tmpfs"})), "/mounts/0/destination", "is empty");
}

#[test]
fn nul_in_a_mount_is_refused_with_its_place() {
    refused(op(json!({"destination": "/a\0", "type": "tmpfs"})), "/mounts/0/destination", "NUL");
    refused(op(json!({"destination": "/a", "type": "tmpfs\0"})), "/mounts/0/type", "NUL");
    refused(op(json!({"destination": "/a", "type": "tmpfs", "source": "\0"})), "/mounts/0/source", "NUL");
    refused(
        op(json!({"destination": "/a", "type": "tmpfs", "options": ["a", "b=\0"]})),
        "/mounts/0/options/1",
        "NUL",
    );
    refused(op(json!({"destination": "/a", "type": "bind", "source": "/\0"})), "/mounts/0/source", "NUL");
}

#[test]
fn without_type_and_bind_only_changes_of_what_is_mounted_remain() {
    for options in [json!(["rprivate"]), json!(["ro"]), json!(["rnosuid"])] {
        assert_eq!(op(json!({"destination": "/a", "options": options})).unwrap().kind, MountKind::Nothing);
        let none = json!({"destination": "/a", "type": "none", "source": "none", "options": options});
        assert_eq!(op(none).unwrap().kind, MountKind::Nothing);
    }
    let words = "name a file system, for example tmpfs, or add the option bind or rbind";
    for mount in [
        json!({"destination": "/a"}),
        json!({"destination": "/a", "source": "/b"}),
        json!({"destination": "/a", "type": "none", "source": "/b", "options": ["rprivate"]}),
        json!({"destination": "/a", "options": ["rprivate", "size=1"]}),
    ] {
        refused(op(mount), "/mounts/0/type", words);
    }
}

#[test]
fn remount_changes_what_is_mounted_there() {
    let op = op(
        json!({"destination": "/a", "type": "tmpfs", "source": "x", "options": ["remount", "ro", "size=1m"]}),
    )
    .unwrap();
    assert!(op.remount);
    assert_eq!(
        (op.kind, op.superblock_flags.as_slice(), op.data.len()),
        (MountKind::Nothing, &["ro"][..], 1)
    );
}

#[test]
fn tmpcopyup_is_for_tmpfs() {
    assert!(
        op(json!({"destination": "/a", "type": "tmpfs", "options": ["ro", "tmpcopyup"]})).unwrap().copy_up
    );
    let bind = json!({"destination": "/a", "source": "/b", "options": ["bind", "tmpcopyup"]});
    refused(op(bind), "/mounts/0/options/1", "tmpcopyup is for mounts of type tmpfs");
}

#[test]
fn owner_options_need_a_mapping_in_the_user_namespace() {
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 5}]);
    let with = |kind, option| {
        let linux =
            json!({"namespaces": namespaces(&["user", "mount"]), "uidMappings": map, "gidMappings": map});
        let mount = json!({"destination": "/a", "type": kind, "options": ["nosuid", option]});
        plan(json!({"linux": linux, "mounts": [mount]}))
    };
    with("devpts", "gid=4").unwrap();
    with("ext4", "gid=5").unwrap();
    refused(with("devpts", "gid=5"), "/mounts/0/options/1", "gid=5 has no mapping");
    refused(with("tmpfs", "uid=7"), "/mounts/0/options/1", "uid=7 has no mapping");
}

// Id-mapped mounts.

fn mapping() -> Value {
    json!([{"containerID": 0, "hostID": 1000, "size": 10}])
}

/// A bind mount in a container with a user namespace, whose ids 0.. are 100000.. and 10.. are 200000... on the host.
fn mapped(options: &[&str], extra: Value) -> Result<Option<Idmap>, Invalid> {
    let mut mount = json!({"destination": "/a", "source": "/b", "options": options});
    mount.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let maps = json!([
        {"containerID": 0, "hostID": 100_000, "size": 10},
        {"containerID": 10, "hostID": 200_000, "size": 100},
    ]);
    let linux =
        json!({"namespaces": namespaces(&["user", "mount"]), "uidMappings": maps, "gidMappings": maps});
    Ok(plan(json!({"linux": linux, "mounts": [mount]}))?.rootfs.mounts.remove(0).idmap)
}

#[test]
fn mappings_of_a_mount_are_used_and_ridmap_reaches_below() {
    let given = json!({"uidMappings": mapping(), "gidMappings": mapping()});
    let range = IdMap { container_id: 0, host_id: 1000, size: 10 };
    for (options, recursive) in
        [(&["bind"][..], false), (&["bind", "idmap"], false), (&["rbind", "ridmap"], true)]
    {
        let idmap = mapped(options, given.clone()).unwrap().unwrap();
        let maps = idmap.maps.unwrap();
        assert_eq!((maps.uids.as_slice(), maps.gids.as_slice()), (&[range][..], &[range][..]));
        assert_eq!(idmap.recursive, recursive, "{options:?}");
    }
}

#[test]
fn without_mappings_those_of_the_user_namespace_apply() {
    let idmap = mapped(&["bind", "idmap"], json!({})).unwrap().unwrap();
    assert_eq!((idmap.maps, idmap.recursive), (None, false));
    assert_eq!(mapped(&["bind"], json!({})).unwrap(), None);
}

#[test]
fn without_mappings_and_user_namespace_idmap_must_be_an_error() {
    for word in ["idmap", "ridmap"] {
        let mount = json!({"destination": "/a", "source": "/b", "options": ["bind", word]});
        refused(op(mount), "/mounts/0/options/1", "the container has no user namespace to take one from");
    }
}

#[test]
fn uid_and_gid_mappings_must_be_given_together() {
    let words = "id-mapped mounts must have both uid and gid mappings specified";
    refused(mapped(&["bind", "idmap"], json!({"uidMappings": mapping()})), "/mounts/0/gidMappings", words);
    refused(mapped(&["bind"], json!({"gidMappings": mapping()})), "/mounts/0/uidMappings", words);
    refused(mapped(&["bind", "idmap=uids=0-1-1"], json!({})), "/mounts/0/options/1", words);
}

#[test]
fn a_mapping_can_stand_in_the_option() {
    let idmap = mapped(&["bind", "idmap=uids=0-1-10#10-11-10;gids=0-100-10"], json!({})).unwrap().unwrap();
    let maps = idmap.maps.unwrap();
    let range = |container_id, host_id, size| IdMap { container_id, host_id, size };
    assert_eq!(maps.uids, [range(0, 1, 10), range(10, 11, 10)]);
    assert_eq!(maps.gids, [range(0, 100, 10)]);
    assert!(mapped(&["bind", "ridmap=uids=0-1-1;gids=0-1-1"], json!({})).unwrap().unwrap().recursive);
}

#[test]
fn an_at_sign_counts_from_the_containers_own_mapping() {
    let maps =
        mapped(&["bind", "idmap=uids=@0-3-2;gids=@12-20-5"], json!({})).unwrap().unwrap().maps.unwrap();
    assert_eq!(maps.uids, [IdMap { container_id: 0, host_id: 100_003, size: 2 }]);
    assert_eq!(maps.gids, [IdMap { container_id: 12, host_id: 200_010, size: 5 }]);
    refused(
        mapped(&["bind", "idmap=uids=@500-3-2;gids=0-1-1"], json!({})),
        "/mounts/0/options/1",
        "lies outside the container's own mapping",
    );
}

#[test]
fn a_mapping_in_the_option_that_cannot_be_read_is_refused() {
    for text in ["x", "uids", "uids=1", "uids=1-2", "uids=1-2-3-4", "uids=a-b-c", "uids=1-2--3", "pids=1-2-3"]
    {
        let option = format!("idmap={text}");
        refused(mapped(&["bind", &option], json!({})), "/mounts/0/options/1", "as a mapping");
    }
    refused(
        mapped(&["bind", "idmap=uids=0-0-0;gids=0-0-1"], json!({})),
        "/mounts/0/options/1/0/size",
        "at least 1",
    );
    let twice = json!({"uidMappings": mapping(), "gidMappings": mapping()});
    refused(mapped(&["bind", "idmap=uids=0-1-1;gids=0-1-1"], twice), "/mounts/0/options/1", "give it once");
}

#[test]
fn id_mapped_mounts_need_a_mount_of_their_own_and_privilege() {
    let words = "id-mapped mounts are only supported for bind-mounts and file systems of their own";
    let given = json!({"uidMappings": mapping(), "gidMappings": mapping()});
    let mut cgroup = json!({"destination": "/c", "type": "cgroup", "options": ["idmap"]});
    cgroup.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    refused(op(cgroup), "/mounts/0/options/0", words);
    let user = Host { euid: 1000, rootless: true, ..host() };
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let linux = json!({"namespaces": namespaces(&["user", "mount"]), "uidMappings": map, "gidMappings": map});
    let mount = json!({"destination": "/a", "source": "/b", "options": ["bind", "idmap"]});
    refused(
        plan_on(&user, json!({"linux": linux, "mounts": [mount]})),
        "/mounts/0/options/1",
        "id-mapped mounts are not supported for rootless containers",
    );
}

#[test]
fn a_group_of_terminals_that_nobody_lends_is_left_out_and_one_that_was_mapped_is_kept() {
    let devpts = json!([{"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["gid=5", "mode=0620"]}]);
    let alone = plan_on(&rootless_host(), json!({"mounts": devpts})).unwrap();
    let keys = |plan: &tare::plan::Plan| -> Vec<String> {
        plan.rootfs.mounts[0].data.iter().map(|(key, _)| key.to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&alone), ["mode"]);
    assert!(
        alone.warnings.iter().any(|warning| warning.starts_with("/mounts/0/options/0: gid=5 is left out"))
    );
    let lent = Lent { gids: vec![IdRange { first: 7000, count: 100 }], ..Lent::default() };
    let with_groups = Host { lent, ..rootless_host() };
    assert_eq!(keys(&plan_on(&with_groups, json!({"mounts": devpts})).unwrap()), ["gid", "mode"]);
}
