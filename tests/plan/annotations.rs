//! `annotations` that change what the runtime does.

use crate::fixture::{bundle, host, options, plan, plan_on, refused};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tare::bundle::Invalid;
use tare::plan::annotations::{Asked, CriuConfig, Effect, KNOWN, MountContext, Subgroup};
use tare::plan::{Options, Plan};

fn annotated(name: &str, value: &str) -> Result<Plan, Invalid> {
    plan(json!({"annotations": {name: value}}))
}

#[track_caller]
fn asked(name: &str, value: &str) -> Asked {
    annotated(name, value).unwrap().asked
}

/// A profile whose calls with this action are `mkdir`.
fn seccomp(action: &str) -> Value {
    json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": action}]})
}

#[test]
fn without_annotations_nothing_is_asked() {
    assert_eq!(plan(json!({})).unwrap().asked, Asked::default());
    let unknown =
        json!({"annotations": {"run.oci.future": "1", "krun.cpus": "4", "a": "b", "run.oci.handlers": "x"}});
    assert_eq!(plan(unknown).unwrap().asked, Asked::default());
}

#[test]
fn each_annotation_arrives_as_what_it_means() {
    let path = |text: &str| Some(PathBuf::from(text));
    assert_eq!(asked("run.oci.seccomp.receiver", "/s").seccomp_receiver, path("/s"));
    assert!(asked("run.oci.seccomp_fail_unknown_syscall", "1").seccomp_fail_unknown);
    assert!(asked("run.oci.keep_original_groups", "true").keep_original_groups);
    assert!(!asked("run.oci.keep_original_groups", "0").keep_original_groups);
    assert_eq!(asked("run.oci.pidfd_receiver", "/p").pidfd_receiver, path("/p"));
    assert_eq!(asked("run.oci.delegate-cgroup", "payload").delegate_cgroup, Some("payload".to_owned()));
    assert_eq!(asked("run.oci.hooks.stdout", "/o").hook_output.stdout, path("/o"));
    assert_eq!(asked("run.oci.hooks.stderr", "/e").hook_output.stderr, path("/e"));
    assert_eq!(
        asked("run.oci.systemd.subgroup", "inner").systemd_subgroup,
        Subgroup::Named("inner".to_owned())
    );
    assert_eq!(asked("run.oci.systemd.subgroup", "").systemd_subgroup, Subgroup::None);
    assert_eq!(asked("org.criu.config", "/c").criu_config, CriuConfig::File("/c".into()));
    assert_eq!(asked("org.criu.config", "").criu_config, CriuConfig::None);
    assert_eq!(asked("org.systemd.property.CollectMode", "'inactive-or-failed'").unit_properties.len(), 1);
}

#[test]
fn they_still_arrive_verbatim_for_the_state() {
    let plan = annotated("run.oci.pidfd_receiver", "/p").unwrap();
    assert_eq!(plan.annotations["run.oci.pidfd_receiver"], "/p");
}

#[test]
fn a_path_must_be_absolute() {
    let names = [
        "run.oci.seccomp.receiver",
        "run.oci.pidfd_receiver",
        "run.oci.hooks.stdout",
        "run.oci.hooks.stderr",
    ];
    for name in names {
        for value in ["", "relative", "/nul\0"] {
            refused(annotated(name, value), &format!("/annotations/{name}"), "must be an absolute path");
        }
    }
    refused(
        annotated("org.criu.config", "x.conf"),
        "/annotations/org.criu.config",
        "must be an absolute path",
    );
}

#[test]
fn a_switch_is_1_or_0_and_no_other_word() {
    for name in ["run.oci.seccomp_fail_unknown_syscall", "run.oci.keep_original_groups"] {
        for value in ["", "yes", "2", "True"] {
            refused(annotated(name, value), &format!("/annotations/{name}"), "must be 1 or 0");
        }
    }
}

