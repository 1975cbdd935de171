//! Groups that exist already, in fake trees: what is written, what is refused, what is undone.

use super::fake::Fake;
use oci_spec::runtime::LinuxResources;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tare::cgroup::{Caller, Handle, Layout, Manager, delegate};
use tare::plan::limits::Limits;
use tare::sys::mountinfo::parse;

const V2_FILES: [&str; 4] = ["cgroup.subtree_control", "cgroup.freeze", "pids.max", "memory.max"];

pub fn v2() -> (Fake, Layout) {
    let fake = Fake::new();
    fake.group("cgroup", &["cgroup.subtree_control"]).file("cgroup/cgroup.controllers", "memory pids\n");
    fake.group("cgroup/box", &V2_FILES).file("self/cgroup", "0::/\n");
    let layout = Layout::detect_in(&fake.path("cgroup"), &fake.path("self")).unwrap();
    (fake, layout)
}

pub fn v1() -> (Fake, Layout) {
    let fake = Fake::new();
    for name in ["memory", "pids", "freezer"] {
        fake.group(&format!("cgroup/{name}"), &["tasks"]);
    }
    fake.group("cgroup/memory/box", &["tasks", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]);
    fake.group("cgroup/pids/box", &["tasks", "pids.max"]).group("cgroup/freezer/box", &["tasks"]);
    fake.file("cgroup/freezer/box/freezer.state", "THAWED\n");
    fake.file("self/cgroup", "3:memory:/\n2:pids:/\n1:freezer:/\n");
    let layout = Layout::detect_in(&fake.path("cgroup"), &fake.path("self")).unwrap();
    (fake, layout)
}

fn limits(json: serde_json::Value) -> Limits {
    let resources: LinuxResources = serde_json::from_value(json).unwrap();
    Limits { devices: Vec::new(), ..Limits::from_spec(Some(&resources)).unwrap().0 }
}

/// A v2 host's devices would need real BPF: everything is allowed here.
fn allow_all(mut limits: Limits) -> Limits {
    let resources = serde_json::json!({"devices": [{"allow": true, "access": "rwm"}]});
    let resources: LinuxResources = serde_json::from_value(resources).unwrap();
    limits.devices = Limits::from_spec(Some(&resources)).unwrap().0.devices;
    limits
}

fn choose(layout: &Layout, path: &str) -> Handle {
    Handle::choose(Manager::Cgroupfs, Caller::Root, layout, Some(path), "web1").unwrap()
}

#[test]
fn limits_are_written_and_a_v2_group_is_entered_by_birth() {
    let (fake, layout) = v2();
    let asked = allow_all(limits(serde_json::json!({"pids": {"limit": 7}, "memory": {"limit": 4096}})));
    let entry = choose(&layout, "/box").prepare(&layout, &asked, None).unwrap();
    assert!(entry.born_into.is_some() && entry.tasks.is_empty());
    assert_eq!(
        (fake.read("cgroup/box/pids.max"), fake.read("cgroup/box/memory.max")),
        ("7".into(), "4096".into())
    );
    assert_eq!(
        fake.read("cgroup/cgroup.subtree_control"),
        "+memory +pids",
        "the controllers are handed down"
    );
}

#[test]
fn a_group_with_processes_hands_no_controllers_down_and_is_not_touched() {
    let (fake, layout) = v2();
    fake.group("cgroup/busy/box", &V2_FILES).group("cgroup/busy", &["cgroup.subtree_control"]);
    fake.file("cgroup/busy/cgroup.controllers", "memory pids\n").file("cgroup/busy/cgroup.type", "domain\n");
    fake.file("cgroup/busy/cgroup.procs", "12\n");
    let asked = allow_all(limits(serde_json::json!({"pids": {"limit": 7}})));
    let error = choose(&layout, "/busy/box").prepare(&layout, &asked, None).unwrap_err().to_string();
    assert!(
        error.contains("no internal processes") && error.contains("config.json#/linux/resources/pids"),
        "{error}"
    );
    assert_eq!(fake.read("cgroup/busy/cgroup.subtree_control"), "");
    choose(&layout, "/busy/box").prepare(&layout, &allow_all(Limits::default()), None).unwrap();
}

#[test]
fn the_uppermost_group_of_a_container_with_processes_says_where_they_can_go() {
    let (fake, layout) = v2();
    fake.group("cgroup/box", &V2_FILES)
        .file("cgroup/cgroup.type", "domain\n")
        .file("cgroup/cgroup.procs", "12\n");
    let asked = allow_all(limits(serde_json::json!({"pids": {"limit": 7}})));
    let error = choose(&layout, "/box").prepare(&layout, &asked, None).unwrap_err().to_string();
    assert!(error.contains("It is the uppermost one, as in a container: move its processes"), "{error}");
}

#[test]
fn a_group_that_takes_no_processes_is_refused() {
    let (fake, layout) = v2();
    fake.file("cgroup/box/cgroup.type", "domain invalid\n");
    let error = choose(&layout, "/box")
        .prepare(&layout, &allow_all(Limits::default()), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("takes no processes"), "{error}");
}

