//! src/state/mod.rs: folders of containers, and real processes.

use super::{Folder, write};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use tare::plan::seccomp::Filter;
use tare::state::{Container, Phase, Record, Refused, Status, Store, identify};

fn store(folder: &Folder) -> Store {
    Store::create_root(&folder.path().join("root")).unwrap()
}

#[track_caller]
fn refusal<T: std::fmt::Debug>(result: anyhow::Result<T>) -> Refused {
    result.expect_err("a refusal").downcast::<Refused>().expect("a refusal")
}

#[test]
fn a_container_is_creating_while_its_creator_holds_it_and_stopped_afterwards() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record::new("web1")).unwrap();
    assert_eq!(store.load("web1").unwrap().status().unwrap(), Status::Creating);
    drop(made);
    assert_eq!(store.load("web1").unwrap().status().unwrap(), Status::Stopped);
}

#[test]
fn a_record_read_before_its_creation_was_done_is_read_again() {
    let folder = Folder::new();
    let store = store(&folder);
    let mut made = store.create(Record::new("web1")).unwrap();
    let (mut early, mut with_init) = (store.load("web1").unwrap(), store.load("web1").unwrap());
    made.record.init = Some(identify(std::process::id() as i32).unwrap());
    made.record.phase = Phase::Running;
    made.save().unwrap();
    drop(made);
    assert_eq!(early.status().unwrap(), Status::Running);
    assert_eq!(early.record.pid(), std::process::id() as i32, "the record that is told is the new one");
    let (status, init) = with_init.status_and_init().unwrap();
    assert_eq!((status, init.is_some()), (Status::Running, true));
}

#[test]
fn the_folder_and_the_record_are_ours_alone() {
    let folder = Folder::new();
    let made = store(&folder).create(Record::new("web1")).unwrap();
    assert_eq!(made.path().metadata().unwrap().mode() & 0o777, 0o700);
    assert_eq!(made.path().join("state.json").metadata().unwrap().mode() & 0o777, 0o600);
}

#[test]
fn an_id_is_unique() {
    let folder = Folder::new();
    let store = store(&folder);
    let _made = store.create(Record::new("web1")).unwrap();
    assert!(matches!(refusal(store.create(Record::new("web1"))), Refused::Exists { .. }));
    assert!(store.load("web1").is_ok(), "the first one is still there");
}

#[test]
fn an_unknown_id_does_not_exist() {
    let folder = Folder::new();
    let store = store(&folder);
    let refused = refusal(store.load("web1"));
    assert_eq!(refused.to_string(), "container does not exist");
}

#[test]
fn a_name_that_is_no_id_never_becomes_a_path() {
    let folder = Folder::new();
    let store = store(&folder);
    for id in ["..", "a/b", ""] {
        assert!(matches!(refusal(store.load(id)), Refused::BadId { .. }));
        assert!(matches!(refusal(store.create(Record::new(id))), Refused::BadId { .. }));
        assert!(matches!(refusal(store.remove_damaged(id)), Refused::BadId { .. }));
    }
}

#[test]
fn an_empty_folder_is_a_creation_that_died_at_once() {
    let folder = Folder::new();
    let store = store(&folder);
    std::fs::create_dir(store.path().join("web1")).unwrap();
    let mut container = store.load("web1").unwrap();
    assert_eq!(container.status().unwrap(), Status::Stopped);
    container.remove().unwrap();
    assert!(!store.path().join("web1").exists());
}

#[test]
fn folders_of_other_runtimes_are_left_alone() {
    let folder = Folder::new();
    let store = store(&folder);
    for (id, file, text) in [("runc1", "state.json", "{\"id\":\"runc1\"}"), ("crun1", "status", "{}")] {
        std::fs::create_dir(store.path().join(id)).unwrap();
        write(&store.path().join(id).join(file), text);
        assert!(matches!(refusal(store.load(id)), Refused::Foreign { .. }), "{id}");
    }
    assert!(matches!(refusal(store.remove_damaged("crun1")), Refused::Foreign { .. }));
    assert!(store.path().join("crun1/status").exists());
}

