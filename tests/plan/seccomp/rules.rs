//! What a profile may say, what is refused and where, how the filter is to be loaded, and how large it gets.

use super::interpreter::{Data, run};
use super::property::{as_read, calls, docker, host, podman, profile, program};
use super::reference::{ABIS, ENOSYS, X86, X86_64};
use serde_json::{Value, json};
use std::path::PathBuf;
use tare::bundle::Invalid;
use tare::plan::seccomp::{ACTIONS, Compiled, FLAGS, Filter, Listener, OPERATORS, architectures, compile};

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;

fn compiled(json: Value) -> Compiled {
    compile(&as_read(&profile(json)), &host(X86_64)).expect("a filter")
}

fn refused(json: Value) -> Invalid {
    compile(&as_read(&profile(json)), &host(X86_64)).expect_err("a refusal")
}

/// One entry below an ERRNO default.
fn entry(entry: Value) -> Value {
    json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [entry]})
}

fn answer(json: Value, nr: u32, first: u64) -> u32 {
    run(&program(&profile(json), X86_64), &Data::new(X86_64.1, nr, [first, 0, 0, 0, 0, 0])).0
}

#[test]
fn default_profiles_stay_small_and_shallow() {
    for (name, profile) in [("docker", docker()), ("podman", podman())] {
        let program = program(&profile, X86_64);
        let steps: Vec<usize> = calls(&profile, X86_64)
            .into_iter()
            .map(|(arch, nr)| run(&program, &Data::new(arch, nr, [0; 6])).1)
            .collect();
        let (deepest, mean) = (steps.iter().max().expect("calls"), steps.iter().sum::<usize>() / steps.len());
        println!("{name}: {} instructions, at most {deepest} steps, {mean} on average", program.len());
        assert!(program.len() <= 750, "{name}: {} instructions", program.len());
        assert!(*deepest <= 40 && mean <= 16, "{name}: {deepest} steps, {mean} on average");
    }
}

#[test]
fn a_kept_program_is_the_same_filter() {
    let filter = compile(&as_read(&docker()), &host(X86_64)).expect("a filter").filter;
    let bytes = filter.program_bytes();
    assert_eq!(bytes.len(), filter.program.len() * 8);
    assert_eq!(bytes[..8], [0x20, 0, 0, 0, 4, 0, 0, 0], "ld [4], as linux/filter.h lays it out");
    assert_eq!(Filter::of_kept(&bytes, filter.flags), Some(filter));
    assert_eq!(Filter::of_kept(&[], 0), None);
    assert_eq!(Filter::of_kept(&bytes[..12], 0), None);
}

#[test]
fn host_architecture_is_asked_for_first() {
    let program = program(&docker(), X86_64);
    assert_eq!((program[0].code, program[0].k), (0x20, 4));
    assert_eq!((program[1].code, program[1].k, program[1].jt), (0x15, X86_64.1, 0));
}

#[test]
fn each_errno_is_returned_and_eperm_by_default() {
    let json = json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13,
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4095},
            {"names": ["write"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["open"], "action": "SCMP_ACT_TRACE", "errnoRet": 65535},
            {"names": ["close"], "action": "SCMP_ACT_TRACE"},
            {"names": ["getpid"], "action": "SCMP_ACT_ALLOW"},
        ],
    });
    let answers: Vec<u32> = [0, 1, 2, 3, 4].iter().map(|nr| answer(json.clone(), *nr, 0)).collect();
    assert_eq!(answers, [0x0005_0fff, 0x0005_0001, 0x7ff0_ffff, 0x7ff0_0001, 0x0005_000d]);
}

