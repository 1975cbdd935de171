//! What is remembered of a container between two commands: one folder for each, `<root>/<id>/`.
//!
//! Called by `cmd`. The folder holds `state.json` (a [`Record`], small, replaced as a whole), `config.json` (the
//! configuration that the container was made of, for `exec` and others that add to it: the bundle's may have changed
//! since), `seccomp.bpf` (what its profile compiled to, for `exec`), `resources.json` once `update` has changed its limits
//! (they, in the form of the configuration), `notify` (a folder with the NOTIFY_SOCKET that is shown to the container, if
//! the caller has one) and, until the container has been started, `gate` (a listening unix socket, marked once `start` went
//! to open it). The lifecycle's commands read the record only, nothing enters a namespace, and every read has a bound. Beside the folders
//! the root has `.seccomp`: the profile of the last container, and its filter ([`KnownProfile`]).
//!
//! The journal rule: whatever is about to be made on the host (a cgroup, a process, a resctrl group) is in the
//! record *before* it is made, so that whoever dies at whatever moment leaves a folder from which
//! `delete --force` can clean up. While a container is being created, its folder is locked (flock(2)): the lock
//! ends with the process, so "creating" cannot outlive its creator.

mod id;
mod kept;
mod known;
mod record;
mod refused;
mod remove;
mod root;
mod status;

pub use id::check_id;
pub use known::KnownProfile;
pub use record::{End, Init, Namespaces, Phase, Record, VERSION};
pub use refused::{CODES, Refused};
pub use root::{DefaultRoot, default_root};
pub use status::{Facts, GateProbe, Status, decide, identify};

use crate::cgroup::Handle;
use crate::sys::datagram::Inbox;
use crate::sys::dir::{Dir, Lock};
use crate::sys::error::errno;
use crate::sys::socket;
use anyhow::{Context, Result};
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Name of the record in a container's folder.
const RECORD: &str = "state.json";
/// Name of the start gate in a container's folder.
const GATE: &str = "gate";
/// Its mode from the moment in which `start` goes to open it: no umask sets this bit, and nobody needs it on a socket.
const OPENING: u32 = 0o1700;
/// Name of the kept configuration in a container's folder.
const CONFIG: &str = "config.json";
/// Name of the compiled seccomp filter in a container's folder: struct sock_filter by struct sock_filter, as the kernel and
/// tools that print it take it.
const FILTER: &str = "seccomp.bpf";
/// Name of the limits that `update` has changed in a container's folder.
const RESOURCES: &str = "resources.json";
/// Name of the folder of a container's NOTIFY_SOCKET in its own.
const NOTIFY: &str = "notify";
/// More than most records have.
const RECORD_USUAL_BYTES: usize = 4096;
/// A record larger than this is not ours: annotations are bounded by the 16 MiB that a config may have.
const RECORD_LIMIT_BYTES: usize = 32 << 20;

/// The folder of all containers, held open.
#[derive(Debug)]
pub struct Store {
    dir: Rc<Dir>,
}

impl Store {
    /// Opens the root folder for `create`, making it (mode 0700) and its parents if need be.
    pub fn create_root(path: &Path) -> Result<Store> {
        Ok(Store { dir: Rc::new(root::create(path)?) })
    }

