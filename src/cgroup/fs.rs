//! The one writer of control group files; explains what the kernel answers.
//!
//! Called by `prepare` and `update` with the lists that `v1`, `v2` and `devices_v1` make. Decides nothing about limits.

use super::undo::{self, Undo};
use crate::sys::SysError;
use crate::sys::dir::Dir;
use crate::sys::error::{describe, errno};
use crate::sys::fd::{self, Pile};
use crate::sys::kernel_file;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// One file of a group and what goes into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The file's name, or that of another file that stands for it.
    pub file: String,
    /// What is written, in one write(2).
    pub value: String,
    /// Which field of config.json asked for it, as a JSON pointer; empty: none did.
    pub pointer: String,
    /// What may go wrong.
    pub tolerate: Tolerate,
    /// Writes of one batch that the kernel refuses with EINVAL are tried again after the others of it: a quota and a
    /// burst, or memory and swap, bound each other, and which comes first depends on what is there.
    pub batch: Option<&'static str>,
    /// Refused if this file (bytes in use) holds more than the number: `memory.checkBeforeUpdate`.
    pub not_below: Option<(&'static str, u64)>,
}

/// What may go wrong with a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tolerate {
    /// Nothing.
    Nothing,
    /// The kernel need not have the file.
    Missing,
    /// The kernel has either this file or another one, with another value.
    Or(String, String),
    /// The parent group need not allow it.
    Denied,
}

impl Write {
    /// A write that has to succeed.
    pub fn new(file: impl Into<String>, value: impl fmt::Display, pointer: impl Into<String>) -> Write {
        Write {
            file: file.into(),
            value: value.to_string(),
            pointer: pointer.into(),
            tolerate: Tolerate::Nothing,
            batch: None,
            not_below: None,
        }
    }

    /// The same, tolerating something.
    pub fn tolerate(mut self, tolerate: Tolerate) -> Write {
        self.tolerate = tolerate;
        self
    }

    /// The same, in a batch.
    pub fn batch(mut self, name: &'static str) -> Write {
        self.batch = Some(name);
        self
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.file, self.value)
    }
}

/// A limit or a group that cannot be had: printed as one sentence, with its parts for the log.
///
/// As wide as a pointer: most functions here can return one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Box<Grounds>);

/// What a [`Refusal`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// Stable name of this kind of error, one of [`code`].
    pub code: &'static str,
    /// The file or folder; empty: config.json itself.
    pub object: String,
    /// What is wrong, lower case.
    pub problem: String,
    /// errno(3), if the kernel said so; 0 if not.
    pub errno: i32,
    /// JSON pointer into config.json; empty if no field asked for it.
    pub pointer: String,
    /// What to do; may be empty.
    pub advice: String,
}

/// Stable words for the kinds of refusal, as `code` in the log and in docs/errors.md.
pub mod code {
    /// The host lacks the controller, or it is not in the needed hierarchy.
    pub const NO_CONTROLLER: &str = "cgroup-no-controller";
    /// This version of control groups has no such limit.
    pub const NO_CONVERSION: &str = "cgroup-no-conversion";
    /// The kernel refused the value.
    pub const LIMIT: &str = "cgroup-limit";
    /// The place cannot be used: a bad path, not ours, not empty, frozen.
    pub const PLACE: &str = "cgroup-place";
    /// systemd cannot be asked, or refuses.
    pub const SYSTEMD: &str = "cgroup-systemd";
    /// The manager cannot do it.
    pub const MANAGER: &str = "cgroup-manager";
    /// Processes that do not freeze, end, or leave.
    pub const BUSY: &str = "cgroup-busy";
    /// Intel RDT: no resctrl, or a group that cannot be had.
    pub const RDT: &str = "intel-rdt";
}

impl Refusal {
    /// A refusal that needed no system call.
    pub fn new(code: &'static str, object: impl Into<String>, problem: impl Into<String>) -> Refusal {
        Refusal::boxed(code, object.into(), problem.into())
    }

    #[cold]
    fn boxed(code: &'static str, object: String, problem: String) -> Refusal {
        let (pointer, advice) = (String::new(), String::new());
        Refusal(Box::new(Grounds { code, object, problem, errno: 0, pointer, advice }))
    }

    /// A limit that cannot be carried out, whatever the host.
    pub fn limit(code: &'static str, pointer: impl Into<String>, problem: impl Into<String>) -> Refusal {
        Refusal::new(code, "", problem).at(pointer)
    }

    /// A refusal by the kernel.
    pub fn system(code: &'static str, error: &SysError, problem: impl Into<String>) -> Refusal {
        Refusal::by_kernel(code, error, problem.into())
    }

    #[cold]
    fn by_kernel(code: &'static str, error: &SysError, problem: String) -> Refusal {
        let problem = format!("{problem}: {}", describe(error.errno));
        let mut refusal = Refusal::new(code, error.object.clone(), problem);
        refusal.errno = error.errno;
        refusal
    }

