//! `linux.netDevices` -> interfaces that move into the container (config-linux.md, "Network Devices").
//! That there is a network namespace to move to is `bundle::check`'s.

use super::NetDevice;
use crate::bundle::config::Linux;
use crate::bundle::{Invalid, escape};
use crate::host::Host;
use std::collections::BTreeMap;

/// IFNAMSIZ without the NUL.
const NAME_MAX: usize = 15;

/// All of `linux.netDevices`, sorted by the name on the host.
pub(super) fn net_devices(linux: &Linux, host: &Host) -> Result<Vec<NetDevice>, Invalid> {
    if host.rootless && !linux.net_devices.is_empty() {
        let problem = "network devices are not supported for rootless containers";
        return Err(Invalid::unsupported("/linux/netDevices", problem).advise("run as root"));
    }
    let mut devices = Vec::with_capacity(linux.net_devices.len());
    let mut taken = BTreeMap::new();
    for (host_name, given) in &linux.net_devices {
        let at = format!("/linux/netDevices/{}", escape(host_name));
        name(host_name, &at)?;
        let container_name = given.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(host_name);
        template(container_name, &format!("{at}/name"))?;
        let other = taken.insert(container_name, host_name);
        if let Some(other) = other.filter(|_| !container_name.contains('%')) {
            let problem = format!("{container_name:?} is also the name of {other:?}");
            return Err(Invalid::conflict(format!("{at}/name"), problem));
        }
        devices.push(NetDevice { host_name: host_name.clone(), container_name: container_name.to_owned() });
    }
    Ok(devices)
}

/// The kernel's dev_valid_name.
fn name(name: &str, pointer: &str) -> Result<(), Invalid> {
    let bad = |c: char| c == '/' || c == ':' || c == '\0' || c.is_whitespace();
    if name.is_empty() || name.len() > NAME_MAX || name == "." || name == ".." || name.contains(bad) {
        return Err(Invalid::value(pointer, format!("invalid network device name {name:?}"))
            .advise("it has 1 to 15 bytes, without slash, colon and blanks"));
    }
    Ok(())
}

/// A name in the container, in which one `%d` stands for the first free number.
fn template(given: &str, pointer: &str) -> Result<(), Invalid> {
    name(given, pointer)?;
    match given.split_once('%') {
        None => Ok(()),
        Some((_, rest)) if rest.starts_with('d') && !rest.contains('%') => Ok(()),
        Some(_) => Err(Invalid::value(pointer, format!("invalid network device name {given:?}"))
            .advise("a % may only stand in one %d")),
    }
}
