//! Units, started and stopped by a systemd that answers as a test wants.

use crate::systemd::fake::{Answer, Fake};
use std::path::PathBuf;
use tare::plan::gvariant::{Type, Value};
use tare::plan::unit_properties::UnitProperty;
use tare::systemd::{Failure, Kind, Systemd, Which, name};

const WELCOME: &str = "DATA\r\nOK 0123\r\n";

fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tare-{}-{test}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    folder
}

/// Runs `ask` against a systemd that answers so; what came of it, and what was called.
fn ask<T>(
    test: &str,
    answer: fn(&str, usize) -> Answer,
    ask: impl FnOnce(&mut Systemd) -> Result<T, Failure>,
) -> (Result<T, Failure>, Vec<String>) {
    let fake = Fake::listen(&folder(test), "systemd/private", WELCOME, answer);
    let mut systemd = Systemd::connect_in(Which::User, &fake.environment()).unwrap();
    let result = ask(&mut systemd);
    drop(systemd);
    (result, fake.calls())
}

fn properties() -> Vec<UnitProperty> {
    let list = Value::Array(
        &Type::Tuple(&[Type::Str, Type::U64]),
        vec![Value::Tuple(vec![Value::Str("/dev/block/8:0".to_owned()), Value::U64(5)])],
    );
    let property = |name: &str, value| UnitProperty { name: name.to_owned(), value };
    vec![property("Delegate", Value::Bool(true)), property("IOReadBandwidthMax", list)]
}

#[test]
fn a_unit_has_started_when_its_own_job_is_done() {
    let (started, calls) =
        ask("start", |_, _| Answer::Job("done"), |systemd| systemd.start_transient("u.scope", &properties()));
    assert_eq!(started, Ok(()));
    assert_eq!(calls, ["StartTransientUnit"]);
}

#[test]
fn a_job_that_fails_names_the_unit_and_where_to_look() {
    let (started, _) =
        ask("job", |_, _| Answer::Job("timeout"), |systemd| systemd.start_transient("u.scope", &[]));
    let failure = started.unwrap_err().to_string();
    assert!(
        failure.contains("u.scope ended with \"timeout\"") && failure.contains("journalctl"),
        "{failure}"
    );
}

#[test]
fn a_failed_unit_of_that_name_is_forgotten_and_the_new_one_started() {
    fn answer(member: &str, earlier: usize) -> Answer {
        match (member, earlier) {
            ("StartTransientUnit", 0) => Answer::Error(name::UNIT_EXISTS, "u.scope was already loaded"),
            ("StartTransientUnit", _) => Answer::Job("done"),
            _ => Answer::Done,
        }
    }
    let (started, calls) = ask("adopt", answer, |systemd| systemd.start_transient("u.scope", &[]));
    assert_eq!(started, Ok(()));
    assert_eq!(calls, ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]);
}

#[test]
fn a_unit_that_runs_is_not_taken_over() {
    fn answer(member: &str, _: usize) -> Answer {
        match member {
            "StartTransientUnit" => Answer::Error(name::UNIT_EXISTS, "u.scope was already loaded"),
            _ => Answer::Done,
        }
    }
    let (started, _) = ask("runs", answer, |systemd| systemd.start_transient("u.scope", &[]));
    assert!(started.unwrap_err().is(name::UNIT_EXISTS));
}

#[test]
fn no_unit_to_stop_is_no_error() {
    let gone = |_: &str, _: usize| Answer::Error(name::NO_SUCH_UNIT, "Unit u.scope not loaded.");
    let (stopped, _) = ask("stop", gone, |systemd| {
        systemd.stop("u.scope")?;
        systemd.reset_failed("u.scope")
    });
    assert_eq!(stopped, Ok(()));
}

const RUN: &str = "001fa0e1d2c3b4a5968778695a4b3c2d";
const RUN_BYTES: [u8; 16] = 0x001f_a0e1_d2c3_b4a5_9687_7869_5a4b_3c2d_u128.to_be_bytes();

#[test]
fn a_run_of_a_unit_is_known_by_its_number_until_the_unit_is_gone() {
    let (run, _) = ask("run", |_, _| Answer::Bytes(&RUN_BYTES), |systemd| systemd.run_of("u.scope"));
    assert_eq!(run.as_deref(), Ok(RUN));
    let fake =
        Fake::listen(&folder("known"), "systemd/private", WELCOME, |_, _| Answer::Object("/unit/_001fa0"));
    let mut systemd = Systemd::connect_in(Which::User, &fake.environment()).unwrap();
    assert_eq!(systemd.find_run(RUN), Ok(Some("/unit/_001fa0".to_owned())));
    drop(systemd);
    let (call, body) = fake.calls_with_bodies().remove(0);
    assert_eq!((call.as_str(), &body[4..]), ("GetUnitByInvocationID", &RUN_BYTES[..]));
    let gone =
        |_: &str, _: usize| Answer::Error(name::NO_UNIT_FOR_RUN, "No unit with the specified ID known.");
    let (known, _) = ask("unknown", gone, |systemd| systemd.find_run(RUN));
    assert_eq!(known, Ok(None));
}

