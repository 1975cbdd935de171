//! Files of control groups -> properties of a systemd unit.

use oci_spec::runtime::LinuxResources;
use serde_json::json;
use std::path::PathBuf;
use tare::cgroup::detect::{Hierarchy, Layout, Unified};
use tare::cgroup::properties::{Bandwidth, Properties, unsayable_device};
use tare::cgroup::translate::orders;
use tare::plan::gvariant::Value;
use tare::plan::limits::{Limits, Max};

/// A systemd that knows everything.
const NEW: u32 = 262;

fn v2() -> Layout {
    let controllers = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"];
    let unified = Unified {
        mount: PathBuf::from("/cg"),
        own: String::new(),
        sees_own: true,
        controllers: controllers.map(str::to_owned).to_vec(),
    };
    Layout { root: PathBuf::from("/cg"), v1: Vec::new(), v2: Some(unified) }
}

fn v1() -> Layout {
    let hierarchy = |name: &str| Hierarchy {
        controllers: vec![name.to_owned()],
        mount: PathBuf::from("/cg").join(name),
        own: String::new(),
        sees_own: true,
    };
    let names = ["cpu", "memory", "pids", "blkio", "devices", "cpuset"];
    Layout { root: PathBuf::from("/cg"), v1: names.map(hierarchy).to_vec(), v2: None }
}

fn limits(json: serde_json::Value) -> Limits {
    let resources: LinuxResources = serde_json::from_value(json).unwrap();
    Limits::from_spec(Some(&resources)).unwrap().0
}

/// A value as busctl(1) shows it, nearly.
fn show(value: &Value) -> String {
    match value {
        Value::U64(u64::MAX) => "infinity".to_owned(),
        Value::U64(number) => number.to_string(),
        Value::Byte(number) => number.to_string(),
        Value::Str(text) => text.clone(),
        Value::Array(_, items) => items.iter().map(show).collect::<Vec<_>>().join(", "),
        Value::Tuple(parts) => parts.iter().map(show).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

fn told(layout: &Layout, json: serde_json::Value, in_force: Bandwidth, version: u32) -> Vec<String> {
    let mut properties = Properties::default();
    let orders = orders(layout, &limits(json)).unwrap();
    properties.set_limits(&orders, in_force, version);
    properties.set_oom_policy(&orders, version);
    let list = properties.list();
    list.iter().map(|property| format!("{}={}", property.name, show(&property.value))).collect()
}

fn on_v2(json: serde_json::Value) -> Vec<String> {
    told(&v2(), json, Bandwidth::default(), NEW)
}

#[test]
fn each_field_that_systemd_knows_is_told_to_it() {
    let table: [(serde_json::Value, &[&str]); 21] = [
        (
            json!({"memory": {"limit": 1000, "swap": 3000, "reservation": 500}}),
            &["MemoryMax=1000", "MemorySwapMax=2000", "MemoryLow=500"],
        ),
        (json!({"memory": {"limit": -1}}), &["MemoryMax=infinity", "MemorySwapMax=infinity"]),
        (json!({"cpu": {"shares": 1024}}), &["CPUWeight=100"]),
        (json!({"cpu": {"idle": 1}}), &["CPUWeight=0"]),
        (json!({"cpu": {"idle": 0}}), &["CPUWeight=infinity"]),
        (json!({"cpu": {"idle": 0, "shares": 1024}}), &["CPUWeight=100"]),
        (
            json!({"unified": {"memory.max": "1G", "memory.low": "3k"}}),
            &["MemoryLow=3072", "MemoryMax=1073741824"],
        ),
        (
            json!({"cpu": {"quota": 50000, "period": 200_000}}),
            &["CPUQuotaPerSecUSec=250000", "CPUQuotaPeriodUSec=200000"],
        ),
        (json!({"cpu": {"quota": -1}}), &["CPUQuotaPerSecUSec=infinity", "CPUQuotaPeriodUSec=100000"]),
        (json!({"cpu": {"cpus": "0-2,9", "mems": "0"}}), &["AllowedCPUs=7, 2", "AllowedMemoryNodes=1"]),
        (json!({"pids": {"limit": 7}}), &["TasksMax=7"]),
        (json!({"pids": {"limit": -1}}), &["TasksMax=infinity"]),
        (json!({"blockIO": {"weight": 1000}}), &["IOWeight=10000"]),
        (
            json!({"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 10}]}}),
            &["IODeviceWeight=/dev/block/8:0 1"],
        ),
        (
            json!({"blockIO": {
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}, {"major": 8, "minor": 16, "rate": 6}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}]}}),
            &[
                "IOReadBandwidthMax=/dev/block/8:0 5, /dev/block/8:16 6",
                "IOWriteIOPSMax=/dev/block/8:0 infinity",
            ],
        ),
        (
            json!({"unified": {"memory.min": "5", "memory.high": "max", "memory.zswap.max": "0"}}),
            &["MemoryHigh=infinity", "MemoryMin=5", "MemoryZSwapMax=0"],
        ),
        (json!({"unified": {"memory.oom.group": "1"}}), &["OOMPolicy=kill"]),
        (json!({"unified": {"memory.oom.group": "0"}}), &[]),
        (
            json!({"unified": {"io.max": "8:0 rbps=1 wiops=max", "io.latency": "8:0 target=10"}}),
            &[
                "IODeviceLatencyTargetUSec=/dev/block/8:0 10",
                "IOReadBandwidthMax=/dev/block/8:0 1",
                "IOWriteIOPSMax=/dev/block/8:0 infinity",
            ],
        ),
        (
            json!({"unified": {"cpu.max": "max 50000", "io.weight": "default 7"}}),
            &["IOWeight=7", "CPUQuotaPerSecUSec=infinity", "CPUQuotaPeriodUSec=50000"],
        ),
        // No property: the file alone.
        (json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}], "rdma": {"x": {"hcaHandles": 3}}}), &[]),
    ];
    for (field, expected) in table {
        assert_eq!(on_v2(field.clone()), expected, "{field}");
    }
}

