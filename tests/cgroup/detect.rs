//! Which layout a host has.

use super::fake::Fake;
use tare::cgroup::Layout;

fn detect(fake: &Fake) -> Layout {
    Layout::detect_in(&fake.path("cgroup"), &fake.path("self")).unwrap()
}

fn v1(layout: &Layout) -> Vec<(String, String, &str)> {
    let hierarchies = layout.v1.iter();
    let last = |hierarchy: &tare::cgroup::detect::Hierarchy| {
        hierarchy.mount.file_name().unwrap().to_str().unwrap().to_owned()
    };
    hierarchies.map(|one| (one.controllers.join(","), last(one), one.own.as_str())).collect()
}

#[test]
fn the_unified_hierarchy_alone_is_found_with_its_controllers() {
    let fake = Fake::new();
    fake.group("cgroup", &[]).file("cgroup/cgroup.controllers", "cpuset cpu memory\n");
    fake.group("cgroup/user.slice/a", &[]).file("self/cgroup", "0::/user.slice/a\n");
    let layout = detect(&fake);
    let unified = layout.v2.as_ref().unwrap();
    assert_eq!(
        (unified.own.as_str(), unified.sees_own, unified.controllers.join(" ")),
        ("user.slice/a", true, "cpuset cpu memory".to_owned())
    );
    assert!(layout.v1.is_empty());
    assert!(layout.v2_has("cpu") && !layout.v2_has("pids"));
}

#[test]
fn v1_hierarchies_are_found_alone_joined_and_named() {
    let fake = Fake::new();
    for name in ["cpu,cpuacct", "memory", "systemd"] {
        fake.group(&format!("cgroup/{name}"), &[]);
    }
    fake.group("cgroup/memory/a", &[]);
    fake.file("self/cgroup", "4:cpu,cpuacct:/\n3:memory:/a\n2:name=systemd:/\n0::/\n");
    let layout = detect(&fake);
    assert!(layout.v2.is_none(), "listed by the kernel, mounted nowhere");
    assert_eq!(
        v1(&layout),
        [
            ("cpu,cpuacct".to_owned(), "cpu,cpuacct".to_owned(), ""),
            ("memory".to_owned(), "memory".to_owned(), "a"),
            ("name=systemd".to_owned(), "systemd".to_owned(), ""),
        ]
    );
    assert!(layout.v1_of("cpuacct").is_some() && layout.v1_of("pids").is_none());
}

#[test]
fn a_hybrid_host_has_both() {
    let fake = Fake::new();
    fake.group("cgroup/memory", &[]).group("cgroup/unified", &[]);
    fake.file("cgroup/unified/cgroup.controllers", "hugetlb\n").file("self/cgroup", "3:memory:/\n0::/\n");
    let layout = detect(&fake);
    assert!(layout.v2_has("hugetlb"));
    assert_eq!(layout.v1.len(), 1);
}

#[test]
fn a_mount_elsewhere_is_found_by_mountinfo_with_the_part_that_is_mounted() {
    let fake = Fake::new();
    // A container without a cgroup namespace: the mount's root is the container's group.
    fake.group("elsewhere/memory with space/inner", &[]).group("elsewhere/memory with space", &[]);
    let point = fake.path("elsewhere/memory\\040with\\040space");
    let line = format!("35 31 0:32 /docker/1 {} rw,relatime - cgroup cgroup rw,memory\n", point.display());
    fake.folder("cgroup");
    fake.file("self/mountinfo", &line).file("self/cgroup", "3:memory:/docker/1/inner\n2:cpu:/\n");
    let layout = detect(&fake);
    assert_eq!(v1(&layout), [("memory".to_owned(), "memory with space".to_owned(), "inner")]);
}

#[test]
fn a_unified_hierarchy_at_the_top_hides_v1() {
    let fake = Fake::new();
    fake.group("cgroup", &[]).file("cgroup/cgroup.controllers", "hugetlb\n").group("cgroup/memory", &[]);
    fake.file("self/cgroup", "3:memory:/\n0::/\n");
    let layout = detect(&fake);
    assert!(layout.v1.is_empty() && layout.v2.is_some());
}

#[test]
fn a_place_outside_the_cgroup_namespace_counts_as_the_root() {
    let fake = Fake::new();
    fake.group("cgroup", &[]).file("cgroup/cgroup.controllers", "").file("self/cgroup", "0::/../../other\n");
    let unified = detect(&fake).v2.unwrap();
    assert_eq!((unified.own.as_str(), unified.sees_own), ("", false), "it must not be shown as ours");
}

#[test]
fn no_control_groups_at_all_is_said_so() {
    let fake = Fake::new();
    fake.folder("cgroup");
    fake.file("self/cgroup", "0::/\n").file("self/mountinfo", "");
    let layout = detect(&fake);
    assert!(layout.v1.is_empty() && layout.v2.is_none());
    assert!(layout.searched().starts_with("nothing is mounted at "));
}
