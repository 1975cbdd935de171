//! `linux.netDevices`: moves interfaces of the host into the container's network namespace (config-linux.md,
//! "Network Devices"). Called by `launch` once the child has that namespace and before its hooks run.
//!
//! All or nothing: if one interface cannot move, those that did come back, with their addresses. Routes are not
//! kept, neither on the way there nor back: the kernel drops them and the spec does not ask for them.

use crate::plan::NetDevice;
use crate::sys::SysError;
use crate::sys::error::errno;
use crate::sys::netlink::{Address, Link, Route, own_network_namespace};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd};

/// Interfaces that are in the container now, and what it takes to bring them back.
#[derive(Debug)]
pub struct Moved {
    inside: Option<Route>,
    devices: Vec<MovedDevice>,
}

#[derive(Debug)]
struct MovedDevice {
    host_name: String,
    was_up: bool,
    /// Its index in the container's namespace.
    index: u32,
    addresses: Vec<Address>,
}

/// Moves every device into the network namespace `netns`, restores its permanent addresses of global scope and
/// raises it. On an error nothing has moved; the error names the interface.
pub fn move_devices(devices: &[NetDevice], netns: BorrowedFd<'_>) -> Result<Moved> {
    let mut moved = Moved { inside: None, devices: Vec::new() };
    if devices.is_empty() {
        return Ok(moved);
    }
    let mut outside = Route::open()?;
    let mut inside = Route::open_in(netns)?;
    for device in devices {
        let outcome = move_device(device, netns, &mut outside, &mut inside, &mut moved.devices);
        if let Err(error) = outcome.with_context(|| object(device)) {
            moved.inside = Some(inside);
            moved.take_back();
            return Err(error);
        }
    }
    moved.inside = Some(inside);
    Ok(moved)
}

/// How an interface is called in messages, with its place in config.json.
fn object(device: &NetDevice) -> String {
    let pointer = device.host_name.replace('~', "~0").replace('/', "~1");
    let NetDevice { host_name, container_name } = device;
    if host_name == container_name {
        format!(
            "move network interface {host_name} into the container (config.json#/linux/netDevices/{pointer})"
        )
    } else {
        format!(
            "move network interface {host_name} into the container as {container_name} \
             (config.json#/linux/netDevices/{pointer})"
        )
    }
}

fn move_device(
    device: &NetDevice,
    netns: BorrowedFd<'_>,
    outside: &mut Route,
    inside: &mut Route,
    moved: &mut Vec<MovedDevice>,
) -> Result<()> {
    let host_name = device.host_name.as_str();
    let link = outside.link(host_name)?.with_context(|| format!("no interface {host_name} on this host"))?;
    let addresses = outside.permanent_addresses(link.index, host_name)?;
    // A name template is filled by the kernel, and the index may change on the way: without a name of its own
    // in between, the interface could not be told from the others inside.
    let is_template = device.container_name.contains('%');
    let first_name =
        if is_template { format!("tare{:08x}", link.index) } else { device.container_name.clone() };
    // Asked before the move: a rename refused after it would leave the interface inside, under the wrong name.
    if inside.link(&first_name)?.is_some() {
        let taken = SysError::new("rename", format!("{host_name} to {first_name}"), errno::EEXIST);
        return Err(taken).context("the container's network already has an interface of that name");
    }
    outside.move_link(link.index, host_name, netns, &first_name)?;
    let arrived = inside.link(&first_name)?.with_context(|| format!("{first_name} is gone again"))?;
    let was_up = link.up;
    moved.push(MovedDevice { host_name: host_name.to_string(), was_up, index: arrived.index, addresses });
    if is_template {
        inside.rename_link(arrived.index, &first_name, &device.container_name)?;
    }
    let addresses = moved.last().map(|device| device.addresses.as_slice()).unwrap_or_default();
    for address in addresses {
        inside.add_address(arrived.index, address)?;
    }
    inside.raise_link(arrived.index, &device.container_name)?;
    Ok(())
}

impl Moved {
    /// Brings the interfaces back to the caller's namespace, the last one first, for a birth that failed later.
    /// Best effort: what cannot come back goes where the kernel sends it when the namespace ends (a physical
    /// interface to the initial namespace, a virtual one is destroyed).
    pub fn take_back(self) {
        let (Some(mut inside), Ok(home), Ok(mut outside)) =
            (self.inside, own_network_namespace(), Route::open())
        else {
            return;
        };
        for device in self.devices.into_iter().rev() {
            if inside.move_link(device.index, &device.host_name, home.as_fd(), &device.host_name).is_ok() {
                restore(&mut outside, &device);
            }
        }
    }
}

/// Gives an interface that came back its addresses and its state.
fn restore(outside: &mut Route, device: &MovedDevice) {
    let Ok(Some(Link { index, .. })) = outside.link(&device.host_name) else { return };
    for address in &device.addresses {
        // What cannot be restored must not keep the rest from being restored.
        let _ = outside.add_address(index, address);
    }
    if device.was_up {
        let _ = outside.raise_link(index, &device.host_name);
    }
}
