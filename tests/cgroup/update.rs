//! Changing limits of groups that exist, and taking it back, in fake trees.

use super::fake::Fake;
use tare::cgroup::undo::{Former, former};
use tare::cgroup::{Handle, Manager, Refusal, Tree, Undo};
use tare::plan::limits::Limits;

fn tree(fake: &Fake, name: &str, controllers: &[&str]) -> Tree {
    let controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
    Tree { controllers, mount: fake.path(name), path: "above/box".to_owned() }
}

/// A v2 host with one group.
fn v2(fake: &Fake, files: &[(&str, &str)]) -> Handle {
    let controllers = "cpuset cpu io memory pids hugetlb\n";
    fake.file("unified/cgroup.controllers", controllers);
    fake.file("unified/above/box/cgroup.controllers", controllers);
    for (file, text) in files {
        fake.file(&format!("unified/above/box/{file}"), text);
    }
    Handle { v2: Some(tree(fake, "unified", &[])), ..Handle::default() }
}

fn limits(json: serde_json::Value) -> Limits {
    let resources = tare::bundle::resources_from_json(&json.to_string()).unwrap();
    Limits::from_spec(Some(&resources)).unwrap().0
}

/// An update of a container of which `merged` is all that was ever asked for.
fn update(handle: &Handle, wanted: serde_json::Value, merged: serde_json::Value) -> Result<Undo, String> {
    let mut undo = Undo::default();
    match handle.update(&limits(wanted), &limits(merged), &mut undo) {
        Ok(()) => Ok(undo),
        Err(error) => {
            assert_eq!(undo.restore(), Vec::<String>::new());
            Err(error.downcast::<Refusal>().unwrap().to_string())
        }
    }
}

fn after(fake: &Fake, file: &str) -> String {
    fake.read(&format!("unified/above/box/{file}"))
}

#[test]
fn a_period_alone_keeps_the_quota_of_v2_and_a_quota_alone_leaves_the_period_to_the_kernel() {
    let fake = Fake::new();
    // A file here is not cut when it is written: these are as long before as after.
    let handle = v2(&fake, &[("cpu.max", "50000 5000\n")]);
    let period = serde_json::json!({"cpu": {"period": 20000}});
    update(&handle, period.clone(), period.clone()).unwrap();
    assert_eq!(after(&fake, "cpu.max"), "50000 20000");
    let handle = v2(&fake, &[("cpu.max", "max 5000\n")]);
    update(&handle, period.clone(), period).unwrap();
    assert_eq!(after(&fake, "cpu.max"), "max 20000");
    let handle = v2(&fake, &[("cpu.max", "")]);
    let quota = serde_json::json!({"cpu": {"quota": 20000}});
    update(&handle, quota.clone(), quota).unwrap();
    assert_eq!(after(&fake, "cpu.max"), "20000");
}

#[test]
fn swap_alone_is_what_it_leaves_above_the_limit_in_force() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("memory.max", "1000\n"), ("memory.swap.max", "")]);
    let swap = serde_json::json!({"memory": {"swap": 5000}});
    update(&handle, swap.clone(), swap.clone()).unwrap();
    assert_eq!(after(&fake, "memory.swap.max"), "4000");
    assert_eq!(after(&fake, "memory.max"), "1000\n", "not written");
    let handle = v2(&fake, &[("memory.max", "max\n"), ("memory.swap.max", "")]);
    let text = update(&handle, swap.clone(), swap).unwrap_err();
    assert!(text.contains("needs a memory limit"), "{text}");
}

#[test]
fn memory_alone_keeps_memory_and_swap_together_as_they_were_asked_for() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("memory.max", "1000\n"), ("memory.swap.max", "")]);
    let limit = serde_json::json!({"memory": {"limit": 3000}});
    update(&handle, limit.clone(), serde_json::json!({"memory": {"limit": 3000, "swap": 5000}})).unwrap();
    assert_eq!(after(&fake, "memory.swap.max"), "2000");
    let handle = v2(&fake, &[("memory.max", "1000\n"), ("memory.swap.max", "77")]);
    update(&handle, limit.clone(), limit).unwrap();
    assert_eq!(after(&fake, "memory.swap.max"), "77", "nobody asked for any");
}