    /// Opens an existing root folder; `None`: there is none, so there are no containers either.
    pub fn open_root(path: &Path) -> Result<Option<Store>> {
        Ok(root::open(path)?.map(|dir| Store { dir: Rc::new(dir) }))
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Makes the folder of a new container, locks it for as long as the returned value lives, and writes its
    /// first record. Whatever fails, no folder is left.
    pub fn create(&self, record: Record) -> Result<Container> {
        let id = record.id.clone();
        check_id(&id)?;
        match self.dir.make_dir(&id, 0o700) {
            Err(e) if e.is(errno::EEXIST) => {
                return Err(match self.load(&id) {
                    Err(e) if matches!(e.downcast_ref(), Some(Refused::Foreign { .. })) => e,
                    _ => Refused::Exists { id }.into(),
                });
            }
            other => other.context("make the state folder")?,
        }
        let made = self.fill(&id, record);
        if made.is_err() {
            // The first error is the one to report.
            let _ = self.dir.remove_tree(&id);
        }
        made
    }

    fn fill(&self, id: &str, record: Record) -> Result<Container> {
        let dir = self.dir.open_dir(id).context("open the state folder")?;
        dir.lock(Lock::Exclusive).context("lock the state folder")?;
        let container = self.container(dir, Held::Yes, record);
        container.save()?;
        Ok(container)
    }

    fn container(&self, dir: Dir, held: Held, record: Record) -> Container {
        let (parent, held, written) = (Rc::clone(&self.dir), Cell::new(held), RefCell::default());
        Container { parent, dir, held, written, reaped: None, record }
    }

    /// Opens a container.
    pub fn load(&self, id: &str) -> Result<Container> {
        let dir = self.open_folder(id)?;
        self.read(id, dir, Held::No)
    }

    /// Opens a container for who is about to change it: with its lock, if nobody has it. The record is read after that, so
    /// that it is the last word. If somebody has it: see [`Container::lock_within`].
    pub fn load_to_change(&self, id: &str) -> Result<Container> {
        let dir = self.open_folder(id)?;
        let held =
            if dir.lock(Lock::TryExclusive).context("lock the state folder")? { Held::Yes } else { Held::No };
        self.read(id, dir, held)
    }

    fn open_folder(&self, id: &str) -> Result<Dir> {
        check_id(id)?;
        match self.dir.open_dir(id) {
            Err(e) if e.is(errno::ENOENT) || e.is(errno::ENOTDIR) || e.is(errno::ELOOP) => {
                Err(Refused::NotFound { id: id.to_string() }.into())
            }
            other => other.context("open the state folder"),
        }
    }

    fn read(&self, id: &str, dir: Dir, held: Held) -> Result<Container> {
        let (record, is_written) = match dir.read_record(RECORD, RECORD_USUAL_BYTES, RECORD_LIMIT_BYTES) {
            Ok(data) => (Record::parse(id, &data)?, true),
            // Its creator is between mkdir and the first write, or died there.
            Err(e) if e.is(errno::ENOENT) && is_empty(&dir)? => (Record::unwritten(id), false),
            Err(e) if e.is(errno::ENOENT) => return Err(Refused::Foreign { id: id.to_string() }.into()),
            Err(e) => return Err(anyhow::Error::new(e).context("read the container's record")),
        };
        let container = self.container(dir, held, record);
        // Whoever deletes a container has its lock, and takes the record away: one that is there says that the folder is.
        if !is_written && container.is_gone()? {
            return Err(Refused::NotFound { id: id.to_string() }.into());
        }
        Ok(container)
    }

    /// Removes a container's folder of which the record cannot be read. Only a folder that holds nothing but our
    /// own files is removed: other runtimes keep theirs below the same root.
    pub fn remove_damaged(&self, id: &str) -> Result<()> {
        check_id(id)?;
        let dir = self.dir.open_dir(id).context("open the state folder")?;
        if !dir.entries()?.iter().all(|entry| is_ours(&entry.name)) {
            return Err(Refused::Foreign { id: id.to_string() }.into());
        }
        self.dir.remove_tree(id).context("remove the state folder")
    }

    /// The names of all folders here that may be containers, sorted.
    pub fn ids(&self) -> Result<Vec<String>> {
        let entries = self.dir.entries().context("list the state root")?;
        let folders = entries.iter().filter(|entry| entry.is_dir && check_id(&entry.name).is_ok());
        let mut ids: Vec<&str> = folders.map(|entry| entry.name.as_str()).collect();
        ids.sort_unstable();
        Ok(ids.into_iter().map(str::to_owned).collect())
    }
}

fn is_ours(name: &str) -> bool {
    let whole = |name: &str| [RECORD, CONFIG, FILTER, RESOURCES].contains(&name);
    whole(name)
        || name == GATE
        || name == NOTIFY
        || name.strip_prefix('.').and_then(|n| n.strip_suffix(".new")).is_some_and(whole)
}

/// Whether nothing but files of ours is there. A folder that has been removed meanwhile has nothing.
fn is_empty(dir: &Dir) -> Result<bool> {
    match dir.entries() {
        Err(e) if e.is(errno::ENOENT) => Ok(true),
        other => Ok(other.context("list the state folder")?.iter().all(|entry| is_ours(&entry.name))),
    }
}

/// Where the folder of a container's NOTIFY_SOCKET will be.
pub fn notify_folder(root: &Path, id: &str) -> PathBuf {
    root.join(id).join(NOTIFY)
}

/// Whether we hold a container's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

/// A container's folder, held open, and what its record says.
#[derive(Debug)]
pub struct Container {
    parent: Rc<Dir>,
    dir: Dir,
    held: Cell<Held>,
    /// The record's file as we have written it last.
    written: RefCell<Option<OwnedFd>>,
    /// Its first process, if we have reaped it.
    reaped: Option<Init>,
    /// What is known of it. Changed by the owner of this value, then kept by [`Container::save`].
    pub record: Record,
}

impl Container {
    /// The container's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Its folder, for messages.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// User id of the folder's owner: who created the container.
    pub fn owner(&self) -> Result<u32> {
        let stat = self.dir.stat(".").context("read the owner of the state folder")?;
        Ok(stat.map_or(0, |stat| stat.st_uid))
    }

