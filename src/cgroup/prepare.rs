//! Makes a container's groups, writes its limits, and opens the ways in.
//!
//! Called by [`Handle::prepare`] in the parent, before the clone. Leaves nothing behind on failure.

use super::detect::Layout;
use super::enable::{Which, enable_controllers};
use super::fs::{self, Refusal, code};
use super::keeper::Keeper;
use super::systemd::{self, Started};
use super::translate::{Orders, orders};
use super::{Caller, Entry, Handle, Latecomer, Manager, TasksFile, Tree, delegate, freeze, kill};
use crate::plan::limits::Limits;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::fd::{read_record, write_once};
use crate::sys::kernel_file;
use crate::sys::{SysError, bpf};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// See [`Handle::prepare`].
pub fn prepare(
    handle: &Handle,
    layout: &Layout,
    limits: &Limits,
    mut started: Option<Started>,
) -> Result<Entry, Refusal> {
    let asked = limits.first_asked();
    if handle.manager == Manager::Disabled {
        return match asked {
            None => Ok(Entry::default()),
            Some(pointer) => Err(Refusal::limit(code::MANAGER, pointer, "control groups are disabled")
                .advise("remove the limits, or leave out --cgroup-manager disabled")),
        };
    }
    let orders = match &mut started {
        Some(started) => std::mem::take(&mut started.orders),
        None => orders(layout, limits)?,
    };
    let required = match (handle.caller, handle.named || handle.delegated.is_some(), asked) {
        (Caller::Rootless, false, None) => Required::No,
        _ => Required::Yes,
    };
    let mut work = Work { handle, orders, required, started, made: Vec::new(), entry: Entry::default() };
    match work.all() {
        Ok(()) => Ok(work.finish()),
        Err(refusal) => {
            work.undo();
            Err(refusal)
        }
    }
}

/// Whether a group must be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Required {
    Yes,
    /// If this user may not make it, the container goes without.
    No,
}

struct Work<'a> {
    handle: &'a Handle,
    orders: Orders,
    required: Required,
    /// systemd's unit, which is there already.
    started: Option<Started>,
    /// The folders that were not there, in the order of making.
    made: Vec<PathBuf>,
    entry: Entry,
}

/// A group that is there now.
struct Group {
    path: PathBuf,
    /// Open, where that was needed already.
    dir: Option<Dir>,
    /// Whether somebody else had made it before.
    found: bool,
}

impl Group {
    fn open(self) -> Result<(Dir, bool), Refusal> {
        let dir = self.dir.map_or_else(|| Dir::open_no_follow(&self.path), Ok);
        Ok((dir.map_err(|error| place(&error))?, self.found))
    }
}

fn no_room(error: &SysError) -> Refusal {
    Refusal::system(code::LIMIT, error, "making room for one task more")
}

fn place(error: &SysError) -> Refusal {
    Refusal::system(code::PLACE, error, "making the control group")
}

