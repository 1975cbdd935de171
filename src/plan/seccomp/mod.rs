//! `linux.seccomp` -> one BPF program for the kernel (seccomp(2)).
//!
//! Called by `Plan`; `features` asks for what is known here, and `state` keeps a program for `exec`. The stages: `profile`
//! checks and reads the rules, `numbers` says what happens to each system call number, `tree` and `tests` write that as code
//! with `assemble`. `abi` has the facts about architectures. Nothing here loads a program.
//!
//! Where runc and crun leave a meaning to libseccomp, this is what it means there: a rule without tests beats those with
//! tests, and the first of several; a rule that says what the default says is void; 32-bit ABIs compare 32 bits; a
//! profile's rule for a socket or System V IPC call also holds for socketcall(2) and ipc(2); an architecture that the
//! profile does not name ends the thread. Three things differ, on purpose:
//! * Of several rules with tests for one call, the first that holds decides. libseccomp merges them into one decision tree
//!   in an order of its own, and refuses some that contradict each other.
//! * socketcall(2) and ipc(2) are recognised by the bits of their first argument that the kernel reads, so that bits it
//!   does not read cannot hide a call.
//! * System calls newer than the profile give ENOSYS (as in runc), see `numbers::background`.

mod abi;
mod assemble;
mod numbers;
mod profile;
mod tests;
mod tree;

use super::annotations::{SECCOMP_FAIL_UNKNOWN, SECCOMP_RECEIVER};
use crate::bundle::Invalid;
use crate::bundle::config::Seccomp;
use crate::bundle::syscalls::Call;
use crate::host::Host;
use oci_spec::runtime::LinuxSeccompFilterFlag as Flag;
use profile::Profile;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The actions of the spec; all are supported.
pub const ACTIONS: [&str; 9] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

/// The comparisons of the spec; all are supported.
pub const OPERATORS: [&str; 7] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

/// The flags of the spec; all are known. Which of them work is the kernel's to say: see [`FLAG_BITS`].
pub const FLAGS: [&str; 4] = [
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

/// The bit that seccomp(2) takes for each of [`FLAGS`]. TSYNC is for a process of several threads; ours has one.
pub const FLAG_BITS: [u32; 4] = [0, LOG, SPEC_ALLOW, WAIT_KILLABLE_RECV];

/// The architectures of the spec; all are supported.
pub fn architectures() -> impl Iterator<Item = &'static str> {
    abi::ABIS.iter().map(|abi| abi.name)
}

// linux/seccomp.h
const LOG: u32 = 1 << 1;
const SPEC_ALLOW: u32 = 1 << 2;
const WAIT_KILLABLE_RECV: u32 = 1 << 5;

/// Of the sources that decide what a profile compiles to, and whether it may: a filter that others have kept is not ours.
pub const COMPILER: u64 = {
    let sources: &[&[u8]] = &[
        include_bytes!("abi.rs"),
        include_bytes!("assemble.rs"),
        include_bytes!("mod.rs"),
        include_bytes!("numbers.rs"),
        include_bytes!("profile.rs"),
        include_bytes!("tests.rs"),
        include_bytes!("tree.rs"),
        include_bytes!("../mod.rs"),
        include_bytes!("../../bundle/check.rs"),
        include_bytes!("../../bundle/config.rs"),
        include_bytes!("../../bundle/names.rs"),
        include_bytes!("../../bundle/profile.rs"),
        include_bytes!("../../bundle/read.rs"),
        include_bytes!("../../bundle/syscalls.rs"),
        include_bytes!("../../bundle/syscalls.txt"),
        include_bytes!("../../../Cargo.lock"),
    ];
    let (mut sum, mut source) = (0, 0);
    while source < sources.len() {
        sum = fnv1a(sum, sources[source]);
        source += 1;
    }
    sum
};