    /// Puts the record on disk as a whole: readers see the old one or the new one.
    pub fn save(&self) -> Result<()> {
        let data = self.record.to_json()?;
        let file = self.dir.replace(RECORD, &data, 0o600).context("write the container's record")?;
        self.written.replace(Some(file));
        Ok(())
    }

    /// Whether the record on disk is the one that we have written last: then nobody has changed the container since, nor
    /// removed it.
    pub fn is_as_written(&self) -> Result<bool> {
        let written = self.written.borrow();
        Ok(written.as_ref().map_or(Ok(false), |file| self.dir.is_file(RECORD, file.as_fd()))?)
    }

    /// Makes the gate: a listening socket that the container's process inherits.
    pub fn make_gate(&self) -> Result<OwnedFd> {
        socket::listen_in(self.dir.as_fd(), GATE).context("make the start gate")
    }

    /// Goes to open the gate: first it is marked, so that whoever finds it after our death asks whether somebody still stands
    /// there; then it is connected to. None: nobody stands there any more.
    pub fn open_gate(&self) -> Result<Option<socket::Seqpacket>> {
        let marked = self.dir.set_mode_of(GATE, OPENING);
        match marked.and_then(|()| socket::Seqpacket::connect_in(self.dir.as_fd(), GATE)) {
            Err(e) if e.is(errno::ECONNREFUSED) || e.is(errno::ENOENT) => Ok(None),
            other => other.context("connect to the start gate").map(Some),
        }
    }

    /// Removes the gate: from now on the container counts as started. Gone already is fine.
    pub fn remove_gate(&self) -> Result<()> {
        remove::unless_gone(self.dir.remove_file(GATE)).context("remove the start gate")
    }

    /// Makes the folder of its NOTIFY_SOCKET, for the container to mount: every user of it may look into it.
    pub fn make_notify(&self) -> Result<()> {
        let made = self.dir.make_dir(NOTIFY, 0o755).and_then(|()| self.dir.open_dir(NOTIFY)?.set_mode(0o755));
        made.context("make the folder of the notify socket")
    }

    /// Whether it has a folder for a notify socket of its own.
    pub fn has_notify_folder(&self) -> bool {
        self.dir.open_dir(NOTIFY).is_ok()
    }

    /// Its NOTIFY_SOCKET, from now on listened to; None: it has none.
    pub fn notify_inbox(&self) -> Result<Option<Inbox>> {
        let folder = match self.dir.open_dir(NOTIFY) {
            Err(e) if e.is(errno::ENOENT) => return Ok(None),
            other => other.context("open the folder of the notify socket")?,
        };
        // Of a `start` that came to nothing.
        let name = crate::plan::notify::SOCKET;
        match folder.remove_file(name) {
            Err(e) if !e.is(errno::ENOENT) => return Err(e).context("replace the notify socket"),
            _ => {}
        }
        Inbox::bind_in(folder.as_fd(), name).map(Some).context("make the notify socket")
    }

    /// What the container is doing now. See [`Status`] for how that is decided.
    pub fn status(&mut self) -> Result<Status> {
        let status = status::decide(&self.record, &self.probes(None))?;
        if self.is_created_meanwhile(status)? {
            return status::decide(&self.record, &self.probes(None));
        }
        Ok(status)
    }

    /// The same with [`Container::init`], by one look at the process.
    pub fn status_and_init(&mut self) -> Result<(Status, Option<OwnedFd>)> {
        let found = self.look()?;
        if self.is_created_meanwhile(found.0)? { self.look() } else { Ok(found) }
    }

    fn look(&self) -> Result<(Status, Option<OwnedFd>)> {
        let init = self.init()?;
        let status = status::decide(&self.record, &self.probes(Some(init.is_some())))?;
        Ok((status, init))
    }

    /// Nobody is at work on its creation any more. Then it has failed, or `create` has written that it is done, and given the
    /// lock back, since we read the record: the record says which, if it is read again.
    fn is_created_meanwhile(&mut self, status: Status) -> Result<bool> {
        if self.record.phase != Phase::Creating || status != Status::Stopped || self.has_lock() {
            return Ok(false);
        }
        self.reload()?;
        Ok(self.record.phase != Phase::Creating)
    }

