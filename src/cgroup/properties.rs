//! Files of control groups -> properties of a systemd unit. Pure.
//!
//! Called by `systemd` with the lists that `v1`, `v2` and `devices_v1` make. Whatever systemd has a property for it is told:
//! it writes the files of a controller anew when one of them changes (`systemctl set-property`), and then knows only
//! its own values. The exact values are written into the files afterwards, with what has no property. systemd.resource-control(5);
//! types and versions: org.freedesktop.systemd1(5).

use super::fs::{Tolerate, Write};
use super::translate::Orders;
use super::{devices_v1, v2};
use crate::plan::gvariant::{Type, Value};
use crate::plan::limits::{DeviceRule, Max};
use crate::plan::unit_properties::UnitProperty;

/// A list of pairs of texts has this in it.
pub(super) const NAMED: Type = Type::Tuple(&[Type::Str, Type::Str]);
const NUMBERED: Type = Type::Tuple(&[Type::Str, Type::U64]);

/// cpu.max, or the two files of v1: what holds, where a write names only a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Bandwidth {
    pub quota_us: Max,
    pub period_us: u64,
}

impl Default for Bandwidth {
    /// The kernel's, of a new group.
    fn default() -> Bandwidth {
        Bandwidth { quota_us: Max::Unlimited, period_us: 100_000 }
    }
}

impl Bandwidth {
    /// Quota and period, as cpu.max has them.
    pub fn of_words(text: &str) -> Option<Bandwidth> {
        let mut words = text.split_ascii_whitespace();
        let quota_us = match number(words.next()?)? {
            u64::MAX => Max::Unlimited,
            number => Max::At(number),
        };
        Some(Bandwidth { quota_us, period_us: words.next()?.parse().ok()? })
    }

    /// What holds after the writes of `orders`; None: they do not touch it.
    pub fn after(self, orders: &Orders) -> Option<Bandwidth> {
        let v1 = orders.v1.iter().flat_map(|(_, writes)| writes);
        v1.chain(&orders.v2).fold(None, |held, write| bandwidth_in(write, held.unwrap_or(self)).or(held))
    }
}

/// Properties by name, each once.
#[derive(Debug, Default)]
pub struct Properties {
    list: Vec<UnitProperty>,
    /// Which fields of config.json asked for them: names, and JSON pointers.
    fields: Vec<(String, String)>,
    /// The field that is read now.
    field: String,
}

impl Properties {
    /// What is set from here on was asked for by this field, a JSON pointer; empty: by none.
    pub fn asked_by(&mut self, field: impl Into<String>) -> &mut Properties {
        self.field = field.into();
        self
    }

    /// Sets one; what it was before is gone.
    pub fn set(&mut self, name: &str, value: Value) {
        self.list.retain(|property| property.name != name);
        self.list.push(UnitProperty { name: name.to_owned(), value });
        self.fields.retain(|(known, _)| known != name);
        if !self.field.is_empty() {
            self.fields.push((name.to_owned(), self.field.clone()));
        }
    }

    /// Adds an item to a list.
    fn add(&mut self, name: &str, kind: &'static Type, item: Value) {
        let list = self.list.iter_mut().find(|property| property.name == name);
        match list.map(|property| &mut property.value) {
            Some(Value::Array(_, items)) => items.push(item),
            _ => self.set(name, Value::Array(kind, vec![item])),
        }
    }

    /// All of them, in the order in which they were set.
    pub fn list(&self) -> &[UnitProperty] {
        &self.list
    }

    /// The field that asked for the property of which systemd says `text`; the longest name in it, as some contain others.
    pub fn field_in(&self, text: &str) -> Option<&str> {
        let named = self.fields.iter().filter(|(name, _)| text.contains(name.as_str()));
        named.max_by_key(|(name, _)| name.len()).map(|(_, field)| field.as_str())
    }

    /// What the writes of `orders` say, to a systemd of this version.
    pub fn set_limits(&mut self, orders: &Orders, in_force: Bandwidth, version: u32) {
        let v1 = orders.v1.iter().flat_map(|(_, writes)| writes);
        v1.chain(&orders.v2).for_each(|write| self.set_limit(write, version));
        if let Some(bandwidth) = in_force.after(orders) {
            let mut all = orders.v1.iter().flat_map(|(_, writes)| writes).chain(&orders.v2).rev();
            let last = all.find(|write| bandwidth_in(write, bandwidth).is_some());
            self.asked_by(last.map_or("", |write| write.pointer.as_str()));
            self.set("CPUQuotaPerSecUSec", Value::U64(quota_each_second(bandwidth, version)));
            if version >= 242 {
                self.set("CPUQuotaPeriodUSec", Value::U64(bandwidth.period_us));
            }
        }
    }

