//! What a failed step is called: the child sends numbers, here are the words.
//!
//! Called by `launch` (and `cmd::start` for the last steps), which has the plan that the numbers point into. Every
//! message reads "doing what on which object: reason"; `error` puts the command before it and the advice behind.

use super::last_steps::last_steps;
use crate::plan::Plan;
use crate::plan::annotations::DELEGATE_CGROUP;
use crate::plan::mounts::{MountKind, MountOp};
use crate::sys::error::{describe, errno};
use crate::sys::namespace::Kind;
use crate::sys::{SysError, proc, process};
use crate::wire::{Failure, Step};
use std::borrow::Cow;
use std::ffi::CString;
use std::fmt;

/// A birth that did not come to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The stable word, one of [`CODES`].
    pub code: &'static str,
    /// The step's name.
    pub step: String,
    /// What it was done to; may be empty.
    pub object: String,
    /// What the kernel said, if it did.
    pub errno: Option<i32>,
    /// The file that the cause is in.
    pub file: String,
    /// Where in it the cause is; may be empty.
    pub pointer: String,
    /// Doing what on which object: reason.
    pub message: String,
    /// What to do; may be empty.
    pub advice: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.pointer.is_empty() {
            write!(f, " ({}#{})", self.file, self.pointer)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failed {}

/// The codes of [`Failed`], with their meaning.
pub const CODES: &[(&str, &str)] = &[
    ("program-not-found", "the program is not in $PATH, or its file does not exist"),
    (
        "program-not-executable",
        "the program's file may not be executed by the container's user, or is a folder",
    ),
    ("program-interpreter", "the interpreter that the program's file names does not exist in the container"),
    ("program-format", "the program's file is for another machine, or of no known format"),
    ("program-noexec", "the program lies on a mount with noexec"),
    ("namespace", "a namespace cannot be made or joined"),
    ("mount", "a mount cannot be made"),
    ("rootfs", "the root file system cannot be used or switched to"),
    ("device", "a device or link in /dev cannot be made"),
    ("path", "a path cannot be masked or made read-only"),
    ("sysctl", "a kernel parameter cannot be set"),
    ("console", "the terminal cannot be set up"),
    ("user", "the container's user, groups or capabilities cannot be set"),
    ("working-directory", "the working directory cannot be entered"),
    ("attribute", "a limit, a scheduling or memory attribute, or a label of the process is refused"),
    ("seccomp", "the kernel refused the seccomp filter, or its listener cannot be had"),
    ("container-hook", "a createContainer or startContainer hook failed"),
    ("died", "the container's process ended before it was ready"),
    ("birth", "another step of a birth was refused; step names it"),
];

impl Failed {
    pub(super) fn new(code: &'static str, step: &str, message: String) -> Failed {
        let step = step.to_string();
        Failed {
            code,
            step,
            object: String::new(),
            errno: None,
            file: "config.json".to_string(),
            pointer: String::new(),
            message,
            advice: String::new(),
        }
    }

    fn because(mut self, error: &SysError) -> Failed {
        self.errno = Some(error.errno);
        self.object = error.object.clone();
        self
    }

    pub(super) fn at(mut self, pointer: String) -> Failed {
        self.pointer = pointer;
        self
    }

    pub(super) fn advise(mut self, advice: &str) -> Failed {
        self.advice = advice.to_string();
        self
    }

    /// The same, about a file that holds what stands at `prefix` in config.json.
    pub fn in_file(mut self, file: &str, prefix: &str) -> Failed {
        if let Some(inside) = self.pointer.strip_prefix(prefix) {
            self.pointer = inside.to_string();
            self.file = file.to_string();
        }
        self
    }

    /// The process ended without a word.
    pub fn died(pid: i32) -> Failed {
        let message = format!("container init (process {pid}) died before it was ready");
        Failed::new("died", "birth", message).advise("see the kernel's log (dmesg) for a kill")
    }

    /// The same, of a process that `exec` has brought.
    pub(super) fn died_inside(pid: i32) -> Failed {
        let message = format!("the new process ({pid}) died before it was ready");
        Failed::new("died", "exec", message).advise(
            "the container may have ended, or its memory limit be too low: see the kernel's log (dmesg)",
        )
    }

    /// The container that `exec` was to enter is gone.
    pub(super) fn container_ended(pid: i32) -> Failed {
        let message = format!("container not running: its first process, {pid}, has ended meanwhile");
        Failed::new("died", "JoinContainer", message)
    }

    /// The same, when the kernel has counted OOM kills in its cgroup.
    pub fn by_oom(mut self) -> Failed {
        self.message = "container init was OOM-killed (memory limit too low?)".to_string();
        self.pointer = "/linux/resources/memory/limit".to_string();
        self.advice = "raise the memory limit".to_string();
        self
    }

    pub(super) fn different_maps(pointer: &str, found: &str) -> Failed {
        let found = found.trim_end().replace('\n', ", ");
        let message =
            format!("join the user namespace: its mapping is \"{found}\", config.json gives another");
        Failed::new("namespace", "join user namespace", message)
            .at(pointer.to_string())
            .advise("give the mapping of the namespace, or none")
    }
}

/// Any part of the plan that is one value at a known place.
pub(super) fn attribute(pointer: &str, doing: &str, error: SysError) -> Failed {
    let message = format!("{doing} {}: {}", error.object, describe(error.errno));
    let failed = Failed::new("attribute", doing, message).because(&error).at(pointer.to_string());
    if error.is(errno::EPERM) || error.is(errno::EACCES) {
        return failed.advise("raising it above the caller's own needs CAP_SYS_RESOURCE");
    }
    failed
}

/// A file that is no namespace of the wanted kind.
pub(super) fn bad_namespace(kind: Kind, index: u16, error: SysError) -> Failed {
    let name = kind.name();
    let why = match error.errno {
        errno::EINVAL => format!("is not a {name} namespace"),
        other => describe(other),
    };
    let message = format!("join {name} namespace {}: {why}", error.object);
    Failed::new("namespace", "join namespace", message)
        .because(&error)
        .at(format!("/linux/namespaces/{index}/path"))
        .advise(&format!("give the path of a living process's /proc/PID/ns/{}", file_name(kind)))
}

fn file_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Network => "net",
        Kind::Mount => "mnt",
        other => other.name(),
    }
}

