//! Files of groups -> statistics, in the JSON that runc's events have; out-of-memory events of v2.

use super::fake::Fake;
use serde_json::{Value, json};
use tare::cgroup::{Handle, Oom, Tree, rdt};

fn tree(fake: &Fake, mount: &str, controllers: &[&str]) -> Tree {
    let controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
    Tree { controllers, mount: fake.path(mount), path: "box".to_owned() }
}

/// A container in these v1 hierarchies and in the unified one, those of which the fake has a folder.
fn handle(fake: &Fake, v1: &[&str]) -> Handle {
    Handle {
        v2: Some(tree(fake, "unified", &[])),
        v1: v1.iter().map(|name| tree(fake, name, &[name])).collect(),
        ..Handle::default()
    }
}

fn stats(handle: &Handle) -> Value {
    serde_json::to_value(handle.stats().unwrap().unwrap()).unwrap()
}

#[test]
fn without_any_file_everything_is_zero_or_absent() {
    let fake = Fake::new();
    fake.folder("unified/box");
    let zero = json!({"limit": 0, "failcnt": 0});
    assert_eq!(
        stats(&handle(&fake, &[])),
        json!({
            "cpu": {"usage": {"kernel": 0, "user": 0}, "throttling": {}},
            "cpuset": {
                "cpu_exclusive": 0, "mem_hardwall": 0, "mem_exclusive": 0, "memory_migrate": 0,
                "memory_spread_page": 0, "memory_spread_slab": 0, "memory_pressure": 0,
                "sched_load_balance": 0, "sched_relax_domain_level": 0,
            },
            "memory": {"usage": zero, "swap": zero, "kernel": zero, "kernelTCP": zero},
            "pids": {},
            "blkio": {},
            "hugetlb": {},
        })
    );
}

#[test]
fn a_group_that_is_gone_has_no_statistics() {
    let fake = Fake::new();
    assert_eq!(handle(&fake, &["memory"]).stats().unwrap(), None);
    assert!(handle(&fake, &["memory"]).watch_oom().unwrap().is_none());
}

#[test]
fn cpu_time_of_v1_is_in_nanoseconds() {
    let fake = Fake::new();
    fake.file("cpuacct/box/cpuacct.usage", "3000000123\n")
        .file("cpuacct/box/cpuacct.usage_percpu", "1000000000 2000000123 \n")
        .file("cpuacct/box/cpuacct.usage_percpu_sys", "1 2\n")
        .file("cpuacct/box/cpuacct.usage_percpu_user", "3 4\n")
        .file("cpuacct/box/cpuacct.stat", "user 250\nsystem 40\n")
        .file("cpu/box/cpu.stat", "nr_periods 7\nnr_throttled 3\nthrottled_time 99000\nwait_sum 5\n");
    let seen = stats(&handle(&fake, &["cpu", "cpuacct"]));
    let expected = json!({
        "usage": {
            "total": 3_000_000_123u64, "percpu": [1_000_000_000u64, 2_000_000_123u64], "percpu_kernel": [1, 2],
            "percpu_user": [3, 4], "kernel": 400_000_000u64, "user": 2_500_000_000u64,
        },
        "throttling": {"periods": 7, "throttledPeriods": 3, "throttledTime": 99000},
    });
    assert_eq!(seen["cpu"], expected);
}

#[test]
fn cpu_time_of_v2_is_turned_from_microseconds_into_nanoseconds() {
    let fake = Fake::new();
    let text = "usage_usec 12\nuser_usec 8\nsystem_usec 4\nnr_periods 2\nnr_throttled 1\nthrottled_usec 5\n";
    fake.file("unified/box/cpu.stat", text);
    let expected = json!({
        "usage": {"total": 12000, "kernel": 4000, "user": 8000},
        "throttling": {"periods": 2, "throttledPeriods": 1, "throttledTime": 5000},
    });
    assert_eq!(stats(&handle(&fake, &[]))["cpu"], expected);
}

#[test]
fn on_a_hybrid_host_each_controller_is_read_where_it_is_and_pressure_from_v2() {
    let fake = Fake::new();
    let pressure =
        "some avg10=1.05 avg60=0.50 avg300=12.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.01 total=9\n";
    fake.file("cpuacct/box/cpuacct.usage", "5\n")
        .file("pids/box/pids.current", "4\n")
        .file("pids/box/pids.max", "max\n")
        .file("unified/box/cpu.stat", "usage_usec 999\nuser_usec 1\nsystem_usec 1\nnr_periods 6\n")
        .file("unified/box/cpu.pressure", pressure)
        .file("unified/box/hugetlb.2MB.current", "2097152\n")
        .file("unified/box/hugetlb.2MB.rsvd.current", "4194304\n")
        .file("unified/box/hugetlb.2MB.events", "max 3\n")
        .file("unified/box/hugetlb.1GB.current", "0\n");
    let seen = stats(&handle(&fake, &["cpuacct", "pids"]));
    assert_eq!(seen["cpu"]["usage"]["total"], 5);
    assert_eq!(seen["cpu"]["throttling"]["periods"], 6, "the CPU controller is in v2");
    assert_eq!(seen["pids"], json!({"current": 4}));
    let psi = json!({
        "some": {"avg10": 1.05, "avg60": 0.5, "avg300": 12.0, "total": 77},
        "full": {"avg10": 0.0, "avg60": 0.0, "avg300": 0.01, "total": 9},
    });
    assert_eq!(seen["cpu"]["psi"], psi);
    assert_eq!(seen["memory"].get("psi"), None);
    assert_eq!(seen["hugetlb"], json!({"2MB": {"usage": 4_194_304, "failcnt": 3}, "1GB": {"failcnt": 0}}));
}