    fn set_limit(&mut self, write: &Write, version: u32) {
        let (file, value) = (write.file.as_str(), write.value.as_str());
        self.asked_by(write.pointer.as_str());
        if let Some((_, name, since)) = NUMBERS.iter().find(|(known, _, _)| *known == file) {
            let number = if file.starts_with("memory.") { bytes(value) } else { number(value) };
            if let Some(number) = number.filter(|_| version >= *since) {
                self.set(name, Value::U64(number));
            }
            return;
        }
        match file {
            "cpu.idle" if value == "1" && version >= 252 => self.set("CPUWeight", Value::U64(0)),
            // No longer idle: the weight that comes with it, or none.
            "cpu.idle" if version >= 252 && !self.has("CPUWeight") => {
                self.set("CPUWeight", Value::U64(u64::MAX));
            }
            "cpuset.cpus" if version >= 244 => self.set_list("AllowedCPUs", value),
            "cpuset.mems" if version >= 244 => self.set_list("AllowedMemoryNodes", value),
            "io.weight" => self.set_io_weight(value),
            // systemd writes BFQ's file itself, from the other one's scale.
            "io.bfq.weight" => match &write.tolerate {
                Tolerate::Or(_, weight) => self.set_io_weight(weight),
                _ => self.set_bfq_weight(value),
            },
            "io.max" => self.add_pairs(value, &IO_MAX),
            "io.latency" if version >= 240 => {
                self.add_pairs(value, &[("target", "IODeviceLatencyTargetUSec")]);
            }
            "blkio.throttle.read_bps_device" => self.add_rate(value, "BlockIOReadBandwidth"),
            "blkio.throttle.write_bps_device" => self.add_rate(value, "BlockIOWriteBandwidth"),
            "blkio.bfq.weight_device" => self.add_rate(value, "BlockIODeviceWeight"),
            _ => {}
        }
    }

    fn has(&self, name: &str) -> bool {
        self.list.iter().any(|property| property.name == name)
    }

    /// What becomes of the other processes when the OOM killer has ended one. A scope is told when it starts, and never again.
    pub fn set_oom_policy(&mut self, orders: &Orders, version: u32) {
        let is_group = |write: &&Write| write.file == "memory.oom.group";
        let last = orders.v2.iter().rev().find(is_group);
        if version >= 253
            && let Some(write) = last.filter(|write| write.value == "1")
        {
            self.asked_by(write.pointer.as_str());
            self.set("OOMPolicy", Value::Str("kill".to_owned()));
        }
    }

    /// A CPU or node list as a bit mask, the lowest first.
    fn set_list(&mut self, name: &str, list: &str) {
        let Some(numbers) = numbers_of(list) else { return };
        let mut mask = vec![0u8; numbers.iter().max().map_or(0, |highest| highest / 8 + 1)];
        for number in numbers {
            if let Some(byte) = mask.get_mut(number / 8) {
                *byte |= 1 << (number % 8);
            }
        }
        self.set(name, Value::Array(&Type::Byte, mask.into_iter().map(Value::Byte).collect()));
    }

    /// `100`, `default 100`, `8:0 100`.
    fn set_io_weight(&mut self, value: &str) {
        let (key, weight) = value.split_once(' ').unwrap_or(("default", value));
        let Some(weight) = number(weight) else { return };
        match key {
            "default" => self.set("IOWeight", Value::U64(weight)),
            device => self.add("IODeviceWeight", &NUMBERED, device_item(device, weight)),
        }
    }

    fn set_bfq_weight(&mut self, value: &str) {
        let (key, weight) = value.rsplit_once(' ').unwrap_or(("default", value));
        if let Ok(weight) = weight.parse() {
            self.set_io_weight(&format!("{key} {}", v2::io_weight(weight)));
        }
    }

    /// `8:0 rbps=1000 wiops=max`: each key is a list of its own.
    fn add_pairs(&mut self, value: &str, names: &[(&str, &str)]) {
        let mut words = value.split_ascii_whitespace();
        let Some(device) = words.next() else { return };
        for (key, limit) in words.filter_map(|word| word.split_once('=')) {
            let name = names.iter().find(|(known, _)| *known == key);
            if let (Some((_, name)), Some(limit)) = (name, number(limit)) {
                self.add(name, &NUMBERED, device_item(device, limit));
            }
        }
    }

    /// `8:0 1000`.
    fn add_rate(&mut self, value: &str, name: &str) {
        if let Some((device, rate)) = value.split_once(' ')
            && let Some(rate) = number(rate)
        {
            // The kernel lifts a limit with 0, systemd with infinity.
            let rate = if rate == 0 { u64::MAX } else { rate };
            self.add(name, &NUMBERED, device_item(device, rate));
        }
    }

    /// The devices. systemd knows only what is allowed: rules that deny some of what is allowed elsewhere are left to our own
    /// program, and systemd denies nothing.
    pub fn set_devices(&mut self, rules: &[DeviceRule]) {
        let writes = devices_v1::writes(rules).unwrap_or_default();
        let Some((reset, exceptions)) = writes.split_first() else { return };
        if reset.file != "devices.deny" {
            return;
        }
        self.asked_by("/linux/resources/devices");
        self.set("DevicePolicy", Value::Str("strict".to_owned()));
        self.set("DeviceAllow", Value::Array(&NAMED, Vec::new()));
        for exception in exceptions {
            if let Some((device, access)) = allowed_device(&exception.value) {
                self.add("DeviceAllow", &NAMED, Value::Tuple(vec![Value::Str(device), Value::Str(access)]));
            }
        }
    }
}