/// FNV-1a with 64 bits, going on from `sum`.
pub const fn fnv1a(sum: u64, bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (sum ^ 0xcbf2_9ce4_8422_2325, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// BPF_MAXINSNS (linux/bpf_common.h).
const LONGEST_PROGRAM: usize = 4096;

/// What [`compile`] makes of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// The program and how to load it.
    pub filter: Filter,
    /// What the profile names that no architecture has (the spec lets us ignore it), sorted: for a warning.
    pub unknown: Vec<Unknown>,
    /// No program could be executed under it.
    pub forbids_execve: bool,
}

/// A system call that no architecture has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As the profile says.
    pub name: String,
    /// Where it says so first, as a JSON pointer.
    pub pointer: String,
}

/// Compiles `profile` for `host`.
///
/// # Errors
/// A profile that cannot be carried out; the pointer names the entry.
pub fn compile(profile: &Seccomp, host: &Host) -> Result<Compiled, Invalid> {
    let rules = Profile::read(profile, host)?;
    let listener = listener(profile, &rules)?;
    let mut architectures = Vec::with_capacity(rules.abis.len());
    for abi in &rules.abis {
        if architectures.iter().all(|(audit, _)| *audit != abi.audit) {
            let sharing: Vec<_> =
                rules.abis.iter().copied().filter(|other| other.audit == abi.audit).collect();
            architectures.push((abi.audit, numbers::numbers(&rules, &sharing)));
        }
    }
    let forbids_execve = forbids_execve(&rules, architectures.first().map(|(_, numbers)| numbers));
    let program = tree::program(&architectures);
    if program.len() > LONGEST_PROGRAM {
        let problem =
            format!("compile to {} instructions, the kernel takes {LONGEST_PROGRAM}", program.len());
        return Err(Invalid::unsupported("/linux/seccomp/syscalls", problem)
            .advise("use fewer argument comparisons or fewer architectures"));
    }
    let filter = Filter { program, flags: flags(profile, listener.is_some()), listener };
    let unknown = rules.unknown.into_iter().map(|(name, pointer)| Unknown { name, pointer }).collect();
    Ok(Compiled { filter, unknown, forbids_execve })
}

/// Whether no program could ever be executed: its own execve(2) is made under the filter.
fn forbids_execve(rules: &Profile, numbers: Option<&numbers::Numbers>) -> bool {
    let number = |abi: &&abi::Abi| Some(abi.base + Call::find("execve")?.number(abi.column)?);
    let execve = rules.abis.first().and_then(number);
    execve.zip(numbers).is_some_and(|(execve, numbers)| numbers.forbid(execve))
}

/// The profile with the agent that annotation or environment name. `listenerPath` and the annotation are both the
/// configuration's, so they must agree; the environment is the host's default for a profile that names nobody.
///
/// # Errors
/// Two agents.
pub(super) fn with_receiver<'a>(
    profile: &'a Seccomp,
    annotation: Option<&Path>,
    environment: Option<&Path>,
) -> Result<Cow<'a, Seccomp>, Invalid> {
    let given = profile.listener_path.as_deref().filter(|path| !path.as_os_str().is_empty());
    let receiver = match (given, annotation) {
        (Some(given), Some(annotation)) if given != annotation => {
            let problem = format!("is not the socket that annotation {SECCOMP_RECEIVER} names");
            return Err(Invalid::conflict("/linux/seccomp/listenerPath", problem).advise("name one socket"));
        }
        (Some(_), _) => return Ok(Cow::Borrowed(profile)),
        (None, annotation) => annotation.or(environment),
    };
    let Some(receiver) = receiver else { return Ok(Cow::Borrowed(profile)) };
    Ok(Cow::Owned(Seccomp { listener_path: Some(receiver.to_owned()), ..profile.clone() }))
}

/// Says which system calls of the profile no architecture has: in a warning, or as an error if that is `fatal`.
pub(super) fn report_unknown(
    unknown: &[Unknown],
    fatal: bool,
    warnings: &mut Vec<String>,
) -> Result<(), Invalid> {
    let Some(first) = unknown.first() else { return Ok(()) };
    if fatal {
        let problem =
            format!("unknown system call {:?}, and annotation {SECCOMP_FAIL_UNKNOWN} is set", first.name);
        return Err(Invalid::value(&*first.pointer, problem).advise("correct its name, or remove it"));
    }
    let names: Vec<&str> = unknown.iter().map(|call| &*call.name).collect();
    warnings.push(format!("linux.seccomp: unknown system calls are ignored: {}", names.join(", ")));
    Ok(())
}

