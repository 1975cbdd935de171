//! Limits -> files, one table with a column for each version.

use oci_spec::runtime::LinuxResources;
use std::path::PathBuf;
use tare::cgroup::detect::{Hierarchy, Layout, Unified};
use tare::cgroup::translate::{CONTROLLERS, Orders, orders};
use tare::cgroup::{Refusal, v2};
use tare::plan::limits::Limits;

const V1: [&str; 11] = [
    "cpuset", "cpu", "memory", "pids", "blkio", "hugetlb", "net_cls", "net_prio", "rdma", "devices",
    "freezer",
];
const V2: [&str; 7] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma"];

fn layout(v1: &[&str], v2: Option<&[&str]>) -> Layout {
    let root = PathBuf::from("/sys/fs/cgroup");
    let hierarchy = |name: &&str| Hierarchy {
        controllers: vec![(*name).to_owned()],
        mount: root.join(name),
        own: String::new(),
        sees_own: true,
    };
    let unified = |controllers: &[&str]| Unified {
        mount: root.clone(),
        own: String::new(),
        sees_own: true,
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
    };
    Layout { root: root.clone(), v1: v1.iter().map(hierarchy).collect(), v2: v2.map(unified) }
}

fn limits(json: serde_json::Value) -> Limits {
    let resources: LinuxResources = serde_json::from_value(json).unwrap();
    Limits::from_spec(Some(&resources)).unwrap().0
}

/// Everything but the devices, as `file = value`.
fn lines(orders: &Orders) -> Vec<String> {
    let v1 =
        orders.v1.iter().filter(|(controller, _)| *controller != "devices").flat_map(|(_, writes)| writes);
    v1.chain(&orders.v2).map(ToString::to_string).collect()
}

fn on(layout: &Layout, json: serde_json::Value) -> Result<Vec<String>, Refusal> {
    orders(layout, &limits(json)).map(|orders| lines(&orders))
}

#[test]
fn each_field_has_its_file_in_both_versions() {
    let (v1, v2) = (layout(&V1, None), layout(&[], Some(&V2)));
    let table: [(serde_json::Value, &[&str], &[&str]); 22] = [
        (
            serde_json::json!({"memory": {"limit": 1000}}),
            &["memory.limit_in_bytes = 1000"],
            &["memory.max = 1000"],
        ),
        (
            serde_json::json!({"memory": {"limit": 1000, "swap": 3000}}),
            &["memory.limit_in_bytes = 1000", "memory.memsw.limit_in_bytes = 3000"],
            &["memory.max = 1000", "memory.swap.max = 2000"],
        ),
        (
            serde_json::json!({"memory": {"limit": 1000, "swap": 1000}}),
            &["memory.limit_in_bytes = 1000", "memory.memsw.limit_in_bytes = 1000"],
            &["memory.max = 1000", "memory.swap.max = 0"],
        ),
        (
            serde_json::json!({"memory": {"limit": 1000, "swap": -1}}),
            &["memory.limit_in_bytes = 1000", "memory.memsw.limit_in_bytes = -1"],
            &["memory.max = 1000", "memory.swap.max = max"],
        ),
        (
            serde_json::json!({"memory": {"limit": -1}}),
            &["memory.limit_in_bytes = -1", "memory.memsw.limit_in_bytes = -1"],
            &["memory.max = max", "memory.swap.max = max"],
        ),
        (
            serde_json::json!({"memory": {"reservation": 500, "useHierarchy": true, "kernelTCP": -1}}),
            &[
                "memory.use_hierarchy = 1",
                "memory.soft_limit_in_bytes = 500",
                "memory.kmem.tcp.limit_in_bytes = -1",
            ],
            &["memory.low = 500"],
        ),
        (serde_json::json!({"memory": {"disableOOMKiller": false}}), &["memory.oom_control = 0"], &[]),
        (serde_json::json!({"cpu": {"shares": 1024}}), &["cpu.shares = 1024"], &["cpu.weight = 100"]),
        (serde_json::json!({"cpu": {"shares": 2}}), &["cpu.shares = 2"], &["cpu.weight = 1"]),
        (serde_json::json!({"cpu": {"shares": 262144}}), &["cpu.shares = 262144"], &["cpu.weight = 10000"]),
        (serde_json::json!({"cpu": {"idle": 1}}), &["cpu.idle = 1"], &["cpu.idle = 1"]),
        (
            serde_json::json!({"cpu": {"quota": 50000, "period": 100000, "burst": 1000}}),
            &["cpu.cfs_period_us = 100000", "cpu.cfs_quota_us = 50000", "cpu.cfs_burst_us = 1000"],
            &["cpu.max = 50000 100000", "cpu.max.burst = 1000"],
        ),
        (serde_json::json!({"cpu": {"quota": 50000}}), &["cpu.cfs_quota_us = 50000"], &["cpu.max = 50000"]),
        (serde_json::json!({"cpu": {"quota": -1}}), &["cpu.cfs_quota_us = -1"], &["cpu.max = max"]),
        (
            serde_json::json!({"cpu": {"period": 20000}}),
            &["cpu.cfs_period_us = 20000"],
            &["cpu.max = max 20000"],
        ),
        (
            serde_json::json!({"cpu": {"cpus": "0-1", "mems": "0"}}),
            &["cpuset.cpus = 0-1", "cpuset.mems = 0"],
            &["cpuset.cpus = 0-1", "cpuset.mems = 0"],
        ),
        (serde_json::json!({"pids": {"limit": 0}}), &["pids.max = 1"], &["pids.max = 1"]),
        (serde_json::json!({"pids": {"limit": -1}}), &["pids.max = max"], &["pids.max = max"]),
        (
            serde_json::json!({"blockIO": {"weight": 500, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}]}}),
            &["blkio.bfq.weight = 500", "blkio.bfq.weight_device = 8:0 10"],
            &["io.bfq.weight = 500", "io.bfq.weight = 8:0 10"],
        ),
        (
            serde_json::json!({"blockIO": {
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 1, "rate": 4}],
                "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1}, {"major": 8, "minor": 1, "rate": 0}],
            }}),
            &[
                "blkio.throttle.read_bps_device = 8:0 1",
                "blkio.throttle.read_bps_device = 8:1 0",
                "blkio.throttle.write_iops_device = 8:1 4",
            ],
            &["io.max = 8:0 rbps=1", "io.max = 8:1 rbps=max", "io.max = 8:1 wiops=4"],
        ),
        (
            serde_json::json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]}),
            &["hugetlb.2MB.limit_in_bytes = 4194304", "hugetlb.2MB.rsvd.limit_in_bytes = 4194304"],
            &["hugetlb.2MB.max = 4194304", "hugetlb.2MB.rsvd.max = 4194304"],
        ),
        (
            serde_json::json!({"rdma": {"b": {"hcaObjects": 5}, "a": {"hcaHandles": 3, "hcaObjects": 4}}}),
            &["rdma.max = a hca_handle=3 hca_object=4", "rdma.max = b hca_object=5"],
            &["rdma.max = a hca_handle=3 hca_object=4", "rdma.max = b hca_object=5"],
        ),
    ];
    for (json, on_v1, on_v2) in table {
        assert_eq!(on(&v1, json.clone()).unwrap(), on_v1, "v1: {json}");
        assert_eq!(on(&v2, json.clone()).unwrap(), on_v2, "v2: {json}");
    }
}