#[test]
fn swap_that_unified_has_set_is_not_computed_anew() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("memory.max", "1000\n"), ("memory.swap.max", "77")]);
    let merged =
        serde_json::json!({"memory": {"limit": 3000, "swap": 5000}, "unified": {"memory.swap.max": "77"}});
    update(&handle, serde_json::json!({"memory": {"limit": 3000}}), merged).unwrap();
    assert_eq!(after(&fake, "memory.swap.max"), "77");
}

#[test]
fn the_end_of_idleness_brings_back_the_weight_that_was_asked_for() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("cpu.idle", "1"), ("cpu.weight", "")]);
    let awake = serde_json::json!({"cpu": {"idle": 0}});
    update(&handle, awake.clone(), serde_json::json!({"cpu": {"idle": 0, "shares": 1024}})).unwrap();
    assert_eq!((after(&fake, "cpu.idle").as_str(), after(&fake, "cpu.weight").as_str()), ("0", "100"));
    let handle = v2(&fake, &[("cpu.idle", "1"), ("cpu.weight", "")]);
    update(&handle, awake, serde_json::json!({"cpu": {"idle": 0}, "unified": {"cpu.weight": "777"}}))
        .unwrap();
    assert_eq!(after(&fake, "cpu.weight"), "777");
    // Shares of a group that is idle and stays so wait for that.
    let handle = v2(&fake, &[("cpu.idle", "1"), ("cpu.weight", "1")]);
    let both = serde_json::json!({"cpu": {"idle": 1, "shares": 1024}});
    update(&handle, both.clone(), both).unwrap();
    assert_eq!(after(&fake, "cpu.weight"), "1");
}

#[test]
fn what_was_written_before_a_refusal_is_put_back() {
    let fake = Fake::new();
    // No pids.max, which stands for the kernel's refusal.
    let handle = v2(&fake, &[("cpu.weight", "100"), ("memory.max", "4096"), ("memory.low", "0")]);
    let wanted = serde_json::json!({"cpu": {"shares": 512}, "memory": {"limit": 8192, "reservation": 7}, "pids": {"limit": 5}});
    let text = update(&handle, wanted.clone(), wanted).unwrap_err();
    assert!(text.contains("pids.max"), "{text}");
    assert!(after(&fake, "cpu.weight").starts_with("100"));
    assert_eq!((after(&fake, "memory.max").as_str(), after(&fake, "memory.low").as_str()), ("4096", "0"));
}

#[test]
fn a_file_that_cannot_be_put_back_is_named() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("misc.max", ""), ("cpu.weight", "100")]);
    fake.file("unified/cgroup.controllers", "misc cpu\n")
        .file("unified/above/box/cgroup.controllers", "misc cpu\n");
    let mut undo = Undo::default();
    let wanted = limits(serde_json::json!({"unified": {"misc.max": "res_a 3"}, "cpu": {"shares": 512}}));
    handle.update(&wanted, &wanted, &mut undo).unwrap();
    let lost = undo.restore();
    assert_eq!(lost, [fake.path("unified/above/box/misc.max").display().to_string()]);
    assert!(after(&fake, "cpu.weight").starts_with("100"), "the others are put back all the same");
}

#[test]
fn a_controller_that_nobody_needed_until_now_is_handed_down_the_whole_way() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("hugetlb.2MB.max", "max")]);
    let handle = Handle { v1: vec![tree(&fake, "cpu", &["cpu"])], ..handle };
    for group in ["unified", "unified/above"] {
        fake.file(&format!("{group}/cgroup.controllers"), "hugetlb\n");
        fake.file(&format!("{group}/cgroup.subtree_control"), "\n");
    }
    fake.file("unified/above/box/cgroup.controllers", "\n");
    let wanted = serde_json::json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}]});
    update(&handle, wanted.clone(), wanted).unwrap();
    for group in ["unified", "unified/above"] {
        assert!(fake.read(&format!("{group}/cgroup.subtree_control")).starts_with("+hugetlb"), "{group}");
    }
    assert_eq!(after(&fake, "hugetlb.2MB.max"), "4194304");
}

#[test]
fn a_controller_that_is_nowhere_is_missed_before_anything_is_written() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("memory.max", "4096")]);
    let wanted = serde_json::json!({"memory": {"limit": 8192}, "rdma": {"mlx5_0": {"hcaHandles": 2}}});
    let text = update(&handle, wanted.clone(), wanted).unwrap_err();
    assert!(text.contains("controller `rdma` is not available"), "{text}");
    assert_eq!(after(&fake, "memory.max"), "4096");
}

