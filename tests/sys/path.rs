//! `sys::path` and `sys::walk`: on real trees, through the kernel's resolver and through the walk.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tare::sys::error::errno;
use tare::sys::path::{Root, Symlinks};
use tare::sys::walk::{self, Missing};
use tare::sys::{Result, SysError, mount, statx};

/// A directory `root` with a directory `outside` beside it, both gone at the end.
struct Tree(PathBuf);

impl Tree {
    fn new() -> Tree {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tare-path-{}-{number}", std::process::id()));
        for name in ["root/a/b/c", "outside/b/c"] {
            std::fs::DirBuilder::new().recursive(true).create(path.join(name)).unwrap();
        }
        Tree(path)
    }

    fn root(&self) -> Root {
        Root::new(open(&self.0.join("root")))
    }

    fn inode(&self, path: &str) -> u64 {
        std::fs::symlink_metadata(self.0.join(path)).unwrap().ino()
    }

    fn link(&self, target: &str, path: &str) {
        symlink(target, self.0.join(path)).unwrap();
    }
}

impl Drop for Tree {
    #[allow(clippy::disallowed_methods, reason = "a tree that this test made")]
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> OwnedFd {
    mount::open_path(&walk::c_path(path).unwrap()).unwrap()
}

fn inode(fd: &OwnedFd) -> u64 {
    statx::of(fd.as_fd(), "test").unwrap().inode
}

/// The same question to both resolvers; they must agree.
#[track_caller]
fn resolve(root: &Root, path: &str, symlinks: Symlinks) -> std::result::Result<u64, i32> {
    let answer = |result: Result<OwnedFd>| result.map(|fd| inode(&fd)).map_err(|error: SysError| error.errno);
    let kernel = answer(root.resolve(Path::new(path), symlinks));
    let walked =
        answer(walk::walk(root.as_fd(), Path::new(path), symlinks, Missing::Fail).map(|walked| walked.fd));
    assert_eq!(kernel, walked, "kernel and walk differ on {path}");
    kernel
}

#[test]
fn an_absolute_symlink_leads_to_its_place_inside_the_root() {
    let tree = Tree::new();
    tree.link("/a", "root/link");
    assert_eq!(resolve(&tree.root(), "/link/b", Symlinks::Follow), Ok(tree.inode("root/a/b")));
}

#[test]
fn dotdot_stops_at_the_root() {
    let tree = Tree::new();
    tree.link("../../../../outside", "root/a/up");
    let root = tree.root();
    assert_eq!(resolve(&root, "/../../../a/../..", Symlinks::Follow), Ok(tree.inode("root")));
    assert_eq!(resolve(&root, "a/up", Symlinks::Follow), Err(errno::ENOENT));
}

#[test]
fn the_empty_path_and_slash_are_the_root() {
    let tree = Tree::new();
    for path in ["", "/", "//", "/.", "a/.."] {
        assert_eq!(resolve(&tree.root(), path, Symlinks::Follow), Ok(tree.inode("root")), "{path}");
    }
}

#[test]
fn a_link_in_the_last_component_is_kept_if_asked_for() {
    let tree = Tree::new();
    tree.link("/a", "root/link");
    let root = tree.root();
    assert_eq!(resolve(&root, "link", Symlinks::NotLast), Ok(tree.inode("root/link")));
    assert_eq!(resolve(&root, "link/b", Symlinks::NotLast), Ok(tree.inode("root/a/b")));
    assert_eq!(resolve(&root, "link/b", Symlinks::Refuse), Err(errno::ELOOP));
    assert_eq!(resolve(&root, "a/b", Symlinks::Refuse), Ok(tree.inode("root/a/b")));
}

#[test]
fn a_circle_of_links_and_forty_one_links_are_refused() {
    let tree = Tree::new();
    tree.link("other", "root/one");
    tree.link("one", "root/other");
    tree.link("a", "root/l0");
    for n in 1..=41 {
        tree.link(&format!("l{}", n - 1), &format!("root/l{n}"));
    }
    let root = tree.root();
    assert_eq!(resolve(&root, "one", Symlinks::Follow), Err(errno::ELOOP));
    assert_eq!(resolve(&root, "l39", Symlinks::Follow), Ok(tree.inode("root/a")));
    assert_eq!(resolve(&root, "l41", Symlinks::Follow), Err(errno::ELOOP));
}

#[test]
fn a_file_on_the_way_is_not_a_directory() {
    let tree = Tree::new();
    tree.root().make_file(Path::new("/file"), 0o644).unwrap();
    assert_eq!(resolve(&tree.root(), "file/x", Symlinks::Follow), Err(errno::ENOTDIR));
}

#[test]
fn magic_links_of_procfs_are_refused_and_its_ordinary_ones_followed() {
    let root = Root::new(open(Path::new("/")));
    for path in ["/proc/self/exe", "/proc/self/root/etc", "/proc/self/fd/0"] {
        assert_eq!(resolve(&root, path, Symlinks::Follow), Err(errno::ELOOP), "{path}");
    }
    assert!(resolve(&root, "/proc/mounts", Symlinks::Follow).is_ok());
}

#[test]
fn missing_directories_are_made_0755() {
    let tree = Tree::new();
    let made = tree.root().make_dirs(Path::new("/x/y/z")).unwrap();
    assert_eq!(inode(&made), tree.inode("root/x/y/z"));
    for path in ["root/x", "root/x/y", "root/x/y/z"] {
        let mode = std::fs::metadata(tree.0.join(path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755, "{path}");
    }
}

#[test]
fn a_directory_inherits_the_set_group_id_bit() {
    let tree = Tree::new();
    let parent = std::fs::File::open(tree.0.join("root/a")).unwrap();
    parent.set_permissions(std::fs::Permissions::from_mode(0o2755)).unwrap();
    tree.root().make_dirs(Path::new("/a/new")).unwrap();
    assert_eq!(std::fs::metadata(tree.0.join("root/a/new")).unwrap().permissions().mode() & 0o7777, 0o2755);
}

#[test]
fn a_dangling_link_is_completed_inside_the_root() {
    let tree = Tree::new();
    tree.link("/run/deep", "root/a/var");
    tree.link("../../../../escape/file", "root/a/file");
    let root = tree.root();
    let made = root.make_dirs(Path::new("/a/var/lib")).unwrap();
    assert_eq!(inode(&made), tree.inode("root/run/deep/lib"));
    let made = root.make_file(Path::new("/a/file"), 0o600).unwrap();
    assert_eq!(inode(&made), tree.inode("root/escape/file"));
    assert!(!tree.0.join("escape").exists());
}

#[test]
fn what_is_of_the_other_kind_is_refused() {
    let tree = Tree::new();
    let root = tree.root();
    root.make_file(Path::new("/file"), 0o644).unwrap();
    assert_eq!(root.make_dirs(Path::new("/file")).unwrap_err().errno, errno::ENOTDIR);
    assert_eq!(root.make_file(Path::new("/a"), 0o644).unwrap_err().errno, errno::EISDIR);
}

#[test]
fn a_link_is_made_beside_what_it_replaces_and_never_through_it() {
    let tree = Tree::new();
    let root = tree.root();
    let victim = tree.0.join("outside/victim");
    std::fs::OpenOptions::new().create(true).truncate(true).write(true).open(&victim).unwrap();
    tree.link(victim.to_str().unwrap(), "root/ptmx");
    root.make_link(Path::new("/ptmx"), c"pts/ptmx").unwrap();
    assert_eq!(std::fs::read_link(tree.0.join("root/ptmx")).unwrap(), Path::new("pts/ptmx"));
    assert!(victim.exists());
    root.make_link(Path::new("/ptmx"), c"pts/ptmx").unwrap();
    assert_eq!(root.make_link(Path::new("/a"), c"x").unwrap_err().errno, errno::EISDIR);
}

#[test]
fn the_last_name_must_be_a_name() {
    let tree = Tree::new();
    for path in ["/", "", "/a/..", "/a/."] {
        assert_eq!(tree.root().slot(Path::new(path)).unwrap_err().errno, errno::EINVAL, "{path:?}");
    }
    let slot = tree.root().slot(Path::new("/a/b/new//")).unwrap();
    assert_eq!((slot.name.as_c_str(), inode(&slot.dir)), (c"new", tree.inode("root/a/b")));
}

/// CVE-2021-30465, CVE-2024-45310: somebody swaps a directory for a link to the outside, as fast as possible.
fn race(question: impl Fn(&Root) -> Result<OwnedFd>) {
    let tree = Tree::new();
    let outside = tree.0.join("outside");
    tree.link(outside.to_str().unwrap(), "root/evil");
    let forbidden = [tree.inode("outside"), tree.inode("outside/b"), tree.inode("outside/b/c")];
    let stop = AtomicBool::new(false);
    let root = tree.root();
    let mut inside = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let dir = std::fs::File::open(tree.0.join("root")).unwrap();
            let exchange = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
            while !stop.load(Ordering::Relaxed) {
                for _ in 0..32 {
                    nix::fcntl::renameat2(&dir, "a", &dir, "evil", exchange).unwrap();
                }
                // Or the kernel's resolver, which starts again after each rename, would never come to an end.
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
        });
        for _ in 0..3000 {
            if let Ok(fd) = question(&root) {
                assert!(!forbidden.contains(&inode(&fd)), "the result lies outside");
                inside += 1;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(inside > 0, "the race was never won by us: the test shows nothing");
    for path in ["outside/b/c/new", "outside/b/c/file"] {
        assert!(!tree.0.join(path).exists(), "{path} was made outside");
    }
}

#[test]
fn a_racing_rename_cannot_lead_the_kernel_outside() {
    race(|root| root.resolve(Path::new("/a/b/../b/c"), Symlinks::Follow));
}

#[test]
fn a_racing_rename_cannot_lead_the_walk_outside() {
    let path = Path::new("/a/b/../b/c");
    race(|root| walk::walk(root.as_fd(), path, Symlinks::Follow, Missing::Fail).map(|walked| walked.fd));
}

#[test]
fn a_racing_rename_cannot_have_directories_made_outside() {
    race(|root| root.make_dirs(Path::new("/a/b/c/new")));
}

#[test]
fn a_racing_rename_cannot_have_files_made_outside() {
    race(|root| root.make_file(Path::new("/a/b/c/file"), 0o644));
}
