//! Rules by name -> what happens to every system call number of one value of seccomp_data's `arch`.
//!
//! Called by `compile`. Holds the rules of precedence (those of libseccomp), of the multiplexers and of the calls
//! that are newer than the profile; knows nothing of BPF.

use super::abi::{AUDIT_X86_64, Abi, MULTIPLEXERS, X32_BIT};
use super::profile::{ERRNO, KILL_PROCESS, KILL_THREAD, Profile, Relation, Rule, TRAP, Test};
use super::table::{Call, PLAIN, PRIVATE};
use oci_spec::runtime::Arch;

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
    Chain(usize),
}

/// Rules of one number, all with tests: the first that holds decides.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) abi: &'static Abi,
    pub(super) rules: Vec<Rule>,
    /// The value if none holds.
    pub(super) otherwise: u32,
}

/// One rule of one number. Small, as a profile makes a thousand of them.
#[derive(Clone, Copy, Default)]
struct Claim {
    number: u32,
    rule: u32,
    /// The place in `carried` of the multiplexer's test, which takes the place of the rule's own.
    carried: Option<u16>,
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
        let background = background(profile, abi, start);
        let mut upcoming = background.iter().copied().peekable();
        let carried = carried(abi);
        let claims = claims(profile, abi, &carried);
        for claims in claims.chunk_by(|one, next| one.number == next.number) {
            let Some(Claim { number, .. }) = claims.first() else { continue };
            while let Some(segment) = upcoming.next_if(|segment| segment.start <= *number) {
                self.push(segment.start, segment.leaf);
            }
            let around = self.segments.last().map_or(Leaf::Return(profile.default), |segment| segment.leaf);
            let leaf = self.leaf(profile, abi, claims, &carried);
            self.push(*number, leaf);
            if upcoming.peek().is_none_or(|segment| segment.start > number + 1) {
                self.push(number + 1, around);
            }
        }
        for segment in upcoming {
            self.push(segment.start, segment.leaf);
        }
    }

    /// A rule without tests decides alone, wherever it stands, and the first such one; else the chain of all.
    fn leaf(&mut self, profile: &Profile, abi: &'static Abi, claims: &[Claim], carried: &[Carried]) -> Leaf {
        let mut rules = Vec::new();
        for claim in claims {
            let Some(rule) = profile.rules.get(claim.rule as usize) else { continue };
            let through = claim.carried.and_then(|at| carried.get(usize::from(at)));
            match through.map(|carried| carried.selector) {
                None if rule.tests.is_empty() => return Leaf::Return(rule.action),
                None => rules.push(Rule { action: rule.action, tests: rule.tests.clone() }),
                Some(selector) => {
                    let others = rule.tests.iter().copied().filter(|test| test.index != selector.index);
                    let tests = std::iter::once(selector).chain(others).collect();
                    rules.push(Rule { action: rule.action, tests });
                }
            }
        }
        self.chains.push(Chain { abi, rules, otherwise: profile.default });
        Leaf::Chain(self.chains.len() - 1)
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
fn background(profile: &Profile, abi: &'static Abi, start: u32) -> Vec<Segment> {
    let default = Leaf::Return(profile.default);
    let mut background = vec![Segment { start, leaf: default }];
    let named = profile.calls.iter().filter_map(|(call, _)| abi.number(*call));
    let Some(highest) = named.filter(|number| *number < abi.base + PRIVATE).max() else { return background };
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

/// All rules by number; those of one number in the profile's order.
fn claims(profile: &Profile, abi: &'static Abi, carried: &[Carried]) -> Vec<Claim> {
    let mut claims = Vec::with_capacity(profile.calls.len() + carried.len());
    for (call, rules) in &profile.calls {
        let direct = abi.number(*call).map(|number| (number, None));
        let at = carried.binary_search_by_key(call, |carried| carried.call).ok();
        let through = at.and_then(|at| Some((carried.get(at)?.multiplexer, u16::try_from(at).ok())));
        for (number, carried) in direct.into_iter().chain(through) {
            claims.extend(rules.clone().map(|rule| Claim { number, rule: rule as u32, carried }));
        }
    }
    sorted(&claims, abi.base)
}

/// The claims by number, those of one number in the order they had: a counting sort, as the numbers lie close together. A
/// sort by comparisons would be a quarter of what compiling a profile costs.
fn sorted(claims: &[Claim], base: u32) -> Vec<Claim> {
    // The private numbers follow right after the others.
    let place = |claim: &Claim| {
        let number = (claim.number - base) as usize;
        number.checked_sub(PRIVATE as usize).map_or(number, |private| PLAIN + private)
    };
    let mut starts = vec![0u32; claims.iter().map(place).max().map_or(0, |last| last + 2)];
    for claim in claims {
        starts[place(claim) + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut sorted = vec![Claim::default(); claims.len()];
    for claim in claims {
        let start = &mut starts[place(claim)];
        sorted[*start as usize] = *claim;
        *start += 1;
    }
    sorted
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