#[test]
fn errno_for_an_action_without_one_is_refused() {
    let error = refused(entry(json!({"names": ["read"], "action": "SCMP_ACT_ALLOW", "errnoRet": 1})));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/errnoRet");
    assert!(error.problem.contains("SCMP_ACT_ALLOW takes no errno"), "{error}");
    let error = refused(json!({"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 1}));
    assert_eq!(error.pointer, "/linux/seccomp/defaultErrnoRet");
}

#[test]
fn errno_beyond_the_kernels_largest_is_refused() {
    let error = refused(entry(json!({"names": ["read"], "action": "SCMP_ACT_ERRNO", "errnoRet": 4096})));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/errnoRet");
    assert!(error.problem.contains("4095"), "{error}");
}

#[test]
fn unknown_names_are_ignored_and_reported() {
    let found = compiled(entry(json!({"names": ["read", "zzz", "aaa"], "action": "SCMP_ACT_ALLOW"})));
    let found: Vec<(&str, &str)> = found.unknown.iter().map(|u| (&*u.name, &*u.pointer)).collect();
    let at = "/linux/seccomp/syscalls/0/names";
    assert_eq!(found, [("aaa", &*format!("{at}/2")), ("zzz", &*format!("{at}/1"))]);
}

#[test]
fn entry_without_names_and_empty_name_are_refused() {
    let error = refused(entry(json!({"names": [], "action": "SCMP_ACT_ALLOW"})));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/names");
    let error = refused(entry(json!({"names": ["read", ""], "action": "SCMP_ACT_ALLOW"})));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/names/1");
}

#[test]
fn seventh_argument_is_refused() {
    let args =
        json!([{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]);
    let error = refused(entry(json!({"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": args})));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/args/1/index");
}

#[test]
fn notify_on_write_or_by_default_is_refused() {
    let error = refused(json!({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/s"}));
    assert_eq!(error.pointer, "/linux/seccomp/defaultAction");
    let error = refused(json!({
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s",
        "syscalls": [{"names": ["read", "write"], "action": "SCMP_ACT_NOTIFY"}],
    }));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls/0/names/1");
}

fn notifying() -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent", "listenerMetadata": "m",
        "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
    })
}

#[test]
fn listener_is_planned_only_for_notify() {
    let listener = Listener {
        path: PathBuf::from("/run/agent"),
        metadata: Some("m".to_owned()),
        decides_sending: false,
    };
    assert_eq!(compiled(notifying()).filter.listener, Some(listener));
    let mut without = notifying();
    without["syscalls"] = json!([]);
    assert_eq!(compiled(without).filter.listener, None);
}

#[test]
fn notify_without_listener_and_metadata_without_listener_are_refused() {
    let mut json = notifying();
    json["listenerPath"] = Value::Null;
    assert_eq!(refused(json.clone()).pointer, "/linux/seccomp/listenerMetadata");
    json["listenerMetadata"] = Value::Null;
    assert_eq!(refused(json).pointer, "/linux/seccomp/listenerPath");
}

#[test]
fn flags_become_bits_and_absent_flags_allow_speculation() {
    let bits =
        |flags: Value| compiled(json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": flags})).filter.flags;
    assert_eq!(bits(Value::Null), 4);
    assert_eq!(bits(json!([])), 0);
    assert_eq!(bits(json!(["SECCOMP_FILTER_FLAG_TSYNC"])), 0);
    assert_eq!(bits(json!(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"])), 6);
    // The kernel refuses it without a listener.
    assert_eq!(bits(json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])), 0);
    assert_eq!(compiled(notifying()).filter.flags, 32);
}

#[test]
fn first_of_two_rules_without_tests_decides() {
    let json = |one: &str, two: &str| {
        json!({"defaultAction": "SCMP_ACT_KILL", "syscalls": [
            {"names": ["setns"], "action": one}, {"names": ["setns"], "action": two},
        ]})
    };
    assert_eq!(answer(json("SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"), 308, 0), ALLOW);
    assert_eq!(answer(json("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"), 308, 0), EPERM);
}

#[test]
fn rule_without_tests_beats_an_earlier_one_with_tests() {
    let json = json!({"defaultAction": "SCMP_ACT_KILL", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 3, "op": "SCMP_CMP_EQ"}]},
        {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
    ]});
    assert_eq!(answer(json, 0, 3), ALLOW);
}

#[test]
fn rule_that_repeats_the_default_shadows_nothing() {
    let json = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_ERRNO"}, {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
    ]});
    assert_eq!(answer(json, 0, 0), ALLOW);
}

#[test]
fn call_newer_than_the_profile_gives_enosys_only_under_a_forbidding_default() {
    let json = |default: &str| json!({"defaultAction": default, "syscalls": [{"names": ["openat2"], "action": "SCMP_ACT_LOG"}]});
    assert_eq!(answer(json("SCMP_ACT_ERRNO"), 436, 0), EPERM);
    assert_eq!(answer(json("SCMP_ACT_ERRNO"), 438, 0), ENOSYS);
    assert_eq!(answer(json("SCMP_ACT_KILL"), 1000, 0), ENOSYS);
    assert_eq!(answer(json("SCMP_ACT_ALLOW"), 438, 0), ALLOW);
    assert_eq!(answer(json!({"defaultAction": "SCMP_ACT_ERRNO"}), 438, 0), EPERM);
}

