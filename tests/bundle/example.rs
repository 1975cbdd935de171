//! `tare spec`'s example obeys our own rules and differs for an ordinary user where it must.

use crate::fixture::{host, options, rootless_host};
use serde_json::Value;
use tare::bundle::Bundle;
use tare::bundle::example::{For, text};
use tare::plan::Plan;

const USER: For = For::Rootless { uid: 1000, gid: 1001 };

fn value(audience: For) -> Value {
    serde_json::from_str(&text(audience)).unwrap()
}

#[test]
fn the_example_can_be_planned() {
    let bundle = Bundle::from_json(text(For::Root)).unwrap();
    let plan = Plan::for_create(&bundle, &options(), &host()).unwrap();
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    assert!(plan.rootfs.readonly && plan.process.no_new_privileges && plan.process.terminal.is_some());
}

#[test]
fn the_rootless_example_can_be_planned_for_an_ordinary_user() {
    let bundle = Bundle::from_json(text(USER)).unwrap();
    let plan = Plan::for_create(&bundle, &options(), &rootless_host()).unwrap();
    let maps = plan.id_maps.unwrap();
    assert_eq!((maps.uids[0].host_id, maps.gids[0].host_id, maps.uids[0].size), (1000, 1001, 1));
}

#[test]
fn the_example_is_indented_by_tabs_and_in_the_specs_order() {
    let text = text(For::Root);
    assert!(
        text.starts_with("{\n\t\"ociVersion\": \"1.3.0\",\n\t\"process\": {\n\t\t\"terminal\": true,"),
        "{text}"
    );
    assert!(text.ends_with("\n}"));
}

#[test]
fn the_example_has_six_namespaces_and_the_usual_mounts() {
    let example = value(For::Root);
    assert_eq!(example["linux"]["namespaces"].as_array().unwrap().len(), 6);
    let mounts = example["mounts"].as_array().unwrap();
    let targets: Vec<&str> = mounts.iter().map(|mount| mount["destination"].as_str().unwrap()).collect();
    assert_eq!(targets, ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"]);
}

#[test]
fn the_rootless_example_leaves_out_what_a_user_may_not_do() {
    let example = value(USER);
    let text = text(USER);
    assert!(!text.contains("\"network\"") && text.contains("\"user\""));
    assert!(!text.contains("gid=") && !text.contains("uid="));
    assert_eq!(example["linux"].get("resources"), None);
    let sys = &example["mounts"][5];
    assert_eq!((sys["source"].as_str(), sys["options"][0].as_str()), (Some("/sys"), Some("rbind")));
}
