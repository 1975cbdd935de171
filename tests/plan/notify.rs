//! src/plan/notify.rs: the container's NOTIFY_SOCKET.

use crate::fixture::{bundle, host, options};
use serde_json::{Value, json};
use tare::plan::mounts::MountKind;
use tare::plan::{Options, Plan};

fn notified(patch: Value) -> Plan {
    let options = Options { notify_folder: Some("/run/tare/box/notify".into()), ..options() };
    Plan::for_create(&bundle(patch).unwrap(), &options, &host()).unwrap()
}

fn socket(plan: &Plan) -> Vec<&str> {
    let variables = plan.process.env.iter().map(|entry| entry.to_str().unwrap());
    variables.filter(|entry| entry.starts_with("NOTIFY_SOCKET=")).collect()
}

#[test]
fn the_container_gets_a_socket_of_its_own_in_a_folder_that_it_cannot_write() {
    let plan = notified(json!({"mounts": [{"destination": "/run", "type": "tmpfs"}]}));
    assert_eq!(socket(&plan), ["NOTIFY_SOCKET=/run/notify/notify.sock"]);
    // After the mounts of the configuration, one of which may be on /run.
    let mount = plan.rootfs.mounts.last().unwrap();
    assert_eq!(mount.target.as_c_str(), c"/run/notify");
    assert_eq!(mount.kind, MountKind::Bind { source: c"/run/tare/box/notify".to_owned(), recursive: false });
    assert!(mount.is_readonly() && plan.notify);
    assert_eq!(mount.pointer(), "", "no entry of the configuration is to blame");
}

#[test]
fn without_a_service_manager_there_is_nothing() {
    let plan = crate::fixture::plan(json!({})).unwrap();
    assert!(!plan.notify && socket(&plan).is_empty() && plan.rootfs.mounts.is_empty());
}

#[test]
fn a_configuration_that_names_a_socket_has_arranged_for_it() {
    let plan = notified(json!({"process": {"env": ["NOTIFY_SOCKET=/mine"]}}));
    assert_eq!(socket(&plan), ["NOTIFY_SOCKET=/mine"]);
    assert!(!plan.notify && plan.rootfs.mounts.is_empty());
}

#[test]
fn a_container_without_a_process_tells_nothing() {
    assert!(!notified(json!({"process": null})).notify);
}