/// A namespace that cannot be entered for the child.
pub(super) fn namespace(plan: &Plan, kind: Kind, index: Option<u16>, error: SysError) -> Failed {
    let _ = plan;
    let verb = if index.is_some() { "join" } else { "make" };
    let message = format!("{verb} {} namespace: {}", kind.name(), describe(error.errno));
    let pointer = index.map_or("/linux/namespaces".to_string(), |index| format!("/linux/namespaces/{index}"));
    Failed::new("namespace", "namespace", message).because(&error).at(pointer)
}

/// The clone itself.
pub(super) fn clone(plan: &Plan, error: SysError) -> Failed {
    if [errno::EBUSY, errno::EOPNOTSUPP].contains(&error.errno) {
        let failed = clone_into_group(error).at("/linux/cgroupsPath".to_string());
        return failed.advise(
            "this group hands controllers down to groups below, and takes no processes itself (cgroups(7)): name one below it",
        );
    }
    let message = format!("clone the container's process into its namespaces: {}", describe(error.errno));
    let failed =
        Failed::new("namespace", "clone", message).because(&error).at("/linux/namespaces".to_string());
    match error.errno {
        errno::ENOSPC => failed.advise("a limit of /proc/sys/user/max_*_namespaces is reached"),
        errno::EPERM if plan.namespaces.user.is_shared() => {
            failed.advise(
                "only root can make namespaces without a user namespace, with CAP_SYS_ADMIN, which a container may lack: \
                 run as root, or add one",
            )
        }
        errno::EPERM => failed.advise("user namespaces are not allowed here (sysctl kernel.unprivileged_userns_clone, a chroot, or an LSM)"),
        errno::EACCES => failed.advise(&confinement().unwrap_or_default()),
        errno::EAGAIN => failed.advise("the limit of processes is reached (ulimit -u, or pids.max of the cgroup)"),
        errno::EINVAL | errno::ENOSYS => failed.advise("the kernel lacks clone3(2) or one of these namespaces"),
        _ => failed,
    }
}

/// The process of `exec` cannot be born into the container's group.
pub(super) fn clone_into_group(error: SysError) -> Failed {
    let message = format!("enter the cgroup: {}", describe(error.errno));
    let failed = Failed::new("birth", "clone", message).because(&error);
    match error.errno {
        errno::EBUSY | errno::EOPNOTSUPP => failed.advise(
            "it hands controllers down to groups below, and takes no processes itself (cgroups(7)): name one below with --cgroup",
        ),
        errno::ENODEV => failed.advise("the group was removed meanwhile: see `tare state`"),
        errno::EAGAIN => failed.advise("the limit of processes is reached (pids.max of the cgroup)"),
        _ => failed,
    }
}

