//! A change of `linux.resources` laid over what was there: JSON onto JSON, so that nothing is lost that was not named.
//!
//! Called by `update`. Pure. The rules are those of the limits themselves: a zero that counts as "not given" changes
//! nothing, lists are merged by the device or page size that an entry is for, and devices are not taken from a change.

use serde_json::{Map, Value};

/// Where 0 or an empty text counts as not given, by pointer below `linux.resources`; plan::limits has the same rule.
const ZERO_IS_NOT_GIVEN: [&str; 13] = [
    "/memory/limit",
    "/memory/reservation",
    "/memory/swap",
    "/memory/kernel",
    "/memory/kernelTCP",
    "/cpu/shares",
    "/cpu/quota",
    "/cpu/period",
    "/cpu/realtimePeriod",
    "/cpu/cpus",
    "/cpu/mems",
    "/blockIO/weight",
    "/blockIO/leafWeight",
];

/// Fields and the files of `unified` that say the same: whichever is named later counts, and the other is forgotten.
const SAME_FILE: [(&str, &str); 13] = [
    ("/memory/limit", "/unified/memory.max"),
    ("/memory/reservation", "/unified/memory.low"),
    ("/memory/swap", "/unified/memory.swap.max"),
    ("/cpu/shares", "/unified/cpu.weight"),
    ("/cpu/idle", "/unified/cpu.idle"),
    ("/cpu/quota", "/unified/cpu.max"),
    ("/cpu/period", "/unified/cpu.max"),
    ("/cpu/burst", "/unified/cpu.max.burst"),
    ("/cpu/cpus", "/unified/cpuset.cpus"),
    ("/cpu/mems", "/unified/cpuset.mems"),
    ("/pids/limit", "/unified/pids.max"),
    ("/blockIO/weight", "/unified/io.weight"),
    ("/blockIO/weight", "/unified/io.bfq.weight"),
];

/// Whether `value` at this place says nothing.
pub fn is_not_given(pointer: &str, value: &Value) -> bool {
    let says_nothing = match value {
        Value::Null => return true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    };
    says_nothing && ZERO_IS_NOT_GIVEN.contains(&pointer)
}

/// `before` with `change` on top of it.
pub fn merged(before: &Value, change: &Value) -> Value {
    let mut merged = before.as_object().cloned().unwrap_or_default();
    for (section, value) in change.as_object().into_iter().flatten() {
        if section != "devices" {
            lay(&mut merged, section, value, &format!("/{section}"));
        }
    }
    let mut merged = Value::Object(merged);
    let names = |pointer: &str| change.pointer(pointer).is_some_and(|value| !is_not_given(pointer, value));
    for (field, file) in SAME_FILE {
        match (names(field), names(file)) {
            (true, false) => forget(&mut merged, file),
            (false, true) => forget(&mut merged, field),
            _ => {}
        }
    }
    // Memory without limit is meant to be without limit, also where swap had one (as runc, and as v1's and v2's writes do).
    if change.pointer("/memory/limit") == Some(&Value::from(-1))
        && !names("/memory/swap")
        && let Some(swap) = merged.pointer_mut("/memory/swap")
    {
        *swap = Value::from(-1);
    }
    merged
}

fn forget(resources: &mut Value, pointer: &str) {
    let Some((section, field)) = pointer.rsplit_once('/') else { return };
    resources.pointer_mut(section).and_then(Value::as_object_mut).and_then(|section| section.remove(field));
}

fn lay(onto: &mut Map<String, Value>, key: &str, value: &Value, pointer: &str) {
    if is_not_given(pointer, value) {
        return;
    }
    match (onto.get_mut(key), value) {
        (Some(Value::Object(there)), Value::Object(fields)) => {
            fields.iter().for_each(|(key, value)| lay(there, key, value, &format!("{pointer}/{key}")));
        }
        (Some(Value::Array(there)), Value::Array(entries)) => {
            entries.iter().for_each(|entry| put(there, entry))
        }
        (_, Value::Object(fields)) => {
            let mut new = Map::new();
            fields.iter().for_each(|(key, value)| lay(&mut new, key, value, &format!("{pointer}/{key}")));
            onto.insert(key.to_owned(), Value::Object(new));
        }
        _ => drop(onto.insert(key.to_owned(), value.clone())),
    }
}

/// What an entry of a list is for: a block device, a page size, an interface.
fn subject(entry: &Value) -> [Option<&Value>; 4] {
    ["major", "minor", "pageSize", "name"].map(|key| entry.get(key))
}

fn put(list: &mut Vec<Value>, entry: &Value) {
    match list.iter_mut().find(|there| subject(there) == subject(entry)) {
        Some(Value::Object(there)) => {
            for (key, value) in entry.as_object().into_iter().flatten() {
                there.insert(key.clone(), value.clone());
            }
        }
        _ => list.push(entry.clone()),
    }
}
