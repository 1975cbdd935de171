//! The same profiles through libseccomp, as runc and crun use it: both programs must decide alike, but for what
//! `plan::seccomp` says it does differently. Needs gcc and libseccomp-dev (scripts/test installs them); without them
//! these tests only say so, unless CI is set.

use super::interpreter::{Data, check, run};
use super::property::{ACTIONS, Random, arguments, calls, docker, podman, profile, program, random_profile};
use super::reference::{ENOSYS, Reference, X32, X86, X86_64, abis, value};
use oci_spec::runtime::LinuxSeccomp;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tare::plan::seccomp::Instruction;

/// The compiled oracle.c, or why there is none.
static ORACLE: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let binary = std::env::temp_dir().join(format!("libseccomp-oracle-{}", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan/seccomp/oracle.c");
    let mut gcc = Command::new("gcc");
    let gcc = gcc.args(["-O1", "-o"]).arg(&binary).arg(source).arg("-lseccomp").output();
    let output = gcc.map_err(|error| format!("gcc: {error}"))?;
    if output.status.success() {
        Ok(binary)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
});

fn oracle() -> Option<&'static Path> {
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: the expectations are those of x86_64");
        return None;
    }
    match ORACLE.as_ref() {
        Ok(path) => Some(path),
        Err(reason) if std::env::var_os("CI").is_some() => panic!("no libseccomp: {reason}"),
        Err(reason) => {
            println!("skipped: no libseccomp: {reason}");
            None
        }
    }
}

/// What libseccomp makes of a profile.
struct Theirs {
    program: Vec<Instruction>,
    /// (AUDIT_ARCH_*, nr) of names that this libseccomp is too old to know.
    unknown: HashSet<(u32, u32)>,
    /// It did not take some rule.
    refused: bool,
}

fn theirs(oracle: &Path, profile: &LinuxSeccomp) -> Theirs {
    let mut child = Command::new(oracle)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the oracle");
    let commands = commands(profile);
    child.stdin.take().expect("stdin").write_all(commands.as_bytes()).expect("commands");
    let output = child.wait_with_output().expect("the oracle");
    assert!(output.status.success(), "{commands}");
    let field = |bytes: &[u8], at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
    let instruction = |bytes: &[u8]| Instruction {
        code: field(bytes, 0),
        jt: bytes[2],
        jf: bytes[3],
        k: u32::from(field(bytes, 4)) | u32::from(field(bytes, 6)) << 16,
    };
    let program: Vec<Instruction> = output.stdout.chunks(8).map(instruction).collect();
    check(&program).expect("libseccomp's program");
    let notes = String::from_utf8(output.stderr).expect("notes");
    let mut unknown = HashSet::new();
    for (token, name) in notes.lines().filter_map(|line| line.strip_prefix("lacks ")?.split_once(' ')) {
        let abi = [X86_64, X86, X32].into_iter().find(|abi| token == scmp_token(abi.0).to_string());
        unknown.extend(abi.and_then(|abi| Some((abi.1, abi.number(name)?))));
    }
    Theirs { program, unknown, refused: notes.lines().any(|line| line.starts_with("refused ")) }
}

/// SCMP_ARCH_* of seccomp.h, where x32 has a value of its own.
fn scmp_token(name: &str) -> u32 {
    match name {
        "SCMP_ARCH_X32" => 0x4000003e,
        "SCMP_ARCH_X86" => X86.1,
        _ => X86_64.1,
    }
}

/// The profile as commands of oracle.c: void rules left out, repeated arguments as alternatives.
fn commands(profile: &LinuxSeccomp) -> String {
    let default = value(profile.default_action(), profile.default_errno_ret());
    let mut commands = format!("default {default}\n");
    for abi in abis(profile, X86_64).iter().skip(1) {
        commands += &format!("arch {}\n", scmp_token(abi.0));
    }
    for entry in profile.syscalls().iter().flatten() {
        let action = value(entry.action(), entry.errno_ret());
        if action == default {
            continue;
        }
        let tests: Vec<(usize, String)> = entry
            .args()
            .iter()
            .flatten()
            .map(|it| {
                let (index, operator) = (it.index(), it.op() as u32);
                let text = format!("{index} {operator} {} {}", it.value(), it.value_two().unwrap_or(0));
                (index, text)
            })
            .collect();
        let indexes: HashSet<usize> = tests.iter().map(|(index, _)| *index).collect();
        let texts: Vec<String> = tests.into_iter().map(|(_, text)| text).collect();
        let rules = if texts.len() > indexes.len() {
            texts.iter().map(|text| format!("1 {text}")).collect()
        } else {
            vec![format!("{} {}", texts.len(), texts.join(" "))]
        };
        for name in entry.names() {
            rules.iter().for_each(|rule| commands += &format!("rule {action} {name} {rule}\n"));
        }
    }
    commands
}

