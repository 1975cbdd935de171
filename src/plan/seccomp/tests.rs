//! Comparisons of arguments -> instructions. The kernel compares 32 bits at a time, arguments have 64.
//!
//! Called by `tree`. Each function writes code and returns where it starts; `yes` and `no` are where it ends.

use super::abi::{Abi, Width};
use super::assemble::{Assembler, Branch, Target};
use super::numbers::Chain;
use super::profile::{Relation, Rule, Test};

/// The first rule whose tests all hold decides.
pub(super) fn chain(assembler: &mut Assembler, chain: &Chain) -> Target {
    let mut next = Target::Return(chain.otherwise);
    let alternatives: Vec<&[Rule]> = chain.rules.chunk_by(are_alternatives).collect();
    for rules in alternatives.into_iter().rev() {
        let Some(rule) = rules.first() else { continue };
        let action = Target::Return(rule.action);
        next = match simple_equality(rule) {
            Some((index, mask)) => {
                let values = rules.iter().flat_map(|rule| &rule.tests).map(|test| test.value).collect();
                equal(assembler, chain.abi, index, mask, values, action, next)
            }
            None => rule
                .tests
                .iter()
                .rev()
                .fold(action, |yes, test| compare(assembler, chain.abi, test, yes, next)),
        };
    }
    next
}

/// Whether two rules are one: the same action if the same bits of an argument equal this or that.
fn are_alternatives(one: &Rule, next: &Rule) -> bool {
    one.action == next.action && simple_equality(one).is_some_and(|it| simple_equality(next) == Some(it))
}

/// The argument and mask of a rule that has one test, for equality.
fn simple_equality(rule: &Rule) -> Option<(u32, u64)> {
    match rule.tests.as_slice() {
        [Test { index, relation: Relation::Equal { mask }, .. }] => Some((*index, *mask)),
        _ => None,
    }
}

fn compare(assembler: &mut Assembler, abi: &Abi, test: &Test, yes: Target, no: Target) -> Target {
    let Test { index, relation, value } = *test;
    match relation {
        Relation::Equal { mask } => equal(assembler, abi, index, mask, vec![value], yes, no),
        Relation::NotEqual => equal(assembler, abi, index, u64::MAX, vec![value], no, yes),
        Relation::Greater => above(assembler, abi, index, Branch::Greater, value, yes, no),
        Relation::GreaterOrEqual => above(assembler, abi, index, Branch::GreaterOrEqual, value, yes, no),
        Relation::LessOrEqual => above(assembler, abi, index, Branch::Greater, value, no, yes),
        Relation::Less => above(assembler, abi, index, Branch::GreaterOrEqual, value, no, yes),
    }
}

/// Whether argument `index`, masked, is one of `values`.
fn equal(
    assembler: &mut Assembler,
    abi: &Abi,
    index: u32,
    mask: u64,
    mut values: Vec<u64>,
    yes: Target,
    no: Target,
) -> Target {
    let mask = if abi.width == Width::Bits32 { u64::from(low(mask)) } else { mask };
    if abi.width == Width::Bits32 {
        values.iter_mut().for_each(|value| *value = u64::from(low(*value)));
    }
    values.sort_unstable();
    values.dedup();
    let mut upper_halves = no;
    let by_upper_half: Vec<&[u64]> = values.chunk_by(|one, next| high(*one) == high(*next)).collect();
    for values in by_upper_half.into_iter().rev() {
        let mut lower_halves = no;
        if low(mask) == 0 {
            lower_halves = yes;
        } else {
            for value in values.iter().rev() {
                lower_halves = assembler.branch(Branch::Equal, low(*value), yes, lower_halves);
            }
            lower_halves = masked(assembler, abi.low_half(index), low(mask), lower_halves);
        }
        if high(mask) == 0 {
            return lower_halves;
        }
        let Some(first) = values.first() else { continue };
        upper_halves = assembler.branch(Branch::Equal, high(*first), lower_halves, upper_halves);
    }
    masked(assembler, abi.high_half(index), high(mask), upper_halves)
}

/// Whether argument `index` is above `value` (or equal, if `branch` says so).
fn above(
    assembler: &mut Assembler,
    abi: &Abi,
    index: u32,
    branch: Branch,
    value: u64,
    yes: Target,
    no: Target,
) -> Target {
    let lower = assembler.branch(branch, low(value), yes, no);
    let lower = masked(assembler, abi.low_half(index), u32::MAX, lower);
    if abi.width == Width::Bits32 {
        return lower;
    }
    let upper = if high(value) == 0 {
        assembler.branch(Branch::Equal, 0, lower, yes)
    } else {
        let equal = assembler.branch(Branch::Equal, high(value), lower, no);
        assembler.branch(Branch::Greater, high(value), yes, equal)
    };
    masked(assembler, abi.high_half(index), u32::MAX, upper)
}

/// Loads a word, masked, for the comparison at `target`; a target that compares nothing needs no word.
fn masked(assembler: &mut Assembler, offset: u32, mask: u32, target: Target) -> Target {
    if matches!(target, Target::Return(_)) {
        return target;
    }
    assembler.last(target);
    if mask != u32::MAX {
        assembler.and(mask);
    }
    Target::At(assembler.load(offset))
}

fn low(value: u64) -> u32 {
    (value & 0xffff_ffff) as u32
}

fn high(value: u64) -> u32 {
    (value >> 32) as u32
}
