//! What `exec` runs: the container's process, completed and changed.

use crate::fixture::{bundle, config, host, refused};
use serde_json::{Value, json};
use tare::bundle::config::Process;
use tare::bundle::{Bundle, Invalid, pass_over, process_from_json};
use tare::plan::Plan;
use tare::plan::exec::{ExecOptions, OF_NO_USE, Overrides, capability, merged};
use tare::plan::seccomp::Filter;

fn file(json: Value) -> Option<Process> {
    Some(process_from_json(&json.to_string()).unwrap())
}

fn overrides(args: &[&str]) -> Overrides {
    Overrides { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Overrides::default() }
}

/// The plan of an exec in a container of `patch`.
fn plan(patch: Value, file: Option<Process>, overrides: Overrides) -> Result<Plan, Invalid> {
    let container = bundle(patch).unwrap();
    let process = merged(container.config.process.as_ref(), file, overrides);
    let options = ExecOptions { id: "box".to_owned(), keyring: true, ..ExecOptions::default() };
    Plan::for_exec(&container, &process, options, &host())
}

const CONFINED: &str = r#"{"process": {
    "args": ["init"], "cwd": "/srv", "env": ["A=1"], "user": {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 18},
    "capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"], "effective": ["CAP_KILL"], "inheritable": ["CAP_CHOWN"]},
    "noNewPrivileges": true, "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}], "oomScoreAdj": 100,
    "apparmorProfile": "box", "selinuxLabel": "a:b:c", "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
    "scheduler": {"policy": "SCHED_BATCH"}, "terminal": true}}"#;

fn confined() -> Value {
    serde_json::from_str(CONFINED).unwrap()
}

#[test]
fn a_program_alone_gets_all_that_the_containers_own_process_has_but_the_terminal() {
    let plan = plan(confined(), None, overrides(&["id", "-u"])).unwrap();
    let process = &plan.process;
    assert_eq!(process.args, [c"id".to_owned(), c"-u".to_owned()]);
    assert_eq!(
        (process.user.uid, process.user.gid, process.user.additional_gids.as_slice()),
        (5, 6, &[7][..])
    );
    assert_eq!((process.cwd.as_c_str(), process.user.umask), (c"/srv", 0o022));
    assert_eq!(process.capabilities.bounding, 1 << 5);
    assert!(process.no_new_privileges && process.terminal.is_none());
    assert_eq!(process.rlimits.len(), 1);
    assert_eq!(process.oom_score_adj, Some(100));
    assert!(process.apparmor_profile.is_some() && process.selinux_label.is_some());
    assert!(process.io_priority.is_some() && process.scheduler.is_some());
    assert!(plan.new_keyring && plan.hooks.start_container.is_empty());
}

#[test]
fn a_file_that_leaves_confinement_out_gets_the_containers() {
    let given = file(json!({"args": ["id"], "cwd": "/", "apparmorProfile": ""}));
    let plan = plan(confined(), given, Overrides::default()).unwrap();
    let process = &plan.process;
    assert_eq!(process.capabilities.bounding, 1 << 5);
    assert!(
        process.no_new_privileges && process.apparmor_profile.is_some() && process.selinux_label.is_some()
    );
    assert_eq!(process.rlimits.len(), 1);
    // Who and where it runs is the file's alone.
    assert_eq!((process.user.uid, process.env.len()), (0, 0));
}

#[test]
fn a_file_can_say_otherwise() {
    let given = file(json!({"args": ["id"], "cwd": "/", "noNewPrivileges": false, "terminal": true,
        "capabilities": {}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}], "apparmorProfile": "other"}));
    let process = plan(confined(), given, Overrides::default()).unwrap().process;
    assert!(!process.no_new_privileges && process.terminal.is_some());
    assert_eq!(process.capabilities.bounding, 0);
    assert_eq!(process.rlimits[0].name, "RLIMIT_NOFILE");
    assert_eq!(process.apparmor_profile.as_deref(), Some(c"other"));
}

#[test]
fn options_change_what_they_name_and_nothing_else() {
    let options = Overrides {
        env: vec!["A=2".to_owned(), "B=3".to_owned()],
        uid: Some(9),
        additional_gids: vec![8],
        cwd: Some("/tmp".to_owned()),
        terminal: true,
        ..overrides(&["id"])
    };
    let process = plan(confined(), None, options).unwrap().process;
    assert_eq!((process.user.uid, process.user.gid, process.user.additional_gids), (9, 6, vec![7, 8]));
    assert_eq!(process.env, [c"A=2".to_owned(), c"B=3".to_owned()]);
    assert_eq!(process.cwd.as_c_str(), c"/tmp");
    assert!(process.terminal.is_some());
}

