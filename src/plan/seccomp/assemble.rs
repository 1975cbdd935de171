//! Classic BPF, written from the end to the start: a jump's target exists before the jump, so its distance is known.
//!
//! Called by `tree` and `tests`. Knows the instructions and their reach, not what they decide.

use super::Instruction;

/// Where a branch goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Ends the program with this value.
    Return(u32),
    /// Goes on at this instruction.
    At(Label),
}

/// An instruction already written: its distance from the program's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What a branch compares the accumulator with `k` for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Branch {
    Equal,
    Greater,
    GreaterOrEqual,
}

// linux/bpf_common.h
const LD_W_ABS: u16 = 0x20;
const ALU_AND_K: u16 = 0x54;
const JMP_JA: u16 = 0x05;
const JMP_JEQ_K: u16 = 0x15;
const JMP_JGT_K: u16 = 0x25;
const JMP_JGE_K: u16 = 0x35;
const RET_K: u16 = 0x06;

/// How far a branch may go: one less than its 8 bits, because the two targets of a branch are made reachable one
/// after the other, and the second may push the first away by one.
const REACH: usize = u8::MAX as usize - 1;

/// A program, last instruction first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    reversed: Vec<Instruction>,
    /// The latest `ret` of each value: nearer ones replace those out of reach.
    returns: Vec<(u32, Label)>,
}

impl Assembler {
    pub(super) fn new() -> Assembler {
        Assembler { reversed: Vec::with_capacity(1024), returns: Vec::with_capacity(8) }
    }

    /// A = the word at `offset` of struct seccomp_data; goes on at what was written last.
    pub(super) fn load(&mut self, offset: u32) -> Label {
        self.push(LD_W_ABS, 0, 0, offset)
    }

    /// A &= `mask`; goes on at what was written last.
    pub(super) fn and(&mut self, mask: u32) -> Label {
        self.push(ALU_AND_K, 0, 0, mask)
    }

    /// If A compares to `k`, `yes`, else `no`. Nothing is written if both are the same.
    pub(super) fn branch(&mut self, branch: Branch, k: u32, yes: Target, no: Target) -> Target {
        if yes == no {
            return yes;
        }
        let code = match branch {
            Branch::Equal => JMP_JEQ_K,
            Branch::Greater => JMP_JGT_K,
            Branch::GreaterOrEqual => JMP_JGE_K,
        };
        let no = self.reachable(no);
        let yes = self.reachable(yes);
        let (jt, jf) = (self.distance(yes), self.distance(no));
        Target::At(self.push(code, jt, jf, k))
    }

    /// Makes `target` what is written last, so that a load can fall into it.
    pub(super) fn last(&mut self, target: Target) -> Label {
        match target {
            Target::At(label) if label.0 + 1 == self.reversed.len() => label,
            Target::At(label) => {
                let distance = self.reversed.len() - label.0 - 1;
                self.push(JMP_JA, 0, 0, u32::try_from(distance).unwrap_or(u32::MAX))
            }
            Target::Return(value) => self.push(RET_K, 0, 0, value),
        }
    }

    /// The program in the kernel's order.
    pub(super) fn finish(mut self) -> Vec<Instruction> {
        self.reversed.reverse();
        self.reversed
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.reversed.push(Instruction { code, jt, jf, k });
        Label(self.reversed.len() - 1)
    }

    /// An instruction within [`REACH`] that does what `target` does.
    fn reachable(&mut self, target: Target) -> Label {
        match target {
            Target::At(label) if self.reversed.len() - label.0 - 1 <= REACH => label,
            Target::At(_) => self.last(target),
            Target::Return(value) => self.nearest_return(value),
        }
    }

    fn nearest_return(&mut self, value: u32) -> Label {
        let next = self.reversed.len();
        match self.returns.iter_mut().find(|(have, _)| *have == value) {
            Some((_, label)) if next - label.0 - 1 <= REACH => *label,
            Some((_, label)) => {
                *label = Label(next);
                self.push(RET_K, 0, 0, value)
            }
            None => {
                self.returns.push((value, Label(next)));
                self.push(RET_K, 0, 0, value)
            }
        }
    }

    /// Instructions between the next one written and `label`; `reachable` has seen to it that it fits.
    fn distance(&self, label: Label) -> u8 {
        u8::try_from(self.reversed.len() - label.0 - 1).unwrap_or(u8::MAX)
    }
}
