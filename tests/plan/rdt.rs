//! `linux.intelRdt`.

use crate::fixture::{plan, refused};
use serde_json::{Value, json};
use tare::bundle::Invalid;
use tare::plan::Rdt;

fn rdt(rdt: Value) -> Result<Rdt, Invalid> {
    Ok(plan(json!({"linux": {"intelRdt": rdt}}))?.rdt.unwrap())
}

#[test]
fn without_clos_id_the_group_has_the_containers_name() {
    let rdt = rdt(json!({})).unwrap();
    assert_eq!(
        (rdt.clos_id.as_str(), rdt.named, rdt.monitoring, rdt.schemata.len()),
        ("box", false, false, 0)
    );
}

#[test]
fn no_intel_rdt_means_no_resctrl() {
    assert_eq!(plan(json!({})).unwrap().rdt, None);
}

#[test]
fn both_schemas_are_combined_and_schemata_comes_last() {
    let rdt = rdt(json!({
        "closID": "gold",
        "l3CacheSchema": "L3:0=f;1=f0\nMB:0=10\n",
        "memBwSchema": "MB:0=20;1=70",
        "schemata": ["L2:0=f", "MB:0=30"],
    }))
    .unwrap();
    assert_eq!((rdt.clos_id.as_str(), rdt.named), ("gold", true));
    assert_eq!(rdt.schemata, ["L3:0=f;1=f0", "MB:0=20;1=70", "L2:0=f", "MB:0=30"]);
}

#[test]
fn mb_lines_of_the_l3_schema_stay_if_no_memory_schema_replaces_them() {
    assert_eq!(rdt(json!({"l3CacheSchema": "L3:0=f\nMB:0=10"})).unwrap().schemata, ["L3:0=f", "MB:0=10"]);
}

#[test]
fn the_memory_schema_must_start_with_mb_and_be_one_line() {
    for schema in ["L3:0=f", "MB:0=1\nMB:1=1", " MB:0=1"] {
        refused(
            rdt(json!({"memBwSchema": schema})),
            "/linux/intelRdt/memBwSchema",
            "must be one line that starts with",
        );
    }
}

#[test]
fn a_clos_id_names_one_folder_or_the_root() {
    for name in ["a/b", "..", ".", "/a"] {
        refused(rdt(json!({"closID": name})), "/linux/intelRdt/closID", "invalid intelRdt.ClosID");
    }
    assert_eq!(rdt(json!({"closID": "/"})).unwrap().clos_id, "/");
}

#[test]
fn monitoring_is_asked_for_by_its_new_name_or_the_old_ones() {
    for word in ["enableMonitoring", "enableCMT", "enableMBM"] {
        assert!(rdt(json!({word: true})).unwrap().monitoring, "{word}");
        assert!(!rdt(json!({word: false})).unwrap().monitoring, "{word}");
    }
}
