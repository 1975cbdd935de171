//! Rules by name -> what happens to every system call number of one value of seccomp_data's `arch`.
//!
//! Called by `compile`. Holds the rules of precedence (those of libseccomp), of the multiplexers and of the calls
//! that are newer than the profile; knows nothing of BPF.

use super::abi::{AUDIT_X86_64, Abi, MULTIPLEXERS, X32_BIT};
use super::profile::{ERRNO, KILL_PROCESS, KILL_THREAD, Profile, Relation, Rule, TRAP, Test};
use crate::bundle::syscalls::{Call, PLAIN, PRIVATE};
use oci_spec::runtime::Arch;
use std::ops::Range;

/// What happens to all numbers, in segments that adjoin: each reaches to the next one's start, the first starts at 0.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) segments: Vec<Segment>,
    pub(super) chains: Vec<Chain>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) start: u32,
    pub(super) leaf: Leaf,
}

/// What happens to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// SECCOMP_RET_*.
    Return(u32),
    /// Its arguments decide: a position in `chains`.
    Chain(u32),
}

/// Rules of one number, all with tests: the first that holds decides.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) abi: &'static Abi,
    pub(super) rules: Vec<Rule>,
    /// The value if none holds.
    pub(super) otherwise: u32,
}

/// What the rules say of the numbers of one ABI.
#[derive(Default)]
struct Claims {
    /// By [`place`] of the number: the first rule without tests, its position in the profile and one. 0: there is none.
    alone: Vec<u32>,
    /// The rules with tests, by number; those of one number in the profile's order.
    tested: Vec<Claim>,
    /// From this place on there is no rule.
    end: usize,
    /// The highest number that the profile names, private ones aside.
    highest: Option<u32>,
}

/// A rule with tests of one number.
struct Claim {
    number: u32,
    rule: usize,
    /// The place in `carried` of the multiplexer's test, which takes the place of the rule's own.
    carried: Option<usize>,
}

const ENOSYS: u32 = ERRNO | 38;