#[test]
fn memory_of_v1_has_all_its_kinds() {
    let fake = Fake::new();
    for (kind, number) in [("memory", 1), ("memory.memsw", 2), ("memory.kmem", 3), ("memory.kmem.tcp", 4)] {
        for (file, digit) in
            [("limit_in_bytes", 1), ("usage_in_bytes", 2), ("max_usage_in_bytes", 3), ("failcnt", 4)]
        {
            fake.file(&format!("memory/box/{kind}.{file}"), &format!("{}\n", number * 10 + digit));
        }
    }
    fake.file("memory/box/memory.stat", "cache 100\nrss 5\n");
    let entry = |number: u64| json!({"limit": number + 1, "usage": number + 2, "max": number + 3, "failcnt": number + 4});
    let expected = json!({
        "cache": 100, "usage": entry(10), "swap": entry(20), "kernel": entry(30), "kernelTCP": entry(40),
        "raw": {"cache": 100, "rss": 5},
    });
    assert_eq!(stats(&handle(&fake, &["memory"]))["memory"], expected);
}

#[test]
fn memory_of_v2_is_put_into_the_form_of_v1() {
    let fake = Fake::new();
    fake.file("unified/box/memory.stat", "anon 3\nfile 4\n")
        .file("unified/box/memory.current", "1000\n")
        .file("unified/box/memory.max", "5000\n")
        .file("unified/box/memory.peak", "3000\n")
        .file("unified/box/memory.swap.current", "10\n")
        .file("unified/box/memory.swap.max", "700\n");
    let memory = |fake: &Fake| stats(&handle(fake, &[]))["memory"].clone();
    let seen = memory(&fake);
    assert_eq!(seen["cache"], 4);
    assert_eq!(seen["usage"], json!({"limit": 5000, "usage": 1000, "max": 3000, "failcnt": 0}));
    assert_eq!(seen["swap"], json!({"limit": 5700, "usage": 1010, "failcnt": 0}));
    fake.file("unified/box/memory.swap.max", "max\n");
    assert_eq!(memory(&fake)["swap"]["limit"], u64::MAX);
    fake.file("unified/box/memory.swap.max", "700\n").file("unified/box/memory.max", "max\n");
    assert_eq!(memory(&fake)["swap"]["limit"], u64::MAX);
    assert_eq!(memory(&fake)["usage"]["limit"], u64::MAX);
}

#[test]
fn block_io_of_v1_is_taken_for_each_device_from_the_layer_that_knows_it() {
    let fake = Fake::new();
    fake.file("blkio/box/blkio.bfq.io_service_bytes_recursive", "8:0 Read 10\n8:0 Total 10\nTotal 10\n")
        .file(
            "blkio/box/blkio.throttle.io_service_bytes_recursive",
            "8:0 Read 99\n259:0 Write 20\nTotal 119\n",
        )
        .file("blkio/box/blkio.bfq.sectors_recursive", "8:0 7\n");
    let seen = stats(&handle(&fake, &["blkio"]));
    let expected = json!({
        "ioServiceBytesRecursive": [
            {"major": 8, "op": "Read", "value": 10},
            {"major": 8, "op": "Total", "value": 10},
            {"major": 259, "op": "Write", "value": 20},
        ],
        "sectorsRecursive": [{"major": 8, "value": 7}],
    });
    assert_eq!(seen["blkio"], expected);
}

#[test]
fn block_io_of_v2_is_split_into_bytes_and_operations() {
    let fake = Fake::new();
    let text = "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 cost.usage=7\n7:0 \n";
    fake.file("unified/box/io.stat", text);
    let entries = |values: [u64; 3]| {
        let ops = ["Read", "Write", "Discard"].iter().zip(values);
        ops.map(|(op, value)| json!({"major": 8, "minor": 16, "op": op, "value": value})).collect::<Vec<_>>()
    };
    let expected =
        json!({"ioServiceBytesRecursive": entries([1, 2, 5]), "ioServicedRecursive": entries([3, 4, 6])});
    assert_eq!(stats(&handle(&fake, &[]))["blkio"], expected);
}

