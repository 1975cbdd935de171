//! src/hook.rs: real programs.

use crate::state::Folder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};
use tare::hook::{Beside, Failed, Files, Place, Reason, Run, state_json};
use tare::plan::hooks::{Hook, Output};
use tare::sys::SysError;
use tare::sys::fd::{Wanted, poll_some_until};
use tare::sys::process::Ended;

fn shell(script: &str) -> Hook {
    let args = ["sh", "-c", script].map(str::to_string).to_vec();
    Hook {
        path: "/bin/sh".to_string(),
        args,
        env: Some(vec!["PATH=/usr/bin:/bin".to_string()]),
        timeout_s: None,
    }
}

fn run_with(hook: &Hook, state: &str, dir: Option<&Path>) -> Result<(), Failed> {
    let files = &Files::default();
    Run { hook, moment: "createRuntime", index: 1, state, place: Place::Runtime, dir, files }.run()
}

fn run(hook: &Hook) -> Result<(), Failed> {
    run_with(hook, "{}", None)
}

/// What a script prints: it is kept for the message of a failure.
#[track_caller]
fn output(hook: &Hook) -> String {
    run(hook).expect_err("scripts of this test end with a failure").output
}

#[test]
fn a_hook_that_ends_well_is_silent() {
    run(&shell("echo out; echo err >&2")).unwrap();
}

#[test]
fn a_failure_has_kind_index_path_status_and_output() {
    let failed = run(&shell("echo out; echo err >&2; exit 3")).unwrap_err();
    assert!(matches!(failed.reason, Reason::Ended(Ended::Exited(3), _)));
    let text = failed.to_string();
    assert!(text.starts_with("createRuntime hook #1 /bin/sh: exit status 3 after 0."), "{text}");
    assert!(text.ends_with(", output: out | err"), "{text}");
}

#[test]
fn an_end_by_signal_is_said() {
    let failed = run(&shell("kill -9 $$")).unwrap_err();
    assert!(failed.to_string().contains("ended by signal 9 after "), "{failed}");
}

#[test]
fn the_state_is_on_standard_input() {
    let state = format!("{{\"id\":\"web1\",\"pad\":\"{}\"}}", "x".repeat(200_000));
    let script = "n=$(wc -c); [ \"$n\" = 200022 ] || { echo $n; exit 1; }";
    run_with(&shell(script), &state, None).unwrap();
}

#[test]
fn a_hook_need_not_read_its_state() {
    run_with(&shell("exec 0<&-; exit 0"), &"x".repeat(500_000), None).unwrap();
}

#[test]
fn arguments_are_verbatim_and_the_first_is_argv_0() {
    let mut hook = shell("");
    hook.args =
        ["other-name", "-c", "echo \"$0|$1|$2\"; exit 1", "a b", "", "$x"].map(str::to_string).to_vec();
    assert_eq!(output(&hook), "a b||$x\n");
    hook.args = vec![
        "other-name".to_string(),
        "-c".to_string(),
        "tr '\\0' '|' </proc/$$/cmdline; exit 1".to_string(),
    ];
    assert!(output(&hook).starts_with("other-name|-c|"));
}

#[test]
fn without_arguments_argv_is_the_path() {
    let hook = Hook { path: "/bin/true".to_string(), args: Vec::new(), env: None, timeout_s: None };
    run(&hook).unwrap();
}

#[test]
fn the_environment_is_exactly_the_given_one() {
    let mut hook = shell("tr '\\0' '|' </proc/$$/environ; exit 1");
    hook.env = Some(["B=1", "A=2", "B=3", "PATH=/usr/bin:/bin"].map(str::to_string).to_vec());
    assert_eq!(output(&hook), "B=1|A=2|B=3|PATH=/usr/bin:/bin|");
}

#[test]
fn an_empty_environment_is_empty() {
    let mut hook = shell("/usr/bin/tr '\\0' '|' </proc/$$/environ; exit 1");
    hook.env = Some(Vec::new());
    assert_eq!(output(&hook), "");
}

#[test]
fn without_env_the_place_decides() {
    let mut hook = shell("/usr/bin/tr '\\0' '\\n' </proc/$$/environ; exit 1");
    hook.env = None;
    let files = &Files::default();
    let run =
        |place| Run { hook: &hook, moment: "poststop", index: 0, state: "{}", place, dir: None, files }.run();
    let ours = std::env::var("PATH").unwrap();
    let seen = run(Place::Runtime).unwrap_err().output;
    assert!(seen.lines().any(|line| line == format!("PATH={ours}")), "{seen}");
    assert_eq!(run(Place::Container).unwrap_err().output, "", "CVE-2025-23266");
}