#[test]
fn what_unified_names_wins_over_the_field() {
    let both = json!({"memory": {"limit": 1000}, "unified": {"memory.max": "2000"}});
    assert_eq!(on_v2(both), ["MemoryMax=2000"]);
}

#[test]
fn an_older_systemd_is_not_told_what_it_does_not_know() {
    let all = || {
        json!({"cpu": {"quota": 50000, "cpus": "0"},
               "unified": {"cpu.idle": "1", "memory.min": "5", "memory.oom.group": "1", "io.latency": "8:0 target=1"}})
    };
    let at = |version| told(&v2(), all(), Bandwidth::default(), version);
    assert_eq!(at(237), ["CPUQuotaPerSecUSec=500000"]);
    assert_eq!(
        at(243),
        [
            "IODeviceLatencyTargetUSec=/dev/block/8:0 1",
            "MemoryMin=5",
            "CPUQuotaPerSecUSec=500000",
            "CPUQuotaPeriodUSec=100000"
        ]
    );
    assert_eq!(at(244)[0], "AllowedCPUs=1");
    assert!(at(251).iter().all(|property| property != "CPUWeight=0" && property != "OOMPolicy=kill"));
    assert!(at(253).contains(&"CPUWeight=0".to_owned()) && at(253).contains(&"OOMPolicy=kill".to_owned()));
}

#[test]
fn a_quota_is_rounded_up_to_what_systemd_keeps() {
    let quota =
        |version| told(&v2(), json!({"cpu": {"quota": 33_333}}), Bandwidth::default(), version)[0].clone();
    assert_eq!(quota(NEW), "CPUQuotaPerSecUSec=333400");
    assert_eq!(quota(252), "CPUQuotaPerSecUSec=340000");
}

#[test]
fn what_a_change_of_the_bandwidth_does_not_name_is_what_holds() {
    let in_force = Bandwidth { quota_us: Max::At(20_000), period_us: 50_000 };
    let quota = told(&v1(), json!({"cpu": {"quota": 10_000}}), in_force, NEW);
    assert_eq!(quota, ["CPUQuotaPerSecUSec=200000", "CPUQuotaPeriodUSec=50000"]);
    let period = told(&v1(), json!({"cpu": {"period": 100_000}}), in_force, NEW);
    assert_eq!(period, ["CPUQuotaPerSecUSec=200000", "CPUQuotaPeriodUSec=100000"]);
}