#[test]
fn devices_are_nobodys_business_here() {
    let fake = Fake::new();
    for file in ["devices.list", "devices.allow", "devices.deny", "pids.max"] {
        fake.file(&format!("devices/above/box/{file}"), "");
    }
    let handle = Handle { v1: vec![tree(&fake, "devices", &["devices", "pids"])], ..Handle::default() };
    let wanted = serde_json::json!({"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 5}});
    update(&handle, wanted.clone(), wanted).unwrap();
    assert_eq!(fake.read("devices/above/box/pids.max"), "5");
    assert_eq!(
        fake.read("devices/above/box/devices.deny") + &fake.read("devices/above/box/devices.allow"),
        ""
    );
}

#[test]
fn without_a_group_nothing_can_be_limited_but_nothing_can_be_asked() {
    let handle = Handle { manager: Manager::Disabled, ..Handle::default() };
    let nothing = || serde_json::json!({});
    update(&handle, nothing(), nothing()).unwrap();
    let text = update(&handle, serde_json::json!({"pids": {"limit": 5}}), nothing()).unwrap_err();
    assert!(text.contains("no control group of its own"), "{text}");
    let fake = Fake::new();
    let handle = Handle { v1: vec![tree(&fake, "pids", &["pids"])], ..Handle::default() };
    let text = update(&handle, serde_json::json!({"pids": {"limit": 5}}), nothing()).unwrap_err();
    assert!(text.contains("does not exist"), "{text}");
}

#[test]
fn a_limit_below_what_is_in_use_is_refused_by_v2_where_that_is_to_be_checked() {
    let fake = Fake::new();
    let handle = v2(&fake, &[("memory.max", "max"), ("memory.current", "5000\n")]);
    let checked = serde_json::json!({"memory": {"limit": 4096, "checkBeforeUpdate": true}});
    let text = update(&handle, checked.clone(), checked).unwrap_err();
    assert!(text.contains("more memory than that is in use"), "{text}");
    assert_eq!(after(&fake, "memory.max"), "max");
}

#[test]
fn the_former_value_has_the_form_that_the_kernel_takes() {
    let value = |text: &str| Former::Value(text.to_owned());
    let table = [
        ("memory.max", "1", "max\n", value("max")),
        ("cpu.max", "20000 50000", "max 100000\n", value("max 100000")),
        ("cpuset.cpus", "0", "\n", value("")),
        ("memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", value("0")),
        ("io.weight", "50", "default 100\n8:0 200\n", value("default 100")),
        ("io.weight", "default 50", "default 100\n8:0 200\n", value("default 100")),
        ("io.weight", "8:0 50", "default 100\n8:0 200\n", value("8:0 200")),
        ("io.weight", "8:16 50", "default 100\n8:0 200\n", value("8:16 default")),
        (
            "io.max",
            "8:0 rbps=1",
            "8:0 rbps=max wbps=5 riops=max wiops=max\n",
            value("8:0 rbps=max wbps=5 riops=max wiops=max"),
        ),
        ("io.max", "8:0 rbps=1", "8:16 rbps=2\n", value("8:0 rbps=max wbps=max riops=max wiops=max")),
        ("io.latency", "8:0 target=5", "", value("8:0 target=max")),
        ("blkio.throttle.read_bps_device", "8:0 5", "8:16 7\n", value("8:0 0")),
        ("blkio.throttle.read_bps_device", "8:16 5", "8:16 7\n", value("8:16 7")),
        ("blkio.bfq.weight_device", "8:0 5", "", value("8:0 default")),
        (
            "rdma.max",
            "mlx5_0 hca_handle=2",
            "mlx5_0 hca_handle=max hca_object=max\n",
            value("mlx5_0 hca_handle=max hca_object=max"),
        ),
        ("net_prio.ifpriomap", "lo 5", "lo 0\neth0 3\n", value("lo 0")),
        ("misc.max", "res_a 3", "", Former::Unknown),
        ("made.up", "3", "one\ntwo\n", Former::Unknown),
        ("memory.pressure", "some 150000 1000000", "some avg10=0.00\nfull avg10=0.00\n", Former::Nothing),
        ("cgroup.pressure", "0", "1\n", value("1")),
    ];
    for (file, written, text, expected) in table {
        assert_eq!(former(file, written, text), expected, "{file}: {written}");
    }
}

#[test]
fn the_limits_in_force_are_told_in_the_words_of_config_json() {
    let fake = Fake::new();
    let handle = v2(
        &fake,
        &[
            ("memory.max", "1000\n"),
            ("memory.swap.max", "500\n"),
            ("memory.low", "0\n"),
            ("cpu.max", "max 100000\n"),
            ("cpu.max.burst", "0\n"),
            ("cpu.idle", "0\n"),
            ("cpu.weight", "79\n"),
            ("cpuset.cpus.effective", "0-1\n"),
            ("cpuset.cpus", "\n"),
            ("pids.max", "max\n"),
            ("io.weight", "default 100\n"),
            ("io.max", "8:0 rbps=5 wbps=max riops=max wiops=7\n"),
            ("hugetlb.2MB.max", "4194304\n"),
            ("hugetlb.2MB.rsvd.max", "4194304\n"),
            ("hugetlb.1GB.max", "max\n"),
            ("rdma.max", "mlx5_0 hca_handle=2 hca_object=max\n"),
        ],
    );
    let told = serde_json::to_value(handle.effective().unwrap()).unwrap();
    let expected = serde_json::json!({
        "memory": {"limit": 1000, "reservation": 0, "swap": 1500},
        "cpu": {"quota": -1, "period": 100000, "burst": 0, "idle": 0, "cpus": "0-1"},
        "pids": {"limit": -1},
        "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 5}], "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 7}]},
        "hugepageLimits": [{"pageSize": "2MB", "limit": 4194304}],
        "rdma": {"mlx5_0": {"hcaHandles": 2}},
        "unified": {"cpu.weight": "79", "io.weight": "default 100"},
    });
    assert_eq!(told, expected);
    // Whatever is told can be asked for.
    limits(told);
}