#[test]
fn cpu_lists_are_written_out() {
    let fake = Fake::new();
    fake.file("cpuset/box/cpuset.cpus", "0-2,7\n")
        .file("cpuset/box/cpuset.mems", "0\n")
        .file("cpuset/box/cpuset.sched_relax_domain_level", "-1\n")
        .file("cpuset/box/cpuset.sched_load_balance", "1\n");
    let seen = stats(&handle(&fake, &["cpuset"]))["cpuset"].clone();
    assert_eq!((&seen["cpus"], &seen["mems"]), (&json!([0, 1, 2, 7]), &json!([0])));
    assert_eq!((&seen["sched_relax_domain_level"], &seen["sched_load_balance"]), (&json!(-1), &json!(1)));
    let fake = Fake::new();
    fake.file("unified/box/cpuset.cpus", "\n").file("unified/box/cpuset.cpus.effective", "0-1\n");
    assert_eq!(stats(&handle(&fake, &[]))["cpuset"]["cpus"], json!([0, 1]));
}

#[test]
fn a_value_that_is_no_number_is_an_error_that_names_the_file() {
    for (file, text) in [
        ("pids.current", "many\n"),
        ("memory.stat", "anon\n"),
        ("io.stat", "8:0 rbytes=x\n"),
        ("cpu.pressure", "some avg10=1 total=0\n"),
        ("cpuset.cpus.effective", "a-b\n"),
    ] {
        let fake = Fake::new();
        fake.file(&format!("unified/box/{file}"), text);
        let error = handle(&fake, &[]).stats().unwrap_err().to_string();
        assert!(error.contains(&format!("box/{file}")), "{error}");
    }
}

#[test]
fn an_oom_kill_of_v2_is_told_once_and_only_if_it_is_new() {
    let fake = Fake::new();
    fake.file("unified/box/memory.events", "low 0\noom 4\noom_kill 2\n");
    let mut watch = handle(&fake, &[]).watch_oom().unwrap().unwrap();
    assert_eq!(watch.take().unwrap(), Oom::Nothing, "what was before is not news");
    fake.file("unified/box/memory.events", "low 9\noom 5\noom_kill 2\n");
    assert_eq!(watch.take().unwrap(), Oom::Nothing, "nobody was killed");
    fake.file("unified/box/memory.events", "low 9\noom 6\noom_kill 5\n");
    assert_eq!(watch.take().unwrap(), Oom::Happened);
    assert_eq!(watch.take().unwrap(), Oom::Nothing);
}

#[test]
fn without_a_memory_controller_nothing_is_watched() {
    let fake = Fake::new();
    fake.file("unified/box/cgroup.procs", "");
    assert!(handle(&fake, &[]).watch_oom().unwrap().is_none());
}

#[test]
fn intel_rdt_shows_schemata_and_what_is_monitored() {
    let fake = Fake::new();
    fake.file("resctrl/schemata", "    MB:0=100\n    L3:0=7ff;1=7ff\n")
        .file("resctrl/info/L3/cbm_mask", "7ff\n")
        .file("resctrl/info/L3/min_cbm_bits", "1\n")
        .file("resctrl/info/L3/num_closids", "16\n")
        .file("resctrl/box/schemata", "    MB:0=50\n    L3:0=00f;1=00f\n");
    for (domain, bytes) in [("mon_L3_00", 1), ("mon_L3_01", 2)] {
        let folder = format!("resctrl/box/mon_groups/id/mon_data/{domain}");
        fake.file(&format!("{folder}/llc_occupancy"), &format!("{bytes}\n"))
            .file(&format!("{folder}/mbm_total_bytes"), &format!("{bytes}0\n"))
            .file(&format!("{folder}/mbm_local_bytes"), "Unavailable\n");
    }
    let group = rdt::Group {
        mount: fake.path("resctrl"),
        name: "box".to_owned(),
        made: true,
        monitor: Some("id".to_owned()),
    };
    let expected = json!({
        "l3_cache_info": {"cbm_mask": "7ff", "min_cbm_bits": 1, "num_closids": 16},
        "l3_cache_schema_root": "L3:0=7ff;1=7ff",
        "l3_cache_schema": "L3:0=00f;1=00f",
        "mem_bw_schema_root": "MB:0=100",
        "mem_bw_schema": "MB:0=50",
        "cmt_stats": [{"llc_occupancy": 1}, {"llc_occupancy": 2}],
    });
    assert_eq!(serde_json::to_value(group.stats().unwrap()).unwrap(), expected);
    let gone = rdt::Group { mount: fake.path("nowhere"), name: String::new(), made: false, monitor: None };
    assert_eq!(serde_json::to_value(gone.stats().unwrap()).unwrap(), json!({}));
}
