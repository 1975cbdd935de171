//! The OCI profile -> checked rules: actions as the kernel's return values, each with its calls.
//!
//! Called by `compile`. Decides what a rule means and which rules are void; knows nothing of BPF.

use super::abi::Abi;
use crate::bundle::Invalid;
use crate::bundle::config::{Seccomp, Syscall};
use crate::bundle::names::Names;
use crate::bundle::syscalls::Call;
use crate::host::Host;
use oci_spec::runtime::{
    Arch, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator as Operator,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// A profile, checked.
#[derive(Debug)]
pub(super) struct Profile<'a> {
    /// What happens to a call without a matching rule: SECCOMP_RET_*.
    pub(super) default: u32,
    /// Whether the default action lets the call through.
    pub(super) permissive: bool,
    /// The host's own first.
    pub(super) abis: Vec<&'static Abi>,
    pub(super) rules: Vec<Rule>,
    /// The calls of each entry with its rules (positions in `rules`), in the profile's order. No rules: the calls are only known.
    pub(super) entries: Vec<(&'a [Call], Range<u32>)>,
    /// Whether some rule asks a listener.
    pub(super) notifies: bool,
    /// Whether the agent is asked about a call that sending the listener takes.
    pub(super) notifies_sending: bool,
    /// Names that no architecture has, with the place of the first of each.
    pub(super) unknown: BTreeMap<String, String>,
}

/// An action, taken if all tests hold.
#[derive(Debug)]
pub(super) struct Rule {
    /// SECCOMP_RET_* with its data.
    pub(super) action: u32,
    pub(super) tests: Vec<Test>,
}

/// One comparison of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Test {
    /// 0 to 5.
    pub(super) index: u32,
    pub(super) relation: Relation,
    pub(super) value: u64,
}

/// What an argument must be to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    NotEqual,
    /// Equal in these bits; the value has no others.
    Equal {
        mask: u64,
    },
}

pub(super) const ALLOW: u32 = 0x7fff_0000;
pub(super) const ERRNO: u32 = 0x0005_0000;
pub(super) const KILL_PROCESS: u32 = 0x8000_0000;
pub(super) const KILL_THREAD: u32 = 0;
const LOG: u32 = 0x7ffc_0000;
const TRACE: u32 = 0x7ff0_0000;
pub(super) const TRAP: u32 = 0x0003_0000;
const USER_NOTIF: u32 = 0x7fc0_0000;

const EPERM: u32 = 1;
/// The kernel makes a larger one this one (MAX_ERRNO, kernel/seccomp.c).
const LARGEST_ERRNO: u32 = 4095;
/// SECCOMP_RET_DATA.
const LARGEST_DATA: u32 = 0xffff;

