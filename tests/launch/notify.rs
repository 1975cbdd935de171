//! src/launch/notify.rs: what a container may say to the service manager.

use tare::launch::notify::passed;

#[test]
fn readiness_reload_stop_and_life_pass() {
    for text in ["READY=1", "RELOADING=1\nMONOTONIC_USEC=123", "STOPPING=1", "WATCHDOG=1", "STATUS=half done"]
    {
        assert_eq!(passed(text.as_bytes()), text);
    }
}

#[test]
fn whatever_else_is_said_is_dropped_line_by_line() {
    let text =
        "MAINPID=1\nREADY=1\nNOTIFYACCESS=all\nFDSTORE=1\nFDNAME=x\nBARRIER=1\nWATCHDOG_USEC=1\nERRNO=2";
    assert_eq!(passed(text.as_bytes()), "READY=1");
    for text in [
        "",
        "READY=0",
        "READY=1 ",
        " READY=1",
        "READY",
        "=1",
        "WATCHDOG=trigger",
        "MONOTONIC_USEC=-1",
        "MONOTONIC_USEC=",
        "EXTEND_TIMEOUT_USEC=9999999999",
        "READY=1\r",
        "ready=1",
    ] {
        assert_eq!(passed(text.as_bytes()), "", "{text:?}");
    }
}

#[test]
fn a_status_is_short_and_holds_no_control_characters() {
    assert_eq!(passed("STATUS=a\u{1b}[31mb\tc".as_bytes()), "STATUS=a[31mbc");
    assert_eq!(passed(format!("STATUS={}", "x".repeat(4000)).as_bytes()).len(), 7 + 256);
    assert_eq!(passed(b"STATUS=\xff\nREADY=1"), "STATUS=\u{fffd}\nREADY=1");
}
