//! `process`: program, environment, user, limits, labels.

use crate::fixture::{bundle, host, options, plan, plan_on, refused};
use serde_json::{Value, json};
use std::ffi::CString;
use tare::bundle::Invalid;
use tare::host::{Fact, Host};
use tare::plan::{Listen, Options, Plan, Process};

fn process(patch: Value) -> Result<Process, Invalid> {
    Ok(plan(json!({"process": patch}))?.process)
}

fn texts(strings: &[CString]) -> Vec<&str> {
    strings.iter().map(|string| string.to_str().unwrap()).collect()
}

#[test]
fn args_are_taken_over_and_the_first_is_required() {
    assert_eq!(texts(&process(json!({"args": ["a", "", "b c"]})).unwrap().args), ["a", "", "b c"]);
    refused(process(json!({"args": []})), "/process/args", "needs at least one entry");
    refused(process(json!({"args": null})), "/process/args", "needs at least one entry");
    refused(process(json!({"args": [""]})), "/process/args/0", "must name the program");
}

#[test]
fn relative_cwd_is_refused() {
    refused(process(json!({"cwd": "tmp"})), "/process/cwd", "must be an absolute path, is \"tmp\"");
    refused(process(json!({"cwd": ""})), "/process/cwd", "must be an absolute path, is \"\"");
}

#[test]
fn nul_in_anything_that_reaches_the_kernel_is_refused_with_its_place() {
    refused(process(json!({"args": ["a", "b\0c"]})), "/process/args/1", "holds a NUL character, at byte 1");
    refused(process(json!({"env": ["A=1", "B=\0"]})), "/process/env/1", "NUL");
    refused(process(json!({"cwd": "/a\0"})), "/process/cwd", "NUL");
    refused(process(json!({"apparmorProfile": "a\0"})), "/process/apparmorProfile", "NUL");
    refused(process(json!({"selinuxLabel": "a\0"})), "/process/selinuxLabel", "NUL");
    refused(plan(json!({"hostname": "a\0"})), "/hostname", "NUL");
    refused(plan(json!({"root": {"path": "a\0"}})), "/root/path", "NUL");
    refused(plan(json!({"linux": {"cgroupsPath": "a\0"}})), "/linux/cgroupsPath", "NUL");
    refused(plan(json!({"linux": {"maskedPaths": ["/a\0"]}})), "/linux/maskedPaths/0", "NUL");
}

#[test]
fn of_a_variable_given_twice_the_last_counts_once() {
    let env = process(json!({"env": ["A=1", "B=2", "A=3", "HOME=/h", "C=x=y"]})).unwrap().env;
    assert_eq!(texts(&env), ["B=2", "A=3", "HOME=/h", "C=x=y"]);
}

#[test]
fn a_variable_needs_a_name_and_an_equals_sign() {
    refused(
        process(json!({"env": ["A=1", "B"]})),
        "/process/env/1",
        "invalid environment variable: missing '='",
    );
    refused(process(json!({"env": ["=1"]})), "/process/env/0", "name cannot be empty");
    assert_eq!(texts(&process(json!({"env": ["A="]})).unwrap().env), ["A="]);
}

#[test]
fn home_missing_or_empty_is_looked_up_in_the_container() {
    let given = process(json!({"env": ["HOME=/root"]})).unwrap();
    assert!(!given.needs_home && texts(&given.env) == ["HOME=/root"]);
    for env in [json!([]), json!(["HOME="]), json!(["HOME=/root", "HOME="])] {
        let process = process(json!({"env": env})).unwrap();
        assert!(process.needs_home && process.env.is_empty());
    }
    assert!(process(json!({"env": ["HOMEX=/root"]})).unwrap().needs_home);
}

fn activated(count: u32, names: Option<&str>, env: serde_json::Value) -> Plan {
    let listen = Some(Listen { count, names: names.map(str::to_owned) });
    let options = Options { listen, preserve_fds: count, ..options() };
    let bundle = bundle(json!({"process": {"env": env}})).unwrap();
    Plan::for_create(&bundle, &options, &host()).unwrap()
}

