//! `linux.sysctl` -> files below /proc/sys. Only parameters that belong to one of the container's own namespaces may
//! be set: all others are the machine's.

use super::Sysctl;
use super::namespaces::{Namespaces, Place};
use super::text::kernel_string;
use crate::bundle::config::{Config, Linux};
use crate::bundle::{Invalid, escape};

/// Parameters of an IPC namespace (ipc_namespaces(7)); those of POSIX message queues are all of fs.mqueue.
const IPC: [&str; 8] = [
    "kernel/msgmax",
    "kernel/msgmnb",
    "kernel/msgmni",
    "kernel/sem",
    "kernel/shmall",
    "kernel/shmmax",
    "kernel/shmmni",
    "kernel/shm_rmid_forced",
];

/// All of `linux.sysctl`, sorted by key.
pub(super) fn sysctls(
    linux: &Linux,
    config: &Config,
    namespaces: &Namespaces,
) -> Result<Vec<Sysctl>, Invalid> {
    let sysctl = |(key, value): (&String, &String)| {
        let pointer = format!("/linux/sysctl/{}", escape(key));
        let path = path(key)
            .ok_or_else(|| Invalid::value(&pointer, format!("{key:?} is no name of a kernel parameter")))?;
        allowed(&path, key, config, namespaces).map_err(|problem| Invalid::conflict(&pointer, problem))?;
        if value.contains(['\0', '\n']) {
            return Err(Invalid::value(&pointer, "the value holds a NUL or a line break"));
        }
        Ok(Sysctl { key: key.clone(), path: kernel_string(&path, &pointer)?, value: value.clone() })
    };
    linux.sysctl.iter().map(sysctl).collect()
}

/// The path below /proc/sys. As in sysctl(8), the first separator decides: after a dot, dots separate and a slash
/// stands for a dot (an interface `eth0.1` is `eth0/1`); after a slash, the key is the path.
fn path(key: &str) -> Option<String> {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = match key.find(['.', '/']) {
        Some(first) if key.as_bytes().get(first) == Some(&b'.') => key.chars().map(swap).collect(),
        _ => key.to_owned(),
    };
    let name = |name: &str| {
        !matches!(name, "" | "." | "..")
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:@+".contains(&byte))
    };
    path.split('/').all(name).then_some(path)
}

/// Whether the parameter at `path` belongs to a namespace of the container; if not, why.
fn allowed(path: &str, key: &str, config: &Config, namespaces: &Namespaces) -> Result<(), String> {
    if IPC.contains(&path) || path.starts_with("fs/mqueue/") {
        let problem = format!("sysctl {key:?} is not allowed in the hosts ipc namespace");
        return private(&namespaces.ipc, "ipc").then_some(()).ok_or(problem);
    }
    if path.starts_with("net/") {
        let problem = format!("sysctl {key:?} not allowed in host network namespace");
        return private(&namespaces.network, "net").then_some(()).ok_or(problem);
    }
    if path.starts_with("user/") {
        let problem = format!("setting ucounts without a user namespace not allowed: {key}");
        return private(&namespaces.user, "user").then_some(()).ok_or(problem);
    }
    match path {
        "kernel/hostname" => {
            Err(format!("sysctl {key:?} is not allowed as it conflicts with the OCI \"hostname\" field"))
        }
        "kernel/domainname" if config.domainname.as_deref().is_some_and(|name| !name.is_empty()) => {
            Err(format!("sysctl {key:?} is not allowed as it conflicts with the OCI \"domainname\" field"))
        }
        "kernel/domainname" if private(&namespaces.uts, "uts") => Ok(()),
        "kernel/domainname" => Err(format!("sysctl {key:?} is not allowed in the hosts uts namespace")),
        _ => Err(format!("sysctl {key:?} is not in a separate kernel namespace")),
    }
}

/// Whether the container has a namespace that is not the caller's. A path may still lead to the host's: the plain
/// spellings are refused here, the rest by whoever joins it.
fn private(place: &Place, name: &str) -> bool {
    match place {
        Place::Shared => false,
        Place::New => true,
        Place::Join(joined) => {
            let path = joined.path.to_str().unwrap_or_default();
            ["self", "thread-self", "1"].iter().all(|process| path != format!("/proc/{process}/ns/{name}"))
        }
    }
}
