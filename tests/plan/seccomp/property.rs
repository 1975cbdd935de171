//! The compiled program against the plain reading of the profile: every number, every architecture, the arguments
//! around every value in the profile; Docker's and podman's default profiles, and random ones.

use super::interpreter::{Data, check, run};
use super::reference::{ABIS, Abi, Reference, X32, X86, X86_64, abis};
use oci_spec::runtime::LinuxSeccomp;
use serde_json::{Value, json};
use tare::bundle::config::Seccomp;
use tare::host::Host;
use tare::plan::seccomp::{Instruction, compile};

pub fn host(native: Abi) -> Host {
    Host { architecture: native.0, ..crate::fixture::host() }
}

pub fn profile(json: Value) -> LinuxSeccomp {
    serde_json::from_value(json).expect("a profile")
}

/// The profile as `bundle` reads it.
pub fn as_read(profile: &LinuxSeccomp) -> Seccomp {
    let json = serde_json::to_string(profile).expect("JSON");
    serde_json::from_str(&json).expect("a profile")
}

pub fn docker() -> LinuxSeccomp {
    serde_json::from_str(include_str!("../../fixtures/seccomp/docker.json")).expect("a profile")
}

pub fn podman() -> LinuxSeccomp {
    serde_json::from_str(include_str!("../../fixtures/seccomp/podman.json")).expect("a profile")
}

pub fn program(profile: &LinuxSeccomp, native: Abi) -> Vec<Instruction> {
    let program = compile(&as_read(profile), &host(native)).expect("a program").filter.program;
    check(&program).expect("a program that the kernel takes");
    program
}

/// Calls worth asking about: (arch, nr).
pub fn calls(profile: &LinuxSeccomp, native: Abi) -> Vec<(u32, u32)> {
    let mut audits: Vec<(u32, u32)> = abis(profile, native).iter().map(|abi| (abi.1, abi.3)).collect();
    audits.extend([(0xc00000b7, 0), (0x40000003, 0), (0xc000003e, 0), (0xc000003e, 0x40000000), (0, 0)]);
    audits.sort_unstable();
    audits.dedup();
    let edges = [0x3fff_ffff, 0x4000_0000, 0x4000_0fff, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1, u32::MAX];
    let edges = edges.into_iter().chain(0xeffff..=0xf0008);
    audits
        .into_iter()
        .flat_map(|(arch, base)| (base..=base + 600).chain(edges.clone()).map(move |nr| (arch, nr)))
        .collect()
}

/// Arguments worth trying: around each value and mask, in the low half, the high half and both.
pub fn arguments(profile: &LinuxSeccomp) -> Vec<[u64; 6]> {
    let mut values = vec![0, 1, 5, 11, 0x1_0001, u64::MAX, 0x1_0000_0001];
    for test in profile.syscalls().iter().flatten().flat_map(|entry| entry.args().iter().flatten()) {
        for value in [test.value(), test.value_two().unwrap_or(0)] {
            values.extend([
                value,
                value.wrapping_add(1),
                value.wrapping_sub(1),
                !value,
                value ^ 0x5_0000_0000,
            ]);
            values.extend([value & 0xffff_ffff, value << 32, value | 1 << 40]);
        }
    }
    values.sort_unstable();
    values.dedup();
    // Every value in every place, beside others.
    let at = |index: usize| values[index % values.len()];
    (0..values.len().min(48))
        .map(|n| n * values.len() / values.len().min(48))
        .map(|n| std::array::from_fn(|index| at(n * (index + 1) + index * index)))
        .collect()
}

fn holds(profile: &LinuxSeccomp, native: Abi) {
    let program = program(profile, native);
    let reference = Reference::new(profile, native);
    let arguments = arguments(profile);
    for (arch, nr) in calls(profile, native) {
        let reading = reference.read(arch, nr);
        for args in &arguments {
            let (is, _) = run(&program, &Data::new(arch, nr, *args));
            let must = reading.decide(*args);
            assert_eq!(is, must, "arch {arch:#x} nr {nr} {args:x?}: {is:#x}, must be {must:#x}");
        }
    }
}