/// The numbers of one `arch` value: of `abis` those that share it, in the profile's order.
pub(super) fn numbers(profile: &Profile, abis: &[&'static Abi]) -> Numbers {
    let mut numbers = Numbers::default();
    let Some(first) = abis.first() else { return numbers };
    if first.audit != AUDIT_X86_64 {
        numbers.add(profile, first, 0);
        return numbers;
    }
    match abis.iter().find(|abi| abi.base == 0) {
        Some(abi) => numbers.add(profile, abi, 0),
        None => numbers.push(0, Leaf::Return(KILL_THREAD)),
    }
    let beyond = numbers.segments.last().map_or(Leaf::Return(KILL_THREAD), |segment| segment.leaf);
    match abis.iter().find(|abi| abi.base == X32_BIT) {
        Some(abi) => numbers.add(profile, abi, X32_BIT),
        None => {
            // Not an architecture of the profile, though `arch` is. Number -1 is nobody's: a tracer has skipped the call.
            numbers.push(X32_BIT, Leaf::Return(KILL_THREAD));
            numbers.push(u32::MAX, beyond);
        }
    }
    numbers
}

impl Numbers {
    /// Whether a number never gets through, whatever its arguments.
    pub(super) fn forbid(&self, number: u32) -> bool {
        let segment = self.segments.iter().rev().find(|segment| segment.start <= number);
        let Some(Leaf::Return(action)) = segment.map(|segment| segment.leaf) else { return false };
        [KILL_PROCESS, KILL_THREAD, TRAP, ERRNO].contains(&(action & 0xffff_0000))
    }

    /// Adds the numbers of `abi`, which start at `start`.
    fn add(&mut self, profile: &Profile, abi: &'static Abi, start: u32) {
        let carried = carried(abi);
        let claims = Claims::of(profile, abi, &carried);
        let mut upcoming = background(profile, abi, start, claims.highest).into_iter().peekable();
        let mut around = Leaf::Return(profile.default);
        // What the numbers around have begins again here, if the next number has no rule.
        let mut after = None;
        for (numbers, leaf) in self.ruled(profile, abi, &claims, &carried) {
            if after != Some(numbers.start) {
                after.into_iter().for_each(|after| self.push(after, around));
            }
            while let Some(segment) = upcoming.next_if(|segment| segment.start <= numbers.start) {
                self.push(segment.start, segment.leaf);
                around = segment.leaf;
            }
            self.push(numbers.start, leaf);
            while let Some(segment) = upcoming.next_if(|segment| segment.start < numbers.end) {
                around = segment.leaf;
            }
            after = Some(numbers.end);
        }
        after.into_iter().for_each(|after| self.push(after, around));
        for segment in upcoming {
            self.push(segment.start, segment.leaf);
        }
    }

    /// The numbers that have a rule, ascending: each rule's run of them at once, as most of a profile is one long list.
    fn ruled(
        &mut self,
        profile: &Profile,
        abi: &'static Abi,
        claims: &Claims,
        carried: &[Carried],
    ) -> Vec<(Range<u32>, Leaf)> {
        let mut ruled = Vec::new();
        let mut tested = claims.tested.chunk_by(|one, next| one.number == next.number).peekable();
        let places = claims.alone.get(..claims.end).unwrap_or(&claims.alone);
        let (plain, private) = places.split_at(PLAIN.min(places.len()));
        for (first, places) in [(0, plain), (PRIVATE, private)] {
            let mut number = abi.base + first;
            for run in places.chunk_by(|one, next| one == next) {
                let numbers = number..number + run.len() as u32;
                number = numbers.end;
                // A rule without tests decides alone, wherever it stands, and the first such one; else the chain of all.
                let rule = run.first().and_then(|alone| profile.rules.get(alone.checked_sub(1)? as usize));
                let is_in_run =
                    |claims: &&[Claim]| claims.first().is_some_and(|one| one.number < numbers.end);
                while let Some(tests) = tested.next_if(is_in_run) {
                    if let (None, Some(Claim { number, .. })) = (rule, tests.first()) {
                        ruled.push((*number..*number + 1, self.chain(profile, abi, tests, carried)));
                    }
                }
                ruled.extend(rule.map(|rule| (numbers, Leaf::Return(rule.action))));
            }
        }
        ruled
    }

    fn chain(&mut self, profile: &Profile, abi: &'static Abi, claims: &[Claim], carried: &[Carried]) -> Leaf {
        let rule = |claim: &Claim| {
            let rule = profile.rules.get(claim.rule)?;
            let selector = claim.carried.and_then(|at| carried.get(at)).map(|carried| carried.selector);
            let others = rule.tests.iter().copied();
            let others = others.filter(|test| selector.is_none_or(|selector| test.index != selector.index));
            Some(Rule { action: rule.action, tests: selector.into_iter().chain(others).collect() })
        };
        let rules = claims.iter().filter_map(rule).collect();
        self.chains.push(Chain { abi, rules, otherwise: profile.default });
        Leaf::Chain(self.chains.len() as u32 - 1)
    }

    fn push(&mut self, start: u32, leaf: Leaf) {
        if self.segments.last().is_some_and(|last| last.start == start) {
            self.segments.pop();
        }
        if self.segments.last().is_none_or(|last| last.leaf != leaf) {
            self.segments.push(Segment { start, leaf });
        }
    }
}

/// What happens to numbers without a rule.
///
/// A program that meets a system call newer than the profile's author knew must hear ENOSYS, so that it falls back to
/// an older one; EPERM makes it fail. So where the default action forbids, the numbers above the highest one that the
/// profile names are unknown to the container, as they would be to an older kernel.
fn background(profile: &Profile, abi: &'static Abi, start: u32, highest: Option<u32>) -> Vec<Segment> {
    let default = Leaf::Return(profile.default);
    let mut background = vec![Segment { start, leaf: default }];
    let Some(highest) = highest else { return background };
    if profile.permissive {
        return background;
    }
    let unknown = Leaf::Return(ENOSYS);
    if matches!(abi.arch, Arch::ScmpArchS390 | Arch::ScmpArchS390x) {
        // There a number too large for the old convention arrives as 0 if the kernel does not know it.
        background = vec![Segment { start, leaf: unknown }, Segment { start: start + 1, leaf: default }];
    }
    background.push(Segment { start: highest + 1, leaf: unknown });
    if abi.arch == Arch::ScmpArchArm {
        background.push(Segment { start: PRIVATE, leaf: default });
    }
    background
}

impl Claims {
    /// One pass over the profile: nearly all of its rules have no tests, and find their place without being compared.
    fn of(profile: &Profile, abi: &'static Abi, carried: &[Carried]) -> Claims {
        let mut claims = Claims { alone: vec![0; PLAIN], ..Claims::default() };
        for (calls, rules) in &profile.entries {
            for call in *calls {
                if let Some(number) = abi.number(*call) {
                    claims.add(profile, number, number - abi.base, rules);
                }
                if let Ok(at) = carried.binary_search_by_key(call, |carried| carried.call) {
                    claims.add_carried(carried[at].multiplexer, abi, at, rules);
                }
            }
        }
        claims.tested.sort_by_key(|claim| claim.number);
        claims
    }

    /// Adds the rules of the call at `at` of the carried ones to its multiplexer's.
    fn add_carried(&mut self, number: u32, abi: &Abi, at: usize, rules: &Range<u32>) {
        self.end = self.end.max(place(number - abi.base) + 1);
        self.tested.extend(rules.clone().map(|rule| Claim {
            number,
            rule: rule as usize,
            carried: Some(at),
        }));
    }

    /// Adds the rules of a number, `plain` without the ABI's base.
    fn add(&mut self, profile: &Profile, number: u32, plain: u32, rules: &Range<u32>) {
        let place = place(plain);
        self.end = self.end.max(place + 1);
        if place < PLAIN {
            self.highest = self.highest.max(Some(number));
        } else if self.alone.len() <= place {
            self.alone.resize(place + 1, 0);
        }
        for rule in rules.clone() {
            if !profile.rules[rule as usize].tests.is_empty() {
                self.tested.push(Claim { number, rule: rule as usize, carried: None });
            } else if self.alone[place] == 0 {
                self.alone[place] = rule + 1;
            }
        }
    }
}

/// Where a number stands, without its ABI's base: the private ones follow right after the others.
fn place(number: u32) -> usize {
    number.checked_sub(PRIVATE).map_or(number as usize, |private| PLAIN + private as usize)
}

/// A call that a multiplexer carries.
struct Carried {
    call: Call,
    /// The multiplexer's number.
    multiplexer: u32,
    /// The test of its first argument that chooses the call.
    selector: Test,
}

/// The calls that the multiplexers of `abi` carry, sorted. The same calls may have numbers of their own (i386 since Linux
/// 4.3): a rule then holds for both ways.
fn carried(abi: &'static Abi) -> Vec<Carried> {
    let mut carried = Vec::new();
    for multiplexer in &MULTIPLEXERS {
        let Some(number) = Call::find(multiplexer.name).and_then(|call| abi.number(call)) else { continue };
        for (value, name) in multiplexer.calls {
            let relation = Relation::Equal { mask: multiplexer.selector_mask };
            let selector = Test { index: 0, relation, value: u64::from(*value) };
            carried.extend(Call::find(name).map(|call| Carried { call, multiplexer: number, selector }));
        }
    }
    carried.sort_unstable_by_key(|carried| carried.call);
    carried
}
