//! `process` -> the program, its identity and its attributes.

use super::Listen;
use super::caps::masks;
use super::scheduling;
use super::text::{absolute_path, index_u16, kernel_string};
use crate::bundle::config;
use crate::bundle::{Invalid, code};
use crate::host::Host;
use std::ffi::CString;

/// The container's process, decided.
#[derive(Debug, Clone)]
pub struct Process {
    /// argv; the first is looked up in PATH inside the container.
    pub args: Vec<CString>,
    /// envp: the last of each name, in order.
    pub env: Vec<CString>,
    /// Whether HOME must still be added from the container's passwd file (it is not in `env`).
    pub needs_home: bool,
    /// Whether LISTEN_PID must still be added: only the process itself knows its pid, 1 or not.
    pub needs_listen_pid: bool,
    /// Absolute working directory, made if missing.
    pub cwd: CString,
    /// A terminal of its own.
    pub terminal: Option<Terminal>,
    /// Ids and umask.
    pub user: User,
    /// Five sets as bit masks.
    pub capabilities: Capabilities,
    /// prctl(2) PR_SET_NO_NEW_PRIVS.
    pub no_new_privileges: bool,
    /// setrlimit(2), each kind once.
    pub rlimits: Vec<Rlimit>,
    /// /proc/self/oom_score_adj.
    pub oom_score_adj: Option<i32>,
    /// sched_setattr(2).
    pub scheduler: Option<Scheduler>,
    /// ioprio_set(2): class << 13 | level.
    pub io_priority: Option<u16>,
    /// personality(2).
    pub personality: Option<u32>,
    /// set_mempolicy(2).
    pub memory_policy: Option<MemoryPolicy>,
    /// AppArmor profile for the last exec.
    pub apparmor_profile: Option<CString>,
    /// SELinux label for the last exec.
    pub selinux_label: Option<CString>,
    /// CPU lists for `exec` (used by that command, checked here).
    pub exec_cpu_affinity: Option<CpuAffinity>,
}

/// `process.user`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub additional_gids: Vec<u32>,
    /// umask(2); 0o022 if the config says nothing.
    pub umask: u32,
}

/// `process.terminal` with `consoleSize`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminal {
    /// (rows, columns), if given and not zero.
    pub size: Option<(u16, u16)>,
}

/// Capability sets, bit N being capability number N (capabilities(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Capabilities {
    pub bounding: u64,
    pub effective: u64,
    pub inheritable: u64,
    pub permitted: u64,
    pub ambient: u64,
}

/// One resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rlimit {
    /// RLIMIT_* number.
    pub resource: u32,
    /// Its name, for messages: `RLIMIT_NOFILE`.
    pub name: &'static str,
    /// u64::MAX is RLIM_INFINITY.
    pub soft: u64,
    /// u64::MAX is RLIM_INFINITY.
    pub hard: u64,
    /// Position in config.json#/process/rlimits.
    pub index: u16,
}

/// struct sched_attr of sched_setattr(2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Scheduler {
    pub policy: u32,
    pub flags: u64,
    pub nice: i32,
    pub priority: u32,
    pub runtime_ns: u64,
    pub deadline_ns: u64,
    pub period_ns: u64,
}

/// set_mempolicy(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// MPOL_* with MPOL_F_* or-ed in.
    pub mode: u32,
    /// Node numbers as a bit mask, 64 a word.
    pub nodes: Vec<u64>,
}

/// `execCPUAffinity`, as CPU bit masks, 64 a word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CpuAffinity {
    pub initial: Option<Vec<u64>>,
    pub r#final: Option<Vec<u64>>,
}

