//! src/sys/outlet.rs: writing that never waits.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use tare::sys::error::errno::EAGAIN;
use tare::sys::outlet::Outlet;

/// Fills the stream until nothing more is taken.
fn fill(outlet: &Outlet) -> usize {
    let mut written = 0;
    loop {
        match outlet.write(&[b'x'; 100_000]) {
            Ok(n) => written += n,
            Err(e) if e.is(EAGAIN) => return written,
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_full_pipe_is_not_waited_for_and_stays_as_it_is_for_others() {
    let (mut read, write) = std::io::pipe().unwrap();
    let outlet = Outlet::of(write.as_fd()).unwrap();
    let written = fill(&outlet);
    assert!(written >= 4096);
    let flags = status_flags(&write);
    assert!(!flags.contains("04000"), "O_NONBLOCK is the caller's to set: {flags}");
    drop((outlet, write));
    let mut all = Vec::new();
    read.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), written);
}

/// The flags line of the descriptor, octal.
fn status_flags(fd: &impl AsFd) -> String {
    use std::os::fd::AsRawFd;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd())).unwrap();
    info.lines().find(|line| line.starts_with("flags:")).unwrap().to_string()
}

#[test]
fn a_full_socket_is_not_waited_for() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let outlet = Outlet::of(ours.as_fd()).unwrap();
    let written = fill(&outlet);
    drop((outlet, ours));
    let mut all = Vec::new();
    theirs.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), written);
}

#[test]
fn a_reader_that_has_gone_is_an_error_and_no_signal() {
    let (read, write) = std::io::pipe().unwrap();
    drop(read);
    let outlet = Outlet::of(write.as_fd()).unwrap();
    assert_eq!(outlet.write(b"x").unwrap_err().to_string(), "write stdout: broken pipe (EPIPE)");
}

#[test]
fn a_terminals_master_is_written_to_itself_and_not_to_a_new_terminal() {
    let ptmx = std::fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx").unwrap();
    let tare::sys::pty::Pty { master, slave, .. } = tare::sys::pty::from_ptmx(ptmx.into()).unwrap();
    let outlet = Outlet::of(master.as_fd()).unwrap();
    assert_eq!(outlet.write(b"typed\n").unwrap(), 6);
    let arrived = tare::sys::fd::poll_readable(&[slave.as_fd()], Some(3000)).unwrap();
    assert_eq!(arrived, [true]);
}