    fn probes(&self, alive: Option<bool>) -> status::Probes<'_> {
        status::Probes { dir: &self.dir, locked_by_us: self.has_lock(), alive }
    }

    /// A descriptor of its init, if that is alive: opened first, then compared with the record, so that a reused
    /// pid cannot pass for it.
    pub fn init(&self) -> Result<Option<OwnedFd>> {
        status::open_alive(self.record.init.as_ref().filter(|init| self.reaped.as_ref() != Some(init)))
    }

    /// Its control groups, if they are there and nobody else's: when it has ended, another container may have its unit's name.
    pub fn groups(&self) -> Result<Option<&Handle>> {
        let Some(groups) = self.record.cgroup.as_ref().filter(|groups| groups.exists()) else {
            return Ok(None);
        };
        let are_ours = groups.unit.is_none() || self.init()?.is_some() || groups.is_ours()?;
        Ok(are_ours.then_some(groups))
    }

    /// Its first process has been our child, and is no more.
    pub fn has_reaped_init(&mut self) {
        self.reaped = self.record.init.clone();
    }

    /// A descriptor of the CRIU that saves it, if that is alive, by the same rule.
    pub fn criu(&self) -> Result<Option<OwnedFd>> {
        status::open_alive(self.record.criu.as_ref())
    }

    /// The same, also if it has ended and waits to be reaped.
    pub fn init_alive_or_dead(&self) -> Result<Option<OwnedFd>> {
        status::open_alive_or_dead(self.record.init.as_ref())
    }

    /// Writes down how the container's first process ended, for whoever asks later. It is a courtesy: a container
    /// that is gone, changed or at work meanwhile is left alone.
    pub fn keep_end(&mut self, end: End) -> Result<()> {
        if !self.lock_within(Duration::from_millis(500))? || self.is_gone()? {
            return Ok(());
        }
        let init = self.record.init.clone();
        self.reload()?;
        if self.record.init == init && self.record.end.is_none() {
            self.record.end = Some(end);
            self.save()?;
        }
        self.unlock()
    }

    /// Forgets the control groups of a record that is older than this boot: they ended with the machine, and whatever
    /// has their names now is somebody else's.
    pub fn forget_other_boots(&mut self) -> Result<()> {
        let Some(init) = &self.record.init else { return Ok(()) };
        if init.boot_id != crate::sys::pidfd::boot_id()? {
            self.record.cgroup = None;
            self.record.rdt = None;
        }
        Ok(())
    }

    /// Takes the folder's lock, waiting at most `limit` for somebody else's (a `create` at work, a second
    /// `delete`). `Ok(false)`: it is still held. Polls, for flock(2) has no time limit, but only when it is held.
    pub fn lock_within(&self, limit: Duration) -> Result<bool> {
        let mut since = None;
        let mut pause = Duration::from_micros(200);
        while !self.dir.lock(Lock::TryExclusive).context("lock the state folder")? {
            if since.get_or_insert_with(Instant::now).elapsed() >= limit {
                return Ok(false);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        self.held.set(Held::Yes);
        Ok(true)
    }

    /// Whether we have the lock.
    pub fn has_lock(&self) -> bool {
        self.held.get() == Held::Yes
    }

    /// Gives the lock back, as dropping this value would: for a creator that stays, as `run` does.
    pub fn unlock(&self) -> Result<()> {
        self.dir.unlock().context("unlock the state folder")?;
        self.held.set(Held::No);
        Ok(())
    }

    /// Whether the folder has been removed by somebody else since it was opened. Another of the same name, of a
    /// container that was made since, is not ours.
    pub fn is_gone(&self) -> Result<bool> {
        let named = self.parent.stat(&self.record.id)?.map(|stat| (stat.st_dev, stat.st_ino));
        let ours = self.dir.stat(".")?.map(|stat| (stat.st_dev, stat.st_ino));
        Ok(named.is_none() || named != ours)
    }

    /// Reads the record again, after a lock was waited for.
    pub fn reload(&mut self) -> Result<()> {
        match self.dir.read_record(RECORD, RECORD_USUAL_BYTES, RECORD_LIMIT_BYTES) {
            Ok(data) => self.record = Record::parse(&self.record.id, &data)?,
            Err(e) if e.is(errno::ENOENT) => {}
            Err(e) => return Err(anyhow::Error::new(e).context("read the container's record")),
        }
        Ok(())
    }
}