#[test]
fn no_run_is_never_the_unit_that_the_caller_is_in() {
    let (found, calls) = ask(
        "none",
        |_, _| Answer::Object("/unit/ours"),
        |systemd| {
            ["", "001fa0", "00000000000000000000000000000000"]
                .iter()
                .map(|run| systemd.find_run(run))
                .collect()
        },
    );
    assert_eq!((found, calls), (Ok(vec![None, None, None]), Vec::new()));
}

#[test]
fn a_run_that_ends_before_it_is_stopped_is_no_error() {
    let gone = |_: &str, _: usize| Answer::Error(name::UNKNOWN_OBJECT, "Unknown object.");
    let (stopped, calls) = ask("stop-run", gone, |systemd| systemd.stop_run("/unit/_001fa0", "u.scope"));
    assert_eq!((stopped, calls), (Ok(()), vec!["Stop".to_owned(), "ResetFailed".to_owned()]));
}

#[test]
fn a_unit_has_processes_or_none_or_is_not_there() {
    let (some, _) = ask("some", |_, _| Answer::Processes(&[7]), |systemd| systemd.has_processes("u.scope"));
    assert_eq!(some, Ok(Some(true)));
    let (none, _) = ask("none", |_, _| Answer::Processes(&[]), |systemd| systemd.has_processes("u.scope"));
    assert_eq!(none, Ok(Some(false)));
    let gone = |_: &str, _: usize| Answer::Error(name::NO_SUCH_UNIT, "Unit u.scope not loaded.");
    let (absent, _) = ask("absent", gone, |systemd| systemd.has_processes("u.scope"));
    assert_eq!(absent, Ok(None));
}

#[test]
fn the_version_is_the_first_number_of_its_text() {
    let (version, _) = ask("version", |_, _| Answer::Text("v262.1-1"), Systemd::version);
    assert_eq!(version, Ok(262));
}

#[test]
fn a_refusal_by_polkit_says_what_to_do() {
    let denied =
        |_: &str, _: usize| Answer::Error("org.freedesktop.DBus.Error.AccessDenied", "Permission denied");
    let (set, _) = ask("polkit", denied, |systemd| systemd.set_properties("u.scope", &properties()));
    let failure = set.unwrap_err().to_string();
    assert!(
        failure.contains("SetUnitProperties: Permission denied") && failure.contains("log in"),
        "{failure}"
    );
}

#[test]
fn a_changed_property_has_been_carried_out_when_systemd_answers_again() {
    fn answer(member: &str, _: usize) -> Answer {
        if member == "Get" { Answer::Text("262") } else { Answer::Done }
    }
    let (set, calls) = ask("set", answer, |systemd| systemd.set_properties("u.scope", &properties()));
    assert_eq!(set, Ok(()));
    assert_eq!(calls, ["SetUnitProperties", "Get"]);
}

#[test]
fn a_systemd_that_hangs_up_is_an_error_at_once() {
    let (stopped, _) = ask("hangup", |_, _| Answer::HangUp, |systemd| systemd.stop("u.scope"));
    let failure = stopped.unwrap_err();
    assert!(failure.kind == Kind::Protocol && failure.problem.contains("hung up"), "{failure}");
}

#[test]
fn on_a_bus_it_says_hello_and_asks_for_the_ends_of_jobs() {
    fn answer(member: &str, _: usize) -> Answer {
        match member {
            "StartTransientUnit" => Answer::Job("done"),
            "Hello" => Answer::Text("never read"),
            _ => Answer::Done,
        }
    }
    let fake = Fake::listen(&folder("bus"), "bus", WELCOME, answer);
    let mut systemd = Systemd::connect_in(Which::User, &fake.environment()).unwrap();
    assert_eq!(systemd.start_transient("u.scope", &[]), Ok(()));
    drop(systemd);
    assert_eq!(fake.calls(), ["Hello", "AddMatch", "Subscribe", "StartTransientUnit"]);
}

#[test]
fn a_bus_of_another_user_is_named() {
    let fake = Fake::listen(&folder("rejected"), "bus", "REJECTED EXTERNAL\r\n", |_, _| Answer::Silence);
    let failure = Systemd::connect_in(Which::User, &fake.environment()).unwrap_err();
    assert_eq!(failure.kind, Kind::Unreachable);
    assert!(failure.problem.contains("/bus does not accept this user"), "{failure}");
}

#[test]
fn where_nobody_listens_all_places_are_named_and_the_remedy() {
    let folder = folder("nobody");
    let environment = tare::systemd::Environment { runtime_dir: Some(folder), ..Default::default() };
    let failure = Systemd::connect_in(Which::User, &environment).unwrap_err().to_string();
    for part in ["systemd/private", "/bus", "ENOENT", "enable-linger", "--cgroup-manager cgroupfs"] {
        assert!(failure.contains(part), "{part}: {failure}");
    }
    let unset = tare::systemd::Environment { uid: 4_000_000, ..Default::default() };
    let failure = Systemd::connect_in(Which::User, &unset).unwrap_err().to_string();
    assert!(
        failure.contains("XDG_RUNTIME_DIR is not set") && failure.contains("/run/user/4000000/bus"),
        "{failure}"
    );
}
