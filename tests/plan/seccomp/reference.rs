//! What a profile means, said as plainly as possible: one call at a time, straight from the OCI profile.
//! It shares nothing with the compiler but the text of the system call table, which it reads itself.

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator as Op,
};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The system call numbers by column, then name.
static TABLE: LazyLock<HashMap<&str, HashMap<&str, u32>>> = LazyLock::new(|| {
    let text = include_str!("../../../src/bundle/syscalls.txt");
    let mut lines = text.lines();
    let header = lines.find_map(|line| line.strip_prefix("# name ")).expect("a header");
    let columns: Vec<&str> = header.split(' ').collect();
    let mut table: HashMap<&str, HashMap<&str, u32>> = HashMap::new();
    for line in lines {
        let (name, numbers) = line.split_once(' ').expect("a name");
        for (column, number) in columns.iter().zip(numbers.split(' ')) {
            if let Ok(number) = number.parse() {
                table.entry(column).or_default().insert(name, number);
            }
        }
    }
    table
});

/// The names of each (column, number).
static NAMES: LazyLock<HashMap<(&str, u32), Vec<&str>>> = LazyLock::new(|| {
    let mut names: HashMap<(&str, u32), Vec<&str>> = HashMap::new();
    for (column, numbers) in TABLE.iter() {
        for (name, number) in numbers {
            names.entry((column, *number)).or_default().push(name);
        }
    }
    names
});

/// An architecture: name, AUDIT_ARCH_*, column of the table, base of its numbers, bits of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abi(pub &'static str, pub u32, pub &'static str, pub u32, pub u32);

pub const X86_64: Abi = Abi("SCMP_ARCH_X86_64", 0xc000003e, "x86_64", 0, 64);
pub const X86: Abi = Abi("SCMP_ARCH_X86", 0x40000003, "x86", 0, 32);
pub const X32: Abi = Abi("SCMP_ARCH_X32", 0xc000003e, "x32", 0x40000000, 32);
pub const ABIS: [Abi; 23] = [
    X86_64,
    X86,
    X32,
    Abi("SCMP_ARCH_AARCH64", 0xc00000b7, "aarch64", 0, 64),
    Abi("SCMP_ARCH_ARM", 0x40000028, "arm", 0, 32),
    Abi("SCMP_ARCH_RISCV64", 0xc00000f3, "riscv64", 0, 64),
    Abi("SCMP_ARCH_LOONGARCH64", 0xc0000102, "loongarch64", 0, 64),
    Abi("SCMP_ARCH_PPC64LE", 0xc0000015, "ppc64", 0, 64),
    Abi("SCMP_ARCH_PPC64", 0x80000015, "ppc64", 0, 64),
    Abi("SCMP_ARCH_PPC", 0x00000014, "ppc", 0, 32),
    Abi("SCMP_ARCH_S390X", 0x80000016, "s390x", 0, 64),
    Abi("SCMP_ARCH_S390", 0x00000016, "s390", 0, 32),
    Abi("SCMP_ARCH_MIPSEL64", 0xc0000008, "mips64", 5000, 64),
    Abi("SCMP_ARCH_MIPS64", 0x80000008, "mips64", 5000, 64),
    Abi("SCMP_ARCH_MIPSEL64N32", 0xe0000008, "mips64n32", 6000, 32),
    Abi("SCMP_ARCH_MIPS64N32", 0xa0000008, "mips64n32", 6000, 32),
    Abi("SCMP_ARCH_MIPSEL", 0x40000008, "mips", 4000, 32),
    Abi("SCMP_ARCH_MIPS", 0x00000008, "mips", 4000, 32),
    Abi("SCMP_ARCH_PARISC64", 0x8000000f, "parisc64", 0, 64),
    Abi("SCMP_ARCH_PARISC", 0x0000000f, "parisc", 0, 32),
    Abi("SCMP_ARCH_M68K", 0x00000004, "m68k", 0, 32),
    Abi("SCMP_ARCH_SH", 0x4000002a, "sh", 0, 32),
    Abi("SCMP_ARCH_SHEB", 0x0000002a, "sh", 0, 32),
];