#[test]
fn a_hook_gets_three_descriptors_and_no_more() {
    // A descriptor that is not close-on-exec, as a careless caller leaves them.
    let leak = std::fs::File::open("/dev/null").unwrap();
    tare::sys::fd::set_cloexec(leak.as_raw_fd(), tare::sys::fd::OnExec::Keep).unwrap();
    let seen = output(&shell("cd /proc/self/fd && echo *; exit 1"));
    // The shell's glob opens the folder itself, as the next number.
    assert!(["0 1 2 3\n", "0 1 2\n"].contains(&seen.as_str()), "{seen}");
}

#[test]
fn a_hook_that_ignores_sigchld_or_blocks_signals_inherits_nothing() {
    let seen = output(&shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; exit 1"));
    for line in seen.lines() {
        assert!(line.ends_with("0000000000000000"), "{seen}");
    }
    assert_eq!(seen.lines().count(), 2);
}

#[test]
fn the_timeout_kills_the_whole_group() {
    let folder = Folder::new();
    let file = folder.path().join("pid");
    let mut hook = shell(&format!("sleep 60 & echo $! >{}; echo waiting; wait", file.display()));
    hook.timeout_s = Some(1);
    let begin = Instant::now();
    let failed = run(&hook).unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(8));
    assert_eq!(failed.reason, Reason::Timeout(1));
    assert_eq!(failed.output, "waiting\n");
    assert!(failed.to_string().contains("ran past its timeout of 1 s"), "{failed}");
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let dead = |_: &i32| tare::sys::pidfd::stat(pid).unwrap().is_none_or(|stat| stat.is_dead());
    assert!(
        (0..200).inspect(|_| std::thread::sleep(Duration::from_millis(10))).any(|n| dead(&n)),
        "{pid} lives on"
    );
}

/// Waits until one of them has something to read.
fn wait_for<'a>(
    fds: impl IntoIterator<Item = BorrowedFd<'a>>,
    end: Option<Instant>,
) -> Result<Vec<bool>, SysError> {
    let all: Vec<_> = fds.into_iter().map(|fd| Some((fd, Wanted::Read))).collect();
    poll_some_until(&all, end)
}

/// Runs a script beside a pipe in which something lies, and counts the looks.
fn run_beside(script: &str, answer: Option<i32>) -> (Result<(), Failed>, u32) {
    let (read, mut write) = std::io::pipe().unwrap();
    write.write_all(b"x").unwrap();
    let looks = std::cell::Cell::new(0);
    let look = || {
        if !wait_for([read.as_fd()], Some(Instant::now()))?.contains(&true) {
            return Ok(None);
        }
        looks.set(looks.get() + 1);
        let mut byte = [0u8];
        (&read).read_exact(&mut byte).unwrap();
        Ok(answer)
    };
    let wait = |hook: &[BorrowedFd<'_>], end| wait_for(hook.iter().copied().chain([read.as_fd()]), end);
    let beside = Some(Beside { wait: &wait, look: &look });
    let hook = shell(script);
    let (place, files) = (Place::Runtime, Files::default());
    let run =
        Run { hook: &hook, moment: "createRuntime", index: 0, state: "{}", place, dir: None, files: &files };
    (run.run_beside(beside), looks.get())
}

#[test]
fn what_is_looked_at_beside_a_hook_does_not_disturb_it() {
    let (done, looks) = run_beside("sleep 0.2", None);
    done.unwrap();
    assert_eq!(looks, 1);
}

#[test]
fn a_signal_that_asks_to_end_kills_the_hook_and_all_that_it_started() {
    let folder = Folder::new();
    let file = folder.path().join("pid");
    let begin = Instant::now();
    let script = format!("trap '' TERM; sleep 60 & echo $! >{}; echo said; sleep 60", file.display());
    let (done, _) = run_beside(&script, Some(15));
    let failed = done.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(8));
    assert_eq!(failed.reason, Reason::Interrupted(15));
    assert!(failed.to_string().contains("killed because of signal 15 to tare"), "{failed}");
}

