//! `child`'s root filesystem, made for real. Needs root and namespaces of its own, and ends in another root, so it is
//! ignored by default and run alone, in a process of its own:
//! `unshare -fmpinu target/debug/deps/tests-… --ignored --exact child::rootfs::NAME`.

use crate::fixture::{namespaces, plan};
use serde_json::{Value, json};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tare::cgroup::{Entry, Layout};
use tare::child::{devices, mount, paths, rootfs, sysctls};
use tare::sys::path::Root;
use tare::wire::Failure;

/// A tmpfs of this mount namespace at /mnt with a root filesystem in /mnt/rootfs.
fn prepare() {
    let slave = plan(json!({"root": {"path": "/mnt/rootfs"}})).unwrap();
    rootfs::isolate(&slave.rootfs).unwrap();
    tare::sys::mount::mount_at(c"t", c"/mnt", c"tmpfs", 0, c"").unwrap();
    for dir in ["rootfs/proc", "rootfs/etc", "rootfs/data", "volume/below", "outside"] {
        std::fs::DirBuilder::new().recursive(true).create(Path::new("/mnt").join(dir)).unwrap();
    }
    for file in ["/mnt/rootfs/etc/passwd", "/mnt/volume/file", "/mnt/rootfs/data/copied"] {
        std::fs::OpenOptions::new().create_new(true).write(true).open(file).unwrap();
    }
    let data = std::fs::File::open("/mnt/rootfs/data").unwrap();
    data.set_permissions(std::fs::Permissions::from_mode(0o2750)).unwrap();
}

fn birth(patch: Value) -> Result<Root, Failure> {
    let mut base = json!({"root": {"path": "/mnt/rootfs"}});
    for (key, value) in patch.as_object().unwrap() {
        base[key] = value.clone();
    }
    let plan = plan(base).unwrap();
    rootfs::isolate(&plan.rootfs)?;
    let mut root = rootfs::bind(&plan.rootfs)?;
    let hierarchies = tare::launch::hierarchies(&Layout::detect().unwrap(), &Entry::default());
    let inputs = mount::Inputs { hierarchies, ..mount::Inputs::default() };
    let made = mount::all(&mut root, &plan, inputs)?;
    devices::rest(&root, &plan.rootfs, &made)?;
    sysctls::write(&plan.sysctls)?;
    rootfs::switch(&root, &plan.rootfs)?;
    rootfs::propagate(&root, &plan.rootfs)?;
    rootfs::readonly(&root, &plan.rootfs)?;
    paths::readonly(&root, &plan.rootfs)?;
    paths::mask(&root, &plan.rootfs)?;
    Ok(root)
}