/// The listener of a seccomp filter, which only root may take, and which the process does not send.
pub(super) fn listener_not_sent(why: &str, refused: &SysError) -> Failed {
    let message = format!(
        "take the seccomp listener: only root may take it out of this process, and it was not sent: {why}"
    );
    Failed::new("seccomp", "Listener", message)
        .because(refused)
        .at("/linux/seccomp".to_string())
        .advise("be root, or let the profile allow read and sendmsg")
}

/// A sysctl that would reach the host.
pub(super) fn host_sysctl(key: &str, kind: Kind) -> Failed {
    let message =
        format!("sysctl {key:?} not allowed in host {} namespace: the joined one is the host's", kind.name());
    Failed::new("sysctl", "sysctl", message)
        .at(format!("/linux/sysctl/{}", key.replace('~', "~0").replace('/', "~1")))
        .advise("make that namespace new, or drop the sysctl")
}

/// A bind source that cannot be opened or id-mapped before the clone.
pub(super) fn mount_source(plan: &Plan, op: &MountOp, error: anyhow::Error) -> anyhow::Error {
    let _ = plan;
    let Some(cause) = error.downcast_ref::<SysError>() else { return error };
    let message = format!("{}: {}: {}", mounting(op), cause.call, describe(cause.errno));
    let failed = Failed::new("mount", "mount", message).because(cause).at(op.pointer());
    let failed = match (cause.call, cause.errno) {
        ("mount_setattr", errno::EINVAL) => failed.advise(
            "the file system of the source does not support id-mapped mounts, or is id-mapped already",
        ),
        ("mount_setattr", errno::EPERM) => {
            failed.advise("id-mapped mounts need CAP_SYS_ADMIN where the file system was mounted")
        }
        _ => failed,
    };
    failed.into()
}

fn mounting(op: &MountOp) -> String {
    let target = op.target.to_string_lossy();
    match &op.kind {
        MountKind::Bind { source, .. } => format!("bind {} on {target}", source.to_string_lossy()),
        MountKind::Filesystem { fstype, .. } => format!("mount {} on {target}", fstype.to_string_lossy()),
        MountKind::Cgroup => format!("mount cgroup on {target}"),
        MountKind::Nothing => format!("change the mount on {target}"),
    }
}

/// A failed step of the child, in words.
pub fn explain(plan: &Plan, failure: &Failure) -> Failed {
    let args = plan.process.args.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(failed) = last_steps(&args, failure) {
        return failed;
    }
    // The hop's second clone is the only one that counts where no user namespace is joined.
    if failure.step == Step::CloneInUserNamespace && plan.namespaces.user.joined().is_none() {
        return clone(plan, SysError::new("clone3", &failure.object, failure.errno));
    }
    let index = failure.index.map(usize::from);
    let (code, doing, pointer) = step_words(plan, failure.step, index);
    let what = if failure.object.is_empty() { String::new() } else { format!("{}: ", failure.object) };
    let message = format!("{doing}: {what}{}", describe(failure.errno));
    let mut failed = Failed::new(code, &format!("{:?}", failure.step), message).at(pointer);
    failed.errno = Some(failure.errno);
    failed.object = failure.object.clone();
    let nearest = advice(plan, failure, index);
    let confined = if failure.errno == errno::EACCES { confinement() } else { None };
    failed.advice = match confined {
        Some(confined) if nearest.is_empty() => confined,
        Some(confined) => format!("{nearest}; or {confined}"),
        None => nearest.to_string(),
    };
    failed
}

/// What AppArmor forbids is EACCES, and says nothing of AppArmor: whether we are confined by a profile, as a container of LXC
/// or of an engine is.
fn confinement() -> Option<String> {
    let current = proc::read_of_process(process::own_pid(), "attr/current").ok()?;
    let profile = current.trim().strip_suffix(" (enforce)")?;
    Some(format!(
        "the caller is confined by the AppArmor profile {profile}, which may forbid it: see the kernel's log, and let the \
         profile allow it, or run without (podman run --security-opt apparmor=unconfined)"
    ))
}

