//! `linux.resources` -> Limits.

use oci_spec::runtime::LinuxResources;
use tare::bundle::Invalid;
use tare::plan::limits::*;

fn parse(json: serde_json::Value) -> Result<(Limits, Vec<String>), Invalid> {
    let resources: LinuxResources = serde_json::from_value(json).unwrap();
    Limits::from_spec(Some(&resources))
}

fn limits(json: serde_json::Value) -> Limits {
    parse(json).unwrap().0
}

fn pointer_of_error(json: serde_json::Value) -> String {
    parse(json).unwrap_err().pointer.clone()
}

#[test]
fn a_config_without_resources_has_the_devices_of_every_container_and_asks_for_nothing() {
    let (limits, warnings) = Limits::from_spec(None).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(limits.first_asked(), None);
    let null = limits.devices.iter().find(|rule| rule.major == Some(1) && rule.minor == Some(3)).unwrap();
    assert!(null.allow && null.access == ALL_ACCESS && null.kind == Some(DeviceKind::Char));
    assert!(limits.devices.iter().all(|rule| rule.index.is_none()), "nobody asked for them");
}

#[test]
fn the_configs_device_rules_come_first_and_the_common_ones_override_them() {
    let limits = limits(serde_json::json!({"devices": [{"allow": false, "access": "rwm"}]}));
    let first = limits.devices.first().unwrap();
    assert_eq!((first.allow, first.kind, first.index), (false, None, Some(0)));
    assert!(limits.devices.len() > 8);
}

#[test]
fn a_rule_for_both_kinds_with_numbers_becomes_one_for_each_kind() {
    let json = serde_json::json!({"devices": [{"allow": true, "type": "a", "major": 7, "access": "r"}]});
    let rules: Vec<_> = limits(json).devices.into_iter().filter(|rule| rule.index == Some(0)).collect();
    let kinds: Vec<_> = rules.iter().map(|rule| rule.kind).collect();
    assert_eq!(kinds, [Some(DeviceKind::Block), Some(DeviceKind::Char)]);
    assert!(rules.iter().all(|rule| rule.major == Some(7) && rule.access == READ));
}

#[test]
fn minus_one_is_the_wildcard_of_a_device_number_as_runc_has_it() {
    let json = serde_json::json!({"devices": [{"allow": true, "type": "c", "major": 1, "minor": -1, "access": "r"}]});
    assert_eq!(limits(json).devices.first().unwrap().minor, None);
}

#[test]
fn bad_device_rules_are_refused_at_their_field() {
    let rule = |field: &str, value: serde_json::Value| {
        let mut rule = serde_json::json!({"allow": true, "type": "c", "major": 1, "minor": 3, "access": "r"});
        rule[field] = value;
        pointer_of_error(serde_json::json!({"devices": [{"allow": false, "access": "rwm"}, rule]}))
    };
    assert_eq!(rule("access", "".into()), "/linux/resources/devices/1/access");
    assert_eq!(rule("access", "rx".into()), "/linux/resources/devices/1/access");
    assert_eq!(rule("major", 4096.into()), "/linux/resources/devices/1/major");
    assert_eq!(rule("minor", (-2).into()), "/linux/resources/devices/1/minor");
    assert_eq!(rule("type", "p".into()), "/linux/resources/devices/1/type");
}

#[test]
fn memory_limits_are_bytes_or_minus_one_and_zero_is_not_given() {
    let memory = limits(serde_json::json!({"memory": {"limit": 4096, "swap": -1, "reservation": 0}})).memory;
    assert_eq!(memory.max_bytes, Some(Max::At(4096)));
    assert_eq!(memory.memory_and_swap_bytes, Some(Max::Unlimited));
    assert_eq!(memory.reservation_bytes, None);
    for field in ["limit", "reservation", "swap", "kernel", "kernelTCP"] {
        let json = serde_json::json!({"memory": {field: -2}});
        assert_eq!(pointer_of_error(json), format!("/linux/resources/memory/{field}"));
    }
}

#[test]
fn memory_and_swap_together_must_not_be_less_than_memory() {
    let json = serde_json::json!({"memory": {"limit": 8192, "swap": 4096}});
    assert_eq!(pointer_of_error(json), "/linux/resources/memory/swap");
    assert_eq!(
        pointer_of_error(serde_json::json!({"memory": {"swappiness": 101}})),
        "/linux/resources/memory/swappiness"
    );
}

