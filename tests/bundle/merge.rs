//! A change laid over what was asked for before.

use serde_json::{Value, json};
use tare::bundle::merge::{is_not_given, merged};

#[test]
fn what_is_not_named_stays() {
    let before = json!({"memory": {"limit": 5, "swappiness": 10}, "pids": {"limit": 3}});
    assert_eq!(
        merged(&before, &json!({"memory": {"limit": 6}, "cpu": {"quota": -1}})),
        json!({"memory": {"limit": 6, "swappiness": 10}, "pids": {"limit": 3}, "cpu": {"quota": -1}})
    );
    assert_eq!(merged(&before, &json!({})), before);
    assert_eq!(merged(&Value::Null, &before), before);
}

#[test]
fn zeros_nulls_and_empty_texts_that_count_as_not_given_change_nothing() {
    let before = json!({"memory": {"limit": 5}, "cpu": {"cpus": "0", "burst": 7}});
    let change = json!({"memory": {"limit": 0, "swap": 0}, "cpu": {"cpus": "", "quota": 0, "shares": null}, "pids": null});
    assert_eq!(merged(&before, &change), before);
    // These zeros mean something.
    let change = json!({"cpu": {"burst": 0, "idle": 0}, "pids": {"limit": 0}, "memory": {"swappiness": 0}});
    let expected = json!({"memory": {"limit": 5, "swappiness": 0}, "cpu": {"cpus": "0", "burst": 0, "idle": 0}, "pids": {"limit": 0}});
    assert_eq!(merged(&before, &change), expected);
    assert!(is_not_given("/memory/limit", &json!(0)) && !is_not_given("/pids/limit", &json!(0)));
}

#[test]
fn zeros_are_left_out_of_sections_that_were_not_there_too() {
    assert_eq!(
        merged(&json!({}), &json!({"memory": {"limit": 0, "swap": 9}})),
        json!({"memory": {"swap": 9}})
    );
}

#[test]
fn entries_of_lists_are_found_by_device_page_size_or_name() {
    let entry = |major: u32, rate: u32| json!({"major": major, "minor": 0, "rate": rate});
    let before = json!({"blockIO": {"throttleReadBpsDevice": [entry(8, 1), entry(9, 2)]}, "hugepageLimits": [{"pageSize": "2MB", "limit": 1}]});
    let change = json!({"blockIO": {"throttleReadBpsDevice": [entry(9, 5), entry(10, 6)]},
        "hugepageLimits": [{"pageSize": "1GB", "limit": 7}, {"pageSize": "2MB", "limit": 3}]});
    let after = merged(&before, &change);
    assert_eq!(after["blockIO"]["throttleReadBpsDevice"], json!([entry(8, 1), entry(9, 5), entry(10, 6)]));
    assert_eq!(
        after["hugepageLimits"],
        json!([{"pageSize": "2MB", "limit": 3}, {"pageSize": "1GB", "limit": 7}])
    );
}

#[test]
fn devices_are_never_taken_from_a_change() {
    let before = json!({"devices": [{"allow": false, "access": "rwm"}]});
    assert_eq!(merged(&before, &json!({"devices": [{"allow": true, "access": "rwm"}]})), before);
}

#[test]
fn memory_without_a_limit_lifts_the_limit_of_swap() {
    let before = json!({"memory": {"limit": 5, "swap": 9}});
    assert_eq!(
        merged(&before, &json!({"memory": {"limit": -1}})),
        json!({"memory": {"limit": -1, "swap": -1}})
    );
    assert_eq!(
        merged(&before, &json!({"memory": {"limit": -1, "swap": 7}})),
        json!({"memory": {"limit": -1, "swap": 7}})
    );
    assert_eq!(merged(&json!({}), &json!({"memory": {"limit": -1}})), json!({"memory": {"limit": -1}}));
}

#[test]
fn of_a_field_and_its_file_in_unified_the_one_named_later_counts() {
    let before =
        json!({"cpu": {"shares": 5, "burst": 1}, "unified": {"memory.max": "1", "memory.high": "2"}});
    let after = merged(&before, &json!({"unified": {"cpu.weight": "77"}, "memory": {"limit": 9}}));
    let expected = json!({"cpu": {"burst": 1}, "memory": {"limit": 9}, "unified": {"cpu.weight": "77", "memory.high": "2"}});
    assert_eq!(after, expected);
    // Named together, both stay: they are written in this order.
    let both = json!({"cpu": {"shares": 6}, "unified": {"cpu.weight": "78"}});
    assert_eq!(merged(&json!({}), &both), both);
    // What counts as not given forgets nothing.
    assert_eq!(merged(&before, &json!({"memory": {"limit": 0}}))["unified"]["memory.max"], "1");
}