/// Which numbers are compared.
#[derive(Clone, Copy, PartialEq)]
enum Numbers {
    All,
    /// Those with one rule, or one without tests. Over several rules with tests libseccomp builds one decision tree,
    /// and 2.5.4 ends some of its branches without trying the other rules.
    WithOneRule,
}

/// Compares on every call; returns how many decisions differed for the two reasons that are allowed.
fn agrees(oracle: &Path, profile: &LinuxSeccomp, numbers: Numbers) -> usize {
    let theirs = theirs(oracle, profile);
    if theirs.refused {
        // Contradicting rules with tests: for runc and crun an error.
        assert!(numbers == Numbers::WithOneRule, "libseccomp did not take a rule");
        return 0;
    }
    let ours = program(profile, X86_64);
    let reference = Reference::new(profile, X86_64);
    let default = value(profile.default_action(), profile.default_errno_ret());
    let (mut excused, mut compared) = (0, 0);
    for (arch, nr) in calls(profile, X86_64) {
        if theirs.unknown.contains(&(arch, nr)) {
            continue;
        }
        if numbers == Numbers::WithOneRule && !reference.read(arch, nr).is_simple() {
            continue;
        }
        let newer = reference.highest(arch, nr).is_some_and(|highest| nr > highest);
        for args in arguments(profile).iter().chain(&SOCKETS) {
            let (is, must) = (
                run(&ours, &Data::new(arch, nr, *args)).0,
                run(&theirs.program, &Data::new(arch, nr, *args)).0,
            );
            // ipc's first argument has a version in its upper half; libseccomp compares it with the call.
            if (arch, nr) == (X86.1, 117) && args[0] as u32 > 0xffff {
                continue;
            }
            compared += 1;
            if newer && is == ENOSYS && must == default {
                excused += usize::from(is != must);
                continue;
            }
            assert_eq!(is, must, "arch {arch:#x} nr {nr} {args:x?}: {is:#x}, libseccomp {must:#x}");
        }
    }
    println!("{} instructions, libseccomp {}; {compared} decisions", ours.len(), theirs.program.len());
    excused
}

/// Domains and protocols that the default profiles tell apart, and carried calls.
const SOCKETS: [[u64; 6]; 7] = [
    [40, 1, 0, 0, 0, 0],
    [16, 3, 9, 0, 0, 0],
    [16, 3, 0, 0, 0, 0],
    [2, 1, 6, 0, 0, 0],
    [1, 0x1000, 0, 0, 0, 0],
    [0x7e02_0000, 0, 0, 0, 0, 0],
    [21, 0, 0, 0, 0, 0],
];

#[test]
fn docker_profile_is_what_libseccomp_makes_of_it() {
    let Some(oracle) = oracle() else { return };
    assert!(agrees(oracle, &docker(), Numbers::All) > 0, "calls newer than the profile give ENOSYS");
}

#[test]
fn podman_profile_is_what_libseccomp_makes_of_it() {
    let Some(oracle) = oracle() else { return };
    // Its default is ENOSYS anyway.
    assert_eq!(agrees(oracle, &podman(), Numbers::All), 0);
}

/// One entry a profile: with several that have tests, libseccomp 2.5.4 does not always answer as its rules say.
#[test]
fn random_entries_are_what_libseccomp_makes_of_them() {
    let Some(oracle) = oracle() else { return };
    for seed in 1..=50 {
        let mut json = random_profile(&mut Random(seed * 1_000_003), &ACTIONS);
        json["syscalls"].as_array_mut().expect("entries").truncate(1);
        println!("seed {seed}: {json}");
        agrees(oracle, &profile(json), Numbers::WithOneRule);
    }
}
