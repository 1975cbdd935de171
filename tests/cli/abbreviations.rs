//! Long options may be cut short as long as one option fits, as argp does it for crun's users.

use super::{command, line, refusal};
use std::path::Path;
use tare::cli::Command;

#[test]
fn a_long_option_may_be_cut_short() {
    let Command::Run(run) = command("run --bun /b --det --conf=/c.json web1") else { panic!() };
    assert!(run.detach);
    assert_eq!(run.birth.bundle.as_deref(), Some(Path::new("/b")));
    assert_eq!(run.birth.config.as_deref(), Some(Path::new("/c.json")));
    // --config or --console-socket.
    assert_eq!(refusal("run --co=/c.json web1").problem, "unknown option \"--co\"");
}

#[test]
fn a_name_in_full_is_never_a_short_form_of_a_longer_one() {
    let globals = line("--log /l --root /r list").globals;
    assert_eq!((globals.log.as_deref(), globals.root.as_deref()), (Some("/l"), Some(Path::new("/r"))));
    let Command::Update(update) = command("update --memory 1k web1") else { panic!() };
    assert_eq!((update.memory.map(|b| b.0), update.memory_swap), (Some(1024), None));
}

#[test]
fn what_fits_two_options_is_refused() {
    for form in ["exec --pid /f web1 ls", "update --mem 1k web1", "create --no-p --p /f web1", "--ro /r list"]
    {
        assert!(refusal(form).problem.starts_with("unknown option"), "{form}");
    }
}

#[test]
fn options_of_every_command_may_be_cut_short_too() {
    assert!(line("list --system").globals.systemd_cgroup);
    assert!(line("--sys=true list").globals.systemd_cgroup);
}

#[test]
fn the_value_of_a_short_form_is_not_taken_for_the_id() {
    for form in ["exec --cw /tmp web1 ls --cwd x", "exec --user 0 --cw=/tmp web1 ls --cwd x"] {
        let Command::Exec(exec) = command(form) else { panic!("{form}") };
        assert_eq!((exec.id.as_str(), exec.cwd.as_deref()), ("web1", Some("/tmp")), "{form}");
        assert_eq!(exec.command, ["ls", "--cwd", "x"], "{form}");
    }
}
