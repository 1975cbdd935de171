//! src/state/root.rs

use super::{Folder, write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tare::state::{DefaultRoot, Refused, Store, default_root};

const ROOT: DefaultRoot<'static> = DefaultRoot {
    euid: 0,
    in_user_namespace: &|| Ok(false),
    xdg_runtime_dir: Some("/run/user/0"),
    user: Some("root"),
};

#[track_caller]
fn refused(result: anyhow::Result<Option<Store>>) -> String {
    match result.expect_err("a refusal").downcast::<Refused>().expect("a refusal") {
        Refused::Root { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn real_root_uses_run_whatever_the_environment_says() {
    assert_eq!(default_root(ROOT).unwrap(), Path::new("/run/tare"));
    assert_eq!(default_root(DefaultRoot { user: None, ..ROOT }).unwrap(), Path::new("/run/tare"));
}

#[test]
fn a_user_has_a_root_of_their_own() {
    let user =
        DefaultRoot { euid: 1000, xdg_runtime_dir: Some("/run/user/1000"), user: Some("alice"), ..ROOT };
    assert_eq!(default_root(user).unwrap(), Path::new("/run/user/1000/tare"));
}

#[test]
fn an_empty_runtime_dir_counts_as_unset() {
    for xdg_runtime_dir in [Some(""), None] {
        assert_eq!(
            default_root(DefaultRoot { euid: 1000, xdg_runtime_dir, ..ROOT }).unwrap(),
            Path::new("/run/tare")
        );
    }
}

#[test]
fn root_in_a_user_namespace_is_a_user_unless_it_is_its_systems_root() {
    let inside =
        DefaultRoot { in_user_namespace: &|| Ok(true), xdg_runtime_dir: Some("/run/user/1000"), ..ROOT };
    assert_eq!(
        default_root(DefaultRoot { user: Some("alice"), ..inside }).unwrap(),
        Path::new("/run/user/1000/tare")
    );
    assert_eq!(default_root(DefaultRoot { user: None, ..inside }).unwrap(), Path::new("/run/user/1000/tare"));
    assert_eq!(default_root(DefaultRoot { user: Some("root"), ..inside }).unwrap(), Path::new("/run/tare"));
}

#[test]
fn the_namespace_is_not_asked_for_where_it_decides_nothing() {
    let nobody_asks: DefaultRoot<'_> = DefaultRoot { in_user_namespace: &|| panic!("asked"), ..ROOT };
    default_root(nobody_asks).unwrap();
    default_root(DefaultRoot { xdg_runtime_dir: None, user: None, ..nobody_asks }).unwrap();
    default_root(DefaultRoot { euid: 1000, user: Some("alice"), ..nobody_asks }).unwrap();
}

#[test]
fn a_new_root_is_ours_alone_and_sticky() {
    let folder = Folder::new();
    let path = folder.path().join("a/b/root");
    Store::create_root(&path).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o1700);
    assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn an_existing_root_keeps_its_mode() {
    let folder = Folder::new();
    let path = folder.path().join("root");
    std::fs::create_dir(&path).unwrap();
    chmod(&path, 0o711);
    Store::create_root(&path).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o711);
}

#[test]
fn a_missing_root_is_no_error_to_who_only_looks() {
    let folder = Folder::new();
    assert!(Store::open_root(&folder.path().join("none")).unwrap().is_none());
}

#[test]
fn a_root_that_others_can_write_is_refused() {
    let folder = Folder::new();
    for mode in [0o777, 0o1777, 0o720, 0o702] {
        chmod(folder.path(), mode);
        let problem = refused(Store::open_root(folder.path()));
        assert!(problem.contains("can be written by others"), "{problem}");
    }
}

#[test]
fn a_symlink_or_a_file_is_no_root() {
    let folder = Folder::new();
    let (real, link, file) =
        (folder.path().join("real"), folder.path().join("link"), folder.path().join("file"));
    std::fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    write(&file, "");
    for path in [link.clone(), PathBuf::from(format!("{}/", link.display())), file] {
        let problem = refused(Store::open_root(&path));
        assert!(problem.contains("is not a folder"), "{path:?}: {problem}");
    }
}

#[test]
fn a_symlink_on_the_way_to_the_root_is_followed() {
    let folder = Folder::new();
    let (real, link) = (folder.path().join("real"), folder.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::fs::create_dir(real.join("root")).unwrap();
    symlink(&real, &link).unwrap();
    assert!(Store::open_root(&link.join("root")).unwrap().is_some());
}

#[test]
fn the_root_of_the_file_system_is_refused_in_every_spelling() {
    for path in ["/", "//", "/..", "/usr/..", "/."] {
        let problem = refused(Store::open_root(Path::new(path)));
        assert!(problem.contains("should not be set to /"), "{path}: {problem}");
    }
}

#[test]
fn an_empty_root_is_refused() {
    refused(Store::open_root(Path::new("")));
}

fn chmod(path: &Path, mode: u32) {
    #[allow(clippy::disallowed_methods, reason = "a folder of a test")]
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}
