//! `linux.devices` and the default devices.

use crate::fixture::{plan, refused};
use serde_json::{Value, json};
use tare::plan::devices::{Device, DeviceKind};
use tare::plan::rootfs::Dev;

fn dev(devices: Value) -> Dev {
    plan(json!({"linux": {"devices": devices}})).unwrap().rootfs.dev.unwrap()
}

fn find<'a>(dev: &'a Dev, path: &str) -> Vec<&'a Device> {
    dev.devices.iter().filter(|device| device.path.to_str().unwrap() == path).collect()
}

#[test]
fn the_default_devices_are_supplied() {
    let dev = dev(json!([]));
    let expected =
        [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
    assert_eq!(dev.devices.len(), expected.len());
    for (name, major, minor) in expected {
        let device = find(&dev, &format!("/dev/{name}"))[0];
        assert_eq!((device.kind, device.major, device.minor), (DeviceKind::Char, major, minor));
        assert_eq!((device.mode, device.uid, device.gid, device.index), (0o666, 0, 0, None));
    }
}

#[test]
fn ptmx_and_the_standard_streams_are_links() {
    let links = dev(json!([])).links;
    let links: Vec<_> = links.iter().map(|(a, b)| (a.to_str().unwrap(), b.to_str().unwrap())).collect();
    assert_eq!(
        links,
        [
            ("/dev/ptmx", "pts/ptmx"),
            ("/dev/fd", "/proc/self/fd"),
            ("/dev/stdin", "/proc/self/fd/0"),
            ("/dev/stdout", "/proc/self/fd/1"),
            ("/dev/stderr", "/proc/self/fd/2"),
        ]
    );
}

#[test]
fn configured_devices_of_every_type_are_made() {
    let dev = dev(json!([
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 1, "gid": 2},
        {"path": "/dev/u", "type": "u", "major": 10, "minor": 230},
        {"path": "/dev/sda", "type": "b", "major": 8, "minor": 0, "fileMode": 0o20640},
        {"path": "/run/pipe", "type": "p"},
    ]));
    let fuse = find(&dev, "/dev/fuse")[0];
    assert_eq!((fuse.kind, fuse.major, fuse.minor, fuse.mode), (DeviceKind::Char, 10, 229, 0o666));
    assert_eq!((fuse.uid, fuse.gid, fuse.index), (1, 2, Some(0)));
    assert_eq!(find(&dev, "/dev/u")[0].kind, DeviceKind::Char);
    assert_eq!((find(&dev, "/dev/sda")[0].kind, find(&dev, "/dev/sda")[0].mode), (DeviceKind::Block, 0o640));
    assert_eq!((find(&dev, "/run/pipe")[0].kind, find(&dev, "/run/pipe")[0].major), (DeviceKind::Fifo, 0));
}

#[test]
fn a_configured_device_replaces_the_default_one() {
    let dev = dev(json!([{"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o600}]));
    let found = find(&dev, "/dev/null");
    assert_eq!((found.len(), found[0].mode, found[0].index), (1, 0o600, Some(0)));
}

#[test]
fn major_and_minor_are_required_but_for_a_fifo_and_fit_the_kernels_dev_t() {
    let device = |change: Value| {
        let mut device = json!({"path": "/dev/x", "type": "c", "major": 1, "minor": 1});
        for (key, value) in change.as_object().unwrap() {
            device[key] = value.clone();
        }
        plan(json!({"linux": {"devices": [device]}}))
    };
    refused(device(json!({"major": null})), "/linux/devices/0/major", "is required and missing");
    refused(device(json!({"minor": null})), "/linux/devices/0/minor", "is required and missing");
    refused(device(json!({"major": 4096})), "/linux/devices/0/major", "must be 0 to 4095, is 4096");
    refused(device(json!({"minor": 1048576})), "/linux/devices/0/minor", "must be 0 to 1048575");
    refused(device(json!({"minor": -1})), "/linux/devices/0/minor", "is -1");
    refused(device(json!({"type": "a"})), "/linux/devices/0/type", "expected one of c, b, u, p");
    refused(device(json!({"type": "x"})), "/linux/devices/0/type", "unknown value \"x\"");
}

#[test]
fn device_paths_must_be_absolute_and_without_dot_dot() {
    for path in ["dev/x", "", "/dev/../etc/x", "/dev/x/", "/dev/x\0"] {
        let devices = json!([{"path": path, "type": "p"}]);
        refused(plan(json!({"linux": {"devices": devices}})), "/linux/devices/0/path", "");
    }
}

#[test]
fn a_bind_mount_over_dev_is_left_as_it_is() {
    for destination in ["/dev", "/dev/", "//dev/./"] {
        let mounts = json!([{"destination": destination, "source": "/dev", "options": ["rbind"]}]);
        let plan = plan(json!({"mounts": mounts})).unwrap();
        assert!(plan.rootfs.dev.is_none(), "{destination}");
    }
    let mounts = json!([{"destination": "/dev", "type": "tmpfs"}, {"destination": "/dev/x", "source": "/x", "options": ["bind"]}]);
    assert!(plan(json!({"mounts": mounts})).unwrap().rootfs.dev.is_some());
}

#[test]
fn devices_beside_a_bind_mounted_dev_are_made_or_warned_of() {
    let plan = plan(json!({
        "mounts": [{"destination": "/dev", "source": "/dev", "options": ["rbind"]}],
        "linux": {"devices": [{"path": "/dev/a", "type": "p"}, {"path": "/run/b", "type": "p"}]},
    }))
    .unwrap();
    let dev = plan.rootfs.dev.unwrap();
    assert_eq!((dev.devices.len(), dev.links.len()), (1, 0));
    assert_eq!(dev.devices[0].path.to_str().unwrap(), "/run/b");
    assert!(plan.warnings[0].contains("/dev/a"), "{:?}", plan.warnings);
}
