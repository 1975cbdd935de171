//! cgroupsPath -> the name of a systemd unit.

use tare::cgroup::{Caller, Unit};
use tare::systemd::Which;

fn named(path: &str) -> (String, String) {
    let unit = Unit::choose(Caller::Root, Some(path), "web1").unwrap();
    (unit.name, unit.slice)
}

fn refusal(path: &str) -> String {
    Unit::choose(Caller::Root, Some(path), "web1").unwrap_err().to_string()
}

#[test]
fn slice_prefix_and_name_make_a_scope() {
    let table = [
        ("machine.slice:libpod:1a2b", "libpod-1a2b.scope", "machine.slice"),
        ("kubepods-pod1.slice:cri-containerd:1a2b", "cri-containerd-1a2b.scope", "kubepods-pod1.slice"),
        ("-.slice:a:b", "a-b.scope", "-.slice"),
        // crun's forms with less.
        ("system.slice:web", "web.scope", "system.slice"),
        ("system.slice::web", "web.scope", "system.slice"),
        (":docker:web", "docker-web.scope", "system.slice"),
        ("web", "web.scope", "system.slice"),
        ("web.scope", "web.scope", "system.slice"),
        ("", "tare-web1.scope", "system.slice"),
        // A name that is a slice stays one.
        ("a.slice:x:a-b.slice", "a-b.slice", "a.slice"),
        // What a unit's name cannot have, an id can.
        ("system.slice:a:b+c@d", "a-b\\x2bc\\x40d.scope", "system.slice"),
    ];
    for (path, name, slice) in table {
        assert_eq!(named(path), (name.to_owned(), slice.to_owned()), "{path:?}");
    }
}

#[test]
fn a_rootless_caller_has_a_unit_of_the_users_systemd() {
    let unit = Unit::choose(Caller::Rootless, None, "web1").unwrap();
    assert_eq!((unit.slice.as_str(), unit.systemd), ("user.slice", Which::User));
    assert_eq!(Unit::choose(Caller::Root, None, "web1").unwrap().systemd, Which::System);
}

#[test]
fn a_path_that_names_no_unit_is_refused_with_the_form_that_is_wanted() {
    for path in ["/docker/web", "a/b", "a:b:c:d", "a\nb"] {
        let problem = refusal(path);
        assert!(
            problem.contains("\"slice:prefix:name\"") && problem.contains("#/linux/cgroupsPath"),
            "{problem}"
        );
    }
}

#[test]
fn what_is_no_slice_is_refused() {
    for slice in ["system", "a--b.slice", "-a.slice", "a-.slice", ".slice", "a b.slice", "a.service"] {
        let problem = refusal(&format!("{slice}:x:y"));
        assert!(problem.contains("no slice"), "{slice}: {problem}");
    }
    assert!(refusal("a.slice:x:a--b.slice").contains("no slice"));
    assert!(refusal(&format!("a.slice:x:{}", "y".repeat(250))).contains("shorter name"));
}
