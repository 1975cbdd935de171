//! Flags -> options of CRIU.

use crate::fixture::{namespaces, plan};
use crate::state::Folder;
use serde_json::json;
use std::path::{Path, PathBuf};
use tare::cli::{CgroupsMode, Checkpoint, Criu, NetworkLock, Restore};
use tare::criu::images::Images;
use tare::criu::messages::{CgMode, Options, PageServer};
use tare::criu::options::*;

fn refused(args: &Checkpoint, words: &str) {
    let conflict = check_dump(args).expect_err(words);
    assert!(conflict.problem.contains(words), "{}", conflict.problem);
}

#[test]
fn flags_that_do_nothing_alone_are_refused() {
    let lazy = Criu { lazy_pages: true, ..Criu::default() };
    refused(&Checkpoint { status_fd: Some(3), ..Checkpoint::default() }, "--status-fd");
    refused(&Checkpoint { criu: lazy.clone(), ..Checkpoint::default() }, "--lazy-pages needs an address");
    let server = Some("127.0.0.1:27".to_string());
    refused(
        &Checkpoint { criu: lazy, pre_dump: true, page_server: server, ..Checkpoint::default() },
        "--pre-dump",
    );
    let dedup = Criu { auto_dedup: true, ..Criu::default() };
    refused(&Checkpoint { criu: dedup, ..Checkpoint::default() }, "--auto-dedup");
    refused(&Checkpoint { parent_path: Some("/a".into()), ..Checkpoint::default() }, "must be relative");
}

#[test]
fn a_page_server_is_an_address_and_a_port() {
    for text in ["", "1.2.3.4", ":27", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "[::1]"] {
        refused(
            &Checkpoint { page_server: Some(text.into()), ..Checkpoint::default() },
            "must be ADDRESS:PORT",
        );
    }
    for (text, address, port) in [("1.2.3.4:27", "1.2.3.4", 27), ("[::1]:9", "::1", 9), ("host:9", "host", 9)]
    {
        let options = dump(&Checkpoint { page_server: Some(text.into()), ..Checkpoint::default() });
        assert_eq!(options.ps, Some(PageServer { address: Some(address.into()), port: Some(port) }));
    }
}

#[test]
fn opposites_are_refused_at_a_restore() {
    let established = Criu { tcp_established: true, ..Criu::default() };
    let strict = Criu { manage_cgroups_mode: Some(CgroupsMode::Strict), ..Criu::default() };
    let cases = [
        Restore { criu: established, tcp_close: true, ..Restore::default() },
        Restore { criu: strict, ..Restore::default() },
        Restore { lsm_profile: Some("container_t".into()), ..Restore::default() },
        Restore { lsm_profile: Some("selinux:".into()), ..Restore::default() },
    ];
    cases.iter().for_each(|args| assert!(check_restore(args).is_err(), "{args:?}"));
    check_restore(&Restore { lsm_profile: Some("selinux:a:b:c:s0".into()), ..Restore::default() }).unwrap();
}