    /// The same about the field at `pointer`.
    pub fn at(mut self, pointer: impl Into<String>) -> Refusal {
        self.pointer = pointer.into();
        self
    }

    /// The same with advice.
    pub fn advise(mut self, advice: impl Into<String>) -> Refusal {
        self.advice = advice.into();
        self
    }
}

impl Deref for Refusal {
    type Target = Grounds;

    fn deref(&self) -> &Grounds {
        &self.0
    }
}

impl DerefMut for Refusal {
    fn deref_mut(&mut self) -> &mut Grounds {
        &mut self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.object.is_empty() {
            write!(f, "{}: ", self.object)?;
        }
        f.write_str(&self.problem)?;
        if !self.pointer.is_empty() {
            write!(f, " (config.json#{})", self.pointer)?;
        }
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// Carries out `writes` in the group `dir`, in order.
///
/// # Errors
/// The first that the kernel refuses and that is not tolerated.
pub fn write_all(dir: &Dir, writes: &[Write]) -> Result<(), Refusal> {
    write_all_and_pile(Group::Open(dir), writes, &mut Pile::default())
}

/// The same; the files are left open on a pile.
///
/// # Errors
/// As [`write_all`].
pub fn write_all_and_pile(group: Group<'_>, writes: &[Write], pile: &mut Pile) -> Result<(), Refusal> {
    Writer { group, name: String::new(), fd: None, pile, undo: None }.write_all(writes)
}

/// The group whose files are written.
#[derive(Debug, Clone, Copy)]
pub enum Group<'a> {
    /// Held open.
    Open(&'a Dir),
    /// By its path: for a few files that is one system call less.
    At(&'a Path),
}

impl Group<'_> {
    fn path_of(&self, file: &str) -> String {
        match self {
            Group::Open(dir) => dir.path_of(file),
            Group::At(path) => path.join(file).display().to_string(),
        }
    }

    fn open_for_writing(&self, file: &str) -> Result<OwnedFd, SysError> {
        match self {
            Group::Open(dir) => dir.open_for_writing(file),
            Group::At(path) => kernel_file::open_for_writing(&path.join(file)),
        }
    }

    fn read_line(&self, file: &str) -> Result<String, SysError> {
        let text = match self {
            Group::Open(dir) => dir.read(file, FILE_LIMIT_BYTES)?,
            Group::At(path) => Dir::open_no_follow(path)?.read(file, FILE_LIMIT_BYTES)?,
        };
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    fn read_number(&self, file: &str) -> Result<Option<u64>, SysError> {
        match self {
            Group::Open(dir) => read_number(dir, file),
            Group::At(path) => read_number(&Dir::open_no_follow(path)?, file),
        }
    }
}

/// The same, noting in `undo` what was there before, for each file that it has written.
///
/// # Errors
/// As [`write_all`]; then `undo` knows what has been done until then.
pub fn write_all_undoably(dir: &Dir, writes: &[Write], undo: &mut Undo) -> Result<(), Refusal> {
    let (group, pile) = (Group::Open(dir), &mut Pile::default());
    Writer { group, name: String::new(), fd: None, pile, undo: Some((dir, undo)) }.write_all(writes)
}

struct Writer<'a> {
    group: Group<'a>,
    /// The file written last: the rules of `devices.allow` all go through one descriptor.
    name: String,
    fd: Option<OwnedFd>,
    /// Those before.
    pile: &'a mut Pile,
    undo: Option<(&'a Dir, &'a mut Undo)>,
}

impl Writer<'_> {
    fn write_all(&mut self, writes: &[Write]) -> Result<(), Refusal> {
        let mut again: Vec<&Write> = Vec::new();
        for (index, write) in writes.iter().enumerate() {
            match self.write_one(write) {
                Err(error) if error.is(errno::EINVAL) && write.batch.is_some() => again.push(write),
                Err(error) => return Err(explain(write, &error)),
                Ok(()) => self.must_be_a_partition(write)?,
            }
            let batch_goes_on = writes.get(index + 1).is_some_and(|next| next.batch == write.batch);
            if !batch_goes_on {
                for write in again.drain(..) {
                    self.write_one(write).map_err(|error| explain(write, &error))?;
                }
            }
        }
        self.fd.take().into_iter().for_each(|last| self.pile.add(last));
        Ok(())
    }

    /// The kernel takes any kind of partition, and says only when it is asked that it has made none.
    fn must_be_a_partition(&self, write: &Write) -> Result<(), Refusal> {
        if write.file != "cpuset.cpus.partition" {
            return Ok(());
        }
        let state = self.group.read_line(&write.file).map_err(|error| explain(write, &error))?;
        if !state.contains("invalid") {
            return Ok(());
        }
        let problem = format!("the kernel makes no such partition: it says \"{}\"", state.escape_debug());
        Err(Refusal::new(code::LIMIT, self.group.path_of(&write.file), problem)
            .at(write.pointer.as_str())
            .advise("all groups above must be partitions, with these CPUs for this one alone"))
    }

    fn write_one(&mut self, write: &Write) -> Result<(), SysError> {
        if let Some((file, bytes)) = write.not_below
            && self.group.read_number(file)?.is_some_and(|used| used > bytes)
        {
            return Err(SysError::new("write", self.group.path_of(&write.file), errno::EBUSY));
        }
        match (self.write_value(&write.file, &write.value), &write.tolerate) {
            (Err(error), Tolerate::Missing) if error.is(errno::ENOENT) => Ok(()),
            (Err(error), Tolerate::Denied) if error.is(errno::EPERM) => Ok(()),
            (Err(error), Tolerate::Or(file, value)) if error.is(errno::ENOENT) => {
                self.write_value(file, value)
            }
            (result, _) => result,
        }
    }

    /// The error of a file that is named without its group.
    fn with_path(&self, mut error: SysError) -> SysError {
        error.object = self.group.path_of(&error.object);
        error
    }

    fn write_value(&mut self, file: &str, value: &str) -> Result<(), SysError> {
        if self.name != file || self.fd.is_none() {
            let next = self.group.open_for_writing(file)?;
            self.fd.replace(next).into_iter().for_each(|last| self.pile.add(last));
            file.clone_into(&mut self.name);
        }
        let Some(fd) = &self.fd else { return Ok(()) };
        let before = self.undo.as_ref().map(|(dir, _)| undo::before(dir, file, value));
        // A write of no bytes never reaches the kernel file: an empty value is a line end.
        let data = if value.is_empty() { "\n" } else { value };
        fd::write_once(fd.as_fd(), file, data.as_bytes()).map_err(|error| self.with_path(error))?;
        if let (Some((dir, undo)), Some(before)) = (&mut self.undo, before) {
            undo.note(dir, before);
        }
        Ok(())
    }
}

/// The most that a file of a group may hold for us.
pub(super) const FILE_LIMIT_BYTES: usize = 4 << 20;

/// A file of one number; None if it is missing or says `max`.
pub(super) fn read_number(dir: &Dir, file: &str) -> Result<Option<u64>, SysError> {
    match dir.read(file, FILE_LIMIT_BYTES) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).trim().parse().ok()),
        Err(error) if error.is(errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The value of `key` in a file of `key value` lines; None if the file or the key is missing.
pub(super) fn read_field(dir: &Dir, file: &str, key: &str) -> Result<Option<u64>, SysError> {
    let text = match dir.read(file, FILE_LIMIT_BYTES) {
        Ok(text) => text,
        Err(error) if error.is(errno::ENOENT) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(field(&String::from_utf8_lossy(&text), key))
}

/// The value of `key` in such a text.
pub(super) fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn explain(write: &Write, error: &SysError) -> Refusal {
    let value = write.value.escape_debug();
    let refusal =
        Refusal::system(code::LIMIT, error, format!("writing \"{value}\"")).at(write.pointer.as_str());
    let advice = match error.errno {
        errno::ENOENT if write.pointer.contains("/hugepageLimits/") => {
            "this kernel has no huge pages of that size: see /sys/kernel/mm/hugepages"
        }
        errno::ENOENT if write.file.starts_with("memory.memsw") => {
            "this kernel does not count swap: boot it with swapaccount=1, or remove memory.swap"
        }
        errno::ENOENT if write.file.starts_with("io.cost.") => {
            "only the root group has it, for the whole host: remove the field, and set it there"
        }
        errno::ENOENT => "this kernel's controller has no such file: remove the field",
        errno::EBUSY if write.file.starts_with("memory.") => {
            "more memory than that is in use: use a larger limit"
        }
        errno::EINVAL if write.file.starts_with("cpu.cfs") || write.file.starts_with("cpu.max") => {
            "the share quota/period must not be larger than the parent group's"
        }
        errno::EINVAL if matches!(write.file.as_str(), "cpu.shares" | "cpu.weight") => {
            "an idle group has no shares: set cpu.idle to 0 with them"
        }
        errno::EINVAL if write.file.starts_with("cpu.rt") => {
            "the parent group must have at least as much realtime budget"
        }
        errno::EINVAL | errno::EACCES if write.file.starts_with("cpuset.") => {
            "name only CPUs and memory nodes that the parent group has"
        }
        errno::EOPNOTSUPP if write.file.starts_with("memory.kmem.") => {
            "this kernel has no limit of kernel memory any more: remove the field"
        }
        errno::ENODEV | errno::ENXIO | errno::EOPNOTSUPP => {
            "there is no such device, or its I/O scheduler has no weights"
        }
        errno::EPERM if write.file.starts_with("devices.") => "the parent group does not allow this device",
        errno::EINVAL | errno::ERANGE => "the kernel does not take this value",
        errno::EACCES | errno::EPERM | errno::EROFS => "this user may not write it",
        _ => "",
    };
    refusal.advise(advice)
}
