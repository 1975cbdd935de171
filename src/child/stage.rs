//! The end of the child: everything the last stage needs goes into a sealed file behind its program, its descriptors
//! into their places, and the process becomes that program.
//!
//! Called by the step list in `child`, last. From here on nothing of this binary is in the process any more
//! (CVE-2019-5736): the stage's file is a copy in memory that nobody can write to.

use super::{Stepped, failed, write_memberships};
use crate::hook;
use crate::plan::Plan;
use crate::plan::hooks::Hook;
use crate::plan::process::Rlimit;
use crate::plan::seccomp::Instruction;
use crate::stage;
use crate::stage::abi::{self, Payload, Slice, flag, slot};
use crate::sys::{self, fd, proc, process};
use crate::wire::{Failure, Step};
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// What goes on with the stage.
pub struct Leaving<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// v1 groups that are still to be entered: those that count memory.
    pub memory_tasks: Vec<(OwnedFd, String)>,
    /// Our end of the wire.
    pub wire: BorrowedFd<'a>,
    /// The listening gate, for `create`.
    pub gate: Option<BorrowedFd<'a>>,
    /// The container to enter, for `exec`.
    pub target: Option<Target<'a>>,
    /// Where the output of startContainer hooks goes.
    pub hook_files: Option<&'a hook::Files>,
    /// The caller's descriptors that the program gets.
    pub preserved: &'a [RawFd],
    /// Number of the last capability the kernel knows.
    pub last_capability: u8,
}

/// A container that exists.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// A pidfd of its first process.
    pub pidfd: BorrowedFd<'a>,
    /// CLONE_NEW* of its namespaces that are joined.
    pub namespaces: u32,
    /// Its root directory, if it has no mount namespace of its own.
    pub root: Option<BorrowedFd<'a>>,
}

/// What the steps before have found out for the stage.
pub struct Last {
    /// `HOME=...`, if it must be added.
    pub home: Option<CString>,
    /// A procfs for the labels.
    pub proc: Option<OwnedFd>,
    /// What happens to the supplementary groups.
    pub groups: Groups,
}

/// Whether the supplementary groups can be set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// They are set to what the configuration says.
    Set,
    /// They stay: that is asked for (annotation `run.oci.keep_original_groups`), or setgroups(2) is denied in this user
    /// namespace, and none are asked for.
    Kept,
}

/// Does: asks whether setgroups(2) is denied (user_namespaces(7)). Here because: the host's /proc must be asked; after
/// the switch it would be the container's, which can say anything.
pub fn may_set_groups(plan: &Plan, proc: Option<BorrowedFd<'_>>) -> Groups {
    if plan.asked.keep_original_groups {
        return Groups::Kept;
    }
    if plan.namespaces.user.is_shared() || !plan.process.user.additional_gids.is_empty() {
        return Groups::Set;
    }
    let file = proc.and_then(|proc| proc::open_in(proc, c"self/setgroups", proc::Access::Read).ok());
    let text = file.and_then(|file| fd::read_to_end(file.as_fd(), "setgroups", 64).ok());
    if text.is_some_and(|text| text.starts_with(b"deny")) { Groups::Kept } else { Groups::Set }
}