#[test]
fn docker_profile_compiles_to_what_it_says() {
    holds(&docker(), X86_64);
}

#[test]
fn podman_profile_compiles_to_what_it_says() {
    holds(&podman(), X86_64);
}

#[test]
fn profile_compiles_to_what_it_says_on_every_architecture() {
    for native in ABIS.into_iter().filter(|abi| *abi != X32) {
        let mut profile = podman();
        profile.set_architectures(None);
        let program = program(&profile, native);
        let reference = Reference::new(&profile, native);
        for nr in (native.3..=native.3 + 600).chain(0xf0000..0xf0008) {
            let reading = reference.read(native.1, nr);
            for args in [[0; 6], [16, 0, 9, 0, 0, 0], [40, 0, 9, 0, 0, 0], [0xffff_ffff; 6], [u64::MAX; 6]] {
                let (is, _) = run(&program, &Data::new(native.1, nr, args));
                assert_eq!(is, reading.decide(args), "{} nr {nr} {args:x?}", native.0);
            }
        }
    }
}

#[test]
fn random_profiles_compile_to_what_they_say() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let native = [X86_64, X86_64, X86, ABIS[3], ABIS[8], ABIS[10]][random.below(6) as usize];
        let json = random_profile(&mut random, &ACTIONS);
        println!("seed {seed} on {}: {json}", native.0);
        holds(&profile(json), native);
    }
}

/// xorshift64*.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }
}

pub const ACTIONS: [&str; 7] = [
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL",
    "SCMP_ACT_LOG",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];
/// Few, so that rules meet: common ones, carried ones, and some that exist on one architecture only.
const NAMES: [&str; 22] = [
    "read",
    "write",
    "personality",
    "clone",
    "clone3",
    "socket",
    "connect",
    "accept",
    "sendmsg",
    "socketcall",
    "ipc",
    "semget",
    "shmat",
    "semtimedop",
    "openat2",
    "_llseek",
    "arch_prctl",
    "set_tls",
    "execve",
    "ioctl",
    "no_such_call",
    "statx",
];
const OPERATORS: [&str; 7] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_MASKED_EQ",
];
const VALUES: [u64; 12] =
    [0, 1, 2, 16, 40, 0xffff_ffff, 0x1_0000_0000, 0x1_0000_0001, u64::MAX, 0x8000_0000, 0x7e02_0000, 1 << 63];

pub fn random_profile(random: &mut Random, actions: &[&str]) -> Value {
    let with_errno = |random: &mut Random, action: &str| match action {
        "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE" if random.below(2) == 0 => json!(random.below(3) + 1),
        _ => Value::Null,
    };
    let default = random.pick(actions);
    let entries: Vec<Value> = (0..random.below(25))
        .map(|_| {
            let action = random.pick(actions);
            let names: Vec<_> = (0..=random.below(3)).map(|_| random.pick(&NAMES)).collect();
            let args: Vec<Value> = (0..random.below(4)).map(|_| random_test(random)).collect();
            json!({"names": names, "action": action, "errnoRet": with_errno(random, action), "args": args})
        })
        .collect();
    let sets: [&[&str]; 4] = [
        &[],
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        &["SCMP_ARCH_X32", "SCMP_ARCH_NATIVE"],
    ];
    json!({
        "defaultAction": default,
        "defaultErrnoRet": with_errno(random, default),
        "architectures": sets[random.below(4) as usize],
        "syscalls": entries,
    })
}

fn random_test(random: &mut Random) -> Value {
    let value = |random: &mut Random| VALUES[random.below(VALUES.len() as u64) as usize];
    json!({
        "index": random.below(3), "op": random.pick(&OPERATORS), "value": value(random), "valueTwo": value(random),
    })
}
