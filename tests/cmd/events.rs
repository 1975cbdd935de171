//! src/cmd/interfaces.rs and the refusals of src/cmd/events.rs.

use serde_json::json;
use tare::cmd::parse_interfaces;

const TITLES: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";

#[test]
fn interfaces_are_counted_but_the_loopback() {
    let text = format!(
        "{TITLES}    lo:     999       9    0    0    0     0          0         0      999       9    0    0    0     0       0          0
  eth0:       1       2    3    4    5     6          7         8        9      10   11   12   13    14      15         16
 a:b.1:18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"
    );
    let seen = serde_json::to_value(parse_interfaces(&text)).unwrap();
    let expected = json!({
        "Name": "eth0", "RxBytes": 1, "RxPackets": 2, "RxErrors": 3, "RxDropped": 4,
        "TxBytes": 9, "TxPackets": 10, "TxErrors": 11, "TxDropped": 12,
    });
    assert_eq!(seen[0], expected);
    assert_eq!((&seen[1]["Name"], &seen[1]["RxBytes"]), (&json!("a:b.1"), &json!(u64::MAX)));
    assert_eq!(seen.as_array().unwrap().len(), 2);
    assert_eq!(parse_interfaces(TITLES), []);
}
