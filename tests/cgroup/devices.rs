//! Device rules: the BPF program and the v1 writes, both against a naive reading of the rules.

use tare::cgroup::{devices_bpf, devices_v1};
use tare::plan::limits::{ALL_ACCESS, DeviceKind, DeviceRule, Limits, MKNOD, READ, WRITE};

/// An access that a process wants.
#[derive(Debug, Clone, Copy)]
struct Request {
    kind: DeviceKind,
    major: u32,
    minor: u32,
    access: u8,
}

fn names(rule: &DeviceRule, request: &Request) -> bool {
    rule.kind.is_none_or(|kind| kind == request.kind)
        && rule.major.is_none_or(|major| major == request.major)
        && rule.minor.is_none_or(|minor| minor == request.minor)
}

/// The spec: in the listed order, so the last rule that names the device and the access decides; none: denied.
fn naive(rules: &[DeviceRule], request: &Request) -> bool {
    [READ, WRITE, MKNOD].iter().filter(|bit| request.access & **bit != 0).all(|bit| {
        rules
            .iter()
            .rev()
            .find(|rule| names(rule, request) && rule.access & bit != 0)
            .is_some_and(|rule| rule.allow)
    })
}

/// The kernel's BPF, as far as the generator uses it.
fn run(program: &[u64], request: &Request) -> bool {
    let kind = match request.kind {
        DeviceKind::Block => 1,
        DeviceKind::Char => 2,
    };
    let context = [u32::from(request.access) << 16 | kind, request.major, request.minor];
    let mut registers = [None; 11];
    let mut at = 0usize;
    loop {
        let word = program[at];
        let (code, destination) = (word as u8, (word >> 8 & 0xf) as usize);
        let (offset, immediate) = ((word >> 16) as i16, (word >> 32) as u32);
        let value = |register: usize| -> u32 { registers[register].expect("a register that was written") };
        let mut jump = |taken: bool| {
            if taken {
                assert!(offset >= 0, "a backward jump");
                at += offset as usize;
            }
        };
        match code {
            0x61 => registers[destination] = Some(context[offset as usize / 4]),
            0xb7 => registers[destination] = Some(immediate),
            0x54 => registers[destination] = Some(value(destination) & immediate),
            0x74 => registers[destination] = Some(value(destination) >> immediate),
            0x05 => jump(true),
            0x56 => jump(value(destination) != immediate),
            0x46 => jump(value(destination) & immediate != 0),
            0x95 => return value(0) == 1,
            other => panic!("instruction {other:#x}"),
        }
        at += 1;
    }
}

/// security/device_cgroup.c: one default and exceptions from it, as the writes make them. A request is denied by any
/// exception that names a part of it, and allowed only by one that grants all of it.
fn kernel_v1(rules: &[DeviceRule], request: &Request) -> Option<bool> {
    let writes = devices_v1::writes(rules).ok()?;
    let (reset, exceptions) = writes.split_first().unwrap();
    assert_eq!(reset.value, "a");
    let allowed_by_default = reset.file == "devices.allow";
    let (mut partly, mut wholly) = (false, false);
    for write in exceptions {
        assert_eq!(write.file == "devices.allow", !allowed_by_default);
        let fields: Vec<&str> = write.value.split([' ', ':']).collect();
        let kind = if fields[0] == "c" { DeviceKind::Char } else { DeviceKind::Block };
        let number = |text: &str, number: u32| text == "*" || text.parse() == Ok(number);
        let access = fields[3].chars().fold(0, |bits, letter| {
            bits | match letter {
                'r' => READ,
                'w' => WRITE,
                'm' => MKNOD,
                _ => panic!("{letter}"),
            }
        });
        if kind == request.kind && number(fields[1], request.major) && number(fields[2], request.minor) {
            partly |= access & request.access != 0;
            wholly |= request.access & !access == 0;
        }
    }
    Some(if allowed_by_default { !partly } else { wholly })
}