#[test]
fn the_name_of_a_group_leads_nowhere_else() {
    let long = "x".repeat(256);
    for name in ["..", ".", "a/b", "/a", "../a", "cgroup.procs", "a\nb", "nul\0", &long] {
        for annotation in ["run.oci.delegate-cgroup", "run.oci.systemd.subgroup"] {
            refused(
                annotated(annotation, name),
                &format!("/annotations/{annotation}"),
                "the name of one control group",
            );
        }
    }
    refused(
        annotated("run.oci.delegate-cgroup", ""),
        "/annotations/run.oci.delegate-cgroup",
        "the name of one control group",
    );
    assert_eq!(asked("run.oci.delegate-cgroup", "..a").delegate_cgroup, Some("..a".to_owned()));
}

#[test]
fn what_crun_does_and_we_do_not_is_refused_with_a_reason() {
    for name in [
        "run.oci.handler",
        "run.oci.seccomp.plugins",
        "run.oci.seccomp_bpf_data",
        "run.oci.systemd.force_cgroup_v1",
    ] {
        let error = annotated(name, "").unwrap_err();
        assert_eq!((error.code, &*error.pointer), ("config-unsupported", &*format!("/annotations/{name}")));
        assert!(error.to_string().contains("; remove the annotation"), "{error}");
    }
}

#[test]
fn what_embeds_another_machine_changes_nothing_by_itself() {
    for name in [
        "krun.cpus",
        "krun.variant",
        "module.wasm.image/variant",
        "io.kubernetes.cri.container-type",
        "bundle",
    ] {
        annotated(name, "compat").unwrap();
        assert!(!KNOWN.iter().any(|(known, _)| name.starts_with(known)), "{name}");
    }
}

#[test]
fn the_table_is_sorted_and_has_each_name_once() {
    let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    let refused = KNOWN.iter().filter(|(_, effect)| matches!(effect, Effect::Refused(_))).count();
    assert_eq!((names.len(), refused), (15, 4));
}

#[test]
fn the_document_has_a_row_for_each_row_of_the_table() {
    let document = include_str!("../../docs/annotations.md");
    for (name, effect) in KNOWN {
        let name = if name.ends_with('.') { format!("{name}NAME") } else { (*name).to_owned() };
        let row = document.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/annotations.md has no row for {name}"));
        let says_refused = row.contains("| refused");
        assert_eq!(says_refused, matches!(effect, Effect::Refused(_)), "{row}");
    }
    for name in tare::plan::unit_properties::allowed() {
        assert!(document.contains(&format!("`{name}`")), "docs/annotations.md does not name {name}");
    }
}

#[test]
fn kept_groups_win_over_those_of_the_configuration_and_that_is_said() {
    let said = |keep: &str, gids: Value| {
        let plan = plan(json!({
            "annotations": {"run.oci.keep_original_groups": keep},
            "process": {"user": {"uid": 5, "gid": 7, "additionalGids": gids}},
        }));
        let plan = plan.unwrap();
        plan.asked.left_out_groups(&plan.process.user)
    };
    assert!(said("1", json!([7, 8])).unwrap().starts_with("additionalGids: no effect"));
    assert_eq!(said("1", json!([7])), None);
    assert_eq!(said("1", json!([])), None);
    assert_eq!(said("0", json!([8])), None);
}

#[test]
fn the_mount_label_gets_its_option() {
    let with = |annotations: Value| plan(json!({"annotations": annotations, "linux": {"mountLabel": "l"}}));
    let context = |plan: Plan| plan.rootfs.mount_label.unwrap().context;
    assert_eq!(context(with(json!({})).unwrap()), MountContext::Context);
    for (word, wanted) in MountContext::ALL {
        let word = word.to_str().unwrap();
        let plan = with(json!({"run.oci.mount_context_type": word})).unwrap();
        assert_eq!((context(plan), wanted.option().to_str().unwrap()), (wanted, word));
    }
    for word in ["", "Context", "nocontext"] {
        refused(
            with(json!({"run.oci.mount_context_type": word})),
            "/annotations/run.oci.mount_context_type",
            "must be context, fscontext, defcontext or rootcontext",
        );
    }
}

fn listener(plan: &Plan) -> Option<&Path> {
    plan.seccomp.as_ref().and_then(|filter| filter.listener.as_ref()).map(|listener| &*listener.path)
}

