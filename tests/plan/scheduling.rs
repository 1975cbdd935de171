//! Scheduler, I/O priority, CPU affinity, memory policy.

use crate::fixture::{plan, refused};
use serde_json::{Value, json};
use tare::bundle::Invalid;
use tare::plan::Plan;
use tare::plan::process::Scheduler;

fn process(key: &str, value: Value) -> Result<Plan, Invalid> {
    plan(json!({"process": {key: value}}))
}

fn scheduler(value: Value) -> Result<Scheduler, Invalid> {
    Ok(process("scheduler", value)?.process.scheduler.unwrap())
}

#[test]
fn policies_become_the_kernels_numbers() {
    for (policy, number) in [("SCHED_OTHER", 0), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5)] {
        assert_eq!(scheduler(json!({"policy": policy})).unwrap().policy, number);
    }
    for (policy, number) in [("SCHED_FIFO", 1), ("SCHED_RR", 2)] {
        let scheduler = scheduler(json!({"policy": policy, "priority": 99})).unwrap();
        assert_eq!((scheduler.policy, scheduler.priority), (number, 99));
    }
    refused(
        scheduler(json!({"policy": "SCHED_FAST"})),
        "/process/scheduler/policy",
        "expected one of SCHED_OTHER",
    );
    refused(scheduler(json!({"policy": ""})), "/process/scheduler/policy", "scheduler policy is required");
    refused(scheduler(json!({})), "/process/scheduler/policy", "is required and missing");
    refused(scheduler(json!({"policy": "SCHED_ISO"})), "/process/scheduler/policy", "is in no Linux kernel");
}

#[test]
fn scheduler_flags_are_spelled_as_in_the_specification() {
    for (flag, bit) in [
        ("SCHED_FLAG_RESET_ON_FORK", 1),
        ("SCHED_FLAG_RECLAIM", 2),
        ("SCHED_FLAG_DL_OVERRUN", 4),
        ("SCHED_FLAG_KEEP_POLICY", 8),
        ("SCHED_FLAG_KEEP_PARAMS", 16),
        ("SCHED_FLAG_UTIL_CLAMP_MIN", 32),
        ("SCHED_FLAG_UTIL_CLAMP_MAX", 64),
    ] {
        assert_eq!(scheduler(json!({"policy": "SCHED_OTHER", "flags": [flag]})).unwrap().flags, bit);
    }
    let wrong = json!({"policy": "SCHED_OTHER", "flags": ["SCHED_RESET_ON_FORK"]});
    refused(scheduler(wrong), "/process/scheduler/flags/0", "unknown value");
}

#[test]
fn nice_belongs_to_the_policies_that_have_it() {
    assert_eq!(scheduler(json!({"policy": "SCHED_BATCH", "nice": -20})).unwrap().nice, -20);
    let words = "invalid scheduler.nice: 5 when scheduler.policy is SCHED_IDLE";
    refused(scheduler(json!({"policy": "SCHED_IDLE", "nice": 5})), "/process/scheduler/nice", words);
    refused(
        scheduler(json!({"policy": "SCHED_OTHER", "nice": 20})),
        "/process/scheduler/nice",
        "nice is -20 to 19",
    );
}

#[test]
fn priority_belongs_to_the_realtime_policies() {
    let words = "scheduler.priority can only be specified for SchedFIFO or SchedRR policy";
    refused(scheduler(json!({"policy": "SCHED_OTHER", "priority": 1})), "/process/scheduler/priority", words);
    for priority in [0, 100, -1] {
        let fifo = json!({"policy": "SCHED_FIFO", "priority": priority});
        refused(scheduler(fifo), "/process/scheduler/priority", "must be 1 to 99");
    }
}

#[test]
fn deadline_times_belong_to_the_deadline_policy_and_grow() {
    let deadline = |runtime, deadline, period| json!({"policy": "SCHED_DEADLINE", "runtime": runtime, "deadline": deadline, "period": period});
    let fitting = scheduler(deadline(1024, 2000, 3000)).unwrap();
    assert_eq!(
        (fitting.policy, fitting.runtime_ns, fitting.deadline_ns, fitting.period_ns),
        (6, 1024, 2000, 3000)
    );
    scheduler(deadline(1024, 2000, 0)).unwrap();
    refused(scheduler(deadline(1023, 2000, 3000)), "/process/scheduler/runtime", "must be at least 1024 ns");
    refused(scheduler(deadline(2001, 2000, 3000)), "/process/scheduler/deadline", "does not hold");
    refused(scheduler(deadline(1024, 2000, 1999)), "/process/scheduler/deadline", "does not hold");
    let words = "scheduler runtime/deadline/period can only be specified for SchedDeadline policy";
    refused(
        scheduler(json!({"policy": "SCHED_RR", "priority": 1, "period": 5})),
        "/process/scheduler/period",
        words,
    );
}

