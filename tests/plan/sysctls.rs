//! `linux.sysctl`: each parameter belongs to a namespace of the container, or it is refused.

use crate::fixture::{namespaces, plan, refused};
use serde_json::{Value, json};
use tare::bundle::{Invalid, escape};
use tare::plan::Plan;

fn with(key: &str, types: &[&str]) -> Result<Plan, Invalid> {
    let map = json!([{"containerID": 0, "hostID": 1, "size": 1}]);
    let maps = if types.contains(&"user") { map } else { json!([]) };
    let linux = json!({"namespaces": namespaces(types), "sysctl": {key: "1"}, "uidMappings": maps, "gidMappings": maps});
    plan(json!({"linux": linux}))
}

#[test]
fn a_parameter_needs_the_namespace_it_belongs_to() {
    for (key, namespace, words) in [
        ("kernel.shmmax", "ipc", "is not allowed in the hosts ipc namespace"),
        ("kernel.sem", "ipc", "is not allowed in the hosts ipc namespace"),
        ("fs.mqueue.msg_max", "ipc", "is not allowed in the hosts ipc namespace"),
        ("net.ipv4.ip_forward", "network", "not allowed in host network namespace"),
        ("user.max_user_namespaces", "user", "setting ucounts without a user namespace not allowed"),
        ("kernel.domainname", "uts", "is not allowed in the hosts uts namespace"),
    ] {
        let plan = with(key, &[namespace]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(plan.sysctls[0].path.to_str().unwrap(), key.replace('.', "/"));
        refused(with(key, &["mount"]), &format!("/linux/sysctl/{key}"), words);
    }
}

#[test]
fn parameters_of_the_whole_machine_are_refused() {
    let all = ["ipc", "uts", "network", "user", "mount", "pid"];
    for key in [
        "kernel.core_pattern",
        "vm.swappiness",
        "fs.file-max",
        "kernel.shm_next_id",
        "kernel.msgmaxx",
        "netx.a",
    ] {
        refused(with(key, &all), &format!("/linux/sysctl/{key}"), "is not in a separate kernel namespace");
    }
    refused(
        with("kernel.hostname", &all),
        "/linux/sysctl/kernel.hostname",
        "conflicts with the OCI \"hostname\" field",
    );
}

#[test]
fn domainname_is_given_once() {
    let both = json!({"domainname": "a", "linux": {"sysctl": {"kernel.domainname": "b"}}});
    refused(plan(both), "/linux/sysctl/kernel.domainname", "conflicts with the OCI \"domainname\" field");
}

#[test]
fn a_path_that_leads_to_the_hosts_namespace_is_no_private_one() {
    for process in ["self", "thread-self", "1"] {
        let net = json!([{"type": "network", "path": format!("/proc/{process}/ns/net")}]);
        let linux = json!({"namespaces": net, "sysctl": {"net.ipv4.ip_forward": "1"}});
        refused(
            plan(json!({"linux": linux})),
            "/linux/sysctl/net.ipv4.ip_forward",
            "not allowed in host network",
        );
    }
}

#[test]
fn the_first_separator_decides_what_separates() {
    for (key, path) in [
        ("net.ipv4.conf.eth0/1.forwarding", "net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding"),
    ] {
        let plan = with(key, &["network"]).unwrap();
        assert_eq!((plan.sysctls[0].path.to_str().unwrap(), plan.sysctls[0].key.as_str()), (path, key));
    }
}

#[test]
fn a_key_cannot_leave_its_directory() {
    for key in [
        "net/../kernel/core_pattern",
        "net.//.kernel",
        "/net/a",
        "net..a",
        "net.",
        "",
        "net/./a",
        "net.a b",
        "net.a\0",
        "net.ä",
    ] {
        let pointer = format!("/linux/sysctl/{}", escape(key));
        refused(with(key, &["network"]), &pointer, "is no name of a kernel parameter");
    }
}

#[test]
fn a_value_is_one_line() {
    for value in ["1\n2", "1\0"] {
        let linux: Value = json!({"sysctl": {"net.a": value}});
        refused(plan(json!({"linux": linux})), "/linux/sysctl/net.a", "holds a NUL or a line break");
    }
}
