//! src/sys/pty.rs: raw mode of a terminal, and its end.

use std::os::fd::AsFd;
use tare::sys::pty;

/// What stty(1) says of a terminal.
fn settings(terminal: &impl AsFd) -> String {
    let copy = terminal.as_fd().try_clone_to_owned().unwrap();
    let said = std::process::Command::new("stty").arg("-g").stdin(copy).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).unwrap()
}

// One test: a process has one terminal in raw mode.
#[test]
fn raw_mode_can_be_taken_twice_and_gives_the_first_settings_back() {
    // Not that of /dev/pts, which is root's alone.
    let ptmx = std::fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
    let terminal = pty::from_ptmx(ptmx.into()).unwrap();
    let before = settings(&terminal.slave);
    pty::enter_raw(terminal.slave.as_fd()).unwrap();
    let raw = settings(&terminal.slave);
    assert_ne!(before, raw);
    pty::enter_raw(terminal.slave.as_fd()).unwrap();
    pty::leave_raw();
    assert_eq!(settings(&terminal.slave), before);
    // A second time there is nothing to give back.
    pty::enter_raw(terminal.slave.as_fd()).unwrap();
    pty::leave_raw();
    let changed =
        std::process::Command::new("stty").arg("-echo").stdin(terminal.slave.try_clone().unwrap()).status();
    assert!(changed.unwrap().success());
    let changed = settings(&terminal.slave);
    pty::leave_raw();
    assert_eq!(settings(&terminal.slave), changed);
}
