//! Every form that containerd, docker, podman, buildah, BuildKit and CRI-O use is understood.

use super::{command, line, parse};
use std::path::Path;
use tare::cli::{CgroupManager, Command, ListFormat, LogFormat, LogLevel, MountsChange, Parsed, Rootless};

pub(super) const ENGINE_FORMS: &[&str] = &[
    // containerd, through go-runc
    "--root /run/containerd/runc/k8s.io --log /b/log.json --log-format json --systemd-cgroup create --bundle /b --pid-file /b/init.pid ID",
    "--root /r --debug --log /l --log-format json --rootless=true create --bundle /b --pid-file /p --console-socket /s ID",
    "--root /r create --bundle /b --pid-file /p --console-socket /s --pidfd-socket /f --no-pivot --no-new-keyring --detach --preserve-fds 2 ID",
    "--root /r --log /l --log-format json start ID",
    "--root /r --log /l --log-format json kill ID 15",
    "--root /r --log /l --log-format json kill --all ID 9",
    "--root /r --log /l --log-format json delete ID",
    "--root /r --log /l --log-format json delete --force ID",
    "--root /r state ID",
    "--root /r list --format=json",
    "features",
    "--root /r --log /l --log-format json exec --process /f --console-socket /s --detach --pid-file /p ID",
    "--root /r --log /l --log-format json exec --process /f --pidfd-socket /s --detach --pid-file /p ID",
    "--root /r --log /l --log-format json pause ID",
    "--root /r --log /l --log-format json resume ID",
    "--root /r ps --format json ID",
    "--root /r ps --format table ID -o pid,args",
    "--root /r update --resources=- ID",
    "--root /r events --stats ID",
    "--root /r events --interval=5s ID",
    "--root /r checkpoint --image-path /i --work-path /w --parent-path /o --tcp-established --ext-unix-sk --shell-job --file-locks --empty-ns network --leave-running ID",
    "--root /r checkpoint --image-path /i --page-server 1.2.3.4:5 --manage-cgroups-mode soft --lazy-pages --status-fd 3 --pre-dump ID",
    "--root /r restore --image-path /i --work-path /w --detach --pid-file /p --console-socket /s --no-pivot -no-subreaper --bundle /b ID",
    // conmon, for podman and CRI-O
    "--systemd-cgroup --root=/run/runc create --bundle /b --pid-file /p --no-pivot --no-new-keyring --preserve-fds 1 --console-socket /s ID",
    "--cgroup-manager disabled --log-format=json --log=/l create --bundle /b --pid-file /p ID",
    "exec --pid-file /p --process /f --detach --preserve-fds 2 --console-socket /s ID",
    "restore --bundle /b --pid-file /p --no-pivot --no-new-keyring --detach --image-path /i --work-path /b --tcp-established --tcp-close --file-locks --lsm-mount-context=x --lsm-profile=selinux:x --console-socket /s ID",
    // podman
    "checkpoint --help",
    "checkpoint --image-path /i --work-path /b --leave-running --leave-running --pre-dump --parent-path ../pre-checkpoint ID",
    "update --resources=/tmp/podman123 ID",
    "--cgroup-manager cgroupfs exec ID ls",
    "--root /run/crun kill ID 37",
    "kill -a ID 9",
    // checkpoint and restore, as go-runc, podman through conmon, and CRI-O write them
    "--root /r --log /l --log-format json checkpoint --image-path /i --work-path /w --parent-path ../p --tcp-established --ext-unix-sk --shell-job --file-locks --empty-ns network --leave-running ID",
    "checkpoint --image-path /i --work-path /w --page-server 192.0.2.1:27 --manage-cgroups-mode full --lazy-pages --status-fd 3 --pre-dump ID",
    "restore --image-path /i --work-path /w --parent-path ../p --detach --pid-file /b/init.pid --console-socket /s --no-pivot -no-subreaper --bundle /b ID",
    "checkpoint --image-path /i --work-path /b --leave-running --leave-running --tcp-established --file-locks --pre-dump --parent-path ../pre-checkpoint ID",
    "restore --bundle /b --pid-file /p --no-pivot --no-new-keyring --detach --image-path /i --work-path /b --tcp-established --tcp-close --file-locks --lsm-mount-context=x --lsm-profile=selinux:x --console-socket /s ID",
    // buildah
    "create --bundle /b --pid-file /p --no-new-keyring --no-pivot --console-socket /s NAME",
    "kill NAME SIGKILL",
    "kill NAME",
    "delete --force NAME",
    // CRI-O
    "exec --process /f ID",
    "update --resources - ID",
    "checkpoint --file-locks --image-path /i --work-path /w --leave-running ID",
    // BuildKit
    "exec --process /f --pid-file /p ID",
    "--log /l --log-format json run --bundle /b --no-pivot --keep ID",
    // both peers
    "run -b /b -d ID",
    "run ID --bundle /b --detach --no-subreaper",
    "create -f other.json ID",
    "delete -f -r web.*",
    "kill -a -r web.* TERM",
    "list -q -f table",
    "spec --rootless -b /b",
    "spec -f other.json",
    "--criu /usr/bin/criu list",
    "exec -t -e A=b -u 0:0 -g 5 --cwd / --cap CAP_SYS_ADMIN --no-new-privs --apparmor p --process-label l ID sh",
    "exec --cgroup /sub --cgroup cpu:/x --ignore-paused ID sh",
    "exec --tty=no -d=true ID sh",
    "update --memory -1 --memory-swap -1 --memory-reservation 64M --pids-limit -1 --cpu-quota -1 ID",
    "update --blkio-weight 10 --cpu-period 1 --cpu-burst 1 --cpu-share 2 --cpu-rt-period 1 --cpu-rt-runtime 1 ID",
    "update --cpuset-cpus 0-3 --cpuset-mems 0 --cpu-idle 1 --l3-cache-schema L3:0=f --mem-bw-schema MB:0=9 ID",
    "update --kernel-memory 1 --kernel-memory-tcp 1 -r /f ID",
    "checkpoint -R -P --network-lock nftables --tcp-skip-in-flight --link-remap --auto-dedup ID",
    "restore -b /b -d --keep --lazy-pages --auto-dedup --manage-cgroups-mode ignore ID",
    "mounts add ID /f",
    "mounts remove ID /f",
    "wait --json ID",
];