#[test]
fn v1_has_names_of_its_own() {
    let fields = json!({"memory": {"limit": 1000}, "cpu": {"shares": 512}, "pids": {"limit": 7}, "blockIO": {
        "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}],
        "throttleWriteBpsDevice": [{"major": 8, "minor": 0, "rate": 0}]}});
    let expected = [
        "CPUShares=512",
        "MemoryLimit=1000",
        "TasksMax=7",
        "BlockIOReadBandwidth=/dev/block/8:0 5",
        "BlockIOWriteBandwidth=/dev/block/8:0 infinity",
    ];
    assert_eq!(told(&v1(), fields, Bandwidth::default(), 252), expected);
}

fn devices(rules: serde_json::Value) -> Vec<String> {
    let mut properties = Properties::default();
    properties.set_devices(&limits(json!({ "devices": rules })).devices);
    let list = properties.list();
    list.iter().map(|property| format!("{}={}", property.name, show(&property.value))).collect()
}

#[test]
fn devices_are_a_list_of_what_is_allowed() {
    let told = devices(
        json!([{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rw"},
        {"allow": true, "type": "b", "major": 8, "access": "r"}]),
    );
    assert_eq!(told[0], "DevicePolicy=strict");
    for device in ["/dev/char/10:200 rw", "block-8 r", "/dev/char/1:3 rwm", "char-136 rwm"] {
        assert!(told[1].contains(device), "{device}: {}", told[1]);
    }
}

#[test]
fn devices_that_a_list_cannot_hold_are_left_to_our_own_program() {
    let allow_all = json!([{"allow": true, "access": "rwm"}]);
    assert_eq!(devices(allow_all), Vec::<String>::new());
    let but_one =
        json!([{"allow": true, "access": "rwm"}, {"allow": false, "type": "b", "major": 8, "access": "rwm"}]);
    assert_eq!(devices(but_one), Vec::<String>::new());
}

#[test]
fn a_property_that_systemd_refuses_is_traced_to_its_field() {
    let mut properties = Properties::default();
    let fields = json!({"memory": {"limit": 1000, "swap": 3000}, "unified": {"memory.min": "5"}});
    properties.set("Slice", Value::Str("a.slice".to_owned()));
    properties.set_limits(&orders(&v2(), &limits(fields)).unwrap(), Bandwidth::default(), NEW);
    properties.asked_by("/annotations/org.systemd.property.MemoryMaxScale");
    properties.set("MemoryMaxScale", Value::U64(1));
    let field = |text| properties.field_in(text);
    assert_eq!(field("MemoryMax= is out of range"), Some("/linux/resources/memory/limit"));
    assert_eq!(field("MemoryMin= is out of range"), Some("/linux/resources/unified/memory.min"));
    let annotation = Some("/annotations/org.systemd.property.MemoryMaxScale");
    assert_eq!(field("Cannot set property MemoryMaxScale, or unknown property."), annotation);
    assert_eq!(field("Slice a.slice is masked"), None);
}

#[test]
fn rules_that_a_list_of_what_is_allowed_cannot_say_are_found() {
    let unsayable = |rules| unsayable_device(&limits(json!({ "devices": rules })).devices);
    let deny_all = json!({"allow": false, "access": "rwm"});
    let one = |major: i64, minor: i64| json!({"allow": true, "type": "c", "major": major, "minor": minor, "access": "rw"});
    assert_eq!(unsayable(json!([deny_all, one(10, 229), one(10, -1), one(-1, -1)])), None);
    let wide = json!([deny_all, one(10, 229), one(-1, 5)]);
    assert_eq!(unsayable(wide).as_deref(), Some("/linux/resources/devices/2"));
    assert_eq!(unsayable(json!([{"allow": true, "access": "rwm"}])), None);
    let but_some =
        json!([{"allow": true, "access": "rwm"}, {"allow": false, "type": "b", "major": 8, "access": "rwm"}]);
    assert_eq!(unsayable(but_some).as_deref(), Some("/linux/resources/devices/1"));
}