#[test]
fn a_link_in_the_root_is_no_container() {
    let folder = Folder::new();
    let store = store(&folder);
    std::os::unix::fs::symlink("/etc", store.path().join("web1")).unwrap();
    assert!(matches!(refusal(store.load("web1")), Refused::NotFound { .. }));
    assert_eq!(store.ids().unwrap(), Vec::<String>::new());
}

#[test]
fn a_damaged_record_is_said_and_can_be_removed() {
    let folder = Folder::new();
    let store = store(&folder);
    drop(store.create(Record::new("web1")).unwrap());
    write(&store.path().join("web1/state.json"), "{\"tare\":1,");
    assert!(matches!(refusal(store.load("web1")), Refused::Damaged { .. }));
    store.remove_damaged("web1").unwrap();
    assert!(!store.path().join("web1").exists());
}

#[test]
fn a_filter_is_kept_beside_the_record_and_goes_with_it() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record { kept_filter: Some(4), ..Record::new("web1") }).unwrap();
    assert!(made.filter().is_err(), "nothing was kept");
    let filter = Filter::of_kept(&[1; 16], 4).unwrap();
    made.save_filter(&filter).unwrap();
    let container = store.load("web1").unwrap();
    assert_eq!((container.record.kept_filter, container.filter().unwrap()), (Some(4), Some(filter)));
    write(&store.path().join("web1/seccomp.bpf"), &"x".repeat(4096 * 8 + 1));
    assert!(container.filter().is_err(), "longer than any program");
    made.remove().unwrap();
    assert_eq!(store.ids().unwrap(), Vec::<String>::new());
}

#[test]
fn ids_are_the_folders_that_may_be_containers() {
    let folder = Folder::new();
    let store = store(&folder);
    for id in ["web2", "web1"] {
        drop(store.create(Record::new(id)).unwrap());
    }
    std::fs::create_dir(store.path().join(".cache")).unwrap();
    write(&store.path().join("file"), "");
    assert_eq!(store.ids().unwrap(), ["web1", "web2"]);
}

#[test]
fn a_live_process_is_running_and_its_pid_alone_is_not_enough() {
    let folder = Folder::new();
    let mut container = store(&folder).create(Record::new("web1")).unwrap();
    let own = std::process::id() as i32;
    container.record.init = Some(identify(own).unwrap());
    container.record.phase = Phase::Running;
    assert_eq!(container.status().unwrap(), Status::Running);
    assert!(container.init().unwrap().is_some());

    let truth = container.record.clone();
    container.record.init.as_mut().unwrap().start_time += 1;
    assert_eq!(container.status().unwrap(), Status::Stopped, "another process has the pid now");
    assert!(container.init().unwrap().is_none());

    container.record = truth;
    container.record.init.as_mut().unwrap().boot_id = "another boot".to_string();
    assert_eq!(container.status().unwrap(), Status::Stopped, "the machine has been restarted");
    assert!(container.init().unwrap().is_none());
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a process of a test")]
fn a_zombie_has_stopped() {
    let folder = Folder::new();
    let mut container = store(&folder).create(Record::new("web1")).unwrap();
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    container.record.init = Some(identify(child.id() as i32).unwrap());
    container.record.phase = Phase::Running;
    assert_eq!(container.status().unwrap(), Status::Running);
    let init = container.init().unwrap().unwrap();
    child.kill().unwrap();
    assert!(tare::sys::pidfd::wait_end(std::os::fd::AsFd::as_fd(&init), 5000).unwrap());
    assert_eq!(container.status().unwrap(), Status::Stopped);
    assert!(container.init().unwrap().is_none());
    child.wait().unwrap();
    assert_eq!(container.status().unwrap(), Status::Stopped);
}

/// A container whose process lives, with its folder.
fn living(folder: &Folder) -> Container {
    let mut container = store(folder).create(Record::new("web1")).unwrap();
    container.record.init = Some(identify(std::process::id() as i32).unwrap());
    container.record.phase = Phase::Created;
    container
}

#[test]
fn it_is_created_until_its_gate_is_opened_and_removed() {
    let folder = Folder::new();
    let mut container = living(&folder);
    let _standing = container.make_gate().unwrap();
    assert_eq!(container.status().unwrap(), Status::Created);
    let _connection = container.open_gate().unwrap().expect("somebody stands there");
    assert_eq!(container.status().unwrap(), Status::Created, "who stands there has been told nothing");
    container.remove_gate().unwrap();
    container.remove_gate().unwrap();
    assert_eq!(container.status().unwrap(), Status::Running);
}

#[test]
fn a_start_that_died_at_the_gate_is_followed_by_another() {
    let folder = Folder::new();
    let mut container = living(&folder);
    let standing = container.make_gate().unwrap();
    drop(container.open_gate().unwrap().expect("somebody stands there"));
    assert_eq!(container.status().unwrap(), Status::Created);
    assert!(container.open_gate().unwrap().is_some(), "the second start");
    drop(standing);
    assert_eq!(container.status().unwrap(), Status::Running, "nobody listens any more");
    assert!(container.open_gate().unwrap().is_none());
}

#[test]
fn a_gate_that_nobody_went_to_is_not_asked() {
    let folder = Folder::new();
    let mut container = living(&folder);
    drop(container.make_gate().unwrap());
    assert_eq!(container.status().unwrap(), Status::Created);
}

#[test]
fn the_gate_can_be_made_and_opened_however_deep_the_root_is() {
    let folder = Folder::new();
    let deep = folder.path().join("d".repeat(120)).join("e".repeat(120));
    let container = Store::create_root(&deep).unwrap().create(Record::new("web1")).unwrap();
    let _standing = container.make_gate().unwrap();
    assert!(deep.join("web1/gate").exists());
    assert!(container.open_gate().unwrap().is_some());
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for_no_longer_than_asked() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record::new("web1")).unwrap();
    let other = store.load("web1").unwrap();
    let begin = std::time::Instant::now();
    assert!(!other.lock_within(Duration::from_millis(30)).unwrap());
    assert!(begin.elapsed() < Duration::from_secs(2));
    made.unlock().unwrap();
    assert!(other.lock_within(Duration::from_millis(30)).unwrap());
}

