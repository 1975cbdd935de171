//! `process.capabilities` -> five bit masks that the kernel will accept (capabilities(7)).
//!
//! What cannot be granted is left out and said as a warning, never an error (config.md, "Linux Process").

use super::process::Capabilities;
use crate::bundle::config;

/// Names without `CAP_`, each at its number (linux/capability.h).
pub const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The masks for a kernel whose last capability has number `last`. No `capabilities` in the config: none at all.
pub(super) fn masks(
    given: Option<&config::Capabilities>,
    last: u8,
    warnings: &mut Vec<String>,
) -> Capabilities {
    let Some(given) = given else { return Capabilities::default() };
    let mut read = |names: &[String], set: &str| mask(names, set, last, warnings);
    let mut sets = Capabilities {
        bounding: read(&given.bounding, "bounding"),
        effective: read(&given.effective, "effective"),
        inheritable: read(&given.inheritable, "inheritable"),
        permitted: read(&given.permitted, "permitted"),
        ambient: read(&given.ambient, "ambient"),
    };
    // Each set is what the kernel's rules leave of it: capset(2) wants effective within permitted and inheritable
    // within bounding; the bounding set limits every later execve(2); PR_CAP_AMBIENT wants both of its bases.
    let mut limit = |set: &mut u64, within: u64, name: &str, base: &str| {
        for lost in capabilities(*set & !within) {
            warnings.push(format!(
                "capability {lost} is {name} but not {base}: it cannot be granted and is left out"
            ));
        }
        *set &= within;
    };
    limit(&mut sets.permitted, sets.bounding, "permitted", "in the bounding set");
    limit(&mut sets.inheritable, sets.bounding, "inheritable", "in the bounding set");
    limit(&mut sets.effective, sets.permitted, "effective", "permitted");
    limit(&mut sets.ambient, sets.permitted & sets.inheritable, "ambient", "both permitted and inheritable");
    sets
}

fn mask(names: &[String], set: &str, last: u8, warnings: &mut Vec<String>) -> u64 {
    let mut mask = 0;
    for name in names {
        match number(name) {
            Some(number) if number <= u32::from(last) => mask |= 1 << number,
            Some(_) => {
                warnings
                    .push(format!("capability {name} ({set}) is not known to this kernel: it is left out"));
            }
            None => warnings.push(format!("unknown capability {name:?} ({set}): it is left out")),
        }
    }
    mask
}

fn number(name: &str) -> Option<u32> {
    let name = name.strip_prefix("CAP_")?;
    NAMES.iter().position(|known| *known == name).and_then(|number| u32::try_from(number).ok())
}

fn capabilities(mask: u64) -> impl Iterator<Item = String> {
    let named = NAMES.iter().enumerate().filter(move |(number, _)| mask >> number & 1 == 1);
    named.map(|(_, name)| format!("CAP_{name}"))
}
