//! The rules of the specification that a configuration can break all by itself: one named, pure function each, in
//! the order in which they are tried. What one value alone may be is checked where `plan` converts it; here are the
//! rules between values, and those of the parts that `plan` takes over unread.
//!
//! Called by `Bundle::from_json`. The words that runc uses for the same mistakes are kept where users know them.

use super::config::{Config, Hook, Hooks, Linux};
use super::invalid::Invalid;
use oci_spec::runtime::LinuxNamespaceType as Namespace;

/// One rule.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// The section of the specification that it comes from.
    pub section: &'static str,
    check: fn(&Config) -> Result<(), Invalid>,
}

/// All rules, in order.
pub const RULES: &[Rule] = &[
    Rule { name: "version", section: "config.md#specification-version", check: version },
    Rule { name: "root", section: "config.md#root", check: root },
    Rule { name: "annotations", section: "config.md#annotations", check: annotations },
    Rule { name: "hooks", section: "config.md#posix-platform-hooks", check: hooks },
    Rule { name: "namespaces", section: "config-linux.md#namespaces", check: unique_namespaces },
    Rule { name: "mappings", section: "config-linux.md#user-namespace-mappings", check: mappings },
    Rule { name: "time offsets", section: "config-linux.md#offset-for-time-namespace", check: time_offsets },
    Rule { name: "host name", section: "config.md#hostname", check: uts_names },
    Rule { name: "hidden paths", section: "config-linux.md#masked-paths", check: hidden_paths },
    Rule { name: "network devices", section: "config-linux.md#network-devices", check: net_devices },
    Rule { name: "seccomp listener", section: "config-linux.md#seccomp", check: seccomp_listener },
];

/// Tries every rule; the first that is broken is the error.
pub(super) fn all(config: &Config, warnings: &mut Vec<String>) -> Result<(), Invalid> {
    for rule in RULES {
        (rule.check)(config)?;
    }
    if config.oci_version.starts_with("0.") {
        warnings.push(format!("ociVersion {} is older than 1.0.0, read as 1.x", config.oci_version));
    }
    Ok(())
}

/// MUST be SemVer 2.0.0; compatible within one major version.
fn version(config: &Config) -> Result<(), Invalid> {
    let version = &config.oci_version;
    let Some(major) = semver_major(version) else {
        return Err(Invalid::value(
            "/ociVersion",
            format!("must be a version in SemVer form, is {version:?}"),
        )
        .advise("write for example \"1.3.0\""));
    };
    if major > 1 {
        let problem = format!("runtime spec has incompatible version {version}. Only 1.X.Y is supported");
        return Err(Invalid::unsupported("/ociVersion", problem));
    }
    Ok(())
}

/// The major number of `MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD]`.
fn semver_major(version: &str) -> Option<u64> {
    let (version, build) = version.split_once('+').map_or((version, None), |(v, build)| (v, Some(build)));
    let (numbers, prerelease) = version.split_once('-').map_or((version, None), |(v, pre)| (v, Some(pre)));
    let identifier = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let suffixes = [prerelease, build].into_iter().flatten();
    if !suffixes.flat_map(|suffix| suffix.split('.')).all(identifier) {
        return None;
    }
    let number = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        part.parse::<u64>().ok().filter(|_| plain)
    };
    let numbers = numbers.split('.').map(number).collect::<Option<Vec<_>>>()?;
    match numbers.as_slice() {
        [major, _, _] => Some(*major),
        _ => None,
    }
}

/// REQUIRED but on Windows.
fn root(config: &Config) -> Result<(), Invalid> {
    let root = config.root.as_ref().ok_or_else(|| {
        Invalid::required("/root").advise("name the root file system's folder: {\"path\": \"rootfs\"}")
    })?;
    if root.path.is_empty() {
        return Err(Invalid::value("/root/path", "must name a directory, is empty"));
    }
    Ok(())
}

