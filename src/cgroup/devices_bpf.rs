//! Device rules -> an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, for cgroup v2. Pure.
//!
//! Called by `translate`; `sys::bpf` loads what it makes. The rules are tried from the last to the first, and every
//! access of the request (an open for reading and writing has two) is decided by the first rule that names it: so the
//! last of the list wins, as the spec has it, without the exceptions that v1's files need. What no rule names is denied.
//!
//! Format: Documentation/bpf/standardization/instruction-set.rst; struct bpf_cgroup_dev_ctx in linux/bpf.h.

use super::devices_v1::allow_all;
use crate::plan::limits::{ALL_ACCESS, DeviceKind, DeviceRule};

/// The program's answer: 1 allows.
const ALLOW: i32 = 1;
const DENY: i32 = 0;

const LOAD_U32: u8 = 0x61; // dst = *(u32 *)(src + offset)
const MOVE_IMM: u8 = 0xb7; // dst = imm, 64 bits
const AND_IMM32: u8 = 0x54; // dst &= imm, 32 bits
const SHIFT_RIGHT_IMM32: u8 = 0x74; // dst >>= imm, 32 bits
const JUMP: u8 = 0x05; // always
const JUMP_NOT_EQUAL_IMM32: u8 = 0x56; // if dst != imm
const JUMP_IF_SET_IMM32: u8 = 0x46; // if dst & imm
const EXIT: u8 = 0x95;

/// The return value.
const R0: u8 = 0;
/// The request, struct bpf_cgroup_dev_ctx: access and type in one word, then major, then minor.
const CONTEXT: u8 = 1;
/// BPF_DEVCG_DEV_BLOCK (1) or BPF_DEVCG_DEV_CHAR (2).
const KIND: u8 = 2;
/// BPF_DEVCG_ACC_*: the accesses that no rule has decided yet.
const WANTED: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// The program for `rules`; None if they allow everything, and no program is the better one.
/// Each u64 is a struct bpf_insn as it lies in memory on a little-endian machine, see [`instruction`].
pub fn program(rules: &[DeviceRule]) -> Option<Vec<u64>> {
    if allow_all(rules) {
        return None;
    }
    let mut program = vec![
        instruction(LOAD_U32, KIND, CONTEXT, 0, 0),
        instruction(LOAD_U32, WANTED, CONTEXT, 0, 0),
        instruction(AND_IMM32, KIND, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT_IMM32, WANTED, 0, 0, 16),
        instruction(LOAD_U32, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_U32, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules.iter().rev() {
        if rule.kind.is_none() {
            // Whatever is still undecided is decided here; the rules before it do not matter.
            program.extend(answer(if rule.allow { ALLOW } else { DENY }));
            return Some(program);
        }
        program.extend(block(rule));
    }
    program.extend(answer(DENY));
    Some(program)
}

/// One rule: the tests, each jumping behind the block if the rule does not name the device; then the verdict.
fn block(rule: &DeviceRule) -> Vec<u64> {
    let kind = rule.kind.map(|kind| match kind {
        DeviceKind::Block => 1,
        DeviceKind::Char => 2,
    });
    let tests = [(KIND, kind), (MAJOR, rule.major), (MINOR, rule.minor)];
    let tests: Vec<(u8, u32)> =
        tests.iter().filter_map(|(register, value)| Some((*register, (*value)?))).collect();
    let verdict = if rule.allow { allow(rule.access) } else { deny(rule.access) };
    let mut block = Vec::new();
    for (done, (register, value)) in tests.iter().enumerate() {
        let distance = tests.len() - done - 1 + verdict.len();
        block.push(instruction(JUMP_NOT_EQUAL_IMM32, *register, 0, distance as i16, *value as i32));
    }
    block.extend(verdict);
    block
}

/// These accesses are granted; if none is left, so is the request.
fn allow(access: u8) -> Vec<u64> {
    let [load, exit] = answer(ALLOW);
    if access == ALL_ACCESS {
        return vec![load, exit];
    }
    let others = i32::from(ALL_ACCESS & !access);
    vec![
        instruction(AND_IMM32, WANTED, 0, 0, others),
        instruction(JUMP_NOT_EQUAL_IMM32, WANTED, 0, 2, 0),
        load,
        exit,
    ]
}

/// If one of these accesses is still wanted, the request is denied.
fn deny(access: u8) -> Vec<u64> {
    let [load, exit] = answer(DENY);
    if access == ALL_ACCESS {
        return vec![load, exit];
    }
    vec![
        instruction(JUMP_IF_SET_IMM32, WANTED, 0, 1, i32::from(access)),
        instruction(JUMP, 0, 0, 2, 0),
        load,
        exit,
    ]
}

fn answer(value: i32) -> [u64; 2] {
    [instruction(MOVE_IMM, R0, 0, 0, value), instruction(EXIT, 0, 0, 0, 0)]
}

/// struct bpf_insn { u8 code; u8 dst:4, src:4; s16 off; s32 imm }, packed from the lowest byte on.
fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    u64::from(code)
        | u64::from(destination & 0xf) << 8
        | u64::from(source & 0xf) << 12
        | u64::from(offset as u16) << 16
        | u64::from(immediate as u32) << 32
}
