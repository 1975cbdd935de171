//! Annotations `org.systemd.property.NAME` -> properties of the container's systemd unit.
//!
//! Called by `annotations`. Whoever writes a pod's annotations must not command the host's systemd: SuccessAction= can
//! reboot it, Wants= starts any unit (CVE-2024-3154). So only properties that describe, order, time or limit the
//! container's own unit are let through, each with the type that systemd wants (org.freedesktop.systemd1(5)).
//! A new row needs that thought. The values are kept for the systemd manager; with cgroupfs they have no effect.

use super::gvariant::{self, Type, Value};
use crate::bundle::{Invalid, escape};
use std::collections::BTreeMap;

/// The annotations' common start.
pub const PREFIX: &str = "org.systemd.property.";

/// One property of the unit, as `StartTransientUnit` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitProperty {
    /// For example `TimeoutStopUSec`.
    pub name: String,
    /// Its value, of the type that systemd wants.
    pub value: Value,
}

const STRINGS: Type = Type::Array(&Type::Str);
const BYTES: Type = Type::Array(&Type::Byte);
/// Device or path, and a number.
const DEVICE_LIMITS: Type = Type::Array(&Type::Tuple(&[Type::Str, Type::U64]));

/// What an annotation may set, with its type. Left out on purpose, beside all that executes or starts something:
/// Wants, Requires and their kin (they start units), PropagatesStopTo and Conflicts (they stop units), the ...Action
/// properties, Slice and Delegate (the place is the runtime's), DeviceAllow and DevicePolicy, MemoryMin, MemoryLow and
/// the weights (they take from others what linux.resources did not give).
const ALLOWED: &[(&str, &Type)] = &[
    // What it is, and when it goes.
    ("Description", &Type::Str),
    ("Documentation", &STRINGS),
    ("CollectMode", &Type::Str),
    ("StopWhenUnneeded", &Type::Bool),
    ("DefaultDependencies", &Type::Bool),
    ("After", &STRINGS),
    ("Before", &STRINGS),
    ("PartOf", &STRINGS),
    // How it ends.
    ("TimeoutStopUSec", &Type::U64),
    ("RuntimeMaxUSec", &Type::U64),
    ("RuntimeRandomizedExtraUSec", &Type::U64),
    ("JobTimeoutUSec", &Type::U64),
    ("JobRunningTimeoutUSec", &Type::U64),
    ("KillMode", &Type::Str),
    ("KillSignal", &Type::I32),
    ("FinalKillSignal", &Type::I32),
    ("SendSIGKILL", &Type::Bool),
    ("SendSIGHUP", &Type::Bool),
    ("OOMPolicy", &Type::Str),
    // What is counted of it, and what it may use at most.
    ("CPUAccounting", &Type::Bool),
    ("MemoryAccounting", &Type::Bool),
    ("TasksAccounting", &Type::Bool),
    ("IOAccounting", &Type::Bool),
    ("BlockIOAccounting", &Type::Bool),
    ("IPAccounting", &Type::Bool),
    ("CPUQuotaPerSecUSec", &Type::U64),
    ("CPUQuotaPeriodUSec", &Type::U64),
    ("AllowedCPUs", &BYTES),
    ("AllowedMemoryNodes", &BYTES),
    ("MemoryHigh", &Type::U64),
    ("MemoryMax", &Type::U64),
    ("MemorySwapMax", &Type::U64),
    ("MemoryZSwapMax", &Type::U64),
    ("MemoryLimit", &Type::U64),
    ("TasksMax", &Type::U64),
    ("IOReadBandwidthMax", &DEVICE_LIMITS),
    ("IOWriteBandwidthMax", &DEVICE_LIMITS),
    ("IOReadIOPSMax", &DEVICE_LIMITS),
    ("IOWriteIOPSMax", &DEVICE_LIMITS),
    ("ManagedOOMSwap", &Type::Str),
    ("ManagedOOMMemoryPressure", &Type::Str),
    ("ManagedOOMMemoryPressureLimit", &Type::U32),
];

/// The names that an annotation may set, in the table's order.
pub fn allowed() -> impl Iterator<Item = &'static str> {
    ALLOWED.iter().map(|(name, _)| *name)
}

/// All of them, by name of the annotation.
pub(super) fn from_annotations(annotations: &BTreeMap<String, String>) -> Result<Vec<UnitProperty>, Invalid> {
    let mut properties: Vec<UnitProperty> = Vec::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(PREFIX) else { continue };
        let pointer = format!("/annotations/{}", escape(key));
        let property = property(key, name, text, &pointer)?;
        if properties.iter().any(|earlier| earlier.name == property.name) {
            let problem = format!("annotation {key} sets {} a second time", property.name);
            return Err(Invalid::conflict(pointer, problem).advise("give it in seconds or in microseconds"));
        }
        properties.push(property);
    }
    Ok(properties)
}

fn property(key: &str, name: &str, text: &str, pointer: &str) -> Result<UnitProperty, Invalid> {
    if name.len() < 3 || !name.chars().all(|c| c.is_ascii_alphabetic()) {
        let problem =
            format!("annotation {key} names no unit property: at least three letters, nothing else");
        return Err(Invalid::value(pointer, problem).advise("see org.freedesktop.systemd1(5)"));
    }
    let in_seconds = microseconds_name(name);
    let name = in_seconds.as_deref().unwrap_or(name);
    let Some((_, wanted)) = ALLOWED.iter().find(|(allowed, _)| *allowed == name) else {
        let problem = format!("annotation {key} sets a unit property that a container may not set");
        return Err(Invalid::unsupported(pointer, problem)
            .advise("remove the annotation; docs/annotations.md lists what may be set"));
    };
    let (value, example) = match in_seconds {
        Some(_) => (gvariant::parse_seconds_as_us(text).map(Value::U64), "5".to_owned()),
        None => (gvariant::parse(text, wanted), wanted.example()),
    };
    let value = value.map_err(|problem| {
        Invalid::value(pointer, format!("annotation {key}: {text:?} {problem}"))
            .advise(format!("write GVariant text, for example {example}"))
    })?;
    Ok(UnitProperty { name: name.to_owned(), value })
}

/// `TimeoutStopSec`, as unit files write it, is `TimeoutStopUSec` on D-Bus; None: the name is none of those.
fn microseconds_name(name: &str) -> Option<String> {
    let stem = name.strip_suffix("Sec").filter(|stem| stem.ends_with(|c: char| c.is_ascii_lowercase()))?;
    Some(format!("{stem}USec"))
}