fn given<T>(work: impl FnOnce(Given<'_>) -> T) -> T {
    let folder = Folder::new();
    let images = Images::make(&folder.path().join("a/b"), None).unwrap();
    let plan = plan(json!({})).unwrap();
    work(Given {
        images: &images,
        root: Path::new("/r"),
        namespaces: &plan.namespaces,
        has_cgroups: true,
        config_file: None,
        mounts: Vec::new(),
    })
}

fn dump(args: &Checkpoint) -> Options {
    given(|given| for_dump(args, given, 7, Some("/sys/fs/cgroup/x".into()), Vec::new()))
}

#[test]
fn a_dump_says_what_was_asked_and_no_more() {
    let options = dump(&Checkpoint::default());
    assert_eq!((options.pid, options.leave_running, options.track_mem), (Some(7), None, None));
    assert_eq!((options.log_level, options.log_file.as_deref()), (Some(4), Some("dump.log")));
    assert_eq!(options.freeze_cgroup.as_deref(), Some("/sys/fs/cgroup/x"));
    assert_eq!(options.manage_cgroups_mode, Some(CgMode::Soft as i32));
    let all = Checkpoint {
        criu: Criu {
            tcp_established: true,
            ext_unix_sk: true,
            shell_job: true,
            file_locks: true,
            auto_dedup: true,
            manage_cgroups_mode: Some(CgroupsMode::Full),
            ..Criu::default()
        },
        parent_path: Some("../p".into()),
        leave_running: true,
        tcp_skip_in_flight: true,
        link_remap: true,
        network_lock: Some(NetworkLock::Skip),
        ..Checkpoint::default()
    };
    let options = dump(&all);
    let flags = [
        options.tcp_established,
        options.ext_unix_sk,
        options.shell_job,
        options.file_locks,
        options.auto_dedup,
        options.leave_running,
        options.tcp_skip_in_flight,
        options.link_remap,
        options.track_mem,
    ];
    assert_eq!(flags, [Some(true); 9]);
    assert_eq!((options.parent_img.as_deref(), options.network_lock), (Some("../p"), Some(3)));
    assert_eq!(options.manage_cgroups_mode, Some(CgMode::Full as i32));
}

#[test]
fn a_pre_dump_tracks_memory_and_leaves_the_container_running() {
    let options = dump(&Checkpoint { pre_dump: true, ..Checkpoint::default() });
    assert_eq!((options.track_mem, options.leave_running), (Some(true), Some(true)));
}

#[test]
fn a_network_namespace_is_saved_empty_only_if_it_is_the_containers_own() {
    const NEWNET: u32 = 0x4000_0000;
    assert_eq!(dump(&Checkpoint::default()).empty_ns, Some(NEWNET));
    let folder = Folder::new();
    let images = Images::make(folder.path(), None).unwrap();
    let plan = plan(json!({"linux": {"namespaces": namespaces(&["mount", "pid"])}})).unwrap();
    let given = Given {
        images: &images,
        root: Path::new("/r"),
        namespaces: &plan.namespaces,
        has_cgroups: false,
        config_file: Some("/etc/criu/x.conf".into()),
        mounts: Vec::new(),
    };
    let options = for_restore(&Restore { tcp_close: true, ..Restore::default() }, given);
    assert_eq!((options.empty_ns, options.rst_sibling, options.tcp_close), (None, Some(true), Some(true)));
    // Without groups of its own there is nothing for CRIU to manage.
    assert_eq!((options.manage_cgroups, options.manage_cgroups_mode), (Some(false), Some(0)));
    assert_eq!(options.config_file.as_deref(), Some("/etc/criu/x.conf"));
}

#[test]
fn an_old_criu_is_refused_by_what_needs_a_newer_one() {
    let lock = Checkpoint { network_lock: Some(NetworkLock::Nftables), ..Checkpoint::default() };
    check_version(31_500, &needs_to_dump(&Checkpoint::default())).unwrap();
    check_version(40_201, &needs_to_dump(&lock)).unwrap();
    let refused = check_version(31_600, &needs_to_dump(&lock)).unwrap_err();
    assert_eq!(refused.problem, "--network-lock needs CRIU 3.17.0, this one is 3.16.0");
    let context = Restore { lsm_mount_context: Some("x".into()), ..Restore::default() };
    assert!(check_version(31_599, &needs_to_restore(&context)).is_err());
}

#[test]
fn each_controller_has_its_root() {
    let lines = [("cpu,cpuacct".to_string(), PathBuf::from("/a")), (String::new(), PathBuf::from("/b"))];
    let roots = cgroup_roots(&lines);
    let roots: Vec<_> = roots.iter().map(|r| (r.ctrl.as_deref().unwrap(), r.path.as_str())).collect();
    assert_eq!(roots, [("cpu", "/a"), ("cpuacct", "/a"), ("", "/b")]);
}
