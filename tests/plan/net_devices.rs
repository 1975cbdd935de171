//! `linux.netDevices`.

use crate::fixture::{host, plan, plan_on, refused};
use serde_json::{Value, json};
use tare::bundle::Invalid;
use tare::host::Host;
use tare::plan::NetDevice;

fn devices(devices: Value) -> Result<Vec<NetDevice>, Invalid> {
    Ok(plan(json!({"linux": {"netDevices": devices}}))?.net_devices)
}

#[test]
fn an_interface_keeps_its_name_or_gets_another() {
    let devices = devices(json!({"eth1": {}, "eth0": {"name": "lan%d"}, "eth2": {"name": ""}})).unwrap();
    let names: Vec<_> = devices.iter().map(|d| (d.host_name.as_str(), d.container_name.as_str())).collect();
    assert_eq!(names, [("eth0", "lan%d"), ("eth1", "eth1"), ("eth2", "eth2")]);
}

#[test]
fn names_the_kernel_would_refuse_are_refused_with_their_place() {
    for name in ["", ".", "..", "a b", "a/b", "a:b", "abcdefghijklmnop", "a\tb"] {
        let pointer = format!("/linux/netDevices/{}", tare::bundle::escape(name));
        refused(devices(json!({name: {}})), &pointer, "invalid network device name");
    }
    for name in ["a b", "a/b", "abcdefghijklmnop", "a%s", "a%d%d", "a%"] {
        refused(
            devices(json!({"eth0": {"name": name}})),
            "/linux/netDevices/eth0/name",
            "invalid network device name",
        );
    }
}

#[test]
fn two_interfaces_cannot_have_one_name() {
    let clash = json!({"eth0": {"name": "lan"}, "eth1": {"name": "lan"}});
    refused(devices(clash), "/linux/netDevices/eth1/name", "is also the name of \"eth0\"");
    devices(json!({"eth0": {"name": "lan%d"}, "eth1": {"name": "lan%d"}})).unwrap();
}

#[test]
fn network_devices_are_not_for_rootless_containers() {
    let rootless = Host { rootless: true, ..host() };
    let result = plan_on(&rootless, json!({"linux": {"netDevices": {"eth0": {}}}}));
    refused(result, "/linux/netDevices", "network devices are not supported for rootless containers");
}
