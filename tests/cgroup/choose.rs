//! Where the groups go.

use std::path::PathBuf;
use tare::cgroup::detect::{Hierarchy, Layout, Unified};
use tare::cgroup::{Caller, Handle, Manager, Past};

fn layout() -> Layout {
    let memory = Hierarchy {
        controllers: vec!["memory".to_owned()],
        mount: PathBuf::from("/cg/memory"),
        own: "session/1".to_owned(),
        sees_own: true,
    };
    let unified = Unified {
        mount: PathBuf::from("/cg/unified"),
        own: "session/1".to_owned(),
        sees_own: true,
        controllers: Vec::new(),
    };
    Layout { root: PathBuf::from("/cg"), v2: Some(unified), v1: vec![memory] }
}

fn choose(path: Option<&str>) -> anyhow::Result<Handle> {
    Handle::choose(Manager::Cgroupfs, Caller::Root, &layout(), path, "web1")
}

fn folders(path: Option<&str>) -> (String, String) {
    let handle = choose(path).unwrap();
    (handle.v1[0].dir().display().to_string(), handle.v2.unwrap().dir().display().to_string())
}

#[test]
fn an_absolute_cgroups_path_is_taken_from_the_mount_point() {
    assert_eq!(folders(Some("/a/b")), ("/cg/memory/a/b".to_owned(), "/cg/unified/a/b".to_owned()));
    assert_eq!(folders(Some("//a/./b/")), ("/cg/memory/a/b".to_owned(), "/cg/unified/a/b".to_owned()));
}

#[test]
fn a_relative_one_is_below_our_own_group_on_v1_and_beside_it_on_v2() {
    let expected = ("/cg/memory/session/1/a/b".to_owned(), "/cg/unified/session/a/b".to_owned());
    assert_eq!(folders(Some("a/b")), expected);
}

#[test]
fn without_one_the_id_is_the_group() {
    let expected = ("/cg/memory/session/1/web1".to_owned(), "/cg/unified/session/web1".to_owned());
    assert_eq!(folders(None), expected);
    assert_eq!(folders(Some("")), expected);
}

#[test]
fn the_form_of_the_systemd_manager_is_a_plain_name_for_ours() {
    assert_eq!(folders(Some("system.slice:docker:1")).0, "/cg/memory/session/1/system.slice:docker:1");
}

#[test]
fn a_path_upwards_to_the_root_or_with_control_characters_is_refused() {
    for path in ["..", "/a/../b", "a/..", "/", "/.", "/a\nb", "/a\0b"] {
        let error = choose(Some(path)).unwrap_err().to_string();
        assert!(error.contains("cgroupsPath") && error.contains("config.json#/linux/cgroupsPath"), "{error}");
    }
    assert!(choose(Some(&"x".repeat(256))).is_err());
    assert!(choose(Some("/a..b/...")).is_ok(), "dots in a name are no way up");
}

#[test]
fn the_systemd_manager_has_a_unit_and_the_disabled_one_has_no_groups() {
    let systemd = Handle::choose(Manager::Systemd, Caller::Root, &layout(), None, "web1").unwrap();
    assert_eq!(systemd.unit.unwrap().name, "tare-web1.scope");
    assert!(systemd.v2.is_none() && systemd.v1.is_empty(), "systemd says where they are, later");
    let disabled = Handle::choose(Manager::Disabled, Caller::Root, &layout(), Some("/a"), "web1").unwrap();
    assert!(disabled.v2.is_none() && disabled.v1.is_empty());
    assert!(disabled.remove(Past::Used).is_ok() && disabled.kill_all(9).is_ok() && !disabled.exists());
}

#[test]
fn a_handle_survives_its_stored_form_and_an_old_one_is_read() {
    let handle = choose(Some("/a")).unwrap();
    let text = serde_json::to_string(&handle).unwrap();
    assert_eq!(serde_json::from_str::<Handle>(&text).unwrap(), handle);
    assert!(text.len() < 300, "{text}");
    assert_eq!(serde_json::from_str::<Handle>("{}").unwrap(), Handle::default());
}
