//! `root`, propagation, hidden paths, and how the root is entered.

use crate::fixture::{bundle, host, namespaces, options, plan, plan_on, refused};
use serde_json::json;
use std::path::Path;
use tare::host::{Fact, Host};
use tare::plan::mounts::{Propagation, PropagationKind};
use tare::plan::rootfs::Switch;
use tare::plan::{Options, Plan};

#[test]
fn a_relative_root_path_counts_from_the_bundle() {
    assert_eq!(plan(json!({})).unwrap().rootfs.path, Path::new("/bundle/rootfs"));
    assert_eq!(plan(json!({"root": {"path": "/srv/root"}})).unwrap().rootfs.path, Path::new("/srv/root"));
}

#[test]
fn the_hosts_own_root_is_refused() {
    for path in ["/", "//", "/.", "/./"] {
        refused(plan(json!({"root": {"path": path}})), "/root/path", "is /, the root of this machine");
    }
}

#[test]
fn readonly_is_off_unless_given() {
    assert!(!plan(json!({})).unwrap().rootfs.readonly);
    assert!(plan(json!({"root": {"readonly": true}})).unwrap().rootfs.readonly);
}

#[test]
fn rootfs_propagation_takes_the_four_kinds_and_their_recursive_forms() {
    let propagation =
        |word: &str| plan(json!({"linux": {"rootfsPropagation": word}})).unwrap().rootfs.propagation;
    for (word, kind) in [
        ("private", PropagationKind::Private),
        ("shared", PropagationKind::Shared),
        ("slave", PropagationKind::Slave),
        ("unbindable", PropagationKind::Unbindable),
    ] {
        assert_eq!(propagation(word), Some(Propagation { kind, recursive: false }));
        assert_eq!(propagation(&format!("r{word}")), Some(Propagation { kind, recursive: true }));
    }
    assert_eq!(propagation(""), None);
    refused(
        plan(json!({"linux": {"rootfsPropagation": "public"}})),
        "/linux/rootfsPropagation",
        "expected one of",
    );
}

#[test]
fn masked_and_readonly_paths_must_be_absolute() {
    for field in ["maskedPaths", "readonlyPaths"] {
        let paths = json!({"linux": {field: ["/proc/kcore", "proc/keys"]}});
        refused(plan(paths), &format!("/linux/{field}/1"), "must be an absolute path, is \"proc/keys\"");
    }
    let plan =
        plan(json!({"linux": {"maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]}})).unwrap();
    assert_eq!(plan.rootfs.masked_paths[0].to_str().unwrap(), "/proc/kcore");
    assert_eq!(plan.rootfs.readonly_paths[0].to_str().unwrap(), "/proc/sys");
}

#[test]
fn the_root_is_entered_by_pivot_move_or_chroot() {
    assert_eq!(plan(json!({})).unwrap().rootfs.switch, Switch::Pivot);
    let no_pivot = Options { no_pivot: true, ..options() };
    let moved = Plan::for_create(&bundle(json!({})).unwrap(), &no_pivot, &host()).unwrap();
    assert_eq!(moved.rootfs.switch, Switch::MoveAndChroot);
    let without = json!({"linux": {"namespaces": namespaces(&["pid"])}});
    assert_eq!(plan(without).unwrap().rootfs.switch, Switch::Chroot);
}

#[test]
fn mounts_without_a_mount_namespace_are_warned_of() {
    let plan = plan(json!({
        "linux": {"namespaces": namespaces(&["pid"])},
        "mounts": [{"destination": "/a", "type": "tmpfs"}],
    }));
    assert!(plan.unwrap().warnings[0].contains("stay on the host"));
}

#[test]
fn a_mount_label_needs_selinux() {
    let label = json!({"linux": {"mountLabel": "system_u:object_r:x:s0"}});
    assert!(plan(label.clone()).unwrap().rootfs.mount_label.is_some());
    let without = Host { selinux: Fact::Known(false), ..host() };
    refused(plan_on(&without, label), "/linux/mountLabel", "selinux is disabled or not supported");
    assert!(plan_on(&without, json!({"linux": {"mountLabel": ""}})).unwrap().rootfs.mount_label.is_none());
}