#[test]
fn cpu_values_the_kernel_never_takes_are_refused() {
    let wrong = [
        (serde_json::json!({"quota": 999}), "quota"),
        (serde_json::json!({"period": 999}), "period"),
        (serde_json::json!({"period": 1000001}), "period"),
        (serde_json::json!({"quota": 2000, "burst": 3000}), "burst"),
        (serde_json::json!({"realtimeRuntime": -2}), "realtimeRuntime"),
        (serde_json::json!({"idle": 2}), "idle"),
    ];
    for (cpu, field) in wrong {
        assert_eq!(
            pointer_of_error(serde_json::json!({"cpu": cpu})),
            format!("/linux/resources/cpu/{field}")
        );
    }
    let right = serde_json::json!({"cpu": {"quota": -1, "burst": 3000, "shares": 0, "period": 0}});
    let cpu = limits(right).cpu;
    assert_eq!(
        (cpu.quota_us, cpu.burst_us, cpu.shares, cpu.period_us),
        (Some(Max::Unlimited), Some(3000), None, None)
    );
}

#[test]
fn cpu_lists_follow_the_kernels_format() {
    for list in ["0", "0-3", "0-3,5", "0,2-2,4", "0-31:2/8", " 0-1 "] {
        let cpu = limits(serde_json::json!({"cpu": {"cpus": list}})).cpu;
        assert_eq!(cpu.cpus.as_deref(), Some(list.trim()), "{list}");
    }
    for list in ["a", "3-1", "0,", ",", "0-", "-1", "0--1", "0;1", "1:2/8", "0-7:9/8", "+1", "0\n1"] {
        let json = serde_json::json!({"cpu": {"mems": list}});
        assert_eq!(pointer_of_error(json), "/linux/resources/cpu/mems", "{list:?}");
    }
    assert_eq!(limits(serde_json::json!({"cpu": {"cpus": ""}})).cpu.cpus, None);
}

#[test]
fn a_pids_limit_of_zero_is_a_limit() {
    let max = |limit: i64| limits(serde_json::json!({"pids": {"limit": limit}})).pids_max;
    assert_eq!(max(0), Some(Max::At(1)));
    assert_eq!(max(-1), Some(Max::Unlimited));
    assert_eq!(max(7), Some(Max::At(7)));
    assert_eq!(pointer_of_error(serde_json::json!({"pids": {"limit": -5}})), "/linux/resources/pids/limit");
}

#[test]
fn block_io_is_checked_device_by_device() {
    let wrong = [
        (serde_json::json!({"weight": 9}), "weight"),
        (serde_json::json!({"weight": 1001}), "weight"),
        (serde_json::json!({"weightDevice": [{"major": 8, "minor": 0}]}), "weightDevice/0"),
        (
            serde_json::json!({"weightDevice": [{"major": 8, "minor": 0, "weight": 5}]}),
            "weightDevice/0/weight",
        ),
        (
            serde_json::json!({"throttleReadBpsDevice": [{"major": -1, "minor": 0, "rate": 1}]}),
            "throttleReadBpsDevice/0/major",
        ),
    ];
    for (block_io, field) in wrong {
        let json = serde_json::json!({"blockIO": block_io});
        assert_eq!(pointer_of_error(json), format!("/linux/resources/blockIO/{field}"));
    }
}

#[test]
fn page_sizes_and_interface_names_are_checked() {
    for size in ["", "MB", "2", "2mb", "02MB", "2MB/../x", "2TB"] {
        let json = serde_json::json!({"hugepageLimits": [{"pageSize": size, "limit": 1}]});
        assert_eq!(pointer_of_error(json), "/linux/resources/hugepageLimits/0/pageSize", "{size:?}");
    }
    for name in ["", "eth 0", "a/b", "sixteen-letters-"] {
        let json = serde_json::json!({"network": {"priorities": [{"name": name, "priority": 1}]}});
        assert_eq!(pointer_of_error(json), "/linux/resources/network/priorities/0/name", "{name:?}");
    }
}

#[test]
fn an_rdma_entry_without_a_limit_is_refused() {
    let json = serde_json::json!({"rdma": {"mlx5_1": {}}});
    assert_eq!(pointer_of_error(json), "/linux/resources/rdma/mlx5_1");
}

#[test]
fn unified_takes_names_of_parameter_files_only() {
    let unified = |key: &str| parse(serde_json::json!({"unified": {key: "1"}}));
    assert!(unified("memory.high").is_ok());
    assert!(unified("cgroup.max.depth").is_ok());
    assert!(unified("some.future.knob").is_ok());
    assert_eq!(unified("../memory.high").unwrap_err().pointer, "/linux/resources/unified/..~1memory.high");
    for key in
        ["memory", "", ".max", "memory.", "memory. high", "cgroup.procs", "cgroup.kill", "cgroup.freeze"]
    {
        assert!(unified(key).is_err(), "{key:?}");
    }
}

#[test]
fn what_is_asked_first_is_named_by_its_section() {
    let asked = |json| limits(json).first_asked();
    assert_eq!(asked(serde_json::json!({"pids": {"limit": 5}})).as_deref(), Some("/linux/resources/pids"));
    assert_eq!(asked(serde_json::json!({"devices": [{"allow": false, "access": "rwm"}]})), None);
    assert_eq!(asked(serde_json::json!({"memory": {}, "cpu": {}})), None);
}