#[test]
fn a_hook_that_cannot_be_watched_any_more_does_not_live_on() {
    let folder = Folder::new();
    let file = folder.path().join("pid");
    let hook = shell(&format!("echo $$ >{}; echo said; sleep 60", file.display()));
    let look = || Err(SysError::new("read", "signalfd", 5));
    let wait = |hook: &[BorrowedFd<'_>], end| wait_for(hook.iter().copied(), end);
    let (place, files) = (Place::Runtime, Files::default());
    let run =
        Run { hook: &hook, moment: "createRuntime", index: 0, state: "{}", place, dir: None, files: &files };
    let failed = run.run_beside(Some(Beside { wait: &wait, look: &look })).unwrap_err();
    assert!(failed.to_string().contains("read signalfd"), "{failed}");
    assert_eq!(failed.output, "said\n");
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert_eq!(tare::sys::pidfd::stat(pid).unwrap(), None, "{pid} lives on, or was not reaped");
}

#[test]
fn an_end_by_a_real_time_signal_is_said() {
    let failed = run(&shell("kill -34 $$")).unwrap_err();
    assert!(failed.to_string().contains("ended by signal 34 after "), "{failed}");
}

#[test]
fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
    let begin = Instant::now();
    run(&shell("sleep 5 & exit 0")).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[test]
fn only_the_end_of_a_long_output_is_kept() {
    let seen = output(&shell("i=0; while [ $i -lt 20000 ]; do echo line$i; i=$((i+1)); done; exit 1"));
    assert!(seen.len() <= 4096 && seen.ends_with("line19999\n"), "{} bytes", seen.len());
}

#[test]
fn a_program_that_is_not_there_is_named_with_the_reason() {
    let mut hook = shell("");
    hook.path = "/no/such/hook".to_string();
    let failed = run(&hook).unwrap_err();
    assert_eq!(
        failed.to_string(),
        "createRuntime hook #1 /no/such/hook: execve /no/such/hook: no such file or directory (ENOENT)"
    );
    hook.path = "/etc/passwd".to_string();
    assert!(run(&hook).unwrap_err().to_string().ends_with("permission denied (EACCES)"));
}

#[test]
fn a_folder_to_start_in_that_is_not_there_is_named() {
    let failed = run_with(&shell("true"), "{}", Some(Path::new("/no/such"))).unwrap_err();
    assert!(failed.to_string().contains("chdir /no/such: no such file or directory"), "{failed}");
    let failed = run_with(&shell("pwd; exit 1"), "{}", Some(Path::new("/usr"))).unwrap_err();
    assert_eq!(failed.output, "/usr\n");
}

#[test]
fn the_state_has_what_the_specification_asks_for() {
    let annotations = BTreeMap::from([("k".to_string(), "v".to_string())]);
    let state = state_json("web1", "created", 42, Path::new("/b"), &annotations);
    let value: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"ociVersion": "1.3.0", "id": "web1", "status": "created", "pid": 42, "bundle": "/b",
            "annotations": {"k": "v"}})
    );
    let stopped: serde_json::Value =
        serde_json::from_str(&state_json("web1", "stopped", 0, Path::new("/b"), &BTreeMap::new())).unwrap();
    assert_eq!((stopped.get("pid"), stopped.get("annotations")), (None, None));
}

/// Runs a script that writes to both streams, with the files `wanted`; gives the failure's output.
fn run_with_files(wanted: &Output) -> String {
    let hook = shell("echo out; echo err >&2; exit 1");
    let files = &Files::open(wanted).unwrap();
    let run = Run {
        hook: &hook,
        moment: "prestart",
        index: 0,
        state: "{}",
        place: Place::Runtime,
        dir: None,
        files,
    };
    run.run().expect_err("it ends with 1").output
}

#[test]
fn output_is_appended_to_the_files_and_the_rest_is_kept() {
    let folder = Folder::new();
    let path = |name: &str| Some(folder.path().join(name));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let stdout_only = Output { stdout: path("log"), stderr: None };
    assert_eq!(run_with_files(&stdout_only), "err\n");
    assert_eq!(run_with_files(&Output { stdout: path("log"), stderr: path("errors") }), "");
    assert_eq!((read("log").as_str(), read("errors").as_str()), ("out\nout\n", "err\n"));
    assert_eq!(run_with_files(&Output { stdout: path("both"), stderr: path("both") }), "");
    assert_eq!(read("both"), "out\nerr\n");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(folder.path().join("log").metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_for_output_is_a_regular_file_or_a_device_and_no_link() {
    let folder = Folder::new();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    std::os::unix::fs::symlink("target", folder.path().join("link")).unwrap();
    let open = |path: &Path| Files::open(&Output { stdout: Some(path.to_owned()), stderr: None });
    for name in ["fifo", "link", ".", "missing/file"] {
        open(&folder.path().join(name)).expect_err(name);
    }
    open(Path::new("/")).expect_err("/");
    assert!(!folder.path().join("target").exists());
    // A FIFO with a reader can be opened, and must be refused all the same.
    let reader = std::fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    assert!(open(&fifo).unwrap_err().to_string().contains("must be a regular file"));
    drop(reader);
    open(Path::new("/dev/null")).unwrap();
}