#[test]
fn x32_calls_need_their_architecture_in_the_profile() {
    let json = json!({"defaultAction": "SCMP_ACT_ALLOW"});
    assert_eq!(answer(json.clone(), 0x4000_0001, 0), 0);
    assert_eq!(answer(json, u32::MAX, 0), ALLOW);
    let json = json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X32"]});
    assert_eq!(answer(json, 0x4000_0001, 0), ALLOW);
}

#[test]
fn selector_bits_that_the_kernel_ignores_hide_no_call() {
    let json = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"],
        "syscalls": [{"names": ["semget"], "action": "SCMP_ACT_ERRNO"}],
    });
    let program = program(&profile(json), X86_64);
    let ipc = |call: u64| run(&program, &Data::new(X86.1, 117, [call, 0, 0, 0, 0, 0])).0;
    assert_eq!([ipc(2), ipc(0x1_0002), ipc(3)], [EPERM, EPERM, ALLOW]);
}

#[test]
fn program_longer_than_the_kernel_takes_is_refused() {
    let rules: Vec<Value> = (0..1500u64)
        .map(|n| {
            json!({"names": ["ioctl"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 + n % 2,
            "args": [{"index": 1, "value": n << 20, "op": "SCMP_CMP_EQ"}]})
        })
        .collect();
    let error = refused(json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}));
    assert_eq!(error.pointer, "/linux/seccomp/syscalls");
    assert!(error.problem.contains("4096"), "{error}");
}

#[test]
fn long_jumps_reach_over_large_leaves() {
    let rules: Vec<Value> = (0..900u64)
        .map(|n| {
            json!({"names": [(["read", "ioctl", "statx"][n as usize % 3])], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 1, "value": n << 20, "op": "SCMP_CMP_EQ"}]})
        })
        .collect();
    let json = json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules});
    let program = program(&profile(json), X86_64);
    assert!(program.len() > 900, "{}", program.len());
    let ask = |nr, n: u64| run(&program, &Data::new(X86_64.1, nr, [0, n << 20, 0, 0, 0, 0])).0;
    for n in 0..900u64 {
        for (at, nr) in [0, 16, 332].into_iter().enumerate() {
            assert_eq!(ask(nr, n), if n as usize % 3 == at { ALLOW } else { EPERM }, "{nr} {n}");
        }
    }
}

#[test]
fn what_features_reports_is_what_is_accepted() {
    for action in ACTIONS {
        let json = json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/s",
            "syscalls": [{"names": ["read"], "action": action}]});
        compiled(json);
    }
    for operator in OPERATORS {
        compiled(entry(json!({"names": ["read"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 1, "op": operator}]})));
    }
    compiled(json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": FLAGS}));
    let names: Vec<&str> = architectures().collect();
    compiled(json!({"defaultAction": "SCMP_ACT_ALLOW", "architectures": names}));
    assert!(ABIS.iter().all(|abi| names.contains(&abi.0)) && names.len() == ABIS.len());
}

#[test]
fn every_architecture_of_the_spec_has_a_call_table() {
    for abi in ABIS {
        let numbered =
            ["exit", "statx", "openat2", "close_range"].iter().filter(|name| abi.number(name).is_some());
        assert_eq!(numbered.count(), 4, "{}", abi.0);
    }
}

/// Not a test of speed but a way to see it: `cargo test --release -- --ignored --nocapture compiling`.
#[test]
#[ignore = "a measurement"]
fn compiling_takes_microseconds() {
    for (name, profile) in [("docker", docker()), ("podman", podman())] {
        let host = host(X86_64);
        let profile = as_read(&profile);
        let mut times: Vec<_> = (0..1000)
            .map(|_| {
                let start = std::time::Instant::now();
                std::hint::black_box(compile(std::hint::black_box(&profile), &host).expect("a filter"));
                start.elapsed()
            })
            .collect();
        let first = times[0];
        times.sort_unstable();
        println!("{name}: first {first:?}, median {:?}", times[500]);
    }
}

/// A filter that was kept is used by the build that compiled it: `COMPILER` must change with each of these.
#[test]
fn every_source_of_the_compiler_is_part_of_its_sum() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/seccomp");
    let module = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(module.contains(&format!("include_bytes!(\"{name}\")")), "{name} is missing in COMPILER");
    }
}
