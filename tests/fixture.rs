//! A configuration that works, and ways to change it: a test writes down the difference only.

use serde_json::{Value, json};
use tare::bundle::{Bundle, Invalid};
use tare::host::{Fact, Host, Lent};
use tare::plan::{Options, Plan};

/// A small valid config.json, with `patch` merged into it: objects key by key, null removes, all else replaces.
pub fn config(patch: Value) -> String {
    let mut config = json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": namespaces(&["pid", "ipc", "uts", "mount", "network", "cgroup"])},
    });
    merge(&mut config, patch);
    config.to_string()
}

/// Entries for `linux.namespaces`, all new.
pub fn namespaces(types: &[&str]) -> Value {
    types.iter().map(|namespace| json!({"type": namespace})).collect()
}

fn merge(into: &mut Value, patch: Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                match value {
                    Value::Null => drop(into.remove(&key)),
                    value => merge(into.entry(key).or_insert(Value::Null), value),
                }
            }
        }
        (into, Value::Object(patch)) => {
            *into = json!({});
            merge(into, Value::Object(patch));
        }
        (into, patch) => *into = patch,
    }
}

/// The bundle of that config.json.
pub fn bundle(patch: Value) -> Result<Bundle, Invalid> {
    Bundle::from_json(config(patch))
}

/// A machine with everything, and a caller who is root.
pub fn host() -> Host {
    Host {
        euid: 0,
        egid: 0,
        rootless: false,
        lent: Lent::default(),
        last_capability: 40,
        apparmor: Fact::Known(true),
        selinux: Fact::Known(true),
        architecture: "SCMP_ARCH_X86_64",
    }
}

/// The same machine, and an ordinary user.
pub fn rootless_host() -> Host {
    Host { euid: 1000, egid: 1000, rootless: true, ..host() }
}

/// A container `box` from /bundle, without options.
pub fn options() -> Options {
    Options { id: "box".to_owned(), bundle: "/bundle".into(), ..Options::default() }
}

/// Its plan, on [`host`].
pub fn plan(patch: Value) -> Result<Plan, Invalid> {
    Plan::for_create(&bundle(patch)?, &options(), &host())
}

/// Its plan, on a machine of the test's choice.
pub fn plan_on(host: &Host, patch: Value) -> Result<Plan, Invalid> {
    Plan::for_create(&bundle(patch)?, &options(), host)
}

/// The error must stand at `pointer` and contain `words`.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(result: Result<T, Invalid>, pointer: &str, words: &str) {
    let error = result.expect_err("this must be refused");
    assert_eq!(error.pointer, pointer, "{error}");
    assert!(error.to_string().contains(words), "{error}\ndoes not contain {words:?}");
}