/// linux/net.h: socketcall's first argument, counted from 1.
const SOCKETCALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];
/// linux/ipc.h: ipc's first argument.
const IPC: [(u64, &str); 12] = [
    (1, "semop"),
    (2, "semget"),
    (3, "semctl"),
    (4, "semtimedop"),
    (11, "msgsnd"),
    (12, "msgrcv"),
    (13, "msgget"),
    (14, "msgctl"),
    (21, "shmat"),
    (22, "shmdt"),
    (23, "shmget"),
    (24, "shmctl"),
];

pub const ENOSYS: u32 = 0x0005_0026;

impl Abi {
    /// The number of `name`, base included.
    pub fn number(&self, name: &str) -> Option<u32> {
        TABLE[self.2].get(name).map(|number| number + self.3)
    }

    /// The highest number that the profile names here, leaving out ARM's private calls.
    pub fn highest(&self, profile: &LinuxSeccomp) -> Option<u32> {
        let names = profile.syscalls().iter().flatten().flat_map(|entry| entry.names());
        names.filter_map(|name| self.number(name)).filter(|number| *number < self.3 + 0xf0000).max()
    }
}

/// The architectures of a filter on `native`.
pub fn abis(profile: &LinuxSeccomp, native: Abi) -> Vec<Abi> {
    let listed = profile.architectures().iter().flatten();
    let name = |arch: &_| serde_json::to_value(arch).expect("a name").as_str().expect("a string").to_owned();
    let listed = listed.filter_map(|arch| ABIS.iter().find(|abi| abi.0 == name(arch)));
    std::iter::once(native).chain(listed.copied()).collect()
}

/// The kernel's return value for an action.
pub fn value(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::ScmpActErrno => 0x0005_0000 + errno.unwrap_or(1),
        Action::ScmpActTrace => 0x7ff0_0000 + errno.unwrap_or(1),
        Action::ScmpActKill | Action::ScmpActKillThread => 0,
        Action::ScmpActKillProcess => 0x8000_0000,
        Action::ScmpActTrap => 0x0003_0000,
        Action::ScmpActNotify => 0x7fc0_0000,
        Action::ScmpActLog => 0x7ffc_0000,
        Action::ScmpActAllow => 0x7fff_0000,
    }
}

/// What a profile says of one system call number.
pub struct Reading<'a> {
    abi: Option<Abi>,
    /// Rules in order: action, tests, and whether a multiplexer carries the call (then: the value that selects it).
    rules: Vec<(u32, &'a [LinuxSeccompArg], Option<u64>)>,
    otherwise: u32,
}

/// A profile for one machine.
pub struct Reference<'a> {
    profile: &'a LinuxSeccomp,
    /// With the highest number named.
    abis: Vec<(Abi, Option<u32>)>,
}

impl<'a> Reference<'a> {
    pub fn new(profile: &'a LinuxSeccomp, native: Abi) -> Reference<'a> {
        let abis = abis(profile, native).into_iter().map(|abi| (abi, abi.highest(profile))).collect();
        Reference { profile, abis }
    }

    /// The highest number that the profile names in the ABI of `nr`.
    pub fn highest(&self, arch: u32, nr: u32) -> Option<u32> {
        let x32 = arch == 0xc000003e && nr >= 0x40000000;
        let mine = |abi: &Abi| abi.1 == arch && (!x32 || nr == u32::MAX || abi.3 == 0x40000000);
        self.abis.iter().rev().find(|(abi, _)| mine(abi) && (x32 || abi.3 != 0x40000000))?.1
    }

    /// What the profile says of `nr`.
    pub fn read(&self, arch: u32, nr: u32) -> Reading<'a> {
        read(self.profile, &self.abis, arch, nr)
    }
}