#[test]
fn every_form_of_the_engines_is_understood() {
    for form in ENGINE_FORMS {
        let is_help = form.ends_with("--help");
        let parsed = parse(form);
        let fits = if is_help {
            matches!(parsed, Ok(Parsed::Print(_)))
        } else {
            matches!(parsed, Ok(Parsed::Run(_)))
        };
        assert!(fits, "{form}: {parsed:?}");
    }
}

#[test]
fn the_options_of_create_arrive() {
    let Command::Create(create) = command(
        "create --bundle /b --pid-file p --console-socket /s --pidfd-socket=/f --no-pivot --no-new-keyring --preserve-fds=3 web1",
    ) else {
        panic!("not create")
    };
    let birth = create.birth;
    assert_eq!(birth.bundle.as_deref(), Some(Path::new("/b")));
    assert_eq!(birth.pid_file.as_deref(), Some(Path::new("p")));
    assert_eq!(birth.console_socket.as_deref(), Some(Path::new("/s")));
    assert_eq!(birth.pidfd_socket.as_deref(), Some(Path::new("/f")));
    assert!(birth.no_pivot && birth.no_new_keyring);
    assert_eq!((birth.preserve_fds, birth.id.as_str()), (3, "web1"));
}

#[test]
fn global_options_arrive() {
    let globals = line(
        "--root /r --log /l --log-format json --log-level warning --debug --cgroup-manager disabled --rootless auto list",
    )
    .globals;
    assert_eq!(globals.root.as_deref(), Some(Path::new("/r")));
    assert_eq!(globals.log.as_deref(), Some("/l"));
    assert_eq!(globals.log_format, LogFormat::Json);
    assert_eq!(globals.log_level, Some(LogLevel::Warning));
    assert!(globals.debug);
    assert_eq!(globals.manager(), CgroupManager::Disabled);
    assert_eq!(globals.rootless, Some(Rootless::Auto));
}

#[test]
fn global_options_are_accepted_after_the_command_too() {
    let after = line("delete web1 --root /r --log=/l --log-format json --debug -f").globals;
    assert_eq!(after.root.as_deref(), Some(Path::new("/r")));
    assert_eq!((after.log.as_deref(), after.log_format, after.debug), (Some("/l"), LogFormat::Json, true));
    let before = line("--log-format json --systemd-cgroup=true --root /r delete web1").globals;
    assert_eq!((before.log_format, before.systemd_cgroup), (LogFormat::Json, true));
    assert_eq!(before.root.as_deref(), Some(Path::new("/r")));
    assert_eq!(line("--root /a delete web1 --root /b").globals.root.as_deref(), Some(Path::new("/b")));
}

#[test]
fn systemd_cgroup_asks_for_the_systemd_manager() {
    assert_eq!(line("--systemd-cgroup list").globals.manager(), CgroupManager::Systemd);
    assert_eq!(line("--cgroup-manager=systemd list").globals.manager(), CgroupManager::Systemd);
    assert_eq!(line("list").globals.manager(), CgroupManager::Cgroupfs);
}

#[test]
fn options_are_accepted_before_and_after_the_id() {
    for form in ["kill --all web1 KILL", "kill web1 --all KILL", "kill web1 KILL --all", "kill web1 KILL -a"]
    {
        let Command::Kill(kill) = command(form) else { panic!("{form}") };
        assert_eq!((kill.id.as_str(), kill.signal.as_str(), kill.all), ("web1", "KILL", true), "{form}");
    }
    for form in ["delete -f web1", "delete web1 -f", "delete web1 --force"] {
        let Command::Delete(delete) = command(form) else { panic!("{form}") };
        assert!(delete.force && !delete.regex, "{form}");
    }
}

#[test]
fn short_options_can_stand_together() {
    let Command::Delete(delete) = command("delete -fr web.*") else { panic!() };
    assert!(delete.force && delete.regex);
}