/// Keys MUST NOT be an empty string. NUL would cut the state that hooks read.
fn annotations(config: &Config) -> Result<(), Invalid> {
    if config.annotations.contains_key("") {
        return Err(Invalid::value("/annotations", "an annotation's key must not be empty"));
    }
    Ok(())
}

/// `path` MUST be absolute, a `timeout` MUST be greater than zero.
fn hooks(config: &Config) -> Result<(), Invalid> {
    let none = Hooks::default();
    let hooks = config.hooks.as_ref().unwrap_or(&none);
    let moments: [(&str, &Vec<Hook>); 6] = [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ];
    for (moment, hooks) in moments {
        for (index, hook) in hooks.iter().enumerate() {
            hook_values(hook, &format!("/hooks/{moment}/{index}"))?;
        }
    }
    Ok(())
}

fn hook_values(hook: &Hook, at: &str) -> Result<(), Invalid> {
    let path = &hook.path;
    if !path.starts_with('/') {
        return Err(Invalid::value(format!("{at}/path"), format!("must be an absolute path, is {path:?}")));
    }
    if let Some(timeout) = hook.timeout.filter(|seconds| *seconds <= 0) {
        let problem = format!("must be greater than zero, is {timeout}");
        return Err(Invalid::value(format!("{at}/timeout"), problem).advise("leave it out for no timeout"));
    }
    let env = hook.env.as_deref().unwrap_or_default();
    let named = |list: &'static str| move |(index, text)| (format!("{list}/{index}"), text);
    let texts = std::iter::once(("path".to_owned(), path))
        .chain(hook.args.iter().enumerate().map(named("args")))
        .chain(env.iter().enumerate().map(named("env")));
    for (field, text) in texts {
        if text.contains('\0') {
            return Err(Invalid::value(format!("{at}/{field}"), "holds a NUL character"));
        }
    }
    Ok(())
}

/// Duplicated namespaces with the same `type` MUST be an error.
fn unique_namespaces(config: &Config) -> Result<(), Invalid> {
    let namespaces = config.linux.as_ref().map_or(&[][..], |linux| linux.namespaces.as_slice());
    for (index, entry) in namespaces.iter().enumerate() {
        let earlier = namespaces.iter().take(index).position(|other| other.typ() == entry.typ());
        if let Some(earlier) = earlier {
            let problem = format!("duplicated ns {:?}, entry {earlier} has it too", type_name(entry.typ()));
            return Err(Invalid::conflict(format!("/linux/namespaces/{index}/type"), problem)
                .advise("name each namespace once"));
        }
    }
    Ok(())
}

fn type_name(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Mount => "mount",
        Namespace::Cgroup => "cgroup",
        Namespace::Uts => "uts",
        Namespace::Ipc => "ipc",
        Namespace::User => "user",
        Namespace::Pid => "pid",
        Namespace::Network => "network",
        Namespace::Time => "time",
    }
}

/// How the config places a namespace: not named, new, or joined.
enum Placed {
    Absent,
    New,
    Joined,
}

fn placed(linux: &Linux, namespace: Namespace) -> Placed {
    match linux.namespaces.iter().find(|entry| entry.typ() == namespace) {
        None => Placed::Absent,
        Some(entry) if entry.path().as_deref().is_none_or(|path| path.as_os_str().is_empty()) => Placed::New,
        Some(_) => Placed::Joined,
    }
}

fn absent(linux: &Linux, namespace: Namespace) -> bool {
    matches!(placed(linux, namespace), Placed::Absent)
}

