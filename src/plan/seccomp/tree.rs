//! What happens to every number -> instructions: a balanced binary tree over the segments, for each `arch`.
//!
//! Called by `compile`. The kernel runs the program once for every number when it attaches it (to learn which calls
//! are always allowed), so depth is what attaching costs: a tree of the docker profile attaches six times faster than
//! a linear list.

use super::Instruction;
use super::assemble::{Assembler, Branch, Target};
use super::numbers::{Chain, Leaf, Numbers, Segment};
use super::profile::KILL_THREAD;
use super::tests;

// struct seccomp_data
const NR: u32 = 0;
const ARCH: u32 = 4;

/// The whole program. `architectures` are (seccomp_data.arch, numbers), the host's own first: it is asked for first.
pub(super) fn program(architectures: &[(u32, Numbers)]) -> Vec<Instruction> {
    let mut assembler = Assembler::new();
    // As libseccomp has it for an architecture that the profile does not name.
    let mut dispatch = Target::Return(KILL_THREAD);
    let bodies: Vec<(u32, Target)> = match architectures.split_first() {
        None => Vec::new(),
        Some((native, foreign)) => {
            let mut bodies: Vec<_> =
                foreign.iter().rev().map(|it| (it.0, body(&mut assembler, &it.1))).collect();
            for (audit, body) in bodies.drain(..) {
                dispatch = assembler.branch(Branch::Equal, audit, body, dispatch);
            }
            // The native body is written last: it stands right behind the first test.
            vec![(native.0, body(&mut assembler, &native.1))]
        }
    };
    for (audit, body) in bodies {
        dispatch = assembler.branch(Branch::Equal, audit, body, dispatch);
    }
    assembler.last(dispatch);
    assembler.load(ARCH);
    assembler.finish()
}

fn body(assembler: &mut Assembler, numbers: &Numbers) -> Target {
    let tree = tree(assembler, &numbers.segments, &numbers.chains);
    assembler.last(tree);
    Target::At(assembler.load(NR))
}

/// Decides between `segments`, with the number in the accumulator.
fn tree(assembler: &mut Assembler, segments: &[Segment], chains: &[Chain]) -> Target {
    match segments {
        [] => Target::Return(KILL_THREAD),
        [only] => leaf(assembler, only.leaf, chains),
        // One number that differs from all around it needs one comparison, not two.
        [before, one, after] if before.leaf == after.leaf && one.start + 1 == after.start => {
            let around = leaf(assembler, after.leaf, chains);
            let inside = leaf(assembler, one.leaf, chains);
            assembler.branch(Branch::Equal, one.start, inside, around)
        }
        _ => {
            let (lower, upper) = segments.split_at(segments.len() / 2);
            let start = upper.first().map_or(0, |segment| segment.start);
            let upper = tree(assembler, upper, chains);
            let lower = tree(assembler, lower, chains);
            assembler.branch(Branch::GreaterOrEqual, start, upper, lower)
        }
    }
}

fn leaf(assembler: &mut Assembler, leaf: Leaf, chains: &[Chain]) -> Target {
    match leaf {
        Leaf::Return(value) => Target::Return(value),
        Leaf::Chain(at) => chains
            .get(at as usize)
            .map_or(Target::Return(KILL_THREAD), |chain| tests::chain(assembler, chain)),
    }
}
