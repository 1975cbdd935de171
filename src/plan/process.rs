//! `process` -> the program, its identity and its attributes.

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