/// RLIMIT_* by name. The numbers are those of most architectures (asm-generic/resource.h), among them every one
/// that tare is built for.
const RLIMITS: [(&str, u32); 16] = [
    ("RLIMIT_CPU", 0),
    ("RLIMIT_FSIZE", 1),
    ("RLIMIT_DATA", 2),
    ("RLIMIT_STACK", 3),
    ("RLIMIT_CORE", 4),
    ("RLIMIT_RSS", 5),
    ("RLIMIT_NPROC", 6),
    ("RLIMIT_NOFILE", 7),
    ("RLIMIT_MEMLOCK", 8),
    ("RLIMIT_AS", 9),
    ("RLIMIT_LOCKS", 10),
    ("RLIMIT_SIGPENDING", 11),
    ("RLIMIT_MSGQUEUE", 12),
    ("RLIMIT_NICE", 13),
    ("RLIMIT_RTPRIO", 14),
    ("RLIMIT_RTTIME", 15),
];

/// What setgroups(2) takes (NGROUPS_MAX).
const GROUPS_MAX: usize = 65536;

const DEFAULT_UMASK: u32 = 0o022;

impl Process {
    /// What a container without `process` has: nobody's identity, no capability, and an empty program name, which no
    /// configuration can give and the last stage knows.
    pub fn absent() -> Process {
        Process {
            args: vec![CString::default()],
            env: Vec::new(),
            needs_home: false,
            needs_listen_pid: false,
            cwd: c"/".to_owned(),
            terminal: None,
            user: User { uid: 0, gid: 0, additional_gids: Vec::new(), umask: 0o022 },
            capabilities: Capabilities::default(),
            no_new_privileges: true,
            rlimits: Vec::new(),
            oom_score_adj: None,
            scheduler: None,
            io_priority: None,
            personality: None,
            memory_policy: None,
            apparmor_profile: None,
            selinux_label: None,
            exec_cpu_affinity: None,
        }
    }

    /// Whether it is that: nothing that could be started.
    pub fn is_absent(&self) -> bool {
        self.args.first().is_none_or(|program| program.is_empty())
    }

    /// Takes over a `process` object. `personality` and `memory_policy` stand elsewhere and stay empty here.
    ///
    /// `listen`: the sockets that the caller was activated with, and hands on (sd_listen_fds(3)).
    pub fn from_config(
        given: &config::Process,
        listen: Option<&Listen>,
        host: &Host,
        warnings: &mut Vec<String>,
    ) -> Result<Process, Invalid> {
        let (env, needs_home) = environment(&given.env, listen, warnings)?;
        Ok(Process {
            args: args(&given.args)?,
            env,
            needs_home,
            needs_listen_pid: listen.is_some(),
            cwd: absolute_path(&given.cwd, "/process/cwd")?,
            terminal: terminal(given)?,
            user: user(&given.user)?,
            capabilities: masks(given.capabilities.as_ref(), host.last_capability, warnings),
            no_new_privileges: given.no_new_privileges.unwrap_or_default(),
            rlimits: rlimits(&given.rlimits)?,
            oom_score_adj: oom_score_adj(given.oom_score_adj)?,
            scheduler: given.scheduler.as_ref().map(scheduling::scheduler).transpose()?,
            io_priority: given.io_priority.as_ref().map(scheduling::io_priority).transpose()?,
            personality: None,
            memory_policy: None,
            apparmor_profile: apparmor_profile(given, host)?,
            selinux_label: selinux_label(given, host)?,
            exec_cpu_affinity: given.exec_cpu_affinity.as_ref().map(scheduling::cpu_affinity).transpose()?,
        })
    }
}

fn args(given: &[String]) -> Result<Vec<CString>, Invalid> {
    match given.first() {
        None => {
            let missing =
                Invalid::new(code::REQUIRED, "/process/args", "needs at least one entry, the program");
            return Err(missing.advise("name the program to run, for example [\"sh\"]"));
        }
        Some(program) if program.is_empty() => {
            return Err(Invalid::value("/process/args/0", "must name the program to run, is empty"));
        }
        Some(_) => {}
    }
    let arg = |(index, arg): (usize, &String)| kernel_string(arg, &format!("/process/args/{index}"));
    given.iter().enumerate().map(arg).collect()
}