/// Code, words and place in config.json of a step.
fn step_words(plan: &Plan, step: Step, index: Option<usize>) -> (&'static str, String, String) {
    let text = |words: &str| words.to_string();
    let listed =
        |list: &str| index.map_or(format!("/linux/{list}"), |index| format!("/linux/{list}/{index}"));
    match step {
        Step::Mount => match index.and_then(|index| plan.rootfs.mounts.get(index)) {
            Some(op) => ("mount", mounting(op), op.pointer()),
            None => ("mount", text("mount"), text("/mounts")),
        },
        Step::Device | Step::DeviceLink => {
            let dev = plan.rootfs.dev.as_ref();
            let device = (step == Step::Device).then(|| dev?.devices.get(index?)).flatten();
            let link = (step == Step::DeviceLink).then(|| dev?.links.get(index?)).flatten();
            let path = device.map(|d| &d.path).or(link.map(|(link, _)| link));
            let pointer = device.and_then(|d| d.index).map(|index| format!("/linux/devices/{index}"));
            let doing = format!("make {}", path.map(|p| p.to_string_lossy()).unwrap_or_default());
            ("device", doing, pointer.unwrap_or_default())
        }
        Step::Sysctl => {
            let key =
                index.and_then(|index| plan.sysctls.get(index)).map(|s| s.key.clone()).unwrap_or_default();
            let pointer = format!("/linux/sysctl/{}", key.replace('~', "~0").replace('/', "~1"));
            ("sysctl", format!("set sysctl {key}"), pointer)
        }
        Step::MaskedPath => ("path", text("mask"), listed("maskedPaths")),
        Step::ReadonlyPath => ("path", text("make read-only"), listed("readonlyPaths")),
        Step::BindRoot => ("rootfs", text("use the root file system"), text("/root/path")),
        Step::Propagation | Step::RootPropagation => {
            ("rootfs", text("set the propagation of mounts"), text("/linux/rootfsPropagation"))
        }
        Step::SwitchRoot => ("rootfs", text("switch to the root file system"), text("/root/path")),
        Step::ReadonlyRoot => ("rootfs", text("make the root file system read-only"), text("/root/readonly")),
        Step::JoinNamespace => ("namespace", text("join namespace"), listed("namespaces")),
        Step::CloneInUserNamespace => {
            ("namespace", text("make namespaces inside the joined user namespace"), text("/linux/namespaces"))
        }
        Step::BecomeRoot => {
            ("namespace", text("become root of the user namespace"), text("/linux/uidMappings"))
        }
        Step::CgroupNamespace => ("namespace", text("make a cgroup namespace"), text("/linux/namespaces")),
        Step::TimeNamespace => ("namespace", text("make a time namespace"), text("/linux/timeOffsets")),
        Step::Loopback => ("namespace", text("raise the loopback interface"), text("/linux/namespaces")),
        Step::Hostname => ("namespace", text("set the host name"), text("/hostname")),
        Step::Domainname => ("namespace", text("set the domain name"), text("/domainname")),
        Step::Console => ("console", text("set up the terminal"), text("/process/terminal")),
        Step::Cwd => (
            "working-directory",
            format!("make the working directory {}", plan.process.cwd.to_string_lossy()),
            text("/process/cwd"),
        ),
        Step::Chdir => (
            "working-directory",
            format!("enter the working directory {}", plan.process.cwd.to_string_lossy()),
            text("/process/cwd"),
        ),
        Step::OomScore => ("attribute", text("set oom_score_adj"), text("/process/oomScoreAdj")),
        Step::Affinity => ("attribute", text("set the CPU affinity"), text("/process/execCPUAffinity/final")),
        Step::Limits => (
            "attribute",
            text("set the limit"),
            index.map_or(text("/process/rlimits"), |index| format!("/process/rlimits/{index}")),
        ),
        Step::JoinContainer => ("namespace", text("join the container's namespaces"), String::new()),
        Step::Session => ("birth", text("make a session"), String::new()),
        Step::Scheduler => ("attribute", text("set the scheduler"), text("/process/scheduler")),
        Step::IoPriority => ("attribute", text("set the I/O priority"), text("/process/ioPriority")),
        Step::MemoryPolicy => ("attribute", text("set the memory policy"), text("/linux/memoryPolicy")),
        Step::Personality => ("attribute", text("set the personality"), text("/linux/personality")),
        Step::ApparmorProfile => {
            let profile = named(&plan.process.apparmor_profile);
            ("attribute", format!("set the AppArmor profile {profile}"), text("/process/apparmorProfile"))
        }
        Step::SelinuxLabel => {
            let label = named(&plan.process.selinux_label);
            ("attribute", format!("set the SELinux label {label}"), text("/process/selinuxLabel"))
        }
        Step::Groups => ("user", text("set the supplementary groups"), text("/process/user/additionalGids")),
        Step::Gid => ("user", format!("become group {}", plan.process.user.gid), text("/process/user/gid")),
        Step::Uid => ("user", format!("become user {}", plan.process.user.uid), text("/process/user/uid")),
        Step::BoundingSet | Step::Capabilities => {
            ("user", text("set the capabilities"), text("/process/capabilities"))
        }
        Step::Seccomp => ("seccomp", text("load the seccomp filter"), text("/linux/seccomp")),
        Step::Cgroup if plan.asked.delegate_cgroup.is_some() => {
            ("birth", text("enter the cgroup"), format!("/annotations/{DELEGATE_CGROUP}"))
        }
        Step::Cgroup => ("birth", text("enter the cgroup"), text("/linux/cgroupsPath")),
        Step::Keyring => ("birth", text("join a session keyring"), String::new()),
        Step::CreateContainerHook | Step::StartContainerHook => hook_words(plan, step, index),
        Step::Stage => ("birth", text("execute the last stage"), String::new()),
        other => ("birth", format!("{other:?}"), String::new()),
    }
}

