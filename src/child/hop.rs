//! The hop: when an existing user namespace is joined, the container's other namespaces must be made inside of it,
//! or they would belong to the host's (a procfs of such a pid namespace could not be mounted). So the first child
//! joins, clones the real one as its sibling, tells its pid, and ends. It does the same where the parent has no right to come
//! back from what it would join (setns(2): CAP_SYS_ADMIN in the owner of the namespace, which is the host's).
//!
//! Called by `child` first of all. In every other birth it does nothing.

use super::{Inherited, Stepped, exec, failed, namespaces};
use crate::sys::error::errno;
use crate::sys::process::{self, Cloned};
use crate::wire::{Answer, ChildWire, Failure, Question, Step};

/// Goes on in the process that becomes the container's.
pub fn cross(mut birth: Inherited<'_>) -> Result<Inherited<'_>, (ChildWire, Failure)> {
    let Some(hop) = birth.hop else { return Ok(birth) };
    match enter(&mut birth).and_then(|()| clone_inside(hop.flags)) {
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

/// Joins, and makes what must be made before the clone.
fn enter(birth: &mut Inherited<'_>) -> Stepped<()> {
    if birth.plan.namespaces.user.is_new() {
        // The parent writes the maps of whom we clone, for which it must own his files; he closes himself later.
        return namespaces::cross_into_user(birth);
    }
    let time_offsets = namespaces::open_time_offsets(birth)?;
    close_up(birth)?;
    namespaces::cross_into_user(birth)?;
    // With fs.suid_dumpable=1 a change of credentials opens what was closed (proc_sys_fs(5)).
    stay_closed()?;
    namespaces::new_time(birth, time_offsets)?;
    birth.time_offsets = None;
    Ok(())
}

/// Does: what takes our own files below /proc, then nobody may look into us any more, nor into whom we clone (CVE-2016-9962). Here
/// because: root of a user namespace has every right over a dumpable process in it, and sees us as soon as we are in a pid
/// namespace of his; an ordinary user's runtime is not undumpable from the start (see `launch::begin`).
fn close_up(birth: &Inherited<'_>) -> Stepped<()> {
    match exec::write_oom_score_adj(birth.plan) {
        // Lower than this user may go: our parent sees what came of it.
        Err(e) if e.is(errno::EACCES) || e.is(errno::EPERM) => {}
        other => other.map_err(failed(Step::OomScore))?,
    }
    stay_closed()
}

fn stay_closed() -> Stepped<()> {
    if broken!("cve_2016_9962") {
        return Ok(());
    }
    process::set_undumpable().map_err(failed(Step::CloneInUserNamespace))
}

fn clone_inside(flags: u64) -> Result<Cloned, Failure> {
    process::clone_single_threaded(flags | process::flag::PARENT, None)
        .map_err(|error| Failure::new(Step::CloneInUserNamespace, &error))
}
