//! The child's half of `exec`: one more process of a container that exists.
//!
//! `launch::exec` calls [`init`] in the new process, which is in the container's cgroups or enters them, and in nothing
//! else of the container: no process there can see it. It prepares what survives an execve, takes a terminal out of the
//! container's devpts, and becomes the last stage, which joins the namespaces (`stage::join`). Nothing of this binary
//! is ever inside (CVE-2016-9962, CVE-2019-5736).

use super::stage::{self, Groups, Last, Leaving, Target};
use super::{Stepped, attributes, console, failed, home, no_new_privileges, write_memberships};
use crate::plan::Plan;
use crate::sys::path::Root;
use crate::sys::{self, attribute, proc, process};
use crate::wire::{ChildWire, Question, Step};
use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

pub use super::set_scheduler;

/// Of a mount namespace.
const CLONE_NEWNS: u32 = 0x0002_0000;

/// What the child has from its parent, beside the plan. All descriptors are close-on-exec.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// The plan, of which only the process, the filter and the keyring count.
    pub plan: &'a Plan,
    /// The child's end of the wire.
    pub wire: ChildWire,
    /// v1: `tasks` files to write `0` into, with their paths.
    pub tasks: Vec<(OwnedFd, String)>,
    /// A pidfd of the container's first process.
    pub target: BorrowedFd<'a>,
    /// CLONE_NEW* of its namespaces that are joined.
    pub namespaces: u32,
    /// The container's root directory.
    pub root: Root,
    /// The user of the process, as our user namespace counts.
    pub outer_uid: u32,
    /// Whether setgroups(2) is denied in the container's user namespace.
    pub setgroups_denied: bool,
    /// A unix socket that takes the terminal's master.
    pub console: Option<OwnedFd>,
    /// The caller's descriptors that the process gets.
    pub preserved: Vec<RawFd>,
    /// Number of the last capability the kernel knows.
    pub last_capability: u8,
    /// Whether the caller lacks real root.
    pub rootless: bool,
}

/// The life of the child. Never returns.
pub fn init(mut visitor: Visitor<'_>) -> ! {
    let Err(failure) = steps(&mut visitor);
    // If the parent is gone, nobody is left to tell.
    let _ = visitor.wire.tell(&Question::Failed(failure));
    process::exit_now(1)
}

/// The way in, step by step.
fn steps(visitor: &mut Visitor<'_>) -> Stepped<Infallible> {
    let plan = visitor.plan;
    process::die_with_parent().map_err(failed(Step::Go))?;
    // Before we become undumpable, which takes our own files below /proc away from a user who is not root.
    oom_score_adj(visitor)?;
    process::set_undumpable().map_err(failed(Step::Go))?;
    // The files are closed by the execve.
    write_memberships(&visitor.tasks)?;
    // Only now: in the caller's cpuset these CPUs may not be there.
    final_affinity(plan)?;
    process::reset_signals().map_err(failed(Step::Go))?;

    // The container's files: by its root's descriptor, with our own procfs.
    terminal(visitor)?;
    let passwd = home::passwd(plan, &visitor.root);
    let proc = passwd.is_some().then(proc::host_procfs).and_then(Result::ok);
    let home = home::of_user(plan, passwd, proc.as_ref().map(AsFd::as_fd));
    drop(proc);
    let label_proc = stage::label_procfs(plan)?;

    attributes(plan)?;
    no_new_privileges(plan)?;
    let denied = visitor.setgroups_denied && plan.process.user.additional_gids.is_empty();
    let groups = if denied || plan.asked.keep_original_groups { Groups::Kept } else { Groups::Set };
    let leaving = Leaving {
        plan,
        memory_tasks: Vec::new(),
        wire: visitor.wire.as_fd(),
        gate: None,
        hook_files: None,
        target: Some(Target {
            pidfd: visitor.target,
            namespaces: visitor.namespaces,
            root: (visitor.namespaces & CLONE_NEWNS == 0).then(|| visitor.root.as_fd()),
        }),
        preserved: &visitor.preserved,
        last_capability: visitor.last_capability,
    };
    stage::execute(leaving, 0, Last { home, proc: label_proc, groups })
}

/// Does: oom_score_adj of our own. Here because: the clone inherits it. Fails when: it is lower than a user may go.
fn oom_score_adj(visitor: &Visitor<'_>) -> Stepped<()> {
    match write_oom_score_adj(visitor.plan) {
        // As at the container's birth: a hint on who is killed first, which only a privileged caller may lower.
        Err(e) if visitor.rootless && (e.is(sys::error::errno::EACCES) || e.is(sys::error::errno::EPERM)) => {
            // If the parent is gone, the next answer says so.
            let _ = visitor.wire.tell(&Question::Note(failed(Step::OomScore)(e)));
            Ok(())
        }
        other => other.map_err(failed(Step::OomScore)),
    }
}

/// Writes what the plan asks for into our own file.
pub(super) fn write_oom_score_adj(plan: &Plan) -> sys::Result<()> {
    let Some(score) = plan.process.oom_score_adj else { return Ok(()) };
    proc::write_of_process(process::own_pid(), "oom_score_adj", &score.to_string())
}

/// Does: `process.execCPUAffinity.final`, or every CPU that the container's cpuset allows.
fn final_affinity(plan: &Plan) -> Stepped<()> {
    match plan.process.exec_cpu_affinity.as_ref().and_then(|affinity| affinity.r#final.as_ref()) {
        Some(cpus) => attribute::set_affinity(cpus).map_err(failed(Step::Affinity)),
        None => {
            // The caller's own affinity is not the container's. Where that is refused, nothing is lost.
            let _ = attribute::reset_affinity();
            Ok(())
        }
    }
}

/// Does: a terminal on standard input, output and error. Fails when: the container has no devpts on /dev/pts, or the
/// socket's reader is gone.
fn terminal(visitor: &mut Visitor<'_>) -> Stepped<()> {
    let (Some(terminal), Some(socket)) = (visitor.plan.process.terminal, visitor.console.take()) else {
        return Ok(());
    };
    let slave = console::new_terminal(&visitor.root, terminal, visitor.outer_uid, socket.as_fd());
    slave.and_then(|slave| process::become_stdio(slave.as_fd())).map_err(failed(Step::Console))
}