impl Work<'_> {
    fn all(&mut self) -> Result<(), Refusal> {
        if let Some(tree) = &self.handle.v2 {
            // Beside v1 hierarchies the unified one is a help to us, unless a limit lives there.
            let helps_only = !self.handle.v1.is_empty() && self.orders.v2.is_empty();
            let required = if helps_only { Required::No } else { self.required };
            if let Some(group) = self.make(tree, required)? {
                self.use_v2(tree, group)?;
            }
        }
        for tree in &self.handle.v1 {
            if let Some(group) = self.make(tree, self.required)? {
                self.use_v1(tree, group)?;
            }
        }
        Ok(())
    }

    fn use_v2(&mut self, tree: &Tree, group: Group) -> Result<(), Refusal> {
        let (dir, found) = group.open()?;
        must_take_processes(tree, &dir)?;
        if found {
            self.must_be_empty(tree, &dir)?;
            if freeze::v2_is_frozen(&dir).map_err(|error| Refusal::system(code::PLACE, &error, "reading"))? {
                return Err(frozen(tree));
            }
        }
        fs::write_all(&dir, &self.orders.v2)?;
        if let Some(keeper) = self.started.as_mut().and_then(|started| started.keeper.as_mut()) {
            keeper.make_room(&dir, &self.orders.v2).map_err(|error| no_room(&error))?;
        }
        if let Some(program) = &self.orders.device_program {
            self.guard_devices(&dir, program)?;
        }
        let root = self.make_inner(&dir)?.unwrap_or(dir);
        self.entry.group2 = Some(root.path().to_path_buf());
        self.entry.born_into = Some(root.into_fd());
        Ok(())
    }

    fn guard_devices(&self, group: &Dir, program: &[u64]) -> Result<(), Refusal> {
        let installed = match &self.started {
            // systemd has its own program there: nothing of that is taken away.
            Some(started) => started.has_attached(group).and_then(|is_ours_there| match is_ours_there {
                true => Ok(()),
                false => attach_beside(group, program),
            }),
            None => install(group, program),
        };
        let Err(error) = installed else { return Ok(()) };
        let advice = match (error.is(errno::EPERM), self.handle.caller) {
            // A user namespace's own devices are what the host's root gave it: there is nothing to take away.
            (true, Caller::Rootless) => return Ok(()),
            (true, Caller::Root) => {
                "it needs CAP_BPF and CAP_NET_ADMIN of the host: run as root, or without --rootless=false"
            }
            (false, _) => "the kernel needs CONFIG_CGROUP_BPF",
        };
        Err(Refusal::system(code::LIMIT, &error, "installing the device program").advise(advice))
    }

    /// The group below that the container lives in, if there is to be one; it is returned if the container is born into it.
    /// One that is given away is entered later, from a cgroup namespace with the limits in it.
    fn make_inner(&mut self, above: &Dir) -> Result<Option<Dir>, Refusal> {
        let Some((group, found)) = delegate::make(self.handle, above)? else { return Ok(None) };
        if !found {
            self.made.push(group.path().to_path_buf());
        }
        if self.handle.delegated.is_none() {
            return Ok(Some(group));
        }
        self.entry.delegated = Some(delegate::procs_file(&group)?);
        Ok(None)
    }

    fn use_v1(&mut self, tree: &Tree, group: Group) -> Result<(), Refusal> {
        let path = group.path.clone();
        let dir = if group.found {
            let (dir, _) = group.open()?;
            self.must_be_empty(tree, &dir)?;
            if freeze::v1_is_frozen(&dir).map_err(|error| Refusal::system(code::PLACE, &error, "reading"))? {
                return Err(frozen(tree));
            }
            Some(dir)
        } else {
            group.dir
        };
        let place = dir.as_ref().map_or(fs::Group::At(&path), fs::Group::Open);
        let orders = self.orders.v1.iter();
        let orders = orders.filter(|(controller, _)| tree.controllers.iter().any(|name| name == controller));
        for (_, writes) in orders {
            fs::write_all_and_pile(place, writes, &mut self.entry.pile)?;
            let keeper = self.started.as_mut().and_then(|started| started.keeper.as_mut());
            if let (Some(keeper), Some(dir)) = (keeper, &dir) {
                keeper.make_room(dir, writes).map_err(|error| no_room(&error))?;
            }
        }
        let tasks = dir.as_ref().map_or_else(|| tasks_file_at(&path), tasks_file);
        let tasks = tasks.map_err(|error| Refusal::system(code::PLACE, &error, "opening"))?;
        self.entry.tasks.push(TasksFile { counts_memory: counts_memory(tree), ..tasks });
        dir.into_iter().for_each(|dir| self.entry.pile.add(dir.into_fd()));
        Ok(())
    }

    /// Makes the folders of one hierarchy, top down; None: done without.
    fn make(&mut self, tree: &Tree, required: Required) -> Result<Option<Group>, Refusal> {
        let made_before = self.made.len();
        let leaf = self.make_leaf(tree);
        match leaf.map_or_else(|| self.make_chain(tree), Ok) {
            Ok(group) => Ok(Some(group)),
            Err(refusal) if required == Required::No && is_denial(refusal.errno) => {
                self.undo_to(made_before);
                if self.required == Required::No {
                    self.entry
                        .warnings
                        .push(format!("done without the control group {}", tree.dir().display()));
                }
                Ok(None)
            }
            // What `enable` says of a controller is nearer to the point.
            Err(refusal) if refusal.code == code::NO_CONTROLLER => Err(refusal),
            Err(refusal) if is_denial(refusal.errno) && self.handle.caller == Caller::Rootless => {
                let advice = if self.handle.named { NAMED_ELSEWHERE } else { NOT_DELEGATED };
                Err(refusal.advise(advice))
            }
            Err(refusal) if refusal.errno == errno::EROFS => Err(refusal.advise(READ_ONLY)),
            Err(refusal) => Err(refusal),
        }
    }

    /// The usual case of a v1 group whose parent is there and ready: made at once. None: `make_chain` is to see.
    fn make_leaf(&mut self, tree: &Tree) -> Option<Group> {
        if tree.controllers.is_empty() {
            return None;
        }
        let path = tree.dir();
        let is_cpuset = tree.controllers.iter().any(|name| name == "cpuset");
        let cpuset = if is_cpuset { Some(self.cpuset_of(path.parent()?)?) } else { None };
        Dir::make(&path, 0o755).ok()?;
        self.made.push(path.clone());
        for (file, list) in CPUSET_FILES.iter().zip(cpuset.iter().flatten()) {
            let opened = kernel_file::open_for_writing(&path.join(file)).ok()?;
            write_once(opened.as_fd(), file, list.trim_ascii()).ok()?;
            self.entry.pile.add(opened);
        }
        Some(Group { path, dir: None, found: false })
    }

    /// What a new group is to inherit from this one; None: it has nothing itself.
    fn cpuset_of(&mut self, parent: &Path) -> Option<[Vec<u8>; 2]> {
        let mut list = |file| {
            let opened = kernel_file::open(&parent.join(file)).ok()?;
            let list = read_record(opened.as_fd(), file, CPUSET_BYTES, fs::FILE_LIMIT_BYTES).ok()?;
            self.entry.pile.add(opened);
            Some(list).filter(|list| !list.trim_ascii().is_empty())
        };
        let [cpus, mems] = CPUSET_FILES;
        Some([list(cpus)?, list(mems)?])
    }

    fn make_chain(&mut self, tree: &Tree) -> Result<Group, Refusal> {
        let is_v2 = tree.controllers.is_empty();
        let is_cpuset = tree.controllers.iter().any(|name| name == "cpuset");
        let mut above = Dir::open(&tree.mount).map_err(|error| place(&error))?;
        let mut found = true;
        for name in tree.path.split('/') {
            if is_v2 {
                // systemd has handed down what it delegates.
                let alone = self.handle.v1.is_empty() && self.started.is_none();
                let which = if alone { Which::All } else { Which::Needed };
                enable_controllers(&above, &self.orders.v2_controllers, which)?;
            }
            let path = above.path().join(name);
            found = match above.make_dir(name, 0o755) {
                Ok(()) => {
                    self.made.push(path);
                    false
                }
                Err(error) if error.is(errno::EEXIST) => !self.made.contains(&path),
                Err(error) => return Err(place(&error)),
            };
            let dir = above.open_dir(name).map_err(|error| place(&error))?;
            if is_cpuset {
                inherit_cpuset(&above, &dir).map_err(|error| place(&error))?;
            }
            above = dir;
        }
        Ok(Group { path: above.path().to_path_buf(), dir: Some(above), found })
    }

    /// Nobody may be in a group that was there before, but the process that holds the scope.
    fn must_be_empty(&self, tree: &Tree, dir: &Dir) -> Result<(), Refusal> {
        let keeper = self.started.as_ref().and_then(|started| started.keeper.as_ref()).map(Keeper::pid);
        must_be_empty(tree, dir, keeper)
    }

    fn finish(self) -> Entry {
        let keeper = self.started.and_then(|started| started.keeper);
        let latecomer = self.entry.group2.as_deref().and_then(|group| Latecomer::of(self.handle, group));
        Entry { keeper, latecomer, ..self.entry }
    }

    fn undo(&mut self) {
        self.entry = Entry::default();
        self.started = None;
        if let Some(unit) = &self.handle.unit {
            // What failed is told; a unit that stays has no process, and goes by itself.
            let _ = systemd::stop(unit);
        }
        self.undo_to(0);
    }

    /// Removes what was made, last first. What cannot be removed is somebody else's by now: the journal knows our leaf.
    fn undo_to(&mut self, length: usize) {
        for path in self.made.drain(length..).rev() {
            if let (Some(parent), Some(name)) =
                (path.parent(), path.file_name().and_then(|name| name.to_str()))
            {
                let _ = Dir::open(parent).and_then(|parent| parent.remove_dir(name));
            }
        }
    }
}

