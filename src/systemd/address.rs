//! Where systemd listens: its own socket first, which needs no bus and saves the way through it, then the bus.
//!
//! Used by `bus`. systemd's own socket (`/run/systemd/private`) is what systemctl(1) uses; without a bus daemon, as early in a
//! boot, there is no other. Pure but for [`Environment::ours`].

use super::Which;
use crate::plan::idmap::{outside, parse};
use crate::sys::{cred, kernel_file};
use std::path::PathBuf;

/// What is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// systemd itself.
    Manager,
    /// A bus, with systemd somewhere on it.
    Bus,
}

/// A socket to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its path.
    pub path: PathBuf,
    /// Who is there.
    pub end: End,
}

/// What of the environment says where the sockets are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// XDG_RUNTIME_DIR (XDG Base Directory Specification).
    pub runtime_dir: Option<PathBuf>,
    /// DBUS_SESSION_BUS_ADDRESS.
    pub session_bus: Option<String>,
    /// DBUS_SYSTEM_BUS_ADDRESS.
    pub system_bus: Option<String>,
    /// Our user id, as the host's namespace has it.
    pub uid: u32,
}

impl Environment {
    /// This process's.
    pub fn ours() -> Environment {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        Environment {
            runtime_dir: text("XDG_RUNTIME_DIR").map(PathBuf::from),
            session_bus: text("DBUS_SESSION_BUS_ADDRESS"),
            system_bus: text("DBUS_SYSTEM_BUS_ADDRESS"),
            uid: outer_uid(),
        }
    }

    /// The sockets, in the order in which they are tried.
    pub fn addresses(&self, which: Which) -> Vec<Address> {
        let (own, named, bus) = match which {
            Which::System => (
                PathBuf::from("/run/systemd/private"),
                &self.system_bus,
                PathBuf::from("/run/dbus/system_bus_socket"),
            ),
            Which::User => {
                let folder = self.runtime_dir.clone();
                let folder = folder.unwrap_or_else(|| format!("/run/user/{}", self.uid).into());
                (folder.join("systemd/private"), &self.session_bus, folder.join("bus"))
            }
        };
        let mut buses = named.as_deref().map(paths_of).unwrap_or_default();
        if buses.is_empty() {
            buses.push(bus);
        }
        let buses = buses.into_iter().map(|path| Address { path, end: End::Bus });
        std::iter::once(Address { path: own, end: End::Manager }).chain(buses).collect()
    }
}

/// The paths of `unix:path=...` in a list of addresses (D-Bus Specification, "Server Addresses"). Others are left out: what
/// runs systemd listens at a path.
fn paths_of(addresses: &str) -> Vec<PathBuf> {
    let path = |address: &str| {
        let mut keys = address.strip_prefix("unix:")?.split(',');
        keys.find_map(|key| key.strip_prefix("path=")).map(|path| PathBuf::from(unescape(path)))
    };
    addresses.split(';').filter_map(path).collect()
}

/// Undoes `%2f`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let coded = others.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match coded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = others.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Our user id outside of our user namespace: podman calls us as root of one, and the user's systemd knows the user.
fn outer_uid() -> u32 {
    let (inner, _) = cred::own_ids();
    let map = kernel_file::read("/proc/self/uid_map").unwrap_or_default();
    outside(&parse(&map), inner).unwrap_or(inner)
}