#[test]
fn io_priority_is_class_and_level() {
    let priority = |class, level: i64| {
        Ok(process("ioPriority", json!({"class": class, "priority": level}))?.process.io_priority)
    };
    assert_eq!(priority("IOPRIO_CLASS_RT", 0).unwrap(), Some(1 << 13));
    assert_eq!(priority("IOPRIO_CLASS_BE", 4).unwrap(), Some(2 << 13 | 4));
    assert_eq!(priority("IOPRIO_CLASS_IDLE", 7).unwrap(), Some(3 << 13 | 7));
    refused(priority("IOPRIO_CLASS_X", 1), "/process/ioPriority/class", "expected one of IOPRIO_CLASS_RT");
    refused(priority("IOPRIO_CLASS_BE", 8), "/process/ioPriority/priority", "invalid ioPriority.Priority: 8");
    refused(
        priority("IOPRIO_CLASS_BE", -1),
        "/process/ioPriority/priority",
        "invalid ioPriority.Priority: -1",
    );
}

#[test]
fn exec_cpu_affinity_is_a_list_of_any_length() {
    let affinity = |value| Ok(process("execCPUAffinity", value)?.process.exec_cpu_affinity.unwrap());
    let parsed = affinity(json!({"initial": "0-3,7", "final": "64,1300"})).unwrap();
    assert_eq!(parsed.initial.unwrap(), [0b1000_1111]);
    let last = parsed.r#final.unwrap();
    assert_eq!((last.len(), last[1], last[20]), (21, 1, 1 << 20));
    assert_eq!(affinity(json!({"initial": "", "final": ""})).unwrap(), Default::default());
    let wide = affinity(json!({"final": "1-62,64,60-70,127-128"})).unwrap().r#final.unwrap();
    assert_eq!(wide, [!1, 0x7f | 1 << 63, 1]);
    let whole = affinity(json!({"final": "0-65535"})).unwrap().r#final.unwrap();
    assert!(whole.len() == 1024 && whole.iter().all(|word| *word == u64::MAX));
    for list in ["a", "1-", "-1", "1,,2", "3-1", "0-65536", "+1", "1 2"] {
        refused(affinity(json!({"final": list})), "/process/execCPUAffinity/final", list);
    }
}

fn policy(value: Value) -> Result<tare::plan::process::MemoryPolicy, Invalid> {
    Ok(plan(json!({"linux": {"memoryPolicy": value}}))?.process.memory_policy.unwrap())
}

#[test]
fn memory_policies_become_the_kernels_numbers() {
    for (mode, number) in [
        ("MPOL_PREFERRED", 1),
        ("MPOL_BIND", 2),
        ("MPOL_INTERLEAVE", 3),
        ("MPOL_PREFERRED_MANY", 5),
        ("MPOL_WEIGHTED_INTERLEAVE", 6),
    ] {
        let policy = policy(json!({"mode": mode, "nodes": "0-1,65"})).unwrap();
        assert_eq!((policy.mode, policy.nodes), (number, vec![3, 2]));
    }
    assert_eq!(policy(json!({"mode": "MPOL_DEFAULT"})).unwrap().mode, 0);
    assert_eq!(policy(json!({"mode": "MPOL_LOCAL", "nodes": ""})).unwrap().mode, 4);
    let flagged =
        json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_NUMA_BALANCING"]});
    assert_eq!(policy(flagged).unwrap().mode, 2 | 1 << 15 | 1 << 13);
}

#[test]
fn memory_policies_that_contradict_themselves_are_refused() {
    let words = "memory policy mode requires 0 nodes but got 2";
    refused(policy(json!({"mode": "MPOL_LOCAL", "nodes": "0-1"})), "/linux/memoryPolicy/nodes", words);
    let words = "memory policy mode requires at least one node but got 0";
    refused(policy(json!({"mode": "MPOL_BIND"})), "/linux/memoryPolicy/nodes", words);
    refused(policy(json!({"mode": "MPOL_X"})), "/linux/memoryPolicy/mode", "expected one of MPOL_DEFAULT");
    let flags = json!({"mode": "MPOL_DEFAULT", "flags": ["MPOL_F_STATIC_NODES"]});
    refused(policy(flags), "/linux/memoryPolicy/flags", "takes no flags");
    let both =
        json!({"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"]});
    refused(policy(both), "/linux/memoryPolicy/flags", "exclude each other");
}
