//! src/sys/pidfd.rs, and the end of a process in src/sys/process.rs

use std::os::fd::AsFd;
use tare::sys::pidfd::{self, End, parse_stat};
use tare::sys::process::Ended;

/// A line as the kernel writes it, with a name that tries to be other fields.
fn line(state: char, wait_status: &str) -> String {
    let zeroes = |count: usize| vec!["0"; count].join(" ");
    format!("7 (a) Z 1) {state} {} 4711 {} {wait_status}\n", zeroes(18), zeroes(29))
}

#[test]
fn three_fields_are_found_behind_any_name() {
    let stat = parse_stat(&line('S', "0")).unwrap();
    assert_eq!((stat.state, stat.start_time, stat.wait_status), ('S', 4711, 0));
    let stat = parse_stat(&line('Z', "768")).unwrap();
    assert_eq!((stat.is_dead(), stat.wait_status), (true, 768));
}

#[test]
fn a_wait_status_is_an_exit_or_a_signal() {
    assert_eq!(Ended::from_wait_status(0), Ended::Exited(0));
    assert_eq!(Ended::from_wait_status(0x0300), Ended::Exited(3));
    assert_eq!(Ended::from_wait_status(0xff00), Ended::Exited(255));
    assert_eq!(Ended::from_wait_status(9), Ended::Signalled(9));
    assert_eq!(Ended::from_wait_status(0x80 | 11), Ended::Signalled(11), "with a core dump");
}

#[test]
fn a_child_that_is_not_reaped_tells_its_end() {
    let mut child = std::process::Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    let pid = child.id() as i32;
    let fd = pidfd::open(pid).unwrap();
    assert!(pidfd::wait_end(fd.as_fd(), 5000).unwrap());
    assert_eq!(pidfd::end(fd.as_fd(), pid).unwrap(), End::Known(Ended::Exited(3)));
    child.wait().unwrap();
    // Linux 6.15 or an older one.
    let after = pidfd::end(fd.as_fd(), pid).unwrap();
    assert!(matches!(after, End::Known(Ended::Exited(3)) | End::Untold), "{after:?}");
}
