//! src/cmd/ps.rs and src/capture.rs: which lines of ps(1) are the container's, and a program with a deadline.

use crate::state::{Folder, write};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tare::capture::{Captured, Invocation, capture};
use tare::cmd::{lines_of, without_group};
use tare::sys::process::Ended;
use tare::sys::processes::{Process, all_in};

fn pids(list: &[i32]) -> BTreeSet<i32> {
    list.iter().copied().collect()
}

#[test]
fn the_title_and_the_lines_of_the_containers_pids_are_kept() {
    let output = "\
UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 05:40 ?        00:00:00 init 77
root          77       1  0 05:40 ?        00:00:00 sleep 1
root         177       1  0 05:40 ?        00:00:00 sleep 2
";
    let seen = lines_of(output, &pids(&[77])).unwrap();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(seen, format!("{}\n{}\n", lines[0], lines[2]));
    assert_eq!(lines_of(output, &pids(&[])).unwrap(), format!("{}\n", lines[0]));
}

#[test]
fn columns_with_spaces_before_the_pid_do_not_confuse() {
    let output = "                 STARTED COMMAND                         PID
Tue Nov 24 05:40:05 2026 sleep 2026                      812
Tue Nov 24 05:40:05 2026 sleep 812                       900
";
    let seen = lines_of(output, &pids(&[812])).unwrap();
    assert_eq!(seen.lines().count(), 2, "{seen}");
    assert!(seen.ends_with("812\n"));
}

#[test]
fn a_long_word_before_the_pid_moves_it() {
    let output = "USER         PID CMD\na-very-long-user-name 812 sleep\nroot         900 other\n";
    assert_eq!(
        lines_of(output, &pids(&[812])).unwrap().lines().nth(1).unwrap().split(' ').nth(1),
        Some("812")
    );
    // As short as BusyBox writes it.
    assert_eq!(
        lines_of("PID   USER\n    1 root\n   12 root\n", &pids(&[12])).unwrap(),
        "PID   USER\n   12 root\n"
    );
}

#[test]
fn a_parents_pid_is_not_the_pid() {
    let output = "   PPID     PID CMD\n     12     900 a\n    900      12 b\n";
    assert_eq!(lines_of(output, &pids(&[12])).unwrap(), "   PPID     PID CMD\n    900      12 b\n");
}

#[test]
fn without_a_column_there_is_no_answer() {
    for output in ["", "TTY CMD\n? sleep\n", "PPID CMD\n12 a\n", "12 a\n"] {
        assert_eq!(lines_of(output, &pids(&[12])), None, "{output}");
    }
}

#[test]
fn without_a_group_the_namespace_and_the_descent_tell() {
    let process = |pid, parent| Process { pid, parent, uid: 0, name: String::new() };
    // 10 is the first process; 30 came in by exec, and 31 is its child in a namespace below.
    let all =
        [process(1, 0), process(31, 30), process(10, 1), process(12, 11), process(11, 10), process(30, 1)];
    assert_eq!(without_group(&all, 10, |_| false), [10, 11, 12]);
    assert_eq!(without_group(&all, 10, |pid| pid == 30), [10, 11, 12, 30, 31]);
}

#[test]
fn processes_are_read_from_their_status() {
    let folder = Folder::new();
    for (pid, text) in [
        ("7", "Name:\ta b\nPPid:\t1\nUid:\t1\t2\t3\t4\n"),
        ("3", "Name:\tx\\n\nPPid:\t0\nUid:\t0\t0\t0\t0\n"),
    ] {
        std::fs::create_dir(folder.path().join(pid)).unwrap();
        write(&folder.path().join(pid).join("status"), text);
    }
    // What is no process, and one that has just ended.
    std::fs::create_dir(folder.path().join("sys")).unwrap();
    std::fs::create_dir(folder.path().join("9")).unwrap();
    let all = all_in(folder.path()).unwrap();
    assert_eq!(all.iter().map(|p| (p.pid, p.parent, p.uid)).collect::<Vec<_>>(), [(3, 0, 0), (7, 1, 2)]);
    assert_eq!(all[1].name, "a b");
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("ps");
    write(&path, &format!("#!/bin/sh\n{text}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    #[allow(clippy::disallowed_methods, reason = "a program of a test")]
    std::fs::set_permissions(&path, mode).unwrap();
    path
}

fn run(text: &str, args: &[&str], limit_ms: u64, limit_bytes: usize) -> Captured {
    let folder = Folder::new();
    let path = script(folder.path(), text);
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_string()).collect();
    let limit = Duration::from_millis(limit_ms);
    capture(&Invocation { path: &path, args: &args, limit, limit_bytes, interrupt: None }).unwrap()
}

#[test]
fn output_and_errors_are_kept_apart_and_input_is_empty() {
    let seen = run("cat; echo \"$1|$2\"; echo bad >&2; exit 3", &["a b", ""], 10_000, 1000);
    let (output, errors) = ("a b|\n".to_string(), "bad\n".to_string());
    assert_eq!(seen, Captured::Ended { ended: Ended::Exited(3), output, errors });
}

#[test]
fn what_hangs_is_killed_when_its_time_is_up_with_its_children() {
    let start = Instant::now();
    let folder = Folder::new();
    let child = folder.path().join("child");
    let text = format!("trap '' TERM INT HUP; sleep 1000 & echo $! >{}; wait; sleep 1000", child.display());
    assert_eq!(run(&text, &[], 300, 1000), Captured::TooLong);
    assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < Duration::from_secs(5));
    let pid: i32 = std::fs::read_to_string(child).unwrap().trim().parse().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    let state = tare::sys::pidfd::stat(pid).unwrap();
    assert!(state.is_none_or(|stat| stat.is_dead()), "the child lives: {state:?}");
}

#[test]
fn too_much_output_is_cut_off() {
    assert_eq!(run("while :; do echo 0123456789; done", &[], 10_000, 100_000), Captured::TooMuch);
    // Errors are read, but not kept.
    match run("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done", &[], 10_000, 1000) {
        Captured::Ended { ended: Ended::Exited(0), output, errors } => {
            assert_eq!((output.as_str(), errors.len()), ("done\n", 4096));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_executed_is_an_error_that_names_it() {
    let path = Path::new("/nowhere/ps");
    let limit = Duration::from_secs(1);
    let error = capture(&Invocation { path, args: &[], limit, limit_bytes: 1, interrupt: None })
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("execve /nowhere/ps: no such file"), "{error}");
}
