//! /etc/subuid and /etc/passwd -> the ids lent to a user.

use tare::host::IdRange;
use tare::sys::subordinate::{name_of, ranges};

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\n\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n1001:x:7:7::/:\n";

#[test]
fn a_user_has_the_ranges_of_his_name_and_of_his_number_in_order() {
    let table = "root:1:2\nann:100000:65536\nanna:5:5\n# ann:1:1\n1000:300000:10\nann:400000:1\n";
    let found: Vec<_> = ranges(table, 1000, Some("ann")).iter().map(|r| (r.first, r.count)).collect();
    assert_eq!(found, [(100_000, 65_536), (300_000, 10), (400_000, 1)]);
    assert_eq!(ranges(table, 1000, None), [IdRange { first: 300_000, count: 10 }]);
    assert_eq!(ranges("", 1000, Some("ann")), []);
}

#[test]
fn what_is_no_range_is_passed_over() {
    let table = "ann\nann:\nann:5\nann:x:1\nann:5:0\nann:-1:5\nann:4294967295:2\nann:7:1:more\n\0\n";
    assert_eq!(ranges(table, 1000, Some("ann")), [IdRange { first: 7, count: 1 }]);
}

#[test]
fn the_name_is_that_of_the_number() {
    assert_eq!(name_of(PASSWD, 1000), Some("ann"));
    assert_eq!(name_of(PASSWD, 0), Some("root"));
    assert_eq!(name_of(PASSWD, 1001), None);
}
