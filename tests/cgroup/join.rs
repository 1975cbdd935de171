//! The ways into groups that exist, and groups below them.

use super::fake::Fake;
use super::prepare::{v1, v2};
use tare::cgroup::{Below, Caller, Handle, Layout, Manager};

fn choose(layout: &Layout, path: &str) -> Handle {
    Handle::choose(Manager::Cgroupfs, Caller::Root, layout, Some(path), "id").unwrap()
}

fn below(word: &str) -> Below {
    Below::parse(word).unwrap()
}

fn made_v1() -> (Fake, Handle) {
    let (fake, layout) = v1();
    for controller in ["memory", "pids", "freezer"] {
        fake.file(&format!("cgroup/{controller}/box/tasks"), "");
    }
    let handle = choose(&layout, "/box");
    (fake, handle)
}

#[test]
fn a_group_below_is_read_with_its_controllers() {
    assert_eq!(below("a/b"), Below { controllers: Vec::new(), path: "a/b".to_owned() });
    assert_eq!(below("/"), Below { controllers: Vec::new(), path: String::new() });
    let named = Below { controllers: vec!["cpu".to_owned(), "pids".to_owned()], path: "a".to_owned() };
    assert_eq!(below("cpu,pids:/a/./"), named);
    assert_eq!(Below::parse("a/../b"), None);
    assert_eq!(Below::parse("pids:.."), None);
}

#[test]
fn only_the_hierarchies_that_are_named_lead_below() {
    let (fake, handle) = made_v1();
    fake.file("cgroup/pids/box/inner/tasks", "");
    let entry = handle.join(1, &[below("pids:inner")]).unwrap();
    let paths: Vec<_> = entry.tasks.iter().map(|file| file.path.clone()).collect();
    assert!(
        paths[0].ends_with("memory/box/tasks") && paths[1].ends_with("pids/box/inner/tasks"),
        "{paths:?}"
    );
}

#[test]
fn a_group_that_was_asked_for_and_is_not_there_is_an_error() {
    let (_fake, handle) = made_v1();
    let error = handle.join(1, &[below("inner")]).unwrap_err().to_string();
    assert!(error.contains("opening the group of --cgroup: no such file or directory"), "{error}");
    let error = handle.join(1, &[below("nosuch:inner")]).unwrap_err().to_string();
    assert!(error.contains("\"nosuch\""), "{error}");
}

#[test]
fn a_v2_group_that_hands_controllers_down_is_not_entered() {
    let (fake, layout) = v2();
    fake.file("cgroup/box/cgroup.procs", "");
    let handle = choose(&layout, "/box");
    assert!(handle.join(1, &[]).unwrap().born_into.is_some());
    fake.file("cgroup/box/cgroup.subtree_control", "memory pids\n");
    // Process 1 of this machine is not in the fake group, so there is nothing to fall back to.
    let error = handle.join(1, &[]).unwrap_err().to_string();
    assert!(error.contains("its first process is in none below it"), "{error}");
    // What was asked for by name is taken as it is.
    fake.file("cgroup/box/inner/cgroup.procs", "");
    assert!(handle.join(1, &[below("inner")]).unwrap().born_into.is_some());
}
