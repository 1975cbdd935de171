//! src/cmd/wait.rs

use tare::cmd::Outcome;
use tare::state::End;

#[test]
fn the_line_says_how_it_ended() {
    let text = |end| Outcome::Ended(end).text();
    assert_eq!(text(End::Exited(0)), "exit code 0");
    assert_eq!(text(End::Exited(255)), "exit code 255");
    assert_eq!(text(End::Signalled(9)), "killed by signal 9 (KILL)");
    assert_eq!(text(End::Signalled(35)), "killed by signal 35 (RTMIN+1)");
    assert_eq!(text(End::Signalled(33)), "killed by signal 33");
}

#[test]
fn not_knowing_does_not_look_like_an_exit_code() {
    assert!(!Outcome::Unknown.text().contains("exit code"));
    assert_eq!(Outcome::Unknown.json("a"), r#"{"how":"unknown","id":"a"}"#);
    assert_eq!(Outcome::Alive.json("a"), r#"{"how":"alive","id":"a"}"#);
}

#[test]
fn the_json_has_the_shell_s_code_for_a_signal() {
    let json = |end| Outcome::Ended(end).json("a\"b");
    assert_eq!(json(End::Exited(3)), r#"{"code":3,"how":"exited","id":"a\"b"}"#);
    assert_eq!(
        json(End::Signalled(15)),
        r#"{"code":143,"how":"killed","id":"a\"b","signal":15,"signalName":"TERM"}"#
    );
}