/// envp, and whether HOME is to be looked up in the container: it is missing or empty.
///
/// Of each name the last value counts, at its place: execve(2) would pass both on, and programs differ in which one
/// they see.
fn environment(
    given: &[String],
    listen: Option<&Listen>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<CString>, bool), Invalid> {
    let mut entries: Vec<(&str, CString)> = Vec::with_capacity(given.len() + 2);
    for (index, entry) in given.iter().enumerate() {
        let pointer = format!("/process/env/{index}");
        let name = match entry.split_once('=') {
            None => {
                let problem = format!("invalid environment variable: missing '=' in {entry:?}");
                return Err(Invalid::value(pointer, problem).advise("write NAME=value"));
            }
            Some(("", _)) => {
                let problem = format!("invalid environment variable: name cannot be empty in {entry:?}");
                return Err(Invalid::value(pointer, problem).advise("write NAME=value"));
            }
            Some((name, _)) => name,
        };
        entries.push((name, kernel_string(entry, &pointer)?));
    }
    if let Some(listen) = listen {
        // What a configuration says of them is of another time; the pid is added by who has it.
        entries.retain(|(name, _)| !name.starts_with("LISTEN_"));
        entries.push(("LISTEN_FDS", kernel_string(&format!("LISTEN_FDS={}", listen.count), "/process/env")?));
        if let Some(names) = listen_names(listen, warnings) {
            entries
                .push(("LISTEN_FDNAMES", kernel_string(&format!("LISTEN_FDNAMES={names}"), "/process/env")?));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut env: Vec<CString> = Vec::with_capacity(entries.len());
    for (name, entry) in entries.into_iter().rev() {
        if seen.insert(name) && entry.as_bytes() != b"HOME=" {
            env.push(entry);
        }
    }
    env.reverse();
    let needs_home = !env.iter().any(|entry| entry.as_bytes().starts_with(b"HOME="));
    Ok((env, needs_home))
}

/// LISTEN_FDNAMES: one name for each socket, or a receiver refuses them all (sd_listen_fds_with_names(3)).
fn listen_names<'a>(listen: &'a Listen, warnings: &mut Vec<String>) -> Option<&'a str> {
    let names = listen.names.as_deref()?;
    if names.split(':').count() != listen.count as usize || names.contains(char::is_control) {
        warnings
            .push(format!("LISTEN_FDNAMES {names:?} is left out: it does not name {} sockets", listen.count));
        return None;
    }
    Some(names)
}

fn terminal(given: &config::Process) -> Result<Option<Terminal>, Invalid> {
    // Without a terminal consoleSize MUST be ignored (config.md, "Process"), however wrong.
    if !given.terminal.unwrap_or_default() {
        return Ok(None);
    }
    let Some(size) = given.console_size else { return Ok(Some(Terminal::default())) };
    let side = |value: u64, name: &str| {
        let pointer = format!("/process/consoleSize/{name}");
        u16::try_from(value)
            .map_err(|_| Invalid::value(pointer, format!("must be at most 65535, is {value}")))
    };
    let (rows, columns) = (side(size.height, "height")?, side(size.width, "width")?);
    Ok(Some(Terminal { size: (rows != 0 && columns != 0).then_some((rows, columns)) }))
}

fn user(given: &config::User) -> Result<User, Invalid> {
    let umask = given.umask.unwrap_or(DEFAULT_UMASK);
    if umask > 0o777 {
        let problem = format!("must be at most 511 (0777), is {umask}");
        return Err(
            Invalid::value("/process/user/umask", problem).advise("JSON numbers are decimal: 18 is 022")
        );
    }
    // 2^32 - 1 means "leave as it is" to setuid(2): the process would keep the runtime's own id.
    let id = |id: u32, pointer: String| match id {
        u32::MAX => Err(Invalid::value(pointer, "is no id: 4294967295 means \"unchanged\" to the kernel")),
        id => Ok(id),
    };
    if given.additional_gids.len() > GROUPS_MAX {
        let problem = format!("has more than {GROUPS_MAX} entries");
        return Err(Invalid::value("/process/user/additionalGids", problem));
    }
    let gid = |(index, gid): (usize, &u32)| id(*gid, format!("/process/user/additionalGids/{index}"));
    Ok(User {
        uid: id(given.uid, "/process/user/uid".to_owned())?,
        gid: id(given.gid, "/process/user/gid".to_owned())?,
        additional_gids: given.additional_gids.iter().enumerate().map(gid).collect::<Result<_, _>>()?,
        umask,
    })
}