#[test]
fn v1_alone_has_realtime_swappiness_leaf_weights_and_network_classes() {
    let table: [(serde_json::Value, &[&str], &str); 8] = [
        (
            serde_json::json!({"cpu": {"realtimeRuntime": 950, "realtimePeriod": 1000}}),
            &["cpu.rt_period_us = 1000", "cpu.rt_runtime_us = 950"],
            "/cpu/realtimeRuntime",
        ),
        (
            serde_json::json!({"memory": {"swappiness": 60}}),
            &["memory.swappiness = 60"],
            "/memory/swappiness",
        ),
        (
            serde_json::json!({"memory": {"disableOOMKiller": true}}),
            &["memory.oom_control = 1"],
            "/memory/disableOOMKiller",
        ),
        (
            serde_json::json!({"memory": {"kernel": 100}}),
            &["memory.kmem.limit_in_bytes = 100"],
            "/memory/kernel",
        ),
        (
            serde_json::json!({"memory": {"kernelTCP": 100}}),
            &["memory.kmem.tcp.limit_in_bytes = 100"],
            "/memory/kernelTCP",
        ),
        (
            serde_json::json!({"blockIO": {"leafWeight": 300}}),
            &["blkio.leaf_weight = 300"],
            "/blockIO/leafWeight",
        ),
        (
            serde_json::json!({"network": {"classID": 1048577}}),
            &["net_cls.classid = 1048577"],
            "/network/classID",
        ),
        (
            serde_json::json!({"network": {"priorities": [{"name": "eth0", "priority": 500}]}}),
            &["net_prio.ifpriomap = eth0 500"],
            "/network/priorities",
        ),
    ];
    for (json, on_v1, refused_at) in table {
        assert_eq!(on(&layout(&V1, None), json.clone()).unwrap(), on_v1);
        let refusal = on(&layout(&[], Some(&V2)), json).unwrap_err();
        assert_eq!(refusal.pointer, format!("/linux/resources{refused_at}"));
        assert_eq!(refusal.code, "cgroup-no-conversion");
    }
}

#[test]
fn swap_without_memory_limit_cannot_be_converted_to_v2() {
    let refusal = on(&layout(&[], Some(&V2)), serde_json::json!({"memory": {"swap": 4096}})).unwrap_err();
    assert_eq!(refusal.pointer, "/linux/resources/memory/swap");
}

