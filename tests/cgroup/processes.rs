//! Pids, the frozen state and removal, in fake trees.

use super::fake::Fake;
use std::path::PathBuf;
use tare::cgroup::{Handle, Past, Tree};

fn handle(fake: &Fake) -> Handle {
    let tree = |mount: PathBuf, controllers: &[&str]| Tree {
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        mount,
        path: "box".to_owned(),
    };
    Handle {
        v2: Some(tree(fake.path("unified"), &[])),
        v1: vec![tree(fake.path("freezer"), &["freezer"]), tree(fake.path("memory"), &["memory"])],
        ..Handle::default()
    }
}

#[test]
fn pids_are_those_of_the_group_and_its_subgroups_sorted_and_once() {
    let fake = Fake::new();
    fake.file("unified/box/cgroup.procs", "30\n0\n7\n")
        .file("unified/box/inner/deep/cgroup.procs", "12\n30\n");
    assert_eq!(handle(&fake).pids().unwrap(), [7, 12, 30]);
}

#[test]
fn a_group_that_is_gone_has_no_pids_is_not_frozen_and_is_removed_twice() {
    let fake = Fake::new();
    let handle = handle(&fake);
    assert!(handle.pids().unwrap().is_empty() && !handle.is_frozen().unwrap() && !handle.exists());
    assert_eq!(handle.oom_kills(), None);
    handle.kill_all(9).unwrap();
    handle.remove(Past::Used).unwrap();
    handle.remove(Past::Used).unwrap();
}

#[test]
fn frozen_is_seen_in_either_version() {
    let fake = Fake::new();
    let handle = handle(&fake);
    fake.file("unified/box/cgroup.events", "populated 1\nfrozen 0\n")
        .file("unified/box/cgroup.freeze", "0\n");
    fake.file("freezer/box/freezer.state", "THAWED\n");
    assert!(!handle.is_frozen().unwrap());
    fake.file("freezer/box/freezer.state", "FREEZING\n");
    assert!(handle.is_frozen().unwrap());
    fake.file("freezer/box/freezer.state", "THAWED\n");
    fake.file("unified/box/cgroup.events", "populated 1\nfrozen 1\n");
    assert!(handle.is_frozen().unwrap());
}

#[test]
fn thawing_undoes_both() {
    let fake = Fake::new();
    fake.file("freezer/box/freezer.state", "FROZEN\n").file("unified/box/cgroup.freeze", "1\n");
    handle(&fake).thaw().unwrap();
    assert_eq!(fake.read("unified/box/cgroup.freeze").trim(), "0");
    assert!(fake.read("freezer/box/freezer.state").starts_with("THAWED"));
}

#[test]
fn killing_uses_the_one_file_that_nobody_escapes() {
    let fake = Fake::new();
    fake.file("unified/box/cgroup.kill", "").file("unified/box/cgroup.procs", "1\n");
    handle(&fake).kill_all(9).unwrap();
    assert_eq!(fake.read("unified/box/cgroup.kill"), "1");
}

#[test]
fn subgroups_are_removed_first_and_parents_stay() {
    let fake = Fake::new();
    // Folders alone: in cgroupfs the files vanish with them.
    for folder in ["unified/box/a/b", "unified/box/c", "memory/box", "freezer/box"] {
        fake.folder(folder);
    }
    handle(&fake).remove(Past::Used).unwrap();
    for hierarchy in ["unified", "memory", "freezer"] {
        assert!(fake.has(hierarchy) && !fake.has(&format!("{hierarchy}/box")));
    }
}

#[test]
fn oom_kills_are_read_where_the_memory_controller_lives() {
    let fake = Fake::new();
    fake.file("memory/box/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    assert_eq!(handle(&fake).oom_kills(), Some(3));
    let fake = Fake::new();
    fake.file("unified/box/memory.events", "low 0\noom 2\noom_kill 1\n");
    assert_eq!(handle(&fake).oom_kills(), Some(1));
}

#[test]
fn a_group_that_is_in_use_is_left_to_its_owner() {
    let fake = Fake::new();
    // A folder with files stands for a group that rmdir(2) calls busy.
    fake.file("unified/box/cgroup.procs", "").folder("memory/box");
    handle(&fake).remove(Past::Unused).unwrap();
    assert!(fake.has("unified/box") && !fake.has("memory/box"));
}

#[test]
fn somebody_wants_it_frozen_also_while_its_processes_have_not_stopped() {
    let fake = Fake::new();
    let handle = handle(&fake);
    fake.file("unified/box/cgroup.events", "populated 1\nfrozen 0\n")
        .file("unified/box/cgroup.freeze", "1\n");
    assert!(handle.is_freezing().unwrap() && !handle.is_frozen().unwrap());
    fake.file("unified/box/cgroup.freeze", "0\n");
    assert!(!handle.is_freezing().unwrap());
    fake.file("freezer/box/freezer.state", "FREEZING\n");
    assert!(handle.is_freezing().unwrap());
}

#[test]
fn frozen_processes_after_the_thaw_are_told_from_running_ones() {
    let fake = Fake::new();
    let handle = handle(&fake);
    fake.file("freezer/box/freezer.state", "THAWED\n");
    handle.wait_thawed().unwrap();
    fake.file("freezer/box/freezer.state", "FROZEN\n");
    let text = handle.wait_thawed().unwrap_err().to_string();
    assert!(text.contains("frozen still") && text.contains("a group above it"), "{text}");
}

#[test]
fn a_container_without_a_group_of_its_own_cannot_be_frozen() {
    let handle = Handle { manager: tare::cgroup::Manager::Disabled, ..Handle::default() };
    let text = handle.freeze().unwrap_err().to_string();
    assert!(text.contains("no control group of its own") && text.contains("--cgroup-manager"), "{text}");
}
