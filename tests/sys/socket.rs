//! src/sys/socket.rs: connecting to a unix socket.

use nix::sys::socket::{Backlog, listen};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};
use tare::sys::error::errno;
use tare::sys::socket::connect_stream_within;

#[test]
fn a_listener_whose_queue_is_full_is_waited_for_no_longer_than_asked() {
    let path = std::env::temp_dir().join(format!("tare-{}-full-queue", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listen(&listener.as_fd(), Backlog::new(0).unwrap()).unwrap();
    let _queued = connect_stream_within(&path, Duration::from_secs(5)).unwrap();
    let start = Instant::now();
    let refused = connect_stream_within(&path, Duration::from_millis(30)).unwrap_err();
    assert!(refused.is(errno::EAGAIN), "{refused}");
    assert!(start.elapsed() >= Duration::from_millis(30));
    std::fs::remove_file(&path).unwrap();
}
