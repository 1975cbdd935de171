//! resctrl groups, in fake trees.

use super::fake::Fake;
use tare::cgroup::rdt::{Group, find_mount};
use tare::plan::Rdt;

fn rdt(clos_id: &str, named: bool, schemata: &[&str]) -> Rdt {
    let schemata = schemata.iter().map(|line| (*line).to_owned()).collect();
    Rdt { clos_id: clos_id.to_owned(), named, schemata, monitoring: false }
}

fn made(fake: &Fake, rdt: &Rdt) -> Result<Group, tare::cgroup::Refusal> {
    let mut group = Group::choose(&fake.path("resctrl"), rdt, "web1")?;
    group.prepare(rdt)?;
    Ok(group)
}

#[test]
fn a_host_without_resctrl_is_refused() {
    let fake = Fake::new();
    fake.file("self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
    let text = find_mount(&fake.path("self")).unwrap_err().to_string();
    assert!(
        text.contains("Intel RDT is not enabled") && text.contains("config.json#/linux/intelRdt"),
        "{text}"
    );
}

#[test]
fn the_mount_is_found_wherever_it_is() {
    let fake = Fake::new();
    fake.file("self/mountinfo", "31 23 0:28 / /somewhere rw - resctrl resctrl rw\n");
    assert_eq!(find_mount(&fake.path("self")).unwrap().to_str(), Some("/somewhere"));
}

#[test]
fn without_clos_id_the_group_is_named_after_the_container_made_and_removed() {
    let fake = Fake::new();
    fake.folder("resctrl");
    let group = made(&fake, &rdt("web1", false, &[])).unwrap();
    assert!(group.made && fake.has("resctrl/web1"));
    fake.file("resctrl/web1/tasks", "");
    group.attach(42).unwrap();
    assert_eq!(fake.read("resctrl/web1/tasks"), "42");
    #[allow(clippy::disallowed_methods, reason = "in resctrl the files vanish with the folder")]
    std::fs::remove_file(fake.path("resctrl/web1/tasks")).unwrap();
    group.remove().unwrap();
    group.remove().unwrap();
    assert!(!fake.has("resctrl/web1"));
}

#[test]
fn a_missing_clos_id_with_a_schema_is_made_and_undone_if_the_kernel_refuses_the_schema() {
    let fake = Fake::new();
    fake.folder("resctrl");
    fake.file("resctrl/info/last_cmd_status", "mask f out of range\n");
    // This is no real resctrl: the folder has no schemata file, which stands for the kernel's refusal.
    let text = made(&fake, &rdt("gold", true, &["L3:0=f"])).unwrap_err().to_string();
    assert!(text.contains("resctrl/gold/schemata") && text.contains("L3:0=f"), "{text}");
    assert!(text.contains("the kernel says: mask f out of range"), "{text}");
    assert!(!fake.has("resctrl/gold"));
}

#[test]
fn a_named_group_without_schema_must_be_there_and_is_left_alone() {
    let fake = Fake::new();
    fake.folder("resctrl");
    assert!(made(&fake, &rdt("gold", true, &[])).is_err());
    fake.file("resctrl/gold/schemata", "L3:0=f\n");
    let group = made(&fake, &rdt("gold", true, &[])).unwrap();
    assert!(!group.made);
    group.remove().unwrap();
    assert_eq!(fake.read("resctrl/gold/schemata"), "L3:0=f\n");
}

#[test]
fn the_schemata_of_a_named_group_that_is_there_are_compared_and_not_written() {
    let fake = Fake::new();
    let present = "    L3:0=007f0;1=1f\n    MB:0= 20;1= 70\n";
    fake.file("resctrl/gold/schemata", present);
    made(&fake, &rdt("gold", true, &["L3:0=7F0;1=1f", "MB:1=70"])).unwrap();
    for different in ["L3:0=7f1", "MB:0=30", "L2:0=f", "L3:2=1f"] {
        let text = made(&fake, &rdt("gold", true, &[different])).unwrap_err().to_string();
        assert!(text.contains("differ"), "{text}");
    }
    assert_eq!(fake.read("resctrl/gold/schemata"), present);
}

#[test]
fn the_root_group_is_used_and_never_removed() {
    let fake = Fake::new();
    fake.file("resctrl/schemata", "L3:0=f\n").file("resctrl/tasks", "");
    let group = made(&fake, &rdt("/", true, &[])).unwrap();
    group.attach(7).unwrap();
    group.remove().unwrap();
    assert_eq!(fake.read("resctrl/tasks"), "7");
}

#[test]
fn a_monitoring_group_is_made_joined_and_removed() {
    let fake = Fake::new();
    fake.folder("resctrl/gold/mon_groups");
    let wanted = Rdt { monitoring: true, ..rdt("gold", true, &[]) };
    let group = made(&fake, &wanted).unwrap();
    assert!(fake.has("resctrl/gold/mon_groups/web1"));
    group.remove().unwrap();
    assert!(!fake.has("resctrl/gold/mon_groups/web1") && fake.has("resctrl/gold"));
}
