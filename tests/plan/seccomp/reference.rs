//! What a profile means, said as plainly as possible: one call at a time, straight from the OCI profile.
//! It shares nothing with the compiler but the text of the system call table, which it reads itself.

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction as Action, LinuxSeccompArg, LinuxSeccompOperator as Op,
};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The system call numbers by column, then name.
static TABLE: LazyLock<HashMap<&str, HashMap<&str, u32>>> = LazyLock::new(|| {
    let text = include_str!("../../../src/plan/seccomp/syscalls.txt");
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

/// What `profile`, compiled on `native`, does with one call.
pub fn decide(profile: &LinuxSeccomp, native: Abi, arch: u32, nr: u32, args: [u64; 6]) -> u32 {
    let abis = abis(profile, native);
    let x32 = arch == 0xc000003e && nr >= 0x40000000;
    let Some(abi) = abis.iter().find(|abi| abi.1 == arch && (abi.3 == 0x40000000) == x32) else {
        let skipped = x32 && nr == u32::MAX && abis.contains(&X86_64);
        return if skipped { without_rule(profile, X86_64, nr) } else { 0 };
    };
    let mut conditional = None;
    for entry in profile.syscalls().iter().flatten() {
        let action = value(entry.action(), entry.errno_ret());
        if action == value(profile.default_action(), profile.default_errno_ret()) {
            continue;
        }
        let tests = entry.args().as_deref().unwrap_or_default();
        for name in entry.names() {
            let holds = |test: &LinuxSeccompArg| holds(test, args[test.index()], abi.4);
            let repeated = (0..6).any(|index| tests.iter().filter(|test| test.index() == index).count() > 1);
            if abi.number(name) == Some(nr) {
                if tests.is_empty() {
                    return action;
                }
                if if repeated { tests.iter().any(holds) } else { tests.iter().all(holds) } {
                    conditional = conditional.or(Some(action));
                }
            }
            if carried(abi, nr, args[0], name) {
                // The selector takes the place of the test of argument 0.
                let others = || tests.iter().filter(|test| test.index() != 0);
                let hit = if repeated {
                    others().count() < tests.len() || others().any(holds)
                } else {
                    others().all(holds)
                };
                conditional = conditional.or(hit.then_some(action));
            }
        }
    }
    conditional.unwrap_or_else(|| without_rule(profile, *abi, nr))
}

/// Whether number `nr` with this first argument is `name` through a multiplexer.
fn carried(abi: &Abi, nr: u32, first: u64, name: &str) -> bool {
    if abi.number("socketcall") == Some(nr) {
        let selector = u64::from(first as u32);
        return (1..=20).contains(&selector) && SOCKETCALLS[selector as usize - 1] == name;
    }
    abi.number("ipc") == Some(nr) && IPC.iter().any(|(value, call)| *value == first & 0xffff && *call == name)
}

fn without_rule(profile: &LinuxSeccomp, abi: Abi, nr: u32) -> u32 {
    let default = value(profile.default_action(), profile.default_errno_ret());
    if matches!(profile.default_action(), Action::ScmpActAllow | Action::ScmpActLog | Action::ScmpActTrace) {
        return default;
    }
    let Some(highest) = abi.highest(profile) else { return default };
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
        Op::ScmpCmpMaskedEq => arg & value == cut(test.value_two().unwrap_or(0)),
    }
}
