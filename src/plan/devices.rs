//! `linux.devices` and the devices every container has -> device nodes (config-linux.md, "Default Devices").

use super::mounts::{MountKind, MountOp};
use super::rootfs::Dev;
use super::text::{absolute_path, index_u16};
use crate::bundle::Invalid;
use crate::bundle::config;
use oci_spec::runtime::LinuxDeviceType;
use std::ffi::CString;

/// A node to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Absolute path inside the container.
    pub path: CString,
    /// What it is.
    pub kind: DeviceKind,
    /// Major number; 0 for a FIFO.
    pub major: u32,
    /// Minor number; 0 for a FIFO.
    pub minor: u32,
    /// Permission bits, applied whatever the umask.
    pub mode: u32,
    /// Owner, as an id inside the container.
    pub uid: u32,
    /// Group, as an id inside the container.
    pub gid: u32,
    /// Position in config.json#/linux/devices; None for a default device.
    pub index: Option<u16>,
}

/// The kind of a device node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// `c` or `u`.
    Char,
    /// `b`.
    Block,
    /// `p`.
    Fifo,
}

/// The nodes that every container has (config-linux.md, "Default Devices"): path, major, minor.
const DEFAULT_DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

/// The links that every container has, and where they lead.
const LINKS: [(&str, &str); 5] = [
    ("/dev/ptmx", "pts/ptmx"),
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

const DEFAULT_MODE: u32 = 0o666;
/// The kernel's dev_t has 12 bits for the major and 20 for the minor number.
const MAJOR_MAX: i64 = (1 << 12) - 1;
const MINOR_MAX: i64 = (1 << 20) - 1;

/// Everything that goes into /dev, and the configured devices elsewhere. If a bind mount covers /dev, that one is
/// somebody else's: nothing is made in it, and the user hears of devices that the config wanted there.
pub(super) fn dev(
    configured: &[config::Device],
    mounts: &[MountOp],
    warnings: &mut Vec<String>,
) -> Result<Option<Dev>, Invalid> {
    let mut devices =
        configured.iter().enumerate().map(|(index, d)| device(index, d)).collect::<Result<Vec<_>, _>>()?;
    if !mounts.iter().any(covers_dev) {
        let mut all: Vec<Device> = DEFAULT_DEVICES.iter().map(default_device).collect();
        all.retain(|default| devices.iter().all(|device| device.path != default.path));
        all.append(&mut devices);
        let link = |(path, leads_to): &(&str, &str)| (constant(path), constant(leads_to));
        return Ok(Some(Dev { devices: all, links: LINKS.iter().map(link).collect() }));
    }
    devices.retain(|device| {
        let inside = device.path.as_bytes().starts_with(b"/dev/");
        if inside {
            warnings.push(format!("device {:?} is not made: /dev is a bind mount", device.path));
        }
        !inside
    });
    Ok(if devices.is_empty() { None } else { Some(Dev { devices, links: Vec::new() }) })
}

fn covers_dev(op: &MountOp) -> bool {
    let path = op.target.to_str().unwrap_or_default();
    let mut names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    matches!(op.kind, MountKind::Bind { .. }) && names.next() == Some("dev") && names.next().is_none()
}

fn constant(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

fn default_device(&(path, major, minor): &(&str, u32, u32)) -> Device {
    let kind = DeviceKind::Char;
    Device { path: constant(path), kind, major, minor, mode: DEFAULT_MODE, uid: 0, gid: 0, index: None }
}

fn device(index: usize, given: &config::Device) -> Result<Device, Invalid> {
    let at = format!("/linux/devices/{index}");
    let kind = match given.kind {
        LinuxDeviceType::C | LinuxDeviceType::U => DeviceKind::Char,
        LinuxDeviceType::B => DeviceKind::Block,
        LinuxDeviceType::P => DeviceKind::Fifo,
        LinuxDeviceType::A => {
            let problem = "unknown value \"a\"; expected one of c, b, u, p";
            return Err(Invalid::value(format!("{at}/type"), problem));
        }
    };
    let (major, minor) = match kind {
        DeviceKind::Fifo => (0, 0),
        _ => (number(given.major, MAJOR_MAX, &at, "major")?, number(given.minor, MINOR_MAX, &at, "minor")?),
    };
    Ok(Device {
        path: path(&given.path, &format!("{at}/path"))?,
        kind,
        major,
        minor,
        // Some engines pass st_mode, with the file's type in it.
        mode: given.file_mode.unwrap_or(DEFAULT_MODE) & 0o7777,
        uid: given.uid.unwrap_or_default(),
        gid: given.gid.unwrap_or_default(),
        index: Some(index_u16(index, "/linux/devices")?),
    })
}

fn path(given: &str, pointer: &str) -> Result<CString, Invalid> {
    if given.split('/').any(|name| name == "..") || given.ends_with('/') {
        return Err(Invalid::value(pointer, format!("must name a file, without \"..\", is {given:?}")));
    }
    absolute_path(given, pointer)
}

fn number(given: Option<i64>, max: i64, at: &str, name: &str) -> Result<u32, Invalid> {
    let pointer = format!("{at}/{name}");
    let Some(number) = given else { return Err(Invalid::required(pointer)) };
    match u32::try_from(number) {
        Ok(fitting) if number <= max => Ok(fitting),
        _ => Err(Invalid::value(pointer, format!("must be 0 to {max}, is {number}"))),
    }
}