impl<'a> Profile<'a> {
    pub(super) fn read(profile: &'a Seccomp, host: &Host) -> Result<Profile<'a>, Invalid> {
        let default = default_action(profile)?;
        let mut read = Profile {
            default,
            permissive: matches!(
                profile.default_action,
                Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace
            ),
            abis: abis(profile, host)?,
            rules: Vec::new(),
            entries: Vec::with_capacity(profile.syscalls.len()),
            notifies: false,
            notifies_sending: false,
            unknown: BTreeMap::new(),
        };
        for (position, entry) in profile.syscalls.iter().enumerate() {
            read.add(position, entry)?;
        }
        Ok(read)
    }

    fn add(&mut self, position: usize, entry: &'a Syscall) -> Result<(), Invalid> {
        let entry_at = || format!("/linux/seccomp/syscalls/{position}");
        let action = action_value(entry.action, entry.errno_ret, || format!("{}/errnoRet", entry_at()))?;
        if entry.names.is_empty() {
            return Err(Invalid::value(format!("{}/names", entry_at()), "names no system call")
                .advise("name one, or leave the entry out"));
        }
        let first = self.rules.len();
        let mut tests = Vec::with_capacity(entry.args.len());
        for (nth, argument) in entry.args.iter().enumerate() {
            tests.push(test(argument, || format!("{}/args/{nth}", entry_at()))?);
        }
        // A rule that says what the default says is void: it does not shadow a later rule (as in libseccomp).
        if action != self.default {
            if repeats_an_argument(&tests) {
                // Two tests of one argument are alternatives, as runc and crun read them.
                self.rules.extend(tests.into_iter().map(|test| Rule { action, tests: vec![test] }));
            } else {
                self.rules.push(Rule { action, tests });
            }
        }
        let rules = first as u32..self.rules.len() as u32;
        let name_at = |nth: usize| format!("{}/names/{nth}", entry_at());
        if entry.action == Action::ScmpActNotify {
            self.notify(&entry.names, name_at)?;
        }
        for unknown in entry.names.unknown() {
            let at = || name_at(unknown.position);
            if unknown.name.is_empty() {
                return Err(Invalid::value(at(), "is empty").advise("write the name of a system call"));
            }
            self.unknown.entry(unknown.name.clone()).or_insert_with(at);
        }
        self.entries.push((entry.names.calls(), rules));
        Ok(())
    }

    /// Notes that a listener decides the calls of these names.
    fn notify(&mut self, names: &Names, name_at: impl Fn(usize) -> String) -> Result<(), Invalid> {
        let position = |name| names.position_of(Call::find(name)?);
        if let Some(nth) = position("write") {
            // The listener's descriptor is reported by write(2) under the loaded filter: nobody could answer yet.
            return Err(Invalid::value(name_at(nth), "SCMP_ACT_NOTIFY cannot be used for write")
                .advise("use it for other calls"));
        }
        self.notifies = true;
        self.notifies_sending |= position("read").or_else(|| position("sendmsg")).is_some();
        Ok(())
    }
}

fn default_action(profile: &Seccomp) -> Result<u32, Invalid> {
    if profile.default_action == Action::ScmpActNotify {
        let problem = "SCMP_ACT_NOTIFY cannot be the default action";
        return Err(Invalid::value("/linux/seccomp/defaultAction", problem)
            .advise("name the calls that the listener decides"));
    }
    let at = || "/linux/seccomp/defaultErrnoRet".to_string();
    action_value(profile.default_action, profile.default_errno_ret, at)
}

/// The kernel's return value for an action (seccomp(2)). `at` is where `errno` stands.
fn action_value(action: Action, errno: Option<u32>, at: impl Fn() -> String) -> Result<u32, Invalid> {
    let (value, largest) = match action {
        Action::ScmpActErrno => (ERRNO, LARGEST_ERRNO),
        Action::ScmpActTrace => (TRACE, LARGEST_DATA),
        Action::ScmpActKill | Action::ScmpActKillThread => (KILL_THREAD, 0),
        Action::ScmpActKillProcess => (KILL_PROCESS, 0),
        Action::ScmpActTrap => (TRAP, 0),
        Action::ScmpActNotify => (USER_NOTIF, 0),
        Action::ScmpActLog => (LOG, 0),
        Action::ScmpActAllow => (ALLOW, 0),
    };
    match errno {
        _ if largest == 0 && errno.is_none() => Ok(value),
        Some(_) if largest == 0 => Err(Invalid::conflict(at(), format!("{action} takes no errno"))
            .advise("only SCMP_ACT_ERRNO and SCMP_ACT_TRACE do")),
        Some(errno) if errno > largest => {
            Err(Invalid::value(at(), format!("must be at most {largest}, is {errno}")).advise("see errno(3)"))
        }
        errno => Ok(value | errno.unwrap_or(EPERM)),
    }
}

/// The architectures of the filter: the host's own, always, then the profile's, each once.
fn abis(profile: &Seccomp, host: &Host) -> Result<Vec<&'static Abi>, Invalid> {
    let native = Abi::named(host.architecture).ok_or_else(|| {
        let advice = "run the container without a profile on this machine";
        let problem = format!("cannot be compiled for {}", host.architecture);
        Invalid::unsupported("/linux/seccomp", problem).advise(advice)
    })?;
    let mut abis = vec![native];
    for arch in &profile.architectures {
        let abi = if *arch == Arch::ScmpArchNative { Some(native) } else { Abi::of(*arch) };
        abis.extend(abi.filter(|abi| !abis.iter().any(|have| have.arch == abi.arch)));
    }
    Ok(abis)
}

fn test(argument: &LinuxSeccompArg, at: impl Fn() -> String) -> Result<Test, Invalid> {
    let index = u32::try_from(argument.index()).ok().filter(|index| *index < 6).ok_or_else(|| {
        Invalid::value(format!("{}/index", at()), format!("must be 0 to 5, is {}", argument.index()))
    })?;
    let (relation, value) = match argument.op() {
        Operator::ScmpCmpNe => (Relation::NotEqual, argument.value()),
        Operator::ScmpCmpLt => (Relation::Less, argument.value()),
        Operator::ScmpCmpLe => (Relation::LessOrEqual, argument.value()),
        Operator::ScmpCmpEq => (Relation::Equal { mask: u64::MAX }, argument.value()),
        Operator::ScmpCmpGe => (Relation::GreaterOrEqual, argument.value()),
        Operator::ScmpCmpGt => (Relation::Greater, argument.value()),
        Operator::ScmpCmpMaskedEq => {
            // The masked argument equals the masked value (seccomp_rule_add(3)).
            let mask = argument.value();
            (Relation::Equal { mask }, argument.value_two().unwrap_or(0) & mask)
        }
    };
    Ok(Test { index, relation, value })
}

fn repeats_an_argument(tests: &[Test]) -> bool {
    tests
        .iter()
        .enumerate()
        .any(|(nth, test)| tests.iter().skip(nth + 1).any(|later| later.index == test.index))
}
