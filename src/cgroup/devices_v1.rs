//! Device rules -> devices.deny and devices.allow of cgroup v1. Pure.
//!
//! Called by `translate`. The spec wants the rules "in the listed order": the last that names a device and an access
//! decides. The kernel keeps something poorer: one default, and a list of exceptions from it, from which an entry is
//! taken away only by an equal one (security/device_cgroup.c). Writing the rules one by one would therefore leave
//! `c 10:200` allowed after "allow c 10:*, deny c 10:200", without a word. So the rules are carried out here, on a list
//! of our own; what the kernel's form cannot hold is refused.

use super::fs::{Refusal, Tolerate, Write, code};
use crate::plan::limits::{ALL_ACCESS, DeviceKind, DeviceRule, MKNOD, POINTER, READ, WRITE};
use std::collections::BTreeMap;

/// Which devices an exception names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: DeviceKind,
    major: Option<u32>,
    minor: Option<u32>,
}

impl Key {
    /// Whether every device of `other` is one of ours.
    fn covers(&self, other: &Key) -> bool {
        let covers = |ours: Option<u32>, theirs: Option<u32>| ours.is_none() || ours == theirs;
        self.kind == other.kind && covers(self.major, other.major) && covers(self.minor, other.minor)
    }

    /// Whether a device can be both.
    fn meets(&self, other: &Key) -> bool {
        let meets =
            |ours: Option<u32>, theirs: Option<u32>| ours.is_none() || theirs.is_none() || ours == theirs;
        self.kind == other.kind && meets(self.major, other.major) && meets(self.minor, other.minor)
    }
}

/// An exception from the default.
#[derive(Debug, Clone, Copy)]
struct Exception {
    access: u8,
    /// The rule that asked for it last; None: one of those that every container has.
    index: Option<usize>,
}

/// The writes that bring a group to what `rules` say.
///
/// # Errors
/// A rule that takes back a part of an earlier, wider one.
pub fn writes(rules: &[DeviceRule]) -> Result<Vec<Write>, Refusal> {
    let mut allowed_by_default = false;
    let mut reset_by = None;
    let mut exceptions: BTreeMap<Key, Exception> = BTreeMap::new();
    for rule in rules {
        let Some(kind) = rule.kind else {
            (allowed_by_default, reset_by) = (rule.allow, rule.index);
            exceptions.clear();
            continue;
        };
        let key = Key { kind, major: rule.major, minor: rule.minor };
        if rule.allow == allowed_by_default {
            take_back(&mut exceptions, key, rule)?;
        } else {
            let exception = exceptions.entry(key).or_insert(Exception { access: 0, index: rule.index });
            exception.access |= rule.access;
            exception.index = rule.index.or(exception.index);
        }
    }
    if !allowed_by_default {
        join_overlaps(&mut exceptions);
    }
    let (default, other) = match allowed_by_default {
        true => ("devices.allow", "devices.deny"),
        false => ("devices.deny", "devices.allow"),
    };
    let reset = Write::new(default, "a", reset_by.map(pointer).unwrap_or_default());
    let exceptions = exceptions.into_iter().map(|(key, exception)| line(other, key, exception));
    Ok(std::iter::once(reset).chain(exceptions).collect())
}

/// To allow a request the kernel wants one exception that grants all of it; two that grant a part each do not do.
/// So the devices that two exceptions name get one of their own, with the accesses of both.
fn join_overlaps(exceptions: &mut BTreeMap<Key, Exception>) {
    loop {
        let mut joined = Vec::new();
        for (wide, one) in exceptions.iter().filter(|(key, _)| key.major.is_none() || key.minor.is_none()) {
            for (key, other) in exceptions.iter().filter(|(key, _)| key.meets(wide) && *key != wide) {
                let both =
                    Key { kind: key.kind, major: key.major.or(wide.major), minor: key.minor.or(wide.minor) };
                let access = one.access | other.access;
                let present = exceptions.get(&both).map_or(0, |exception| exception.access);
                let granted_by_one = access == one.access || access == other.access;
                if access & !present != 0 && !granted_by_one {
                    joined.push((
                        both,
                        Exception { access: access | present, index: other.index.or(one.index) },
                    ));
                }
            }
        }
        if joined.is_empty() {
            return;
        }
        exceptions.extend(joined);
    }
}

/// Removes from the exceptions what `rule` gives back to the default.
fn take_back(exceptions: &mut BTreeMap<Key, Exception>, key: Key, rule: &DeviceRule) -> Result<(), Refusal> {
    for (other, exception) in exceptions.iter_mut() {
        if !key.meets(other) || exception.access & rule.access == 0 {
            continue;
        }
        if !key.covers(other) {
            let problem = "cgroup v1 cannot except a device from a rule that names more devices";
            let pointer = rule.index.map(pointer).unwrap_or_default();
            let advice = "list the devices of the wider rule one by one";
            return Err(Refusal::limit(code::NO_CONVERSION, pointer, problem).advise(advice));
        }
        exception.access &= !rule.access;
    }
    exceptions.retain(|_, exception| exception.access != 0);
    Ok(())
}

fn line(file: &str, key: Key, exception: Exception) -> Write {
    let kind = match key.kind {
        DeviceKind::Block => 'b',
        DeviceKind::Char => 'c',
    };
    let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
    let letters = [(READ, "r"), (WRITE, "w"), (MKNOD, "m")];
    let access: String =
        letters.iter().filter(|(bit, _)| exception.access & bit != 0).map(|(_, letter)| *letter).collect();
    let value = format!("{kind} {}:{} {access}", number(key.major), number(key.minor));
    let write = Write::new(file, value, exception.index.map(pointer).unwrap_or_default());
    // In a container whose own devices are fewer, those that nobody asked for are done without.
    if exception.index.is_none() { write.tolerate(Tolerate::Denied) } else { write }
}

fn pointer(index: usize) -> String {
    format!("{POINTER}/devices/{index}")
}

/// Whether the rules allow every access to every device, so that nothing has to be denied.
pub(super) fn allow_all(rules: &[DeviceRule]) -> bool {
    let last_reset = rules.iter().rposition(|rule| rule.kind.is_none());
    let since = rules.get(last_reset.unwrap_or(0)..).unwrap_or_default();
    last_reset.is_some()
        && since.iter().all(|rule| rule.allow)
        && since.iter().all(|rule| rule.kind.is_some() || rule.access == ALL_ACCESS)
}