#[test]
fn v1_groups_are_entered_by_their_tasks_files() {
    let (fake, layout) = v1();
    let asked = limits(serde_json::json!({"pids": {"limit": 7}, "memory": {"limit": 4096, "swap": 4096}}));
    let entry = choose(&layout, "/box").prepare(&layout, &asked, None).unwrap();
    let files: Vec<_> =
        entry.tasks.iter().map(|file| Path::new(&file.path).strip_prefix(fake.path("")).unwrap()).collect();
    let expected = ["cgroup/memory/box/tasks", "cgroup/pids/box/tasks", "cgroup/freezer/box/tasks"];
    assert_eq!(files, expected.map(Path::new));
    assert!(entry.born_into.is_none());
    assert_eq!(fake.read("cgroup/memory/box/memory.memsw.limit_in_bytes"), "4096");
    assert_eq!(choose(&layout, "/box").join(1, &[]).unwrap().tasks.len(), 3);
}

#[test]
fn a_group_with_processes_is_refused() {
    let (fake, layout) = v2();
    fake.file("cgroup/box/cgroup.procs", "12\n13\n");
    let error = choose(&layout, "/box")
        .prepare(&layout, &allow_all(Limits::default()), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("container's cgroup is not empty: 2 process(es) found"), "{error}");
}

#[test]
fn a_frozen_group_is_refused() {
    let (fake, layout) = v2();
    fake.file("cgroup/box/cgroup.freeze", "1\n");
    let error = choose(&layout, "/box")
        .prepare(&layout, &allow_all(Limits::default()), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("container's cgroup unexpectedly frozen"), "{error}");
    let (fake, layout) = v1();
    fake.file("cgroup/freezer/box/freezer.state", "FROZEN\n");
    assert!(choose(&layout, "/box").prepare(&layout, &Limits::default(), None).is_err());
}

#[test]
fn what_this_host_cannot_do_is_refused_before_anything_is_made() {
    let (fake, layout) = v2();
    let asked = limits(serde_json::json!({"cpu": {"shares": 5}}));
    let error = choose(&layout, "/new/box").prepare(&layout, &asked, None).unwrap_err().to_string();
    assert!(error.contains("controller `cpu` is not available"), "{error}");
    assert!(!fake.has("cgroup/new"));
}

#[test]
fn a_failure_half_way_leaves_no_folder() {
    let (fake, layout) = v1();
    // The folder is made, and then has no such file: this is no real cgroupfs.
    let error = choose(&layout, "/new/box").prepare(
        &layout,
        &limits(serde_json::json!({"pids": {"limit": 7}})),
        None,
    );
    assert!(error.is_err());
    for name in ["memory", "pids", "freezer"] {
        assert!(!fake.has(&format!("cgroup/{name}/new")), "{name}");
    }
}

#[test]
fn a_limit_with_control_groups_disabled_is_refused() {
    let (_fake, layout) = v1();
    let handle = Handle::choose(Manager::Disabled, Caller::Root, &layout, None, "web1").unwrap();
    assert!(handle.prepare(&layout, &limits(serde_json::json!({})), None).is_ok());
    let error = handle
        .prepare(&layout, &limits(serde_json::json!({"pids": {"limit": 7}})), None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("disabled") && error.contains("config.json#/linux/resources/pids"), "{error}");
}

#[test]
fn a_rootless_caller_who_asks_for_nothing_does_without() {
    let (fake, layout) = v1();
    let handle = Handle::choose(Manager::Cgroupfs, Caller::Rootless, &layout, None, "web1").unwrap();
    let denied = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
        std::fs::set_permissions(fake.path(name), std::fs::Permissions::from_mode(0o555)).unwrap();
    };
    ["cgroup/memory", "cgroup/pids", "cgroup/freezer"].into_iter().for_each(denied);
    // Root is denied nothing by mode bits: then the folders are made, and lack their files.
    if fake.path("").metadata().unwrap().uid() != 0 {
        let entry = handle.prepare(&layout, &Limits::default(), None).unwrap();
        assert_eq!((entry.tasks.len(), entry.warnings.len()), (0, 3));
        let asked = handle.prepare(&layout, &limits(serde_json::json!({"pids": {"limit": 7}})), None);
        assert!(asked.unwrap_err().to_string().contains("delegated"));
    }
}

#[test]
fn a_v2_group_is_given_away_with_the_files_that_the_kernel_names_and_no_other() {
    let (fake, layout) = v2();
    let handle = choose(&layout, "/box");
    let uid = fake.path("").metadata().unwrap().uid();
    // A file that is not there is no error; nor is a kernel without the list.
    fake.file("kernel/delegate", "cgroup.procs\ncgroup.threads\nmemory.oom.group\n");
    delegate::give(&handle, &fake.path("kernel"), uid).unwrap();
    delegate::give(&handle, &fake.path("nowhere"), uid).unwrap();
    // Only root can give to somebody else, and only then is there something to see.
    if uid == 0 {
        delegate::give(&handle, &fake.path("kernel"), 12345).unwrap();
        let owner = |name: &str| fake.path(name).metadata().unwrap().uid();
        assert_eq!((owner("cgroup/box"), owner("cgroup/box/cgroup.procs")), (12345, 12345));
        assert_eq!(owner("cgroup/box/pids.max"), 0);
        delegate::give(&handle, &fake.path("nowhere"), 12346).unwrap();
        assert_eq!(owner("cgroup/box/cgroup.subtree_control"), 12346);
    }
}