fn usual_mounts() -> Value {
    json!([
        {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "mode=1777", "size=64k"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]},
        {"destination": "/vol", "type": "bind", "source": "/mnt/volume", "options": ["rbind", "rro", "nosuid"]},
        {"destination": "/etc/passwd", "type": "bind", "source": "/mnt/volume/file", "options": ["bind"]},
        {"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "ro"]},
        {"destination": "/new", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/iversion", "type": "tmpfs", "source": "tmpfs", "options": ["iversion", "size=12k"]}
    ])
}

fn options_of(point: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = text.lines().rfind(|line| line.split(' ').nth(4) == Some(point));
    line.unwrap_or_else(|| panic!("{point} is not mounted: {text}")).to_owned()
}

fn errno(result: std::io::Result<impl Sized>) -> i32 {
    result.err().and_then(|error| error.raw_os_error()).expect("this must be refused")
}

const EROFS: i32 = 30;

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_usual_container_has_its_mounts_devices_and_masks() {
    prepare();
    symlink("/proc/cpuinfo", "/mnt/rootfs/hidden-link").unwrap();
    let linux = json!({
        "namespaces": namespaces(&["pid", "ipc", "uts", "mount", "network"]),
        "maskedPaths": ["/proc/cpuinfo", "/proc/fs", "/hidden-link", "/proc/cpuinfo", "/missing/x", "/etc/passwd/x"],
        "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/nothing"],
        "devices": [{"path": "/dev/net/tun", "type": "c", "major": 10, "minor": 200, "fileMode": 0o660, "gid": 7},
                    {"path": "/other/fifo", "type": "p", "fileMode": 0o606}],
        "sysctl": {"net.ipv4.ip_forward": "1"},
    });
    birth(
        json!({"mounts": usual_mounts(), "linux": linux, "root": {"path": "/mnt/rootfs", "readonly": true}}),
    )
    .unwrap();

    assert_eq!(std::env::current_dir().unwrap(), Path::new("/"));
    assert!(!Path::new("/mnt/volume").exists(), "the host is out of reach");
    for (name, rdev) in [("null", 0x103), ("zero", 0x105), ("full", 0x107), ("random", 0x108), ("tty", 0x500)]
    {
        let stat = std::fs::metadata(format!("/dev/{name}")).unwrap();
        assert!(stat.file_type().is_char_device(), "{name}");
        assert_eq!((stat.rdev(), stat.mode() & 0o7777), (rdev, 0o666), "{name}");
    }
    let tun = std::fs::metadata("/dev/net/tun").unwrap();
    assert_eq!((tun.rdev(), tun.mode() & 0o7777, tun.gid()), (0xac8, 0o660, 7));
    assert_eq!(std::fs::metadata("/other/fifo").unwrap().mode() & 0o7777, 0o606);
    assert_eq!(std::fs::read_link("/dev/ptmx").unwrap(), Path::new("pts/ptmx"));
    assert_eq!(std::fs::metadata("/dev").unwrap().mode() & 0o7777, 0o755);

    assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap(), "1\n");
    let write = |path: &str| std::fs::OpenOptions::new().write(true).open(path);
    assert_eq!(errno(write("/proc/sys/net/ipv4/ip_forward")), EROFS);
    assert!(options_of("/proc/sys").contains("ro,nosuid,nodev,noexec"), "the flags are kept");
    assert_eq!(std::fs::metadata("/proc/cpuinfo").unwrap().mode() & 0o7777, 0o444);
    assert_eq!(std::fs::read("/proc/cpuinfo").unwrap(), b"");
    let masks = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_eq!(
        masks.lines().filter(|line| line.contains(" /proc/cpuinfo ")).count(),
        2,
        "named twice, and by a link"
    );
    assert!(std::fs::read_dir("/proc/fs").map_or(true, |mut entries| entries.next().is_none()));

    assert_eq!(errno(write("/vol/file")), EROFS);
    assert!(options_of("/vol").contains("ro,nosuid"));
    assert!(write("/etc/passwd").is_ok(), "a file of the read-only root that is bound writable");
    assert_eq!(errno(std::fs::DirBuilder::new().create("/x")), EROFS);
    assert!(Path::new("/data/copied").exists());
    assert_eq!(std::fs::metadata("/data").unwrap().mode() & 0o7777, 0o2750, "the mode of what is below");
    assert_eq!(std::fs::metadata("/new").unwrap().mode() & 0o7777, 0o1777, "nothing was below");
    assert_eq!(errno(std::fs::DirBuilder::new().create("/data/x")), EROFS);
    assert!(options_of("/iversion").contains("size=12k"));
    assert!(options_of("/sys").contains("ro,nosuid,nodev,noexec"));
    assert!(options_of("/sys/fs/cgroup/pids").contains("ro,nosuid,nodev,noexec"));
    assert!(options_of("/sys/fs/cgroup/unified").contains("cgroup2"));
    assert!(Path::new("/sys/fs/cgroup/memory/tasks").exists());
    assert!(Path::new("/dev/pts/ptmx").exists());
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_hostile_image_cannot_lead_devices_and_mounts_outside() {
    prepare();
    // CVE-2026-47766, CVE-2026-41579: /dev is a link; CVE-2019-19921: /proc is one.
    symlink("/mnt/outside", "/mnt/rootfs/dev").unwrap();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let mounts = json!([{"destination": "/dev/shm", "type": "tmpfs"}]);
    birth(json!({"mounts": mounts, "linux": linux})).unwrap();
    assert!(Path::new("/mnt/outside/null").exists(), "inside the root, where the link leads there");
    assert!(Path::new("/mnt/outside/shm").exists());
    assert_eq!(std::fs::read_link("/dev").unwrap(), Path::new("/mnt/outside"));
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn proc_and_sysfs_are_not_mounted_through_a_symlink() {
    prepare();
    symlink("/data", "/mnt/rootfs/sys").unwrap();
    let linux = json!({"namespaces": namespaces(&["pid", "mount", "network"])});
    let mounts = json!([{"destination": "/sys", "type": "sysfs"}]);
    let failure = birth(json!({"mounts": mounts, "linux": linux})).unwrap_err();
    assert_eq!((failure.errno, failure.index), (40, Some(0)), "{failure:?}");
    assert!(failure.object.contains("no symlink"), "{failure:?}");
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn what_lies_below_proc_is_not_covered() {
    prepare();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let proc = json!({"destination": "/proc", "type": "proc"});
    let file = |to: &str| json!({"destination": to, "type": "bind", "source": "/mnt/volume/file"});
    let fails = |mounts: Value| {
        let failure = birth(json!({"mounts": mounts, "linux": linux})).unwrap_err();
        assert_eq!(failure.errno, 1, "{failure:?}");
        assert!(failure.object.contains("inside /proc"), "{failure:?}");
    };
    symlink("/proc", "/mnt/rootfs/alias").unwrap();
    fails(json!([proc, file("/proc/self/attr/exec")]));
    fails(json!([proc, file("/alias/version")]));
    fails(json!([{"destination": "/proc", "type": "tmpfs"}]));
    fails(json!([{"destination": "/proc", "type": "bind", "source": "/mnt/volume"}]));
    birth(json!({"mounts": [proc, file("/proc/meminfo")], "linux": linux})).unwrap();
    assert_eq!(std::fs::read("/proc/meminfo").unwrap(), b"");
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_file_system_says_what_is_wrong_with_an_option() {
    prepare();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let mounts = json!([{"destination": "/t", "type": "tmpfs", "options": ["size=banana"]}]);
    let failure = birth(json!({"mounts": mounts, "linux": linux})).unwrap_err();
    assert!(failure.object.contains("size"), "{failure:?}");
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_move_and_chroot_hides_the_hosts_proc() {
    prepare();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let mut plan =
        plan(json!({"root": {"path": "/mnt/rootfs"}, "mounts": [{"destination": "/proc", "type": "proc"}], "linux": linux}))
            .unwrap();
    plan.rootfs.switch = tare::plan::rootfs::Switch::MoveAndChroot;
    rootfs::isolate(&plan.rootfs).unwrap();
    let mut root = rootfs::bind(&plan.rootfs).unwrap();
    mount::all(&mut root, &plan, mount::Inputs::default()).unwrap();
    rootfs::switch(&root, &plan.rootfs).unwrap();
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert_eq!(text.lines().filter(|line| line.contains(" - proc ")).count(), 1, "{text}");
    assert!(Path::new("/data").exists() && !Path::new("/mnt/rootfs").exists());
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_mount_on_the_root_is_the_root_from_then_on() {
    prepare();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let mounts = json!([{"destination": "/", "type": "tmpfs"}, {"destination": "/proc", "type": "proc"}]);
    birth(json!({"mounts": mounts, "linux": linux})).unwrap();
    assert!(
        !Path::new("/etc").exists() && Path::new("/proc/self").exists() && Path::new("/dev/null").exists()
    );
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_link_to_the_host_is_no_dev_null() {
    prepare();
    symlink("/data/copied", "/mnt/rootfs/null-link").unwrap();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let root = birth(json!({"linux": linux})).unwrap();
    let proc = tare::sys::proc::private_procfs(tare::sys::proc::Subset::Pid).unwrap();
    use std::os::fd::AsFd;
    assert!(rootfs::open_null(&root, proc.as_fd()).is_some());
    std::fs::rename("/null-link", "/dev/null").unwrap();
    assert!(rootfs::open_null(&root, proc.as_fd()).is_none());
    std::fs::rename("/etc/passwd", "/dev/null").unwrap();
    assert!(rootfs::open_null(&root, proc.as_fd()).is_none());
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn a_wrong_node_of_the_image_is_replaced() {
    prepare();
    std::fs::DirBuilder::new().create("/mnt/rootfs/dev").unwrap();
    symlink("/etc/passwd", "/mnt/rootfs/dev/null").unwrap();
    std::fs::OpenOptions::new().create_new(true).write(true).open("/mnt/rootfs/dev/zero").unwrap();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    birth(json!({"linux": linux})).unwrap();
    assert_eq!(std::fs::symlink_metadata("/dev/null").unwrap().rdev(), 0x103);
    assert_eq!(std::fs::symlink_metadata("/dev/zero").unwrap().rdev(), 0x105);
    assert!(std::fs::symlink_metadata("/etc/passwd").unwrap().is_file());
}

/// `unshare -fmpiU --map-root-user …`: no network namespace, so that sysfs cannot be mounted.
#[test]
#[ignore = "needs a user namespace"]
fn in_a_user_namespace_nodes_are_bound_and_the_hosts_sys_stands_in_with_its_flags() {
    prepare();
    let linux = json!({"namespaces": namespaces(&["pid", "mount"])});
    let mounts = json!([
        {"destination": "/proc", "type": "proc", "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755", "ro"]},
        {"destination": "/dev/shm", "type": "tmpfs", "options": ["nosuid"]},
        {"destination": "/sys", "type": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ]);
    birth(json!({"mounts": mounts, "linux": linux})).unwrap();
    for (name, rdev) in [("null", 0x103), ("tty", 0x500)] {
        assert_eq!(std::fs::metadata(format!("/dev/{name}")).unwrap().rdev(), rdev, "{name}");
        assert!(options_of(&format!("/dev/{name}")).contains("nosuid,noexec"), "{name}");
    }
    assert!(options_of("/dev").contains("ro,nosuid"));
    let write = |path: &str| std::fs::OpenOptions::new().write(true).open(path);
    write("/dev/null").unwrap();
    assert!(options_of("/sys").contains("ro,nosuid,nodev,noexec"));
    for line in std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        let point = line.split(' ').nth(4).unwrap();
        assert!(!point.starts_with("/sys") || line.contains(" ro,nosuid,nodev,noexec"), "{line}");
    }
}

fn cgroup_view(kinds: &[&str]) {
    let linux = json!({"namespaces": namespaces(kinds)});
    let mounts = json!([
        {"destination": "/proc", "type": "proc"},
        {"destination": "/cg", "type": "cgroup", "options": ["nosuid", "noexec", "nodev", "ro"]},
    ]);
    birth(json!({"mounts": mounts, "linux": linux})).unwrap();
}

#[test]
#[ignore = "needs root and a cgroup namespace of its own"]
fn in_a_cgroup_namespace_the_hierarchies_are_mounted() {
    prepare();
    cgroup_view(&["pid", "mount", "cgroup"]);
    for (name, file) in [("pids", "tasks"), ("systemd", "tasks"), ("unified", "cgroup.controllers")] {
        let line = options_of(&format!("/cg/{name}"));
        assert!(line.contains(" / /cg/") && line.contains("ro,nosuid,nodev,noexec"), "{line}");
        assert!(Path::new("/cg").join(name).join(file).exists(), "{name}");
    }
}

#[test]
#[ignore = "needs root and namespaces of its own"]
fn where_the_host_has_cgroup2_alone_it_is_one_mount() {
    prepare();
    tare::sys::mount::mount_at(c"cgroup2", c"/sys/fs/cgroup", c"cgroup2", 0, c"").unwrap();
    cgroup_view(&["pid", "mount"]);
    assert!(options_of("/cg").contains("- cgroup2") && Path::new("/cg/cgroup.controllers").exists());
}
