//! Namespaces, from the inside: joining, becoming root of a user namespace, names.
//!
//! Called by the step list in `child`. What is made by the clone itself stands in `launch::spawn`.

use super::{Inherited, Join, Stepped, failed};
use crate::plan::Plan;
use crate::sys::namespace::{self, Kind, TimeOffsets};
use crate::sys::{SysError, cred, error::errno};
use crate::wire::{Failure, Step};
use std::os::fd::AsFd;

fn join_one(join: &Join) -> Stepped<()> {
    namespace::join(join.fd.as_fd(), join.kind)
        .map_err(|error| Failure::new(Step::JoinNamespace, &error).at(usize::from(join.index)))
}

/// Does: joins the namespaces that are left to us, the mount namespace last: its change of root and working
/// directory must not get in the way of the others.
pub fn join(joins: &[Join]) -> Stepped<()> {
    let (mount, others): (Vec<&Join>, Vec<&Join>) = joins.iter().partition(|join| join.kind == Kind::Mount);
    others.into_iter().chain(mount).try_for_each(join_one)
}

/// Does, in the hop: enters the user namespace, if one is joined, and every other one but the mount namespace. Those that
/// belong to the host must be joined before (with the host's capabilities), those that belong to it after: whichever works.
pub fn cross_into_user(birth: &mut Inherited<'_>) -> Stepped<()> {
    let (user, mut others): (Vec<Join>, Vec<Join>) =
        birth.joins.drain(..).partition(|join| join.kind == Kind::User);
    let mut after = Vec::new();
    let mut mount = Vec::new();
    for join in others.drain(..) {
        match join.kind {
            Kind::Mount => mount.push(join),
            _ => match namespace::join(join.fd.as_fd(), join.kind) {
                Ok(()) => {}
                Err(_) => after.push(join),
            },
        }
    }
    user.iter().try_for_each(join_one)?;
    after.iter().try_for_each(join_one)?;
    birth.joins = mount;
    Ok(())
}

/// Does: uid 0 and gid 0 of the new or joined user namespace. Here because: files that are made from now on belong to
/// that root. A namespace without an id 0 keeps its capabilities over the stage's execve another way.
pub fn become_root(plan: &Plan) -> Stepped<()> {
    if plan.namespaces.user.is_shared() {
        return Ok(());
    }
    match cred::become_root() {
        Err(e) if e.is(errno::EINVAL) => become_first_id(plan),
        other => other.map_err(failed(Step::BecomeRoot)),
    }
}

fn become_first_id(plan: &Plan) -> Stepped<()> {
    let nothing = || Failure::new(Step::BecomeRoot, &SysError::new("setresuid", "uid 0", errno::EINVAL));
    let maps = plan.id_maps.as_ref().or(plan.expected_id_maps.as_ref()).ok_or_else(nothing)?;
    let uid = maps.uids.first().ok_or_else(nothing)?.container_id;
    let gid = maps.gids.first().ok_or_else(nothing)?.container_id;
    cred::become_ids(uid, gid).map_err(failed(Step::BecomeRoot))?;
    cred::keep_capabilities_over_exec().map_err(failed(Step::BecomeRoot))
}

/// Does: a cgroup namespace of our own, rooted where we are.
pub fn leave_cgroup(plan: &Plan) -> Stepped<()> {
    if plan.namespaces.cgroup.is_new() {
        namespace::leave(Kind::Cgroup).map_err(failed(Step::CgroupNamespace))?;
    }
    Ok(())
}

/// Does: opens the file of the clocks' offsets, if some are asked for and the parent could not set them. Here because: a user who is
/// not root has no files of his own below /proc once we are undumpable.
pub fn open_time_offsets(birth: &Inherited<'_>) -> Stepped<Option<TimeOffsets>> {
    let asked = birth.time_offsets.as_ref().filter(|offsets| !offsets.is_empty());
    asked.map(|_| TimeOffsets::open().map_err(failed(Step::TimeNamespace))).transpose()
}

/// Does: a time namespace, entered by the stage's execve (Linux 6.1) or by whom the hop clones, where the parent could not make one.
pub fn new_time(birth: &Inherited<'_>, file: Option<TimeOffsets>) -> Stepped<()> {
    let Some(offsets) = &birth.time_offsets else { return Ok(()) };
    namespace::leave(Kind::Time).map_err(failed(Step::TimeNamespace))?;
    file.map_or(Ok(()), |file| file.write(offsets).map_err(failed(Step::TimeNamespace)))
}

/// Does: host name and domain name.
pub fn name(plan: &Plan) -> Stepped<()> {
    if let Some(hostname) = &plan.hostname {
        namespace::set_hostname(hostname).map_err(failed(Step::Hostname))?;
    }
    if let Some(domainname) = &plan.domainname {
        namespace::set_domainname(domainname).map_err(failed(Step::Domainname))?;
    }
    Ok(())
}
