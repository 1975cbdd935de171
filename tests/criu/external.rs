//! What comes from outside of the container: mounts, namespaces, streams; and where mountpoints go.

use crate::fixture::plan;
use crate::state::Folder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tare::cgroup::{Handle, Tree};
use tare::criu::external::{External, Source, attributes, bound, by_config, classify, keys};
use tare::criu::images::Images;
use tare::criu::{mountpoints, namespaces, stdio};
use tare::plan::Plan;
use tare::sys::mountinfo::parse;

fn container() -> Plan {
    let mounts: Value = json!([
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/data", "type": "bind", "source": "/srv/data", "options": ["rbind"]},
        {"destination": "/data/in", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/dev/log", "type": "bind", "source": "/run/log", "options": ["bind"]},
        {"destination": "/data/deep", "type": "bind", "source": "/srv/deep", "options": ["bind"]},
    ]);
    plan(json!({"mounts": mounts, "linux": {"maskedPaths": ["/proc/keys"]}})).unwrap()
}

fn seen(line: &str, placed: &[(u64, usize)]) -> Option<Source> {
    let mounted = parse(line.as_bytes()).remove(0);
    let placed: BTreeMap<u64, usize> = placed.iter().copied().collect();
    classify(&mounted, &placed, &container()).map(|external| {
        assert_eq!(external.path, mounted.point);
        external.source
    })
}

#[test]
fn mounts_are_told_apart() {
    let bind = |destination: &str, below: &str| {
        Some(Source::Bind { destination: destination.into(), below: below.into() })
    };
    let cgroup = |controller: &str, whole| Some(Source::Cgroup { controller: controller.into(), whole });
    assert_eq!(seen("9 1 0:5 / /proc rw - proc proc rw", &[(9, 0)]), None);
    assert_eq!(seen("9 1 0:5 /sys /proc/sys ro - proc proc rw", &[]), None);
    assert_eq!(seen("9 1 0:5 / /data/in rw - tmpfs tmpfs rw", &[(9, 3)]), None);
    // Through a symlink the destination is elsewhere.
    assert_eq!(seen("9 1 8:1 /srv/data /var/data rw - ext4 /dev/a rw", &[(9, 2)]), bind("/data", ""));
    assert_eq!(seen("9 1 8:2 / /data/sub rw - ext4 /dev/b rw", &[(8, 2)]), bind("/data", "sub"));
    assert_eq!(seen("9 1 0:7 /file /proc/keys ro - tmpfs none rw", &[]), Some(Source::MaskedFile));
    assert_eq!(seen("9 1 0:7 /dir /sys/firmware ro - tmpfs none rw", &[]), Some(Source::MaskedFolder));
    assert_eq!(seen("9 1 0:6 /null /dev/null rw - devtmpfs udev rw", &[]), Some(Source::Device));
    assert_eq!(seen("9 1 0:8 /g /sys/fs/cgroup ro - cgroup2 cgroup rw", &[]), cgroup("", false));
    assert_eq!(seen("9 1 0:8 / /c/memory ro - cgroup cgroup rw,xattr,memory", &[]), cgroup("memory", true));
    assert_eq!(
        seen("9 1 0:8 /g /c/s ro - cgroup cgroup rw,xattr,name=systemd", &[]),
        cgroup("name=systemd", false)
    );
}

fn external(path: &str, source: Source) -> External {
    External { path: path.into(), source }
}

fn tree(controller: &str, mount: &str) -> Tree {
    let controllers = Some(controller).filter(|name| !name.is_empty()).map(str::to_string);
    Tree { controllers: controllers.into_iter().collect(), mount: mount.into(), path: "new".into() }
}

fn values(externals: &[External]) -> Result<Vec<String>, String> {
    let cgroup = Handle {
        v2: Some(tree("", "/sys/fs/cgroup/unified")),
        v1: vec![tree("pids", "/sys/fs/cgroup/pids")],
        ..Handle::default()
    };
    let bound = bound(externals, &container(), &cgroup, Path::new("/state")).map_err(|e| e.to_string())?;
    Ok(bound.into_iter().map(|mount| mount.val).collect())
}

#[test]
fn a_restore_binds_them_from_the_new_places() {
    let bind = |destination: &str, below: &str| Source::Bind {
        destination: destination.into(),
        below: below.into(),
    };
    let cgroup = |controller: &str, whole| Source::Cgroup { controller: controller.into(), whole };
    let externals = [
        external("/var/data", bind("/data", "")),
        external("/data/sub", bind("/data", "sub")),
        external("/proc/keys", Source::MaskedFile),
        external("/dev/null", Source::Device),
        external("/c", cgroup("", false)),
        external("/p", cgroup("pids", true)),
    ];
    let expected = [
        "/srv/data",
        "/srv/data/sub",
        "/state/file",
        "/dev/null",
        "/sys/fs/cgroup/unified/new",
        "/sys/fs/cgroup/pids",
    ];
    assert_eq!(values(&externals).unwrap(), expected);
    assert_eq!(keys(&externals)[0].key, "/var/data");
    let gone = values(&[external("/x", bind("/x", ""))]).unwrap_err();
    assert!(gone.contains("a bind mount at /x"), "{gone}");
    let missing = values(&[external("/x", cgroup("rdma", false))]).unwrap_err();
    assert!(missing.contains("control group"), "{missing}");
}

#[test]
fn what_forbids_something_must_be_there_again() {
    let mounts = json!([
        {"destination": "/a", "type": "bind", "source": "/s", "options": ["rbind", "ro", "rnosuid", "noatime"]},
        {"destination": "/b", "type": "bind", "source": "/s", "options": ["bind"]},
    ]);
    let plan = plan(json!({"root": {"readonly": true}, "mounts": mounts})).unwrap();
    let bind = |destination: &str, below: &str| Source::Bind {
        destination: destination.into(),
        below: below.into(),
    };
    let externals = [
        external("/a", bind("/a", "")),
        external("/a/sub", bind("/a", "sub")),
        external("/b", bind("/b", "")),
        external("/proc/keys", Source::MaskedFile),
    ];
    let expected = [("/a", 3), ("/a/sub", 2), ("/proc/keys", 15), ("/", 1)];
    assert_eq!(attributes(&externals, &plan), expected.map(|(path, bits)| (PathBuf::from(path), bits)));
}

#[test]
fn images_of_others_go_by_the_configuration() {
    let paths: Vec<PathBuf> = by_config(&container()).into_iter().map(|external| external.path).collect();
    let expected = ["/data", "/dev/log", "/data/deep", "/proc/keys"].map(PathBuf::from);
    assert_eq!(paths, expected);
}

#[test]
fn mountpoints_lie_in_the_root_or_in_what_is_bound() {
    let plan = container();
    let place = |index: usize| {
        let op = &plan.rootfs.mounts[index];
        mountpoints::place(&plan.rootfs, index, op)
            .map(|(root, path)| format!("{} {}", root.display(), path.display()))
    };
    assert_eq!(place(0).as_deref(), Some("/bundle/rootfs /proc"));
    assert_eq!(place(3).as_deref(), Some("/srv/data /in"));
    assert_eq!(place(4), None, "what is in a tmpfs comes back with it");
    assert_eq!(place(5).as_deref(), Some("/srv/data /deep"));
}

#[test]
fn namespaces_of_others_are_named_joined_or_refused() {
    let with = |kind: &str, path: &str| {
        let spaces = json!([{"type": "mount"}, {"type": kind, "path": path}]);
        plan(json!({"linux": {"namespaces": spaces}})).unwrap().namespaces
    };
    for kind in ["network", "pid", "ipc", "uts"] {
        namespaces::check(&with(kind, "/n")).unwrap();
    }
    for kind in ["user", "cgroup", "time"] {
        assert!(namespaces::check(&with(kind, "/n")).is_err(), "{kind}");
    }
    let joined = namespaces::joined(&with("ipc", "/n"));
    assert_eq!((joined[0].ns.as_str(), joined[0].ns_file.as_str()), ("ipc", "/n"));
    assert_eq!(namespaces::joined(&with("network", "/n")), []);
    let shared = plan(json!({"linux": {"namespaces": [{"type": "pid"}]}, "mounts": []}));
    assert!(shared.is_err() || namespaces::check(&shared.unwrap().namespaces).is_err());
}

#[test]
fn pipes_and_files_of_the_host_get_our_streams() {
    let names = ["/dev/null", "pipe:[7]", "pipe:[7]"].map(str::to_string);
    let (told, given) = stdio::inherited(&names, 3);
    assert_eq!((told.len(), given.len(), told[0].key.as_str(), told[0].fd), (1, 1, "pipe:[7]", 3));
    let names = ["file[8e:7f]", "file[8e:80]", "socket:[1]"].map(str::to_string);
    assert_eq!(stdio::external(&names), names[..2]);
    assert_eq!(stdio::inherited(&names, 3).0.iter().map(|i| i.fd).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn what_is_outside_is_written_beside_the_images() {
    let folder = Folder::new();
    let images = Images::make(&folder.path().join("a/img"), Some(&folder.path().join("w"))).unwrap();
    assert_eq!(images.mounts().unwrap(), None);
    assert!(images.streams().unwrap().is_empty() && !images.has_inventory().unwrap());
    let mounts = vec![
        external("/a", Source::MaskedFolder),
        external("/b", Source::Cgroup { controller: "pids".into(), whole: false }),
    ];
    let streams = ["/dev/null", "pipe:[1]", "pipe:[2]"].map(str::to_string);
    images.save(mounts.clone(), &streams).unwrap();
    let text = std::fs::read_to_string(folder.path().join("a/img/descriptors.json")).unwrap();
    assert_eq!(text, r#"["/dev/null","pipe:[1]","pipe:[2]"]"#);
    let images = Images::find(&folder.path().join("a/img"), None).unwrap();
    assert_eq!(images.mounts().unwrap(), Some(mounts));
    assert_eq!(images.streams().unwrap(), streams);
    assert!(Images::find(&folder.path().join("none"), None).is_err());
}