#[test]
fn a_group_below_is_entered_on_v2_and_given_away_alone() {
    let (fake, layout) = v2();
    fake.group("cgroup/box/inner", &["cgroup.subtree_control"]);
    fake.file("cgroup/box/cgroup.controllers", "memory pids\n");
    let handle = choose(&layout, "/box").delegating(&layout, Some("inner")).unwrap();
    let entry =
        handle.prepare(&layout, &allow_all(limits(serde_json::json!({"pids": {"limit": 7}}))), None).unwrap();
    let delegated = entry.delegated.expect("a way in");
    assert!(entry.born_into.is_some() && delegated.path.ends_with("cgroup/box/inner/cgroup.procs"));
    assert_eq!(fake.read("cgroup/box/pids.max"), "7", "the limits stay above");
    assert!(!fake.has("cgroup/box/inner/pids.max"));
    assert!(handle.hand_down().unwrap().is_empty());
    assert_eq!(fake.read("cgroup/box/cgroup.subtree_control"), "+memory +pids");
    if fake.path("").metadata().unwrap().uid() == 0 {
        delegate::give(&handle, &fake.path("nowhere"), 12345).unwrap();
        let owner = |name: &str| fake.path(name).metadata().unwrap().uid();
        assert_eq!((owner("cgroup/box"), owner("cgroup/box/cgroup.procs")), (0, 0));
        assert_eq!((owner("cgroup/box/inner"), owner("cgroup/box/inner/cgroup.procs")), (12345, 12345));
    }
    let stored: Handle = serde_json::from_str(&serde_json::to_string(&handle).unwrap()).unwrap();
    let joined = stored.join(1, &[]).unwrap().born_into.expect("a group");
    assert_eq!(
        folder_of(joined.as_fd()),
        fake.path("cgroup/box/inner"),
        "exec, in a later process, joins it"
    );
    fake.remove("cgroup/box/inner");
    // As long as it hands controllers down it takes no processes itself.
    assert!(stored.join(1, &[]).is_err());
    fake.file("cgroup/box/cgroup.subtree_control", "");
    let joined = stored.join(1, &[]).unwrap().born_into.expect("a group");
    assert_eq!(folder_of(joined.as_fd()), fake.path("cgroup/box"), "the container has removed it");
}

/// Where a descriptor leads to.
fn folder_of(fd: BorrowedFd<'_>) -> PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap()
}

#[test]
fn the_limits_above_a_group_below_are_within_reach_of_their_owner_unless_cgroup2_contains_namespaces() {
    let (fake, layout) = v2();
    fake.group("cgroup/box/inner", &[]);
    let handle = choose(&layout, "/box").delegating(&layout, Some("inner")).unwrap();
    let owner = fake.path("cgroup/box").metadata().unwrap().uid();
    let point = fake.path("cgroup");
    let mounts = |options: &str| {
        let line = format!("30 24 0:26 / {} rw,nosuid - cgroup2 cgroup2 {options}\n", point.display());
        parse(line.as_bytes())
    };
    let reach =
        |uid: u32, options: &str| delegate::are_limits_within_reach(&handle, uid, &mounts(options)).unwrap();
    assert!(reach(owner, "rw,memory_recursiveprot"));
    assert!(reach(0, "rw"));
    assert!(!reach(owner, "rw,nsdelegate,memory_recursiveprot"));
    assert!(!reach(owner + 12345, "rw"));
}

#[test]
fn a_group_below_with_processes_is_refused() {
    let (fake, layout) = v2();
    fake.group("cgroup/box/inner", &[]).file("cgroup/box/inner/cgroup.procs", "1\n");
    let handle = choose(&layout, "/box").delegating(&layout, Some("inner")).unwrap();
    let refused = handle.prepare(&layout, &allow_all(Limits::default()), None).unwrap_err().to_string();
    assert!(refused.contains("delegated cgroup is not empty: 1 process(es)"), "{refused}");
    assert!(refused.contains("run.oci.delegate-cgroup"), "{refused}");
}

#[test]
fn a_group_below_is_refused_beside_v1_and_without_groups() {
    let (_fake, layout) = v1();
    let error = choose(&layout, "/box").delegating(&layout, Some("inner")).unwrap_err().to_string();
    assert!(error.contains("this host mounts v1") && error.contains("run.oci.delegate-cgroup"), "{error}");
    let (_fake, layout) = v2();
    let disabled = Handle::choose(Manager::Disabled, Caller::Root, &layout, None, "web1").unwrap();
    assert!(disabled.delegating(&layout, Some("inner")).unwrap_err().to_string().contains("disabled"));
    assert_eq!(choose(&layout, "/box").delegating(&layout, None).unwrap().delegated, None);
}