#[test]
fn shares_out_of_range_are_refused_on_v1_and_clamped_on_v2() {
    for (shares, weight) in [(1, 1), (262_145, 10_000)] {
        let json = serde_json::json!({"cpu": {"shares": shares}});
        assert!(
            on(&layout(&V1, None), json.clone()).unwrap_err().to_string().contains("allowed cpu-shares is")
        );
        assert_eq!(on(&layout(&[], Some(&V2)), json).unwrap(), [format!("cpu.weight = {weight}")]);
    }
}

#[test]
fn every_number_of_shares_has_the_weight_of_the_curve() {
    for shares in 2..=262_144u64 {
        let logarithm = (shares as f64).log2();
        let exponent = (logarithm * logarithm + 125.0 * logarithm) / 612.0 - 7.0 / 34.0;
        let weight = (10f64.powf(exponent) - 1e-9).ceil() as u64;
        assert_eq!(v2::weight_of_shares(shares), weight, "{shares}");
    }
}

#[test]
fn weights_grow_with_the_shares_and_keep_the_defaults() {
    let weights: Vec<u64> = (2..4096).map(v2::weight_of_shares).collect();
    assert!(weights.is_sorted());
    assert_eq!((v2::io_weight(10), v2::io_weight(1000)), (1, 10_000));
}

#[test]
fn a_missing_controller_is_named_with_where_it_was_looked_for() {
    let v2 = layout(&[], Some(&["cpu", "pids"]));
    let refusal = on(&v2, serde_json::json!({"memory": {"limit": 1000}})).unwrap_err();
    assert_eq!(refusal.code, "cgroup-no-controller");
    assert_eq!(refusal.pointer, "/linux/resources/memory/limit");
    let text = refusal.to_string();
    assert!(
        text.contains("`memory`") && text.contains("/sys/fs/cgroup/cgroup.controllers has: cpu pids"),
        "{text}"
    );

    let hybrid = layout(&["cpu", "memory"], Some(&["hugetlb"]));
    let text = on(&hybrid, serde_json::json!({"network": {"classID": 1}})).unwrap_err().to_string();
    assert!(
        text.contains("`net_cls`") && text.contains("v1 hierarchies below /sys/fs/cgroup: cpu memory"),
        "{text}"
    );
}

#[test]
fn on_a_hybrid_host_each_controller_is_used_where_it_lives() {
    let hybrid = layout(&["memory", "devices"], Some(&["hugetlb"]));
    let json =
        serde_json::json!({"memory": {"limit": 1000}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]});
    let orders = orders(&hybrid, &limits(json)).unwrap();
    assert_eq!(orders.v1.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["memory", "devices"]);
    assert_eq!(
        orders.v2.iter().map(|write| write.file.as_str()).collect::<Vec<_>>(),
        ["hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"]
    );
    assert_eq!(
        orders.v2_controllers,
        [("hugetlb".to_owned(), "/linux/resources/hugepageLimits/0/limit".to_owned())]
    );
    assert_eq!(orders.device_program, None, "the devices are v1's");
}

#[test]
fn unified_is_written_line_by_line_and_after_the_fields_it_overrides() {
    let v2 = layout(&[], Some(&V2));
    let json = serde_json::json!({
        "memory": {"limit": 1000},
        "unified": {"memory.max": "2000", "io.max": "8:0 rbps=1\n8:16 wbps=2", "cgroup.max.depth": "3", "cpuset.cpus": ""}
    });
    assert_eq!(
        on(&v2, json).unwrap(),
        [
            "memory.max = 1000",
            "cgroup.max.depth = 3",
            "cpuset.cpus = ",
            "io.max = 8:0 rbps=1",
            "io.max = 8:16 wbps=2",
            "memory.max = 2000"
        ]
    );
}

#[test]
fn unified_needs_its_controller_and_v2() {
    let json = || serde_json::json!({"unified": {"foo.bar": "1"}});
    let refusal = on(&layout(&[], Some(&V2)), json()).unwrap_err();
    assert!(
        refusal.to_string().contains("the requested cgroup controller `foo` is not available"),
        "{refusal}"
    );
    assert_eq!(refusal.pointer, "/linux/resources/unified/foo.bar");
    assert!(on(&layout(&V1, None), json()).unwrap_err().to_string().contains("v1 only"));
    // On a hybrid host a controller of v1 is none of v2.
    let hybrid = layout(&["memory"], Some(&["hugetlb"]));
    assert!(on(&hybrid, serde_json::json!({"unified": {"memory.high": "1"}})).is_err());
}

#[test]
fn nothing_asked_needs_no_controller() {
    assert_eq!(CONTROLLERS.len(), 9);
    for layout in [layout(&[], Some(&[])), layout(&["freezer"], None)] {
        assert_eq!(on(&layout, serde_json::json!({})).unwrap(), [""; 0]);
    }
}
