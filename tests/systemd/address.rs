//! Where systemd is looked for.

use std::path::PathBuf;
use tare::systemd::{Address, End, Environment, Which};

fn user(environment: &Environment) -> Vec<(String, End)> {
    let addresses = environment.addresses(Which::User).into_iter();
    addresses.map(|Address { path, end }| (path.display().to_string(), end)).collect()
}

fn expected(paths: &[(&str, End)]) -> Vec<(String, End)> {
    paths.iter().map(|(path, end)| ((*path).to_owned(), *end)).collect()
}

#[test]
fn the_managers_own_socket_is_tried_before_the_bus() {
    let environment = Environment { runtime_dir: Some(PathBuf::from("/r")), ..Environment::default() };
    assert_eq!(user(&environment), expected(&[("/r/systemd/private", End::Manager), ("/r/bus", End::Bus)]));
    let system = environment.addresses(Which::System);
    assert_eq!(system[0].path, PathBuf::from("/run/systemd/private"));
    assert_eq!(system[1].path, PathBuf::from("/run/dbus/system_bus_socket"));
}

#[test]
fn without_a_runtime_folder_it_is_the_users() {
    let environment = Environment { uid: 1000, ..Environment::default() };
    assert_eq!(user(&environment)[1], ("/run/user/1000/bus".to_owned(), End::Bus));
}

#[test]
fn a_bus_that_is_named_replaces_the_usual_one() {
    let with = |address: &str| {
        let session_bus = Some(address.to_owned());
        user(&Environment { session_bus, uid: 1, ..Environment::default() })[1..].to_vec()
    };
    assert_eq!(with("unix:path=/a%20b/bus,guid=12"), expected(&[("/a b/bus", End::Bus)]));
    assert_eq!(with("tcp:host=x;unix:path=/b;unix:path=/c"), expected(&[("/b", End::Bus), ("/c", End::Bus)]));
    assert_eq!(with("unix:abstract=x"), expected(&[("/run/user/1/bus", End::Bus)]), "no path in it");
}