fn rlimits(given: &[config::Rlimit]) -> Result<Vec<Rlimit>, Invalid> {
    let mut rlimits: Vec<Rlimit> = Vec::with_capacity(given.len());
    for (index, limit) in given.iter().enumerate() {
        let at = format!("/process/rlimits/{index}");
        let Some(&(name, resource)) = RLIMITS.iter().find(|(name, _)| *name == limit.kind) else {
            let names = RLIMITS.map(|(name, _)| name).join(", ");
            let problem = format!("unknown rlimit {:?}; expected one of {names}", limit.kind);
            return Err(Invalid::value(format!("{at}/type"), problem));
        };
        if rlimits.iter().any(|earlier| earlier.resource == resource) {
            return Err(Invalid::conflict(format!("{at}/type"), format!("duplicate rlimit {name}"))
                .advise("give each limit once"));
        }
        if limit.soft > limit.hard {
            let problem = format!("must be at most hard, {}, is {}", limit.hard, limit.soft);
            return Err(Invalid::conflict(format!("{at}/soft"), problem));
        }
        let index = index_u16(index, "/process/rlimits")?;
        rlimits.push(Rlimit { resource, name, soft: limit.soft, hard: limit.hard, index });
    }
    Ok(rlimits)
}

fn oom_score_adj(given: Option<i32>) -> Result<Option<i32>, Invalid> {
    match given {
        Some(score) if !(-1000..=1000).contains(&score) => {
            Err(Invalid::value("/process/oomScoreAdj", format!("must be -1000 to 1000, is {score}")))
        }
        score => Ok(score),
    }
}

fn apparmor_profile(given: &config::Process, host: &Host) -> Result<Option<CString>, Invalid> {
    let profile = given.apparmor_profile.as_deref().filter(|profile| !profile.is_empty());
    if profile.is_some() && !host.apparmor.holds() {
        let problem = "apparmor profile is specified in config, but apparmor is disabled or not supported";
        return Err(
            Invalid::unsupported("/process/apparmorProfile", problem).advise("remove apparmorProfile")
        );
    }
    profile.map(|profile| kernel_string(profile, "/process/apparmorProfile")).transpose()
}

fn selinux_label(given: &config::Process, host: &Host) -> Result<Option<CString>, Invalid> {
    let label = given.selinux_label.as_deref().filter(|label| !label.is_empty());
    if label.is_some() && !host.selinux.holds() {
        let problem = "selinux label is specified in config, but selinux is disabled or not supported";
        return Err(Invalid::unsupported("/process/selinuxLabel", problem).advise("remove selinuxLabel"));
    }
    label.map(|label| kernel_string(label, "/process/selinuxLabel")).transpose()
}

/// `linux.personality`, as personality(2) takes it.
pub(super) fn personality(given: &config::Personality) -> Result<u32, Invalid> {
    if !given.flags.is_empty() {
        return Err(Invalid::unsupported("/linux/personality/flags", "personality flags are not supported")
            .advise("the specification knows none, remove them"));
    }
    match given.domain.as_str() {
        "LINUX" => Ok(0),
        "LINUX32" => Ok(0x0008),
        other => {
            let problem = format!("unknown value {other:?}; expected LINUX or LINUX32");
            Err(Invalid::value("/linux/personality/domain", problem))
        }
    }
}