#[test]
fn a_capability_becomes_ambient_only_where_it_is_inheritable() {
    let names = ["CAP_CHOWN", "CAP_NET_RAW"].map(str::to_owned).to_vec();
    let sets = plan(confined(), None, Overrides { capabilities: names, ..overrides(&["id"]) });
    let sets = sets.unwrap().process.capabilities;
    let (chown, kill, net_raw) = (1 << 0, 1 << 5, 1 << 13);
    assert_eq!(sets.bounding, chown | kill | net_raw);
    assert_eq!((sets.permitted, sets.effective), (sets.bounding, sets.bounding));
    assert_eq!((sets.inheritable, sets.ambient), (chown, chown));
}

#[test]
fn a_capabilitys_name_may_be_short_and_small_but_must_exist() {
    assert_eq!(capability("net_raw").as_deref(), Some("CAP_NET_RAW"));
    assert_eq!(capability("CAP_NET_RAW").as_deref(), Some("CAP_NET_RAW"));
    assert_eq!(capability("CAP_CAP_NET_RAW"), None);
    assert_eq!(capability(""), None);
}

#[test]
fn a_container_without_a_process_gives_nothing_but_nobody() {
    let plan = plan(json!({"process": null}), None, overrides(&["id"])).unwrap();
    assert_eq!(plan.process.capabilities.bounding, 0);
    assert_eq!(plan.process.cwd.as_c_str(), c"/");
}

#[test]
fn a_user_outside_of_the_mappings_is_refused() {
    let maps = json!([{"containerID": 0, "hostID": 1000, "size": 10}]);
    let patch = json!({"linux": {"namespaces": [{"type": "user"}, {"type": "mount"}], "uidMappings": maps, "gidMappings": maps}});
    let options = Overrides { uid: Some(10), ..overrides(&["id"]) };
    refused(plan(patch, None, options), "/process/user/uid", "10");
}

#[test]
fn the_filter_and_the_memory_policy_are_the_containers() {
    let patch = json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}, "personality": {"domain": "LINUX32"},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"}}});
    let plan = plan(patch, None, overrides(&["id"])).unwrap();
    assert!(plan.seccomp.is_some());
    assert_eq!(plan.process.personality, Some(8));
    assert!(plan.process.memory_policy.is_some());
}

#[test]
fn a_kept_filter_is_taken_without_a_look_at_the_profile() {
    let container = bundle(json!({"linux": {"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY"}}})).unwrap();
    let process = merged(container.config.process.as_ref(), None, overrides(&["id"]));
    let exec = |kept_filter| {
        let options = ExecOptions { id: "box".to_owned(), kept_filter, ..ExecOptions::default() };
        Plan::for_exec(&container, &process, options, &host()).map(|plan| plan.seccomp)
    };
    let filter = Filter::of_kept(&[6, 0, 0, 0, 0, 0, 0xff, 0x7f], 4);
    assert_eq!(exec(filter.clone()), Ok(filter));
    refused(exec(None), "/linux/seccomp/defaultAction", "SCMP_ACT_NOTIFY");
}

#[test]
fn what_is_of_no_use_changes_nothing_of_the_plan() {
    let mut patch = confined();
    patch["mounts"] = json!([{"destination": "/m", "type": "tmpfs"}]);
    patch["annotations"] = json!({"mounts": "a word", "resources": "another"});
    patch["linux"] = json!({"maskedPaths": ["/m"], "readonlyPaths": ["/r"], "resources": {"pids": {"limit": 5}},
        "personality": {"domain": "LINUX32"}, "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0"},
        "namespaces": [{"type": "mount"}, {"type": "network", "path": "/n"}]});
    let plan_of = |text: String| {
        let container = Bundle::from_json(text).unwrap();
        let process = merged(container.config.process.as_ref(), None, overrides(&["id"]));
        let options = ExecOptions { id: "box".to_owned(), ..ExecOptions::default() };
        format!("{:?}", Plan::for_exec(&container, &process, options, &host()).unwrap())
    };
    let whole = config(patch);
    let mut without = whole.clone();
    pass_over(&mut without, &OF_NO_USE);
    assert_eq!(without.matches("\"---").count(), OF_NO_USE.len());
    assert_eq!(plan_of(without), plan_of(whole));
}

#[test]
fn a_process_file_is_named_in_its_errors() {
    let given = file(json!({"args": ["id"], "cwd": "tmp"}));
    let error = plan(json!({}), given, Overrides::default()).unwrap_err();
    let error = error.in_file("/p.json", "/process");
    assert_eq!(error.to_string(), "/p.json#/cwd: must be an absolute path, is \"tmp\"");
}
