//! The program itself, on containers whose record the test wrote: a real process, but no namespaces and no cgroups.

use crate::state::{Folder, write};
use std::fs::read_to_string;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tare::state::{Phase, Record, identify};

struct World {
    folder: Folder,
    children: Vec<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "programs of a test")]
fn program(path: &str) -> Command {
    Command::new(path)
}

impl World {
    fn new() -> World {
        let world = World { folder: Folder::new(), children: Vec::new() };
        std::fs::create_dir(world.root()).unwrap();
        world
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A container whose first process is a sleeping child of the test.
    fn container(&mut self, id: &str, phase: Phase) -> Record {
        let child = program("sleep").arg("100").stdin(Stdio::null()).spawn().unwrap();
        let mut record = Record::new(id);
        record.phase = phase;
        record.private_pids = true;
        record.bundle = "/b".into();
        record.init = Some(identify(child.id() as i32).unwrap());
        self.children.push(child);
        self.record(&record);
        record
    }

    fn record(&self, record: &Record) {
        let folder = self.root().join(&record.id);
        let _ = std::fs::create_dir(&folder);
        write(&folder.join("state.json"), &String::from_utf8(record.to_json().unwrap()).unwrap());
    }

    fn tare(&self, args: &[&str]) -> Output {
        program(env!("CARGO_BIN_EXE_tare")).arg("--root").arg(self.root()).args(args).output().unwrap()
    }

    /// Succeeds without a word on stderr; gives stdout.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let output = self.tare(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ends with code 1, nothing on stdout and one line on stderr; gives that.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let output = self.tare(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(error.starts_with("tare: ") && error.matches('\n').count() == 1, "{args:?}: {error}");
        error
    }

    fn status(&self, id: &str) -> String {
        let state: serde_json::Value = serde_json::from_str(&self.ok(&["state", id])).unwrap();
        state["status"].as_str().unwrap().to_string()
    }

    fn there(&self, id: &str) -> bool {
        self.root().join(id).exists()
    }
}

#[test]
fn a_running_container_is_killed_and_then_deleted() {
    let mut world = World::new();
    world.container("web1", Phase::Running);
    assert_eq!(world.status("web1"), "running");
    let error = world.refused(&["delete", "web1"]);
    assert!(error.contains("cannot delete container web1 that is not stopped: running"), "{error}");
    world.ok(&["kill", "web1", "0"]);
    assert_eq!(world.status("web1"), "running", "signal 0 only asks");
    world.ok(&["kill", "web1", "KILL"]);
    let _ = world.children[0].wait();
    assert_eq!(world.status("web1"), "stopped");
    assert!(world.refused(&["kill", "web1"]).contains("container not running"));
    world.ok(&["kill", "--all", "web1", "9"]);
    world.ok(&["delete", "web1"]);
    assert!(!world.there("web1"));
}

#[test]
fn delete_force_kills_and_can_be_repeated() {
    let mut world = World::new();
    world.container("web1", Phase::Running);
    world.ok(&["delete", "--force", "web1"]);
    assert!(world.children[0].wait().unwrap().code().is_none(), "ended by a signal");
    world.ok(&["delete", "-f", "web1"]);
    assert!(world.refused(&["delete", "web1"]).contains("container does not exist"));
}

#[test]
fn a_created_container_is_deleted_without_force() {
    let mut world = World::new();
    world.container("web1", Phase::Created);
    write(&world.root().join("web1/gate"), "");
    assert_eq!(world.status("web1"), "created");
    world.ok(&["delete", "web1"]);
    assert!(!world.there("web1"));
}

#[test]
fn a_pid_that_was_taken_over_by_another_process_is_never_signalled() {
    let mut world = World::new();
    let mut record = world.container("web1", Phase::Running);
    record.init.as_mut().unwrap().start_time -= 1;
    world.record(&record);
    assert_eq!(world.status("web1"), "stopped");
    assert!(world.refused(&["kill", "web1", "KILL"]).contains("container not running"));
    world.ok(&["delete", "--force", "web1"]);
    assert!(world.children[0].try_wait().unwrap().is_none(), "the other process lives on");
}

#[test]
fn poststop_hooks_run_once_and_their_failure_is_a_warning() {
    let mut world = World::new();
    let mut record = world.container("web1", Phase::Running);
    let seen = world.folder.path().join("seen");
    let script = format!("cat >>{}; echo oops; exit 3", seen.display());
    let hook =
        serde_json::json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]});
    record.poststop = vec![serde_json::from_value(hook).unwrap()];
    world.record(&record);
    let output = world.tare(&["delete", "-f", "web1"]);
    assert!(output.status.success());
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(warning.contains("poststop hook #0 /bin/sh: exit status 3"), "{warning}");
    let state: serde_json::Value = serde_json::from_str(&read_to_string(&seen).unwrap()).unwrap();
    assert_eq!((&state["id"], &state["status"]), (&"web1".into(), &"stopped".into()));
    assert!(!world.there("web1"));
}