/// Does: becomes the stage. Fails when: anonymous files may not be executed (vm.memfd_noexec), or memory is short.
pub fn execute(leaving: Leaving<'_>, pid: i32, last: Last) -> Stepped<Infallible> {
    let plan = leaving.plan;
    let Last { home, proc, groups } = last;
    let state = hook_state(plan, pid).map_err(failed(Step::Stage))?;
    let payload = payload(&leaving, proc.is_some(), groups);
    let file = sealed_file(&payload).map_err(failed(Step::Stage))?;
    // The file is not the container's, which could not free it.
    write_memberships(&leaving.memory_tasks)?;

    let first = 3 + i32::try_from(plan.preserve_fds).unwrap_or(0);
    for number in leaving.preserved {
        fd::set_cloexec(*number, fd::OnExec::Keep).map_err(failed(Step::Descriptors))?;
    }
    let mut places: Vec<(BorrowedFd<'_>, i32)> =
        vec![(file.as_fd(), first + slot::FILE), (leaving.wire, first + slot::WIRE)];
    // For startContainer hooks only; nobody else of the container has a use for a file of the host.
    let files = leaving.hook_files.filter(|_| state.is_some());
    let rest = [
        (leaving.gate, slot::GATE),
        (proc.as_ref().map(AsFd::as_fd), slot::PROC),
        (state.as_ref().map(AsFd::as_fd), slot::STATE),
        (files.and_then(|files| files.stdout.as_ref()).map(AsFd::as_fd), slot::HOOK_STDOUT),
        (files.and_then(|files| files.stderr.as_ref()).map(AsFd::as_fd), slot::HOOK_STDERR),
        (leaving.target.map(|target| target.pidfd), slot::TARGET),
        (leaving.target.and_then(|target| target.root), slot::ROOT),
    ];
    places.extend(rest.into_iter().filter_map(|(fd, place)| Some((fd?, first + place))));

    let mut env = plan.process.env.clone();
    env.extend(home);
    if plan.process.needs_listen_pid {
        // As our own pid namespace counts: 1 in a new one, whatever it is in another.
        env.extend(CString::new(format!("LISTEN_PID={}", process::own_pid())));
    }
    // Over the execve, in case our parent dies in it: the stage takes over.
    let placed = process::place_descriptors(&places).map_err(failed(Step::Descriptors))?;
    let error = process::execute(placed.program(first), &plan.process.args, &env);
    // Its old number may be another descriptor's by now.
    let _ = process::replace_descriptor(placed.program(first + slot::WIRE), leaving.wire.as_raw_fd());
    Err(Failure::new(Step::Stage, &error))
}

/// Does: a procfs of our own pid namespace, for the labels that the stage must write. Here because: after the switch
/// its fallback would be the container's /proc (CVE-2019-16884).
pub fn label_procfs(plan: &Plan) -> Stepped<Option<OwnedFd>> {
    if plan.process.apparmor_profile.is_none() && plan.process.selinux_label.is_none() {
        return Ok(None);
    }
    let own = proc::private_procfs(proc::Subset::Pid).map_err(failed(Step::Stage))?;
    // A profile of AppArmor around us cannot name a file of a detached mount: then through the host's own /proc.
    match proc::open_in(own.as_fd(), c"thread-self/attr/exec", proc::Access::Write) {
        Err(e) if e.is(sys::error::errno::EACCES) => {
            proc::host_procfs().map(Some).map_err(failed(Step::Stage))
        }
        _ => Ok(Some(own)),
    }
}

/// The state for startContainer hooks, as a file for their standard input.
fn hook_state(plan: &Plan, pid: i32) -> sys::Result<Option<OwnedFd>> {
    if plan.hooks.start_container.is_empty() {
        return Ok(None);
    }
    let text = hook::state_json(&plan.id, "created", pid, &plan.bundle, &plan.annotations);
    let file = fd::memfd(c"state", fd::Executable::No)?;
    fd::write_all(file.as_fd(), "state", text.as_bytes())?;
    Ok(Some(file))
}

fn sealed_file(payload: &[u8]) -> sys::Result<OwnedFd> {
    let file = fd::memfd(c"tare", fd::Executable::Yes)?;
    fd::write_all(file.as_fd(), "last stage", stage::PROGRAM)?;
    fd::write_at(file.as_fd(), "last stage", payload, abi::PAYLOAD_OFFSET as u64)?;
    if !broken!("cve_2019_5736") {
        fd::seal(file.as_fd(), "last stage")?;
    }
    Ok(file)
}

fn payload(leaving: &Leaving<'_>, has_proc: bool, groups: Groups) -> Vec<u8> {
    let plan = leaving.plan;
    let process = &plan.process;
    let user = &process.user;
    let mut body = Body::new(plan.seccomp.as_ref().map_or(0, |filter| size_of_val(&*filter.program)));
    let mut header = Payload {
        magic: abi::PAYLOAD_MAGIC,
        uid: user.uid,
        gid: user.gid,
        last_capability: leaving.last_capability.into(),
        preserve_fds: plan.preserve_fds,
        namespaces: leaving.target.map_or(0, |target| target.namespaces),
        ..Payload::default()
    };
    let caps = &process.capabilities;
    header.capabilities = [caps.bounding, caps.effective, caps.inheritable, caps.permitted, caps.ambient];
    let mut set = |bit: u32, on: bool| header.flags |= if on { bit } else { 0 };
    set(flag::GATE, leaving.gate.is_some());
    set(flag::JOIN, leaving.target.is_some());
    set(flag::CHROOT, leaving.target.is_some_and(|target| target.root.is_some()));
    set(flag::EARLY_FILTER, leaving.target.is_some_and(|target| loads_filter_early(plan, target)));
    set(flag::TERMINAL, process.terminal.is_some());
    set(flag::PROC, has_proc);
    set(flag::KEEP_GROUPS, groups == Groups::Kept);
    let files = leaving.hook_files.filter(|_| !plan.hooks.start_container.is_empty());
    set(flag::HOOK_STDOUT, files.is_some_and(|files| files.stdout.is_some()));
    set(flag::HOOK_STDERR, files.is_some_and(|files| files.stderr.is_some()));
    set(flag::SECCOMP, plan.seccomp.is_some());
    set(flag::LISTENER, plan.seccomp.as_ref().is_some_and(|filter| filter.listener.is_some()));

    header.groups = body.items(user.additional_gids.iter().map(|gid| gid.to_ne_bytes()));
    header.cwd = body.text(process.cwd.as_bytes());
    if let Some(filter) = &plan.seccomp {
        header.seccomp_flags = filter.flags;
        header.seccomp = body.items(filter.program.iter().map(Instruction::bytes));
    }
    if let Some(profile) = &process.apparmor_profile {
        header.apparmor = body.text(&[b"exec ", profile.as_bytes()].concat());
    }
    if let Some(label) = &process.selinux_label {
        header.selinux = body.text(label.as_bytes());
    }
    header.hooks = hooks(&mut body, &plan.hooks.start_container);
    header.rlimits = body.items(process.rlimits.iter().map(rlimit_bytes));
    if leaving.target.is_some() && plan.new_keyring {
        header.keyring = body.text(plan.session_keyring().as_bytes());
    }
    body.finish(header)
}

/// Where CAP_SYS_ADMIN, kept for the filter alone, could be taken from us by a process of the container that may trace
/// others: with a user namespace of its own the kernel guards us, for the stage was executed outside of it. A listener
/// must wait, for it is taken out of the process that executes.
fn loads_filter_early(plan: &Plan, target: Target<'_>) -> bool {
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    const CLONE_NEWUSER: u32 = 0x1000_0000;
    let process = &plan.process;
    let is_plain = plan.seccomp.as_ref().is_some_and(|filter| filter.listener.is_none());
    let needs_right = !process.no_new_privileges && process.capabilities.permitted & CAP_SYS_ADMIN == 0;
    plan.among_tracers && is_plain && needs_right && target.namespaces & CLONE_NEWUSER == 0
}

fn hooks(body: &mut Body, hooks: &[Hook]) -> Slice {
    let entries: Vec<abi::Hook> = hooks
        .iter()
        .map(|hook| {
            let path = body.text(hook.path.as_bytes());
            let name = std::slice::from_ref(&hook.path);
            let argv = body.texts(if hook.args.is_empty() { name } else { &hook.args });
            let envp = hook.env.as_ref().map(|env| body.texts(env)).unwrap_or_default();
            abi::Hook { path, argv, envp, timeout_s: hook.timeout_s.unwrap_or(0), reserved: 0 }
        })
        .collect();
    body.items(entries.iter().map(hook_bytes))
}

/// The payload as it grows, with room for its header in front. Everything in it begins at a multiple of 8.
struct Body(Vec<u8>);

impl Body {
    /// An empty one that will hold a filter of so many bytes, and usually little else.
    fn new(filter_bytes: usize) -> Body {
        let header_bytes = size_of::<Payload>().next_multiple_of(8);
        let mut bytes = Vec::with_capacity(header_bytes + filter_bytes + 1024);
        bytes.resize(header_bytes, 0);
        Body(bytes)
    }

    fn place(&self) -> u32 {
        self.0.len() as u32
    }

    fn items<B: AsRef<[u8]>>(&mut self, items: impl Iterator<Item = B>) -> Slice {
        let offset = self.place();
        let mut len = 0;
        for item in items {
            self.0.extend_from_slice(item.as_ref());
            len += 1;
        }
        self.align();
        Slice { offset, len }
    }

    /// A string with its NUL, which is not counted.
    fn text(&mut self, text: &[u8]) -> Slice {
        let offset = self.place();
        self.0.extend_from_slice(text);
        self.0.push(0);
        self.align();
        Slice { offset, len: text.len() as u32 }
    }

    /// Offsets of strings, then a zero, which is not counted.
    fn texts(&mut self, texts: &[String]) -> Slice {
        let offsets: Vec<u64> = texts.iter().map(|text| self.text(text.as_bytes()).offset.into()).collect();
        let mut slice = self.items(offsets.iter().chain([&0]).map(|offset| offset.to_ne_bytes()));
        slice.len -= 1;
        slice
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
    }

    fn finish(mut self, mut header: Payload) -> Vec<u8> {
        header.size_bytes = self.place();
        let header = header_bytes(&header);
        self.0.iter_mut().zip(header).for_each(|(place, byte)| *place = byte);
        self.0
    }
}

// The layouts of `stage::abi` as bytes: repr(C) structs of numbers without padding, field by field.

fn header_bytes(header: &Payload) -> Vec<u8> {
    let mut bytes = header.magic.to_ne_bytes().to_vec();
    for number in [header.size_bytes, header.flags, header.uid, header.gid] {
        bytes.extend(number.to_ne_bytes());
    }
    for set in header.capabilities {
        bytes.extend(set.to_ne_bytes());
    }
    for number in [header.last_capability, header.seccomp_flags, header.preserve_fds, header.namespaces] {
        bytes.extend(number.to_ne_bytes());
    }
    let labels = [header.apparmor, header.selinux];
    let slices = [header.groups, header.seccomp, header.cwd].into_iter().chain(labels);
    let slices = slices.chain([header.hooks, header.rlimits, header.keyring]);
    bytes.extend(slices.flat_map(slice_bytes));
    bytes
}

fn hook_bytes(hook: &abi::Hook) -> Vec<u8> {
    let mut bytes: Vec<u8> = [hook.path, hook.argv, hook.envp].into_iter().flat_map(slice_bytes).collect();
    bytes.extend(hook.timeout_s.to_ne_bytes());
    bytes.extend(hook.reserved.to_ne_bytes());
    bytes
}

fn rlimit_bytes(limit: &Rlimit) -> Vec<u8> {
    let mut bytes = limit.resource.to_ne_bytes().to_vec();
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(limit.soft.to_ne_bytes());
    bytes.extend(limit.hard.to_ne_bytes());
    bytes
}

fn slice_bytes(slice: Slice) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&slice.offset.to_ne_bytes());
    bytes[4..].copy_from_slice(&slice.len.to_ne_bytes());
    bytes
}

const _: () =
    assert!(size_of::<Payload>() == 144 && size_of::<abi::Hook>() == 32 && size_of::<abi::Rlimit>() == 24);
