//! The hop: when an existing user namespace is joined, the container's other namespaces must be made inside of it,
//! or they would belong to the host's (a procfs of such a pid namespace could not be mounted). So the first child
//! joins, clones the real one as its sibling, tells its pid, and ends. It does the same where the parent has no right to come
//! back from what it would join (setns(2): CAP_SYS_ADMIN in the owner of the namespace, which is the host's).
//!
//! Called by `child` first of all. In every other birth it does nothing.

use super::{Inherited, namespaces};
use crate::sys::process::{self, Cloned};
use crate::wire::{Answer, ChildWire, Failure, Question, Step};

/// Goes on in the process that becomes the container's.
pub fn cross(mut birth: Inherited<'_>) -> Result<Inherited<'_>, (ChildWire, Failure)> {
    let Some(hop) = birth.hop else { return Ok(birth) };
    match namespaces::cross_into_user(&mut birth).and_then(|()| clone_inside(hop.flags)) {
        Err(failure) => Err((birth.wire, failure)),
        Ok(Cloned::Parent { pid, .. }) => {
            // If the parent is gone, the real child sees that by itself.
            let _ = birth.wire.tell(&Question::Born(pid));
            process::exit_now(0)
        }
        Ok(Cloned::Child) => {
            // The hop's parent is ours, too: CLONE_PARENT made us its sibling.
            let _ = process::die_with_parent();
            match birth.wire.answer() {
                Some(Answer::Go) => Ok(birth),
                _ => process::exit_now(1),
            }
        }
    }
}

fn clone_inside(flags: u64) -> Result<Cloned, Failure> {
    process::clone_single_threaded(flags | process::flag::PARENT, None)
        .map_err(|error| Failure::new(Step::CloneInUserNamespace, &error))
}