/// A new user namespace without mappings has no root, and mappings without one would silently do nothing.
fn mappings(config: &Config) -> Result<(), Invalid> {
    let Some(linux) = &config.linux else { return Ok(()) };
    let uids = !linux.uid_mappings.is_empty();
    let gids = !linux.gid_mappings.is_empty();
    let first_given = if uids { "/linux/uidMappings" } else { "/linux/gidMappings" };
    match (placed(linux, Namespace::User), uids, gids) {
        // A new one without any is for the plan, which knows who asks.
        (Placed::Absent | Placed::New, false, false) | (Placed::Joined, ..) | (Placed::New, true, true) => {
            Ok(())
        }
        (Placed::Absent, ..) => {
            let problem = "user namespace mappings specified, but user namespace isn't enabled in the config";
            Err(Invalid::conflict(first_given, problem)
                .advise("add {\"type\": \"user\"} to linux.namespaces, or remove the mappings"))
        }
        (Placed::New, uids, _) => {
            let missing = if uids { "gidMappings" } else { "uidMappings" };
            Err(Invalid::required(format!("/linux/{missing}")).advise("a user namespace needs both mappings"))
        }
    }
}

/// Offsets belong to a time namespace that is made here: a joined one has its own, and they are fixed.
fn time_offsets(config: &Config) -> Result<(), Invalid> {
    let Some(linux) = &config.linux else { return Ok(()) };
    if linux.time_offsets.is_empty() {
        return Ok(());
    }
    let conflict = |problem: &str| Err(Invalid::conflict("/linux/timeOffsets", problem));
    match placed(linux, Namespace::Time) {
        Placed::New => Ok(()),
        Placed::Absent => {
            conflict("time namespace offsets specified, but time namespace isn't enabled in the config")
        }
        Placed::Joined => conflict(
            "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one",
        ),
    }
}

/// Without a UTS namespace these would rename the host.
fn uts_names(config: &Config) -> Result<(), Invalid> {
    if config.linux.as_ref().is_some_and(|linux| !absent(linux, Namespace::Uts)) {
        return Ok(());
    }
    for (field, name) in [("hostname", &config.hostname), ("domainname", &config.domainname)] {
        if name.as_deref().is_some_and(|name| !name.is_empty()) {
            let problem = format!("unable to set {field} without a private UTS namespace");
            return Err(Invalid::conflict(format!("/{field}"), problem)
                .advise("add {\"type\": \"uts\"} to linux.namespaces"));
        }
    }
    Ok(())
}

/// Without a mount namespace the host's own paths would be hidden.
fn hidden_paths(config: &Config) -> Result<(), Invalid> {
    let Some(linux) = &config.linux else { return Ok(()) };
    if !absent(linux, Namespace::Mount) {
        return Ok(());
    }
    for (field, paths) in [("maskedPaths", &linux.masked_paths), ("readonlyPaths", &linux.readonly_paths)] {
        if !paths.is_empty() {
            let problem = "unable to restrict sys entries without a private MNT namespace";
            return Err(Invalid::conflict(format!("/linux/{field}"), problem)
                .advise("add {\"type\": \"mount\"} to linux.namespaces"));
        }
    }
    Ok(())
}

/// An interface moves from the host's network namespace into another.
fn net_devices(config: &Config) -> Result<(), Invalid> {
    let Some(linux) = &config.linux else { return Ok(()) };
    if !linux.net_devices.is_empty() && absent(linux, Namespace::Network) {
        let problem = "unable to move network devices without a NET namespace";
        return Err(Invalid::conflict("/linux/netDevices", problem)
            .advise("add {\"type\": \"network\"} to linux.namespaces"));
    }
    Ok(())
}

/// `listenerMetadata` MUST NOT be set if `listenerPath` is not.
fn seccomp_listener(config: &Config) -> Result<(), Invalid> {
    let Some(seccomp) = config.linux.as_ref().and_then(|linux| linux.seccomp.as_ref()) else { return Ok(()) };
    let path = seccomp.listener_path.as_ref().filter(|path| !path.as_os_str().is_empty());
    if seccomp.listener_metadata.as_deref().is_some_and(|data| !data.is_empty()) && path.is_none() {
        let problem = "listenerMetadata is set, but listenerPath is not";
        return Err(Invalid::conflict("/linux/seccomp/listenerMetadata", problem)
            .advise("add listenerPath, or remove it"));
    }
    Ok(())
}