/// SECCOMP_FILTER_FLAG_*. Without a `flags` in the profile, runc's default: the container's processes keep their speed.
fn flags(profile: &Seccomp, notifies: bool) -> u32 {
    let Some(flags) = &profile.flags else { return SPEC_ALLOW };
    flags.iter().fold(0, |bits, flag| {
        bits | match flag {
            Flag::SeccompFilterFlagTsync => 0,
            Flag::SeccompFilterFlagLog => LOG,
            Flag::SeccompFilterFlagSpecAllow => SPEC_ALLOW,
            // Without a listener nothing waits, and the kernel refuses it (EINVAL).
            Flag::SeccompFilterFlagWaitKillableRecv if !notifies => 0,
            Flag::SeccompFilterFlagWaitKillableRecv => WAIT_KILLABLE_RECV,
        }
    })
}

/// Who decides the calls with SCMP_ACT_NOTIFY; a listener without such a call is not asked for.
fn listener(profile: &Seccomp, rules: &Profile) -> Result<Option<Listener>, Invalid> {
    let path = profile.listener_path.as_ref().filter(|path| !path.as_os_str().is_empty());
    let metadata = profile.listener_metadata.clone().filter(|metadata| !metadata.is_empty());
    match path {
        None if metadata.is_some() => {
            Err(Invalid::conflict("/linux/seccomp/listenerMetadata", "is set without listenerPath")
                .advise("set listenerPath, or leave it out"))
        }
        None if rules.notifies => Err(Invalid::conflict(
            "/linux/seccomp/listenerPath",
            "is missing, and SCMP_ACT_NOTIFY needs a listener",
        )
        .advise("set it to the unix socket of the seccomp agent")),
        Some(path) if rules.notifies => {
            Ok(Some(Listener { path: path.clone(), metadata, decides_sending: rules.notifies_sending }))
        }
        _ => Ok(None),
    }
}

/// A compiled filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The program, each instruction packed as the kernel's struct sock_filter.
    pub program: Vec<Instruction>,
    /// SECCOMP_FILTER_FLAG_* for seccomp(2), without NEW_LISTENER.
    pub flags: u32,
    /// Where the notification descriptor goes, if the profile has SCMP_ACT_NOTIFY.
    pub listener: Option<Listener>,
}

impl Filter {
    /// The most that a program may have.
    pub const LONGEST_BYTES: usize = LONGEST_PROGRAM * size_of::<Instruction>();

    /// The program as the kernel takes it.
    pub fn program_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size_of_val(&*self.program));
        self.program.iter().for_each(|instruction| bytes.extend_from_slice(&instruction.bytes()));
        bytes
    }

    /// A filter without a listener, of a program that was kept. None: these bytes are no program.
    pub fn of_kept(program: &[u8], flags: u32) -> Option<Filter> {
        let (instructions, rest) = program.as_chunks();
        let program: Vec<_> = instructions.iter().map(Instruction::of_bytes).collect();
        (rest.is_empty() && !program.is_empty()).then_some(Filter { program, flags, listener: None })
    }
}

/// struct sock_filter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Instruction {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

impl Instruction {
    /// As it lies in the kernel's memory, and in ours.
    pub fn bytes(&self) -> [u8; 8] {
        let [a, b] = self.code.to_ne_bytes();
        let [w, x, y, z] = self.k.to_ne_bytes();
        [a, b, self.jt, self.jf, w, x, y, z]
    }

    fn of_bytes([a, b, jt, jf, w, x, y, z]: &[u8; 8]) -> Instruction {
        Instruction {
            code: u16::from_ne_bytes([*a, *b]),
            jt: *jt,
            jf: *jf,
            k: u32::from_ne_bytes([*w, *x, *y, *z]),
        }
    }
}

/// `listenerPath` and `listenerMetadata`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Listener {
    /// A unix stream socket that takes the descriptor.
    pub path: PathBuf,
    /// Passed on verbatim.
    pub metadata: Option<String>,
    /// Whether it is asked about read(2) or sendmsg(2), without which the process cannot send its descriptor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decides_sending: bool,
}