fn every_request() -> Vec<Request> {
    let mut requests = Vec::new();
    for kind in [DeviceKind::Block, DeviceKind::Char] {
        for (major, minor) in [(1, 3), (1, 5), (7, 3), (7, 0), (136, 12), (4095, 1_048_575)] {
            for access in 1..=ALL_ACCESS {
                requests.push(Request { kind, major, minor, access });
            }
        }
    }
    requests
}

/// A reproducible list of rules.
fn chance(seed: u64) -> Vec<DeviceRule> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let length = next(8);
    let rule = |index: usize, next: &mut dyn FnMut(u64) -> u64| {
        let reset = next(6) == 0;
        let pick =
            |choice: u64, values: [u32; 3]| if reset { None } else { values.get(choice as usize).copied() };
        DeviceRule {
            allow: next(2) == 0,
            kind: if reset {
                None
            } else {
                Some(if next(2) == 0 { DeviceKind::Char } else { DeviceKind::Block })
            },
            major: pick(next(4), [1, 7, 4095]),
            minor: pick(next(4), [3, 0, 1_048_575]),
            access: if reset { ALL_ACCESS } else { 1 + next(7) as u8 },
            index: Some(index),
        }
    };
    (0..length as usize).map(|index| rule(index, &mut next)).collect()
}

#[test]
fn the_program_decides_as_the_rules_do() {
    for seed in 0..4000 {
        let rules = chance(seed);
        let program = devices_bpf::program(&rules);
        for request in every_request() {
            let decided = program.as_ref().is_none_or(|program| run(program, &request));
            assert_eq!(decided, naive(&rules, &request), "{request:?} {rules:#?}");
        }
    }
}

#[test]
fn v1_decides_as_the_rules_do_or_refuses_them() {
    let mut refused = 0;
    for seed in 0..4000 {
        let rules = chance(seed);
        for request in every_request() {
            match kernel_v1(&rules, &request) {
                Some(decided) => assert_eq!(decided, naive(&rules, &request), "{request:?} {rules:#?}"),
                None => refused += 1,
            }
        }
    }
    assert!(refused > 0, "no seed has a rule that v1 cannot hold");
}

#[test]
fn allowing_everything_needs_no_program() {
    let all = |allow| DeviceRule {
        allow,
        kind: None,
        major: None,
        minor: None,
        access: ALL_ACCESS,
        index: Some(0),
    };
    let defaults = Limits::from_spec(None).unwrap().0.devices;
    let privileged: Vec<_> = std::iter::once(all(true)).chain(defaults.clone()).collect();
    assert_eq!(devices_bpf::program(&privileged), None);
    assert!(devices_bpf::program(&defaults).is_some(), "without rules everything else is denied");
    let denied: Vec<_> = std::iter::once(all(false)).chain(defaults).collect();
    assert!(devices_bpf::program(&denied).is_some());
}

#[test]
fn the_default_rules_are_two_writes_and_a_list_on_v1() {
    let defaults = Limits::from_spec(None).unwrap().0.devices;
    let writes = devices_v1::writes(&defaults).unwrap();
    let lines: Vec<String> = writes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "devices.deny = a",
            "devices.allow = b *:* m",
            "devices.allow = c *:* m",
            "devices.allow = c 1:3 rwm",
            "devices.allow = c 1:5 rwm",
            "devices.allow = c 1:7 rwm",
            "devices.allow = c 1:8 rwm",
            "devices.allow = c 1:9 rwm",
            "devices.allow = c 5:0 rwm",
            "devices.allow = c 5:2 rwm",
            "devices.allow = c 10:200 rwm",
            "devices.allow = c 136:* rwm",
        ]
    );
}

#[test]
fn a_hole_in_a_wider_rule_is_refused_on_v1_and_not_forgotten() {
    let rule = |allow, minor, index| DeviceRule {
        allow,
        kind: Some(DeviceKind::Char),
        major: Some(10),
        minor,
        access: ALL_ACCESS,
        index: Some(index),
    };
    let refusal = devices_v1::writes(&[rule(true, None, 0), rule(false, Some(200), 1)]).unwrap_err();
    assert_eq!(refusal.pointer, "/linux/resources/devices/1");
}
