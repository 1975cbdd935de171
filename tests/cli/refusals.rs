//! A command line that cannot be understood gets one line that says why.

use super::refusal;
use std::ffi::OsString;
use tare::cli::{LogFormat, log_options};

#[test]
fn a_missing_value_is_said_in_the_words_that_engines_look_for() {
    for (form, option) in [
        ("--log", "--log"),
        ("create --bundle", "--bundle"),
        ("create web1 -b", "--bundle"),
        ("list -f", "--format"),
        ("restore --lsm-mount-context", "--lsm-mount-context"),
    ] {
        let problem = refusal(form).problem;
        assert_eq!(problem, format!("flag needs an argument: {option}"), "{form}");
    }
}

#[test]
fn a_missing_id_is_said() {
    for name in [
        "create",
        "start",
        "run",
        "state",
        "kill",
        "delete",
        "exec",
        "ps",
        "wait",
        "pause",
        "resume",
        "update",
        "events",
        "checkpoint",
        "restore",
    ] {
        let usage = refusal(name);
        assert_eq!(usage.problem, "missing argument: <ID>", "{name}");
        assert_eq!(usage.command.as_deref(), Some(name));
        assert_eq!(usage.advice, format!("see `tare {name} --help`"));
    }
}

#[test]
fn a_missing_action_is_said_with_those_there_are() {
    let usage = refusal("mounts");
    assert_eq!(usage.problem, "missing command: add or remove");
    assert_eq!(usage.advice, "see `tare mounts --help`");
    assert_eq!(refusal("mounts move a f").problem, "unknown command \"move\"");
    assert_eq!(refusal("mounts add a").problem, "missing argument: <FILE>");
}

#[test]
fn an_unknown_option_is_named_and_a_near_one_offered() {
    let usage = refusal("create --bundel /b web1");
    assert_eq!(usage.problem, "unknown option \"--bundel\"");
    assert_eq!(usage.advice, "did you mean --bundle?");
}

#[test]
fn an_option_that_stands_only_before_the_command_gets_a_hint() {
    let usage = refusal("list --rootless=true");
    assert_eq!(usage.problem, "unknown option \"--rootless\"");
    assert_eq!(usage.advice, "put --rootless before the command");
}

#[test]
fn an_unknown_command_is_named() {
    assert_eq!(refusal("frobnicate x").problem, "unknown command \"frobnicate\"");
}

#[test]
fn mounts_without_add_or_remove_is_said() {
    let usage = refusal("mounts");
    assert_eq!(usage.problem, "missing command: add or remove");
    assert_eq!(usage.advice, "see `tare mounts --help`");
    assert_eq!(refusal("mounts add web1").advice, "see `tare mounts add --help`");
    assert_eq!(refusal("mounts list web1").problem, "unknown command \"list\"");
}

#[test]
fn help_of_an_unknown_command_is_refused() {
    assert_eq!(refusal("help frobnicate").problem, "unknown command \"frobnicate\"");
}

#[test]
fn a_surplus_argument_is_named() {
    assert_eq!(refusal("start web1 web2").problem, "unexpected argument \"web2\"");
}

#[test]
fn a_bad_value_is_quoted_with_what_is_allowed() {
    let problem = refusal("--log-format xml list").problem;
    assert_eq!(problem, "invalid log-format: \"xml\": must be text or json");
    let problem = refusal("--cgroup-manager docker list").problem;
    assert_eq!(problem, "invalid cgroup-manager: \"docker\": must be cgroupfs, systemd or disabled");
    assert!(refusal("create --preserve-fds=-1 x").problem.starts_with("invalid preserve-fds: \"-1\""));
    assert!(refusal("create --preserve-fds many x").problem.starts_with("invalid preserve-fds: \"many\""));
    assert!(refusal("--rootless=maybe list").problem.starts_with("invalid rootless: \"maybe\""));
}

#[test]
fn every_problem_is_one_line() {
    for form in
        ["--log", "create", "nosuch", "list --nosuch", "--log-format xml list", "start a b", "kill -x a"]
    {
        let usage = refusal(form);
        assert!(!usage.problem.contains('\n') && !usage.problem.is_empty(), "{form}: {usage:?}");
        assert!(!usage.advice.contains('\n') && !usage.advice.is_empty(), "{form}: {usage:?}");
    }
}

#[test]
fn an_argument_that_is_not_utf8_is_refused_where_text_is_needed() {
    use std::os::unix::ffi::OsStringExt;
    let argv = vec!["tare".into(), "start".into(), OsString::from_vec(vec![0xff])];
    assert!(tare::cli::parse(argv).is_err());
}

#[test]
fn the_log_of_a_bad_command_line_is_still_found() {
    let options = |text: &str| log_options(&text.split(' ').map(OsString::from).collect::<Vec<_>>());
    assert_eq!(options("tare --log /l --log-format json nosuch"), (Some("/l".to_string()), LogFormat::Json));
    assert_eq!(options("tare --log=/l --log-format=text nosuch"), (Some("/l".to_string()), LogFormat::Text));
    assert_eq!(options("tare log nosuch"), (None, LogFormat::Text));
    assert_eq!(options("tare --log"), (None, LogFormat::Text));
}