fn read<'a>(profile: &'a LinuxSeccomp, abis: &[(Abi, Option<u32>)], arch: u32, nr: u32) -> Reading<'a> {
    let x32 = arch == 0xc000003e && nr >= 0x40000000;
    let found = abis.iter().find(|(abi, _)| abi.1 == arch && (abi.3 == 0x40000000) == x32);
    let Some((abi, highest)) = found.copied() else {
        let skipped = abis.iter().find(|(abi, _)| x32 && nr == u32::MAX && *abi == X86_64);
        let otherwise = skipped.map_or(0, |(_, highest)| without_rule(profile, X86_64, *highest, nr));
        return Reading { abi: None, rules: Vec::new(), otherwise };
    };
    let here = NAMES.get(&(abi.2, nr.wrapping_sub(abi.3))).map_or(&[][..], Vec::as_slice);
    let multiplexer = here.iter().find(|name| ["socketcall", "ipc"].contains(name)).copied();
    let mut rules = Vec::new();
    for entry in profile.syscalls().iter().flatten() {
        let action = value(entry.action(), entry.errno_ret());
        if action == value(profile.default_action(), profile.default_errno_ret()) {
            continue;
        }
        let tests = entry.args().as_deref().unwrap_or_default();
        for name in entry.names() {
            if here.contains(&name.as_str()) {
                rules.push((action, tests, None));
            }
            if let Some(selector) = carried(multiplexer, name) {
                rules.push((action, tests, Some(selector)));
            }
        }
    }
    Reading { abi: Some(abi), rules, otherwise: without_rule(profile, abi, highest, nr) }
}

impl Reading<'_> {
    /// Whether no order of rules matters: there is one at most, or one without tests.
    pub fn is_simple(&self) -> bool {
        let alternatives = self.rules.iter().any(|rule| {
            let indexes: Vec<usize> = rule.1.iter().map(|test| test.index()).collect();
            indexes.iter().enumerate().any(|(at, index)| indexes[..at].contains(index))
        });
        let decided = self.rules.iter().any(|rule| rule.1.is_empty() && rule.2.is_none());
        decided || (self.rules.len() <= 1 && !alternatives)
    }

    /// What happens with these arguments.
    pub fn decide(&self, args: [u64; 6]) -> u32 {
        let Some(abi) = self.abi else { return self.otherwise };
        if let Some((action, ..)) = self.rules.iter().find(|rule| rule.1.is_empty() && rule.2.is_none()) {
            return *action;
        }
        let first = self.rules.iter().find(|(_, tests, selector)| {
            let selected = selector.is_none_or(|selector| selected(args[0], selector));
            // The selector takes the place of the test of argument 0.
            let holds = |test: &LinuxSeccompArg| {
                (selector.is_some() && test.index() == 0) || holds(test, args[test.index()], abi.4)
            };
            let repeated = (0..6).any(|index| tests.iter().filter(|test| test.index() == index).count() > 1);
            selected && if repeated { tests.iter().any(holds) } else { tests.iter().all(holds) }
        });
        first.map_or(self.otherwise, |(action, ..)| *action)
    }
}

/// The selector of `name` in a multiplexer; ipc's are told apart by bit 32.
fn carried(multiplexer: Option<&str>, name: &str) -> Option<u64> {
    match multiplexer? {
        "socketcall" => SOCKETCALLS.iter().position(|call| *call == name).map(|at| at as u64 + 1),
        _ => IPC.iter().find(|(_, call)| *call == name).map(|(value, _)| value | 1 << 32),
    }
}

/// The kernel takes socketcall's first argument as an int, and of ipc's the low 16 bits.
fn selected(arg: u64, selector: u64) -> bool {
    let bits = if selector >> 32 == 1 { 0xffff } else { 0xffff_ffff };
    arg & bits == selector & 0xffff_ffff
}

fn without_rule(profile: &LinuxSeccomp, abi: Abi, highest: Option<u32>, nr: u32) -> u32 {
    let default = value(profile.default_action(), profile.default_errno_ret());
    if matches!(profile.default_action(), Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace) {
        return default;
    }
    let Some(highest) = highest else { return default };
    let setup = abi.2.starts_with("s390") && nr == 0;
    let private = abi.2 == "arm" && nr >= 0xf0000;
    // Beyond x86_64's numbers lie x32's, but for -1.
    if setup || (nr > highest && !private) { ENOSYS } else { default }
}

fn holds(test: &LinuxSeccompArg, arg: u64, bits: u32) -> bool {
    let cut = |value: u64| if bits == 32 { value & 0xffff_ffff } else { value };
    let (arg, value) = (cut(arg), cut(test.value()));
    match test.op() {
        Op::ScmpCmpNe => arg != value,
        Op::ScmpCmpLt => arg < value,
        Op::ScmpCmpLe => arg <= value,
        Op::ScmpCmpEq => arg == value,
        Op::ScmpCmpGe => arg >= value,
        Op::ScmpCmpGt => arg > value,
        Op::ScmpCmpMaskedEq => arg & value == test.value_two().unwrap_or(0) & value,
    }
}