#[test]
fn the_seccomp_receiver_is_a_listener_path() {
    let receiver = json!({"run.oci.seccomp.receiver": "/agent"});
    let found =
        plan(json!({"annotations": receiver, "linux": {"seccomp": seccomp("SCMP_ACT_NOTIFY")}})).unwrap();
    assert_eq!((listener(&found), found.warnings.len()), (Some(Path::new("/agent")), 0));
    for path in ["/agent", ""] {
        let mut profile = seccomp("SCMP_ACT_NOTIFY");
        profile["listenerPath"] = path.into();
        let found = plan(json!({"annotations": receiver, "linux": {"seccomp": profile}})).unwrap();
        assert_eq!(listener(&found), Some(Path::new("/agent")));
    }
}

#[test]
fn two_seccomp_agents_are_refused() {
    let mut profile = seccomp("SCMP_ACT_NOTIFY");
    profile["listenerPath"] = "/other".into();
    let both = json!({"annotations": {"run.oci.seccomp.receiver": "/agent"}, "linux": {"seccomp": profile}});
    refused(plan(both), "/linux/seccomp/listenerPath", "run.oci.seccomp.receiver");
}

#[test]
fn a_receiver_that_is_asked_nothing_is_a_warning() {
    let receiver = json!({"run.oci.seccomp.receiver": "/agent"});
    let with_profile = json!({"annotations": receiver, "linux": {"seccomp": seccomp("SCMP_ACT_ERRNO")}});
    for patch in [with_profile, json!({"annotations": receiver})] {
        let found = plan(patch).unwrap();
        assert_eq!(listener(&found), None);
        assert_eq!(found.warnings.len(), 1, "{:?}", found.warnings);
        assert!(found.warnings[0].contains("SCMP_ACT_NOTIFY"));
    }
}

#[test]
fn the_environments_receiver_is_for_profiles_that_name_none() {
    let environment = Options { seccomp_receiver: Some("/default".into()), ..options() };
    let with = |patch: Value| Plan::for_create(&bundle(patch).unwrap(), &environment, &host()).unwrap();
    let notify = || json!({"seccomp": seccomp("SCMP_ACT_NOTIFY")});
    assert_eq!(listener(&with(json!({"linux": notify()}))), Some(Path::new("/default")));
    let own = json!({"annotations": {"run.oci.seccomp.receiver": "/agent"}, "linux": notify()});
    assert_eq!(listener(&with(own)), Some(Path::new("/agent")));
    let mut own = notify();
    own["seccomp"]["listenerPath"] = "/own".into();
    assert_eq!(listener(&with(json!({"linux": own}))), Some(Path::new("/own")));
    // It is nobody's wish for this container: no warning.
    let quiet = with(json!({"linux": {"seccomp": seccomp("SCMP_ACT_ERRNO")}}));
    assert_eq!((listener(&quiet), quiet.warnings.len()), (None, 0));
}

#[test]
fn an_unknown_system_call_is_a_warning_or_an_error_at_its_place() {
    let profile = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["rmdir", "zz_call"], "action": "SCMP_ACT_ERRNO"},
        {"names": ["aa_call", "zz_call"], "action": "SCMP_ACT_ERRNO"}]});
    let found = plan(json!({"linux": {"seccomp": profile}})).unwrap();
    assert_eq!(found.warnings, ["linux.seccomp: unknown system calls are ignored: aa_call, zz_call"]);
    let fatal = json!({"run.oci.seccomp_fail_unknown_syscall": "1"});
    let result = plan(json!({"annotations": fatal, "linux": {"seccomp": profile}}));
    refused(result, "/linux/seccomp/syscalls/2/names/0", "unknown system call \"aa_call\"");
    let known = json!({"annotations": fatal, "linux": {"seccomp": seccomp("SCMP_ACT_ERRNO")}});
    assert!(plan(known).unwrap().warnings.is_empty());
}

#[test]
fn what_only_systemd_can_do_is_said() {
    let found = plan_on(
        &host(),
        json!({"annotations": {
            "run.oci.systemd.subgroup": "", "org.systemd.property.CollectMode": "'inactive'", "run.oci.pidfd_receiver": "/p"}}),
    );
    let said: Vec<String> = found.unwrap().asked.only_for_systemd().collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("run.oci.systemd.subgroup: no effect"), "{said:?}");
    assert!(said[1].starts_with("unit property CollectMode: no effect"), "{said:?}");
}