#[test]
fn a_pattern_reaches_all_it_matches_and_leaves_the_rest() {
    let mut world = World::new();
    for id in ["web1", "web2", "db1"] {
        world.container(id, Phase::Running);
    }
    std::fs::create_dir(world.root().join("web-foreign")).unwrap();
    write(&world.root().join("web-foreign/state.json"), "{\"id\":\"web-foreign\"}");
    world.ok(&["kill", "--regex", "web.", "KILL"]);
    for child in &mut world.children[..2] {
        assert!(child.wait().unwrap().code().is_none());
    }
    world.ok(&["delete", "-r", "^web"]);
    assert_eq!(world.ok(&["list", "-q"]), "db1\n");
    assert!(world.there("web-foreign"));
    assert!(world.refused(&["kill", "-r", "web("]).contains("regular expression"));
}

#[test]
fn a_list_bears_what_it_cannot_read() {
    let mut world = World::new();
    world.container("web1", Phase::Running);
    for (id, text) in [("bad", "{\"tare\":1"), ("foreign", "{}")] {
        std::fs::create_dir(world.root().join(id)).unwrap();
        write(&world.root().join(id).join("state.json"), text);
    }
    let table = world.ok(&["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2, "{table}");
    assert!(
        lines[0].starts_with("ID          PID         STATUS      BUNDLE      CREATED     OWNER"),
        "{table}"
    );
    assert!(lines[1].starts_with("web1        ") && lines[1].contains("running     /b "), "{table}");
    let json: serde_json::Value = serde_json::from_str(&world.ok(&["list", "--format=json"])).unwrap();
    assert_eq!(json[0]["id"], "web1");
    world.refused(&["delete", "bad"]);
    assert!(world.tare(&["delete", "--force", "bad"]).status.success());
    assert!(!world.there("bad"));
    world.refused(&["delete", "--force", "foreign"]);
    assert!(world.there("foreign"));
}

#[test]
fn a_root_that_is_not_there_is_an_error_of_list_and_an_unknown_container_elsewhere() {
    let world = World::new();
    std::fs::remove_dir(world.root()).unwrap();
    assert!(world.refused(&["list"]).contains("does not exist"));
    for command in ["state", "start", "kill", "delete"] {
        if command != "start" {
            assert!(world.refused(&[command, "web1"]).contains("container does not exist"), "{command}");
        }
    }
    world.ok(&["delete", "--force", "web1"]);
    assert!(!world.root().exists(), "looking makes nothing");
}

#[test]
fn features_and_version_need_neither_environment_nor_folder() {
    for argument in ["features", "--version"] {
        let output =
            program(env!("CARGO_BIN_EXE_tare")).arg(argument).env_clear().current_dir("/").output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty() && !output.stdout.is_empty(),
            "{argument}"
        );
    }
}

#[test]
fn a_closed_stderr_and_stdout_crash_nothing() {
    let world = World::new();
    let script = "\"$0\" --root \"$1\" state nosuch 1>&- 2>&-; [ $? = 1 ]";
    let status =
        program("sh").args(["-c", script, env!("CARGO_BIN_EXE_tare")]).arg(world.root()).status().unwrap();
    assert!(status.success());
}

#[test]
fn spec_writes_a_configuration_and_never_replaces_one() {
    let world = World::new();
    let folder = world.folder.path().to_str().unwrap().to_string();
    world.ok(&["spec", "--bundle", &folder]);
    let text = read_to_string(world.folder.path().join("config.json")).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["process"].is_object());
    assert!(world.refused(&["spec", "--bundle", &folder]).contains("exists"));
    assert_eq!(read_to_string(world.folder.path().join("config.json")).unwrap(), text);
    world.ok(&["spec", "--rootless", "-f", &format!("{folder}/other.json")]);
    std::os::unix::fs::symlink("/nowhere", world.folder.path().join("link")).unwrap();
    world.refused(&["spec", "-f", &format!("{folder}/link")]);
}

#[test]
fn the_error_of_a_bad_command_line_is_in_the_log_too() {
    let world = World::new();
    let log = world.folder.path().join("log");
    let error = world.refused(&["--log", log.to_str().unwrap(), "--log-format=json", "nosuch"]);
    let record: serde_json::Value = serde_json::from_str(&read_to_string(&log).unwrap()).unwrap();
    assert_eq!((&record["level"], &record["code"]), (&"error".into(), &"usage".into()));
    assert_eq!(format!("tare: {}\n", record["msg"].as_str().unwrap()), error);
}