#[test]
fn sockets_of_the_caller_are_announced_in_place_of_what_the_configuration_says() {
    let plan = activated(2, Some("a:b"), json!(["LISTEN_FDS=9", "LISTEN_PID=7", "LISTEN_FDNAMES=x", "A=1"]));
    assert_eq!(texts(&plan.process.env), ["A=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"]);
    assert!(plan.process.needs_listen_pid, "which number it is, only the process knows");
    assert_eq!(plan.preserve_fds, 2);
}

#[test]
fn without_sockets_the_configurations_own_variables_stay() {
    let process = process(json!({"env": ["LISTEN_FDS=1", "LISTEN_PID=1"]})).unwrap();
    assert_eq!(texts(&process.env), ["LISTEN_FDS=1", "LISTEN_PID=1"]);
    assert!(!process.needs_listen_pid);
}

#[test]
fn names_that_do_not_fit_the_sockets_are_left_out_with_a_warning() {
    for names in ["a", "a:b:c", "a:b\n"] {
        let plan = activated(2, Some(names), json!([]));
        assert_eq!(texts(&plan.process.env), ["LISTEN_FDS=2"]);
        assert!(plan.warnings.iter().any(|warning| warning.contains("LISTEN_FDNAMES")), "{names}");
    }
}

#[test]
fn console_size_is_ignored_without_a_terminal() {
    let size = json!({"height": 70000, "width": 80});
    assert!(process(json!({"consoleSize": size})).unwrap().terminal.is_none());
    assert!(process(json!({"terminal": false, "consoleSize": size})).unwrap().terminal.is_none());
    refused(
        process(json!({"terminal": true, "consoleSize": size})),
        "/process/consoleSize/height",
        "must be at most 65535",
    );
}

#[test]
fn a_terminal_has_rows_and_columns_if_given_and_not_zero() {
    let size = |size| process(json!({"terminal": true, "consoleSize": size})).unwrap().terminal.unwrap().size;
    assert_eq!(size(json!({"height": 24, "width": 80})), Some((24, 80)));
    assert_eq!(size(json!({"height": 0, "width": 0})), None);
    assert_eq!(process(json!({"terminal": true})).unwrap().terminal.unwrap().size, None);
}

#[test]
fn the_user_has_ids_groups_and_a_umask() {
    let user =
        process(json!({"user": {"uid": 7, "gid": 8, "additionalGids": [5, 5], "umask": 63}})).unwrap().user;
    assert_eq!((user.uid, user.gid, user.umask), (7, 8, 0o077));
    assert_eq!(user.additional_gids, [5, 5]);
    assert_eq!(process(json!({})).unwrap().user.umask, 0o022);
    refused(process(json!({"user": {"umask": 512}})), "/process/user/umask", "must be at most 511");
}

#[test]
fn the_id_that_means_unchanged_is_no_id() {
    let max = u32::MAX;
    refused(process(json!({"user": {"uid": max}})), "/process/user/uid", "is no id");
    refused(process(json!({"user": {"gid": max}})), "/process/user/gid", "is no id");
    refused(
        process(json!({"user": {"additionalGids": [1, max]}})),
        "/process/user/additionalGids/1",
        "is no id",
    );
}