#[test]
fn a_boolean_may_be_repeated() {
    let Command::Delete(delete) = command("delete --force --force web1") else { panic!() };
    assert!(delete.force);
    assert!(line("--debug --debug --systemd-cgroup --systemd-cgroup list").globals.systemd_cgroup);
}

#[test]
fn of_a_repeated_value_the_last_one_counts() {
    assert_eq!(line("--root /a --root /b list").globals.root.as_deref(), Some(Path::new("/b")));
}

#[test]
fn booleans_take_the_values_of_go() {
    for (word, value) in
        [("true", true), ("1", true), ("T", true), ("false", false), ("0", false), ("FALSE", false)]
    {
        let form = format!("--systemd-cgroup={word} delete --force={word} -f={word} web1");
        let line = line(&form);
        assert_eq!(line.globals.systemd_cgroup, value, "{form}");
        let Some(Command::Delete(delete)) = line.command else { panic!("{form}") };
        assert_eq!(delete.force, value, "{form}");
    }
}

#[test]
fn plain_booleans_still_work_beside_one_with_a_value() {
    let line = line("--systemd-cgroup=false delete -fr web.*");
    let Some(Command::Delete(delete)) = line.command else { panic!() };
    assert!(!line.globals.systemd_cgroup && delete.force && delete.regex);
}

#[test]
fn long_options_may_have_one_dash() {
    let line = line("-root=/r -debug run -no-subreaper -bundle /b web1");
    assert!(line.globals.debug);
    assert_eq!(line.globals.root.as_deref(), Some(Path::new("/r")));
    let Some(Command::Run(run)) = line.command else { panic!() };
    assert!(run.no_subreaper);
    assert_eq!(run.birth.bundle.as_deref(), Some(Path::new("/b")));
}

#[test]
fn rootless_takes_its_value_in_three_ways() {
    assert_eq!(line("--rootless=false list").globals.rootless, Some(Rootless::No));
    assert_eq!(line("--rootless true list").globals.rootless, Some(Rootless::Yes));
    assert_eq!(line("--rootless list").globals.rootless, Some(Rootless::Yes));
}

#[test]
fn rootless_of_spec_is_a_plain_boolean() {
    let line = line("spec --rootless");
    assert_eq!(line.globals.rootless, None);
    let Some(Command::Spec(spec)) = line.command else { panic!() };
    assert!(spec.rootless);
}

#[test]
fn kill_sends_term_by_default() {
    let Command::Kill(kill) = command("kill web1") else { panic!() };
    assert_eq!(kill.signal, "TERM");
}

#[test]
fn list_formats_are_table_and_json() {
    let format = |form| match command(form) {
        Command::List(list) => list.format,
        other => panic!("{other:?}"),
    };
    assert_eq!(format("list"), ListFormat::Table);
    assert_eq!(format("list -f json"), ListFormat::Json);
}

#[test]
fn the_version_is_asked_for_in_three_ways() {
    for form in ["-v", "-V", "--version"] {
        assert!(line(form).globals.version, "{form}");
    }
}

#[test]
fn help_shows_booleans_without_a_value() {
    let Ok(Parsed::Print(text)) = parse("delete --help") else { panic!() };
    assert!(text.contains("-f, --force  "), "{text}");
}

#[test]
fn wait_and_mounts_have_their_arguments() {
    let Command::Wait(wait) = command("wait --timeout=1m30s --json web1") else { panic!("wait") };
    assert_eq!((wait.timeout.map(|limit| limit.0.as_secs()), wait.json), (Some(90), true));
    let Command::Mounts(mounts) = command("mounts remove web1 -") else { panic!("mounts") };
    let MountsChange::Remove(of) = &mounts.change else { panic!("{mounts:?}") };
    assert_eq!((of.id.as_str(), of.file.to_str()), ("web1", Some("-")));
}

#[test]
fn sockets_of_an_activation_are_counted_if_they_are_meant_for_us() {
    let count = |fds: Option<&str>, pid: Option<&str>| {
        tare::cli::listen_fds(fds.map(str::to_owned), pid.map(str::to_owned), 42)
    };
    assert_eq!(count(Some("2"), Some("42")), Some(2));
    assert_eq!(count(Some("2"), None), Some(2), "an engine may not know our pid");
    for (fds, pid) in
        [(Some("2"), Some("41")), (Some("2"), Some("")), (Some("2"), Some("x")), (None, Some("42"))]
    {
        assert_eq!(count(fds, pid), None, "{fds:?} {pid:?}");
    }
    assert_eq!((count(Some("0"), None), count(Some("-1"), None)), (None, None));
}

#[test]
fn a_time_may_have_a_fraction() {
    let time = |word: &str| word.parse::<tare::cli::Interval>().map(|time| time.0.as_millis());
    assert_eq!(time("0.5s"), Ok(500));
    assert_eq!(time("1.25s"), Ok(1250));
    assert_eq!(time("1m0.5s"), Ok(60_500));
    assert!(time("0.0s").is_err() && time(".").is_err() && time("1.5").is_err());
}