/// What a user does who may not make a group where the runtime is.
const NOT_DELEGATED: &str = "have a part of the tree delegated to this user: `systemd-run --user --scope -p Delegate=yes tare ...` \
    does so; or leave out linux.resources";

/// The same where the configuration says where.
const NAMED_ELSEWHERE: &str = "have this part of the tree delegated to the user, or leave out linux.cgroupsPath and run \
    tare by `systemd-run --user --scope -p Delegate=yes`, or leave out linux.resources too";

/// What root does inside of a container that may not divide its group.
const READ_ONLY: &str = "control groups are mounted read-only here, as in a container that is not privileged: mount them \
    writable, or use --cgroup-manager disabled and leave out linux.resources";

/// Memory and nothing else: what the other controllers hold must hold from the start.
fn counts_memory(tree: &Tree) -> bool {
    tree.controllers.iter().eq(["memory"])
}

fn is_denial(number: i32) -> bool {
    [errno::EACCES, errno::EPERM, errno::EROFS].contains(&number)
}

/// A group below one with threaded controllers takes no process: clone3 and the kernel's files would say EOPNOTSUPP.
fn must_take_processes(tree: &Tree, group: &Dir) -> Result<(), Refusal> {
    let kind = group.read("cgroup.type", fs::FILE_LIMIT_BYTES).unwrap_or_default();
    let kind = String::from_utf8_lossy(&kind).trim().to_owned();
    if kind != "domain invalid" && kind != "threaded" {
        return Ok(());
    }
    let problem =
        format!("the control group takes no processes: its type is \"{kind}\" (cgroups(7), \"Thread mode\")");
    Err(Refusal::new(code::PLACE, tree.dir().display().to_string(), problem)
        .advise("name a linux.cgroupsPath that is not below a group with processes and threaded controllers"))
}

