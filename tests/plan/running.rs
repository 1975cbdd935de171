//! Mounts of a container that lives: a plan of these alone.

use crate::fixture::{config, host, options, refused};
use serde_json::{Value, json};
use std::ffi::CString;
use tare::bundle::{Bundle, Invalid, mounts_from_json};
use tare::plan::Plan;

fn kept(patch: Value) -> tare::bundle::Config {
    *Bundle::from_json(config(patch)).unwrap().config
}

fn added(mounts: Value) -> Result<Plan, Invalid> {
    let mounts = mounts_from_json(&mounts.to_string()).unwrap();
    Plan::for_added_mounts(&kept(json!({})), mounts, &options(), &host())
}

#[test]
fn only_the_new_mounts_are_in_the_plan() {
    let config = kept(json!({
        "mounts": [{"destination": "/old", "type": "tmpfs"}],
        "hostname": "box",
        "linux": {"maskedPaths": ["/proc/keys"], "sysctl": {"net.ipv4.ip_forward": "1"}},
    }));
    let new = mounts_from_json(r#"[{"destination": "/new", "type": "tmpfs", "options": ["ro"]}]"#).unwrap();
    let plan = Plan::for_added_mounts(&config, new, &options(), &host()).unwrap();
    let [op] = plan.rootfs.mounts.as_slice() else { panic!("{:?}", plan.rootfs.mounts) };
    assert_eq!((op.target.to_str().unwrap(), op.is_readonly()), ("/new", true));
    assert_eq!(plan.rootfs.masked_paths, [c"/proc/keys".to_owned()], "what must stay hidden");
    assert!(plan.rootfs.dev.is_none(), "nothing is put into a tmpfs on /dev");
    assert!(plan.sysctls.is_empty() && plan.hostname.is_none() && plan.seccomp.is_none());
}

#[test]
fn the_label_of_new_mounts_is_set_as_the_annotation_says() {
    use tare::plan::annotations::MountContext;
    let label = |annotations: Value| {
        let config = kept(json!({"annotations": annotations, "linux": {"mountLabel": "l"}}));
        let new = mounts_from_json(r#"[{"destination": "/new", "type": "tmpfs"}]"#).unwrap();
        let plan = Plan::for_added_mounts(&config, new, &options(), &host()).unwrap();
        assert!(plan.hooks.poststop.is_empty());
        plan.rootfs.mount_label.unwrap().context
    };
    assert_eq!(label(json!({"run.oci.mount_context_type": "rootcontext"})), MountContext::Rootcontext);
    assert_eq!(label(json!({"com.example": "x"})), MountContext::Context);
}

#[test]
fn what_is_no_mount_of_its_own_is_refused_with_its_place() {
    let fine = json!({"destination": "/a", "type": "tmpfs"});
    for options in [json!(["remount", "rw"]), json!(["rprivate"])] {
        let mounts = json!([fine, {"destination": "/proc/sys", "options": options}]);
        refused(added(mounts), "/mounts/1/options", "only changes what is mounted already");
    }
    for fstype in ["cgroup", "cgroup2"] {
        let mounts = json!([fine, {"destination": "/sys/fs/cgroup", "type": fstype}]);
        refused(added(mounts), "/mounts/1/type", "made with the container only");
    }
    refused(added(json!([{"destination": "/a"}])), "/mounts/0/type", "is required");
    refused(added(json!([{"destination": "", "type": "tmpfs"}])), "/mounts/0/destination", "is empty");
}

#[test]
fn an_id_mapped_mount_takes_the_mapping_of_the_container() {
    let maps = json!([{"containerID": 0, "hostID": 1000, "size": 10}]);
    let config = kept(json!({"linux": {
        "namespaces": [{"type": "mount"}, {"type": "user"}], "uidMappings": maps, "gidMappings": maps,
    }}));
    let text = r#"[{"destination": "/a", "source": "/b", "options": ["bind", "idmap"]}]"#;
    let mounts = mounts_from_json(text).unwrap();
    let plan = Plan::for_added_mounts(&config, mounts, &options(), &host()).unwrap();
    assert!(plan.rootfs.mounts[0].idmap.as_ref().unwrap().maps.is_none(), "that of the namespace");
    assert!(plan.id_maps.is_some());
}

#[test]
fn only_the_destinations_count_for_a_removal() {
    let mounts =
        r#"[{"destination": "/a"}, {"destination": "/b", "type": "cgroup", "options": ["remount", "x=y"]}]"#;
    let mounts = mounts_from_json(mounts).unwrap();
    let (plan, targets) = Plan::for_removed_mounts(&kept(json!({})), &mounts, &options(), &host()).unwrap();
    assert_eq!(targets, [CString::from(c"/a"), CString::from(c"/b")]);
    assert!(plan.rootfs.mounts.is_empty());
    let empty = mounts_from_json(r#"[{"destination": ""}]"#).unwrap();
    let removed = Plan::for_removed_mounts(&kept(json!({})), &empty, &options(), &host());
    refused(removed, "/mounts/0/destination", "is empty");
}

#[test]
fn a_list_of_mounts_is_an_array_of_objects() {
    let at = |text: &str| mounts_from_json(text).unwrap_err().pointer.clone();
    assert_eq!(at(r#"[{"destination": "/a"}, {"type": "tmpfs"}]"#), "/1/destination");
    assert_eq!(at(r#"[{"destination": "/a", "options": [1]}]"#), "/0/options/0");
    assert_eq!(at(r#"[["/a"]]"#), "/0");
    for whole in ["{}", "", "null", "[] []"] {
        assert_eq!(at(whole), "", "{whole}");
    }
    assert!(mounts_from_json("[]").unwrap().is_empty());
}