/// The first rule, as a JSON pointer, that systemd's list cannot say: its own rules then allow more.
pub fn unsayable_device(rules: &[DeviceRule]) -> Option<String> {
    let writes = devices_v1::writes(rules).ok()?;
    let (reset, exceptions) = writes.split_first()?;
    // All is allowed but some; or a minor number of every major one.
    let is_wide = |rule: &str| rule.contains(" *:") && !rule.contains(" *:*");
    let is_unsayable = |write: &&Write| reset.file != "devices.deny" || is_wide(&write.value);
    exceptions.iter().find(is_unsayable).map(|write| write.pointer.clone())
}

/// Files of one number, or `max`; and the version of systemd that knows the property.
const NUMBERS: [(&str, &str, u32); 11] = [
    ("memory.max", "MemoryMax", 231),
    ("memory.high", "MemoryHigh", 231),
    ("memory.low", "MemoryLow", 231),
    ("memory.min", "MemoryMin", 240),
    ("memory.swap.max", "MemorySwapMax", 232),
    ("memory.zswap.max", "MemoryZSwapMax", 253),
    ("cpu.weight", "CPUWeight", 232),
    ("pids.max", "TasksMax", 227),
    // v1
    ("memory.limit_in_bytes", "MemoryLimit", 0),
    ("cpu.shares", "CPUShares", 0),
    ("blkio.bfq.weight", "BlockIOWeight", 0),
];

const IO_MAX: [(&str, &str); 4] = [
    ("rbps", "IOReadBandwidthMax"),
    ("wbps", "IOWriteBandwidthMax"),
    ("riops", "IOReadIOPSMax"),
    ("wiops", "IOWriteIOPSMax"),
];

/// A number; no limit is the largest (systemd's "infinity").
fn number(text: &str) -> Option<u64> {
    match text {
        "max" | "-1" => Some(u64::MAX),
        digits => digits.parse().ok(),
    }
}

/// The same of bytes, which the kernel takes with a suffix too (memparse).
fn bytes(text: &str) -> Option<u64> {
    let shift = match text.bytes().last()?.to_ascii_lowercase() {
        b'k' => 10,
        b'm' => 20,
        b'g' => 30,
        b't' => 40,
        _ => return number(text),
    };
    text.get(..text.len() - 1)?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn device_item(device: &str, number: u64) -> Value {
    Value::Tuple(vec![Value::Str(format!("/dev/block/{device}")), Value::U64(number)])
}

/// The numbers of a list such as `0-2,7` (cpuset(7), "List format"). None: what systemd could not be told.
fn numbers_of(list: &str) -> Option<Vec<usize>> {
    /// The most CPUs of any kernel (CONFIG_NR_CPUS), and more than it has memory nodes.
    const MOST: usize = 8192;
    let mut numbers = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last >= MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// What `write` makes of the bandwidth that holds before it; None: it is about something else.
fn bandwidth_in(write: &Write, before: Bandwidth) -> Option<Bandwidth> {
    let (value, Bandwidth { quota_us, period_us }) = (write.value.as_str(), before);
    match write.file.as_str() {
        "cpu.max" if value.contains(' ') => Bandwidth::of_words(value),
        "cpu.max" | "cpu.cfs_quota_us" => Bandwidth::of_words(&format!("{value} {period_us}")),
        "cpu.cfs_period_us" => Some(Bandwidth { quota_us, period_us: value.parse().ok()? }),
        _ => None,
    }
}

/// How much of each second, in microseconds. systemd keeps hundredths of a percent, older versions whole ones: rounded up, so
/// that it never takes away what was given.
fn quota_each_second(bandwidth: Bandwidth, version: u32) -> u64 {
    let step_us = if version >= 262 { 100 } else { 10_000 };
    let Max::At(quota_us) = bandwidth.quota_us else { return u64::MAX };
    let each_second = u128::from(quota_us) * 1_000_000 / u128::from(bandwidth.period_us.max(1));
    let each_second = u64::try_from(each_second).unwrap_or(u64::MAX / 2);
    each_second.next_multiple_of(step_us)
}

/// `c 1:3 rwm` as DeviceAllow= has it: node and access, with all nodes of a major number by that number.
fn allowed_device(rule: &str) -> Option<(String, String)> {
    let mut words = rule.split(' ');
    let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
    let kind = if kind == "b" { "block" } else { "char" };
    let device = match numbers.split_once(':')? {
        ("*", _) => format!("{kind}-*"),
        (major, "*") => format!("{kind}-{major}"),
        (major, minor) => format!("/dev/{kind}/{major}:{minor}"),
    };
    Some((device, access.to_owned()))
}