fn must_be_empty(tree: &Tree, dir: &Dir, but: Option<i32>) -> Result<(), Refusal> {
    let pids = kill::pids_in(dir, "cgroup.procs");
    let mut pids = pids.map_err(|error| Refusal::system(code::PLACE, &error, "reading"))?;
    pids.retain(|pid| Some(*pid) != but);
    if pids.is_empty() {
        return Ok(());
    }
    let problem = format!("container's cgroup is not empty: {} process(es) found", pids.len());
    Err(Refusal::new(code::PLACE, tree.dir().display().to_string(), problem)
        .advise("end them, or name another linux.cgroupsPath"))
}

fn frozen(tree: &Tree) -> Refusal {
    Refusal::new(code::PLACE, tree.dir().display().to_string(), "container's cgroup unexpectedly frozen")
        .advise("thaw it, or name another linux.cgroupsPath")
}

/// A new v1 cpuset has no CPUs and no memory nodes, and then takes no process (cpuset(7)): it gets its parent's.
fn inherit_cpuset(parent: &Dir, child: &Dir) -> Result<(), SysError> {
    for file in CPUSET_FILES {
        if child.read_record(file, CPUSET_BYTES, fs::FILE_LIMIT_BYTES)?.trim_ascii().is_empty() {
            let list = parent.read_record(file, CPUSET_BYTES, fs::FILE_LIMIT_BYTES)?;
            child.write_existing(file, list.trim_ascii())?;
        }
    }
    Ok(())
}

/// More than most lists of them have.
const CPUSET_BYTES: usize = 256;

const CPUSET_FILES: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

/// Puts the program in place: in one step where there is one already, else before the old ones go, so that the devices
/// are never all open.
fn install(group: &Dir, program: &[u64]) -> Result<(), SysError> {
    let object = group.path().display().to_string();
    let new = bpf::load_device_program(program)?;
    let old = bpf::device_programs(group.as_fd(), &object)?;
    let old = old.into_iter().map(bpf::program_by_id).collect::<Result<Vec<_>, _>>()?;
    if let [only] = old.as_slice() {
        return bpf::attach_device_program(group.as_fd(), new.as_fd(), Some(only.as_fd()), &object);
    }
    bpf::attach_device_program(group.as_fd(), new.as_fd(), None, &object)?;
    old.iter().try_for_each(|old| bpf::detach_device_program(group.as_fd(), old.as_fd(), &object))
}

/// The same without taking any away: who is there already guards for somebody else.
fn attach_beside(group: &Dir, program: &[u64]) -> Result<(), SysError> {
    let program = bpf::load_device_program(program)?;
    bpf::attach_device_program(group.as_fd(), program.as_fd(), None, &group.path().display().to_string())
}

/// Where a thread enters a v1 group.
const TASKS: &str = "tasks";

pub(super) fn tasks_file(dir: &Dir) -> Result<TasksFile, SysError> {
    Ok(TasksFile { counts_memory: false, fd: dir.open_for_writing(TASKS)?, path: dir.path_of(TASKS) })
}

/// The same of a group by its path.
pub(super) fn tasks_file_at(group: &Path) -> Result<TasksFile, SysError> {
    let path = group.join(TASKS);
    let fd = kernel_file::open_for_writing(&path)?;
    Ok(TasksFile { counts_memory: false, fd, path: path.display().to_string() })
}
