//! What follows the id of `exec` and `ps` belongs to another program.

use super::{command, line, parse};
use std::path::Path;
use tare::cli::{Command, Exec, Parsed, PsFormat};

#[track_caller]
fn exec(form: &str) -> Exec {
    let Command::Exec(exec) = command(form) else { panic!("{form}") };
    exec
}

#[test]
fn everything_behind_the_id_of_exec_is_the_programs() {
    let run = exec("exec -t -e A=b --env C -u 0:0 web1 sh -c x --root y --tty -- --help -e D=e");
    assert_eq!((run.id.as_str(), run.tty, run.user.as_deref()), ("web1", true, Some("0:0")));
    assert_eq!(run.env, ["A=b", "C"]);
    assert_eq!(run.command, ["sh", "-c", "x", "--root", "y", "--tty", "--", "--help", "-e", "D=e"]);
}

#[test]
fn one_pair_of_dashes_between_id_and_program_is_dropped() {
    assert_eq!(exec("exec web1 -- ls -l").command, ["ls", "-l"]);
    assert_eq!(exec("exec web1 -- -- ls").command, ["--", "ls"]);
    assert_eq!(exec("exec web1 -l").command, ["-l"]);
}

#[test]
fn two_dashes_before_the_id_end_the_options() {
    for form in ["exec -t -- web1 ls -l", "exec -t -- web1 -- ls -l"] {
        let run = exec(form);
        assert_eq!((run.id.as_str(), run.tty), ("web1", true), "{form}");
        assert!(run.command.ends_with(&["ls".to_string(), "-l".to_string()]), "{form}: {:?}", run.command);
    }
    let Command::Kill(kill) = command("kill -- web1 9") else { panic!() };
    assert_eq!((kill.id.as_str(), kill.signal.as_str()), ("web1", "9"));
}

#[test]
fn a_terminal_is_refused_with_a_value_in_three_spellings() {
    for form in ["exec -t=false web1 ls", "exec --tty=no web1 ls", "exec -t -t=0 web1 ls"] {
        let run = exec(form);
        assert_eq!((run.tty, run.command.len()), (false, 1), "{form}");
    }
    assert!(exec("exec -t=true web1 ls").tty && exec("exec -td web1 ls").detach);
}

#[test]
fn what_looks_like_a_value_of_a_boolean_stays_with_the_program() {
    let run = exec("exec -t web1 env A=true -b=false --root=true");
    assert_eq!(run.command, ["env", "A=true", "-b=false", "--root=true"]);
    assert!(run.tty);
}

#[test]
fn options_of_every_command_work_before_the_id_only() {
    let exec_line = line("exec --root /r --log-format json web1 ls --root /other");
    assert_eq!(exec_line.globals.root.as_deref(), Some(Path::new("/r")));
}

#[test]
fn a_command_of_ours_behind_the_id_is_a_word_of_the_program() {
    assert_eq!(exec("exec web1 start run").command, ["start", "run"]);
    assert_eq!(exec("exec start list").id, "start");
}

#[test]
fn an_exec_with_a_process_file_needs_no_program() {
    let run = exec("exec --process /f --console-socket /s --detach --pid-file /p web1");
    assert_eq!((run.id.as_str(), run.detach, run.command.len()), ("web1", true, 0));
    assert_eq!(run.process.as_deref(), Some(Path::new("/f")));
}

#[test]
fn the_options_of_ps_are_passed_on() {
    let ps = |form| match command(form) {
        Command::Ps(ps) => (ps.format, ps.options),
        other => panic!("{other:?}"),
    };
    assert_eq!(ps("ps --format json web1"), (PsFormat::Json, Vec::new()));
    assert_eq!(ps("ps -f json web1"), (PsFormat::Json, Vec::new()));
    assert_eq!(ps("ps web1 -ef"), (PsFormat::Table, vec!["-ef".to_string()]));
    assert_eq!(ps("ps web1 -o pid,args --sort=pid").1, ["-o", "pid,args", "--sort=pid"]);
    assert_eq!(ps("ps web1 -- -ef").1, ["-ef"]);
}

#[test]
fn negative_numbers_are_values() {
    let Command::Update(update) = command("update --memory -1 --pids-limit -1 --cpu-quota=-1 web1") else {
        panic!()
    };
    assert_eq!(update.memory.map(|bytes| bytes.0), Some(-1));
    assert_eq!((update.pids_limit, update.cpu_quota), (Some(-1), Some(-1)));
}

#[test]
fn a_single_dash_is_the_standard_input_of_update() {
    for form in
        ["update --resources - web1", "update --resources=- web1", "update -r - web1", "update web1 -r -"]
    {
        let Command::Update(update) = command(form) else { panic!("{form}") };
        assert_eq!(update.resources.as_deref(), Some(Path::new("-")), "{form}");
        assert_eq!(update.id, "web1", "{form}");
    }
}

#[test]
fn help_behind_the_id_is_the_programs_too() {
    assert!(matches!(parse("exec web1 ls --help"), Ok(Parsed::Run(_))));
    assert!(matches!(parse("exec --help web1"), Ok(Parsed::Print(_))));
}