#[test]
fn a_folder_that_was_removed_meanwhile_is_noticed() {
    let folder = Folder::new();
    let store = store(&folder);
    drop(store.create(Record::new("web1")).unwrap());
    let (first, second) = (store.load("web1").unwrap(), store.load("web1").unwrap());
    assert!(!second.is_gone().unwrap());
    first.remove().unwrap();
    assert!(second.is_gone().unwrap());
    second.remove().unwrap();
}

#[test]
fn removal_takes_all_that_lies_in_the_folder() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record::new("web1")).unwrap();
    std::fs::create_dir(made.path().join("more")).unwrap();
    write(&made.path().join("more/file"), "x");
    write(&made.path().join("gate"), "");
    made.remove().unwrap();
    assert!(!store.path().join("web1").exists());
}

#[test]
fn saving_replaces_the_record_as_a_whole() {
    let folder = Folder::new();
    let store = store(&folder);
    let mut made = store.create(Record::new("web1")).unwrap();
    write(&made.path().join(".state.json.new"), "left over by a crash");
    made.record.created = "now".to_string();
    made.save().unwrap();
    assert_eq!(store.load("web1").unwrap().record.created, "now");
    let names = std::fs::read_dir(made.path()).unwrap().count();
    assert_eq!(names, 1);
}

#[test]
fn changed_limits_are_kept_beside_the_configuration_and_go_with_the_folder() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record::new("web1")).unwrap();
    assert_eq!(made.updated_resources().unwrap(), None);
    made.save_updated_resources("{\"pids\":{\"limit\":5}}").unwrap();
    assert_eq!(made.updated_resources().unwrap().as_deref(), Some("{\"pids\":{\"limit\":5}}"));
    let path = made.path().to_path_buf();
    made.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_container_that_is_opened_to_be_changed_is_locked_if_nobody_has_the_lock() {
    let folder = Folder::new();
    let store = store(&folder);
    let made = store.create(Record::new("web1")).unwrap();
    assert!(made.has_lock());
    assert!(!store.load_to_change("web1").unwrap().has_lock());
    made.unlock().unwrap();
    let mut changing = store.load_to_change("web1").unwrap();
    assert!(changing.has_lock());
    assert_eq!(changing.status().unwrap(), Status::Stopped, "its own lock is nobody at work on it");
    assert_eq!(store.load("web1").unwrap().status().unwrap(), Status::Creating);
}
