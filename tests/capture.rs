//! A program of the host beside us: its end, its time, and a wish that we end.

use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};
use tare::capture::{Captured, Interrupt, Invocation, capture};
use tare::sys::process::Ended;

fn shell<'a>(args: &'a [String], interrupt: Option<Interrupt<'a>>) -> Invocation<'a> {
    Invocation {
        path: Path::new("/bin/sh"),
        args,
        limit: Duration::from_secs(20),
        limit_bytes: 4096,
        interrupt,
    }
}

#[test]
fn a_program_that_hangs_is_ended_by_a_signal_for_us() {
    let (read, _write) = std::os::unix::net::UnixStream::pair().unwrap();
    let always = std::fs::File::open("/dev/zero").unwrap();
    let args = ["-c".to_string(), "sleep 10".to_string()];
    let begin = Instant::now();
    let look = || Ok(Some(15));
    let interrupt = Interrupt { fd: always.as_fd(), look: &look };
    assert_eq!(capture(&shell(&args, Some(interrupt))).unwrap(), Captured::Interrupted(15));
    assert!(begin.elapsed() < Duration::from_secs(5));
    // Nothing to look at: it goes on to its end.
    let args = ["-c".to_string(), "echo done".to_string()];
    let never = Interrupt { fd: read.as_fd(), look: &look };
    let Captured::Ended { ended, output, .. } = capture(&shell(&args, Some(never))).unwrap() else {
        panic!()
    };
    assert_eq!((ended, output.as_str()), (Ended::Exited(0), "done\n"));
}

#[test]
fn a_signal_that_asks_for_nothing_changes_nothing() {
    let always = std::fs::File::open("/dev/zero").unwrap();
    let args = ["-c".to_string(), "echo on".to_string()];
    let interrupt = Interrupt { fd: always.as_fd(), look: &|| Ok(None) };
    let Captured::Ended { output, .. } = capture(&shell(&args, Some(interrupt))).unwrap() else { panic!() };
    assert_eq!(output, "on\n");
}