#[test]
fn on_v1_no_limit_is_told_as_minus_one_whatever_the_page_size() {
    let fake = Fake::new();
    fake.file("memory/above/box/memory.limit_in_bytes", "9223372036854771712\n")
        .file("memory/above/box/memory.memsw.limit_in_bytes", "9223372036854710272\n")
        .file("memory/above/box/memory.oom_control", "oom_kill_disable 1\nunder_oom 0\n")
        .file("memory/above/box/memory.swappiness", "60\n");
    let handle = Handle { v1: vec![tree(&fake, "memory", &["memory"])], ..Handle::default() };
    let told = serde_json::to_value(handle.effective().unwrap()).unwrap();
    let expected =
        serde_json::json!({"memory": {"limit": -1, "swap": -1, "swappiness": 60, "disableOOMKiller": true}});
    assert_eq!(told, expected);
}

#[test]
fn on_v1_huge_pages_without_a_limit_are_told_as_the_kernel_rounds_them() {
    let fake = Fake::new();
    // What Linux shows in a new group: i64::MAX rounded down to whole pages of each size.
    for (size, limit) in [
        ("64KB", "9223372036854710272"),
        ("2MB", "9223372036852678656"),
        ("1GB", "9223372035781033984"),
        ("16GB", "4294967296"),
        ("32MB", "9223372036821221375"),
    ] {
        fake.file(&format!("hugetlb/above/box/hugetlb.{size}.limit_in_bytes"), &format!("{limit}\n"));
    }
    let handle = Handle { v1: vec![tree(&fake, "hugetlb", &["hugetlb"])], ..Handle::default() };
    let told = serde_json::to_value(handle.effective().unwrap()).unwrap();
    let expected = serde_json::json!({"hugepageLimits": [
        {"pageSize": "16GB", "limit": 4_294_967_296_i64},
        {"pageSize": "32MB", "limit": 9_223_372_036_821_221_375_i64},
    ]});
    assert_eq!(told, expected);
}

#[test]
fn schemata_of_a_resctrl_group_are_changed_and_put_back_by_resource() {
    let fake = Fake::new();
    fake.file("resctrl/web1/schemata", "    L3:0=ff;1=ff\n    MB:0=100\n");
    let group = tare::cgroup::rdt::Group {
        mount: fake.path("resctrl"),
        name: "web1".to_owned(),
        made: true,
        monitor: None,
    };
    let mut undo = Undo::default();
    group.update(&["L3:0=f".to_owned()], &mut undo).unwrap();
    assert!(fake.read("resctrl/web1/schemata").starts_with("L3:0=f\n"));
    assert_eq!(undo.restore(), Vec::<String>::new());
    assert!(fake.read("resctrl/web1/schemata").starts_with("L3:0=ff;1=ff\n"));
}