#[test]
fn rlimits_become_the_kernels_numbers() {
    let rlimits = process(json!({"rlimits": [
        {"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096},
        {"type": "RLIMIT_CORE", "soft": 0, "hard": u64::MAX},
    ]}))
    .unwrap()
    .rlimits;
    let first = &rlimits[0];
    assert_eq!(
        (first.resource, first.name, first.soft, first.hard, first.index),
        (7, "RLIMIT_NOFILE", 1024, 4096, 0)
    );
    assert_eq!((rlimits[1].resource, rlimits[1].hard), (4, u64::MAX));
}

#[test]
fn every_rlimit_of_the_man_page_has_the_c_librarys_number() {
    use nix::libc as c;
    for (name, number) in [
        ("RLIMIT_CPU", c::RLIMIT_CPU),
        ("RLIMIT_FSIZE", c::RLIMIT_FSIZE),
        ("RLIMIT_DATA", c::RLIMIT_DATA),
        ("RLIMIT_STACK", c::RLIMIT_STACK),
        ("RLIMIT_CORE", c::RLIMIT_CORE),
        ("RLIMIT_RSS", c::RLIMIT_RSS),
        ("RLIMIT_NPROC", c::RLIMIT_NPROC),
        ("RLIMIT_NOFILE", c::RLIMIT_NOFILE),
        ("RLIMIT_MEMLOCK", c::RLIMIT_MEMLOCK),
        ("RLIMIT_AS", c::RLIMIT_AS),
        ("RLIMIT_LOCKS", c::RLIMIT_LOCKS),
        ("RLIMIT_SIGPENDING", c::RLIMIT_SIGPENDING),
        ("RLIMIT_MSGQUEUE", c::RLIMIT_MSGQUEUE),
        ("RLIMIT_NICE", c::RLIMIT_NICE),
        ("RLIMIT_RTPRIO", c::RLIMIT_RTPRIO),
        ("RLIMIT_RTTIME", c::RLIMIT_RTTIME),
    ] {
        let rlimits = process(json!({"rlimits": [{"type": name, "soft": 1, "hard": 1}]})).unwrap().rlimits;
        assert_eq!(rlimits[0].resource, number, "{name}");
    }
}

#[test]
fn duplicated_rlimits_must_be_an_error() {
    let limit = json!({"type": "RLIMIT_NOFILE", "soft": 1, "hard": 1});
    refused(
        process(json!({"rlimits": [limit, limit]})),
        "/process/rlimits/1/type",
        "duplicate rlimit RLIMIT_NOFILE",
    );
}

#[test]
fn rlimits_that_cannot_be_mapped_must_be_an_error() {
    for name in ["RLIMIT_FOO", "NOFILE", "rlimit_nofile", ""] {
        let limits = json!({"rlimits": [{"type": name, "soft": 1, "hard": 1}]});
        refused(process(limits), "/process/rlimits/0/type", "unknown rlimit");
    }
}

#[test]
fn a_soft_limit_above_the_hard_one_is_refused() {
    let limits = json!({"rlimits": [{"type": "RLIMIT_AS", "soft": 2, "hard": 1}]});
    refused(process(limits), "/process/rlimits/0/soft", "must be at most hard, 1, is 2");
}

#[test]
fn oom_score_adj_is_unchanged_unless_given() {
    assert_eq!(process(json!({})).unwrap().oom_score_adj, None);
    assert_eq!(process(json!({"oomScoreAdj": 0})).unwrap().oom_score_adj, Some(0));
    assert_eq!(process(json!({"oomScoreAdj": -1000})).unwrap().oom_score_adj, Some(-1000));
    for score in [-1001, 1001] {
        refused(process(json!({"oomScoreAdj": score})), "/process/oomScoreAdj", "must be -1000 to 1000");
    }
}

#[test]
fn labels_need_their_security_module() {
    let bare = Host { apparmor: Fact::Known(false), selinux: Fact::Known(false), ..host() };
    let on_bare = |patch| plan_on(&bare, json!({"process": patch}));
    refused(on_bare(json!({"apparmorProfile": "a"})), "/process/apparmorProfile", "apparmor is disabled");
    let words = "selinux label is specified in config, but selinux is disabled or not supported";
    refused(on_bare(json!({"selinuxLabel": "a"})), "/process/selinuxLabel", words);
    on_bare(json!({"apparmorProfile": "", "selinuxLabel": ""})).unwrap();
    let process = process(json!({"apparmorProfile": "p", "selinuxLabel": "l"})).unwrap();
    assert_eq!(process.apparmor_profile.unwrap().to_str().unwrap(), "p");
    assert_eq!(process.selinux_label.unwrap().to_str().unwrap(), "l");
}

#[test]
fn no_new_privileges_is_off_unless_given() {
    assert!(!process(json!({})).unwrap().no_new_privileges);
    assert!(!process(json!({"noNewPrivileges": false})).unwrap().no_new_privileges);
    assert!(process(json!({"noNewPrivileges": true})).unwrap().no_new_privileges);
}

#[test]
fn personality_knows_two_domains_and_no_flags() {
    let domain = |value: Value| Ok(plan(json!({"linux": {"personality": value}}))?.process.personality);
    assert_eq!(domain(json!({"domain": "LINUX"})).unwrap(), Some(0));
    assert_eq!(domain(json!({"domain": "LINUX32", "flags": []})).unwrap(), Some(8));
    refused(domain(json!({"domain": "BSD"})), "/linux/personality/domain", "expected LINUX or LINUX32");
    refused(domain(json!({"domain": "LINUX", "flags": ["X"]})), "/linux/personality/flags", "not supported");
}