fn named(text: &Option<CString>) -> Cow<'_, str> {
    text.as_ref().map(|text| text.to_string_lossy()).unwrap_or_default()
}

fn hook_words(plan: &Plan, step: Step, index: Option<usize>) -> (&'static str, String, String) {
    let (moment, hooks) = match step {
        Step::CreateContainerHook => ("createContainer", &plan.hooks.create_container),
        _ => ("startContainer", &plan.hooks.start_container),
    };
    let index = index.unwrap_or(0);
    let path = hooks.get(index).map(|hook| hook.path.clone()).unwrap_or_default();
    ("container-hook", format!("{moment} hook #{index} {path}"), format!("/hooks/{moment}/{index}"))
}

/// fs/namespace.c, mount_too_revealing().
const COVERED_PROC: &str = "the caller's own /proc is covered in part, as in a container, and then a user namespace may mount \
    none: uncover it (podman run --security-opt unmask=ALL), or bind-mount /proc";

fn advice(plan: &Plan, failure: &Failure, index: Option<usize>) -> &'static str {
    match (failure.step, failure.errno) {
        (Step::Mount, errno::EPERM) => {
            let op = index.and_then(|index| plan.rootfs.mounts.get(index));
            match op.map(|op| &op.kind) {
                Some(MountKind::Filesystem { fstype, .. })
                    if fstype.as_bytes() == b"proc" && plan.namespaces.pid.is_new() =>
                {
                    COVERED_PROC
                }
                Some(MountKind::Filesystem { fstype, .. }) if fstype.as_bytes() == b"proc" => {
                    "the user namespace does not own this PID namespace: add a \"pid\" namespace or bind-mount the host's /proc"
                }
                Some(MountKind::Filesystem { fstype, .. }) if fstype.as_bytes() == b"sysfs" => {
                    "the user namespace does not own this network namespace: add a \"network\" namespace or bind-mount /sys"
                }
                _ => "",
            }
        }
        (Step::Mount, errno::ENODEV) => {
            "the kernel does not know this type of file system (see /proc/filesystems)"
        }
        (Step::Loopback, errno::EPERM) => {
            "this needs CAP_NET_ADMIN, which a container may lack: give it to the caller, or add a \"user\" namespace"
        }
        (Step::BoundingSet | Step::Capabilities, errno::EPERM) => {
            "the caller, perhaps in a container itself, lacks one of them (capsh --print): leave it out, or give it to him"
        }
        (Step::BindRoot, errno::EACCES) => {
            "root of the container's user namespace must be able to reach it: let others pass the folders above (chmod o+x)"
        }
        (Step::BindRoot, errno::ENOENT) => {
            "root.path is relative to the bundle; is the root file system unpacked?"
        }
        (Step::Groups, errno::EPERM) => {
            "setgroups is denied in this user namespace: drop additionalGids, or map the groups with newgidmap"
        }
        (Step::Groups | Step::Uid | Step::Gid, errno::EINVAL) => {
            "map the id in linux.uidMappings or gidMappings"
        }
        (Step::Keyring, errno::EDQUOT) => {
            "the user has too many keys (sysctl kernel.keys.maxkeys, root_maxkeys): --no-new-keyring needs none"
        }
        (Step::ApparmorProfile, errno::ENOENT) => {
            "it is not loaded (aa-status): load the file that has it (apparmor_parser -r FILE)"
        }
        (Step::Stage, errno::EACCES | errno::EPERM) => "the sysctl vm.memfd_noexec must not be 2",
        _ => "",
    }
}
