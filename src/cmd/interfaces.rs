//! What the network interfaces of a container have carried, for `events`.
//!
//! Counted from inside: /proc/PID/net/dev is the network namespace of that process (proc_pid_net(5)), so nothing is
//! entered and nothing need be known of how an engine has connected it.

use crate::sys::error::errno;
use crate::sys::namespace::{self, Kind};
use crate::sys::{SysError, proc};
use serde::Serialize;

/// The most that is read: the container may have made thousands of interfaces.
const FILE_LIMIT_BYTES: usize = 4 << 20;

/// One interface, named as runc's events name it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names of the JSON")]
pub struct Interface {
    pub name: String,
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// The interfaces of the network namespace of `pid`. None at all if that is our own, whose traffic is not the
/// container's, or if we may not look.
pub(super) fn interfaces_of(pid: i32) -> Result<Vec<Interface>, SysError> {
    let is_denied =
        |error: &SysError| [errno::EACCES, errno::EPERM, errno::ENOENT, errno::ESRCH].contains(&error.errno);
    match namespace::is_shared_with(pid, Kind::Network) {
        Ok(true) => return Ok(Vec::new()),
        Ok(false) => {}
        Err(error) if is_denied(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    match proc::read_of_process_up_to(pid, "net/dev", FILE_LIMIT_BYTES) {
        Ok(text) => Ok(parse_interfaces(&text)),
        Err(error) if is_denied(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Lines `eth0: RX-BYTES PACKETS ERRORS DROPPED FIFO FRAME COMPRESSED MULTICAST TX-BYTES ...`, after two lines of titles.
/// The loopback is left out: what goes through it never leaves the container.
pub fn parse_interfaces(text: &str) -> Vec<Interface> {
    let interface = |line: &str| {
        let (name, counters) = line.rsplit_once(':')?;
        let counters: Vec<u64> =
            counters.split_ascii_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let counter = |at: usize| counters.get(at).copied();
        Some(Interface {
            name: name.trim_start().to_owned(),
            rx_bytes: counter(0)?,
            rx_packets: counter(1)?,
            rx_errors: counter(2)?,
            rx_dropped: counter(3)?,
            tx_bytes: counter(8)?,
            tx_packets: counter(9)?,
            tx_errors: counter(10)?,
            tx_dropped: counter(11)?,
        })
    };
    text.lines().skip(2).filter_map(interface).filter(|found| found.name != "lo").collect()
}
