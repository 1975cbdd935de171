//! Finding the program as the container's user would, and saying why it cannot be executed.

use super::abi::{Detail, Step};
use super::start::Given;
use super::syscall::{self, Errno};
use super::wire::Failed;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};

const PATH_BYTES: usize = 4096;
const HEAD_BYTES: usize = 1024;
const OBJECT_BYTES: usize = super::abi::OBJECT_BYTES;

/// execvp(3)'s, for an environment without PATH.
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";

/// Room for a path that is put together: not on the stack, of which a frame of this size would touch every page.
struct Room(UnsafeCell<[u8; PATH_BYTES]>);

// SAFETY: the stage has one thread.
unsafe impl Sync for Room {}

static ROOM: Room = Room(UnsafeCell::new([0; PATH_BYTES]));

/// A program that was found, and what is already known to be wrong with it.
pub struct Program {
    /// The first argument itself, or what lies in [`ROOM`].
    path: *const c_char,
    doubt: Detail,
    about: [u8; OBJECT_BYTES],
    about_len: usize,
}

impl Program {
    /// Looks the first argument up: in PATH if it has no slash. Does not follow the kernel further than to a
    /// regular file with execute permission.
    pub fn find(given: &Given) -> Result<Program, Failed> {
        let failed = |errno, detail| Failed::new(Step::Lookup, errno).because(detail);
        let name = given.name().ok_or(failed(syscall::EINVAL, Detail::None))?.to_bytes();
        let path = given.name().map_or(core::ptr::null(), CStr::as_ptr);
        let mut program = Program { path, doubt: Detail::None, about: [0; OBJECT_BYTES], about_len: 0 };
        if name.is_empty() {
            // The configuration has no process: there may be one container so far, but no start of it.
            program.doubt = Detail::NoProcess;
            return Ok(program);
        }
        if name.contains(&b'/') {
            return match executable(program.path) {
                Ok(()) => Ok(program),
                Err((errno, detail)) => Err(failed(errno, detail)),
            };
        }
        let folders = given.variable(b"PATH=").unwrap_or(DEFAULT_PATH).to_bytes();
        let mut refused = None;
        for folder in folders.split(|byte| *byte == b':') {
            if program.set_path(folder, name).is_err() {
                continue;
            }
            match executable(program.path) {
                Ok(()) => return Ok(program),
                Err((errno, detail @ (Detail::NotExecutable | Detail::NoexecMount | Detail::IsDirectory))) => refused = Some((errno, detail)),
                Err(_) => {}
            }
        }
        match refused {
            Some((errno, detail @ (Detail::NotExecutable | Detail::NoexecMount))) => Err(failed(errno, detail)),
            _ => Err(failed(syscall::ENOENT, Detail::NotInPath)),
        }
    }

    /// Puts `folder`/`name` together.
    fn set_path(&mut self, folder: &[u8], name: &[u8]) -> Result<(), Errno> {
        let slash = usize::from(!folder.is_empty());
        let len = folder.len() + slash + name.len();
        if len >= PATH_BYTES {
            return Err(syscall::ENAMETOOLONG);
        }
        // SAFETY: nobody else refers to it: there is one program, and of it only the kernel reads the path.
        let room = unsafe { &mut *ROOM.0.get() };
        room[..folder.len()].copy_from_slice(folder);
        if slash == 1 {
            room[folder.len()] = b'/';
        }
        room[folder.len() + slash..len].copy_from_slice(name);
        room[len] = 0;
        self.path = room.as_ptr().cast();
        Ok(())
    }

    /// Looks at the file's head while that is still allowed, so that a failing execve(2) can be explained. What is
    /// found is a doubt, not a verdict: binfmt_misc(5) may run what looks foreign, and a hook may add what is missing.
    pub fn examine(&mut self) {
        if self.doubt == Detail::NoProcess {
            return;
        }
        const O_NONBLOCK_NOCTTY_CLOEXEC: i32 = 0o4000 | 0o400 | 0o2000000;
        // `find` has seen a regular file; should it be something else by now, O_NONBLOCK keeps us from waiting.
        let Ok(fd) = syscall::openat(syscall::AT_FDCWD, self.path, O_NONBLOCK_NOCTTY_CLOEXEC) else { return };
        let mut head = [0u8; HEAD_BYTES];
        let len = syscall::read(fd, &mut head).unwrap_or(0);
        if head[..len].starts_with(b"#!") {
            self.examine_script(&head[2..len]);
        } else if head[..len].starts_with(b"\x7fELF") {
            self.examine_elf(fd, &head);
        } else {
            self.doubt = Detail::UnknownFormat;
        }
        syscall::close(fd);
    }

    fn examine_script(&mut self, line: &[u8]) {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
        let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let interpreter = line.split(is_blank).find(|word| !word.is_empty()).unwrap_or(b"");
        self.doubt_interpreter(interpreter, Detail::MissingScriptInterpreter);
    }

    fn examine_elf(&mut self, fd: i32, head: &[u8; HEAD_BYTES]) {
        const PT_INTERP: u64 = 3;
        let is_64 = head[4] == 2;
        let number = |at: usize, bytes: usize| -> u64 {
            let mut value = 0;
            for i in (0..bytes).rev() {
                value = value << 8 | u64::from(*head.get(at + i).unwrap_or(&0));
            }
            value
        };
        let machine = number(18, 2);
        // Big-endian files are foreign to every machine we run on.
        if head[5] != 1 || !NATIVE_MACHINES.contains(&machine) {
            self.doubt = Detail::WrongArchitecture;
            self.about_len = decimal(if head[5] == 1 { machine } else { machine.swap_bytes() >> 48 }, &mut self.about);
            return;
        }
        let (table, entry_bytes, entries) =
            if is_64 { (number(32, 8), number(54, 2), number(56, 2)) } else { (number(28, 4), number(42, 2), number(44, 2)) };
        for i in 0..entries.min(32) {
            let at = (table.wrapping_add(i * entry_bytes)) as usize;
            if at < HEAD_BYTES && number(at, 4) == PT_INTERP {
                let offset = if is_64 { number(at + 8, 8) } else { number(at + 4, 4) };
                let mut name = [0u8; OBJECT_BYTES];
                let len = syscall::pread(fd, &mut name, offset).unwrap_or(0);
                let end = name[..len].iter().position(|byte| *byte == 0).unwrap_or(0);
                self.doubt_interpreter(&name[..end], Detail::MissingElfInterpreter);
            }
        }
    }

    fn doubt_interpreter(&mut self, name: &[u8], missing: Detail) {
        if name.is_empty() || name.len() >= OBJECT_BYTES {
            return;
        }
        self.about = [0; OBJECT_BYTES];
        self.about[..name.len()].copy_from_slice(name);
        self.about_len = name.len();
        if syscall::may(self.about.as_ptr().cast(), 0).is_err() {
            self.doubt = missing;
        }
    }

    /// Fails if there is nothing to execute.
    pub fn must_be_there(&self) -> Result<(), Failed> {
        match self.doubt {
            Detail::NoProcess => Err(Failed::new(Step::Lookup, syscall::EINVAL).because(Detail::NoProcess)),
            _ => Ok(()),
        }
    }

    /// execve(2). Returns only if it fails.
    pub fn execute(&self, given: &Given) -> Failed {
        let errno = syscall::execve(self.path, given.argv, given.envp);
        let detail = match (errno, self.doubt) {
            (syscall::ENOENT, Detail::MissingElfInterpreter | Detail::MissingScriptInterpreter) => self.doubt,
            (syscall::ENOEXEC, Detail::WrongArchitecture | Detail::UnknownFormat) => self.doubt,
            _ => Detail::None,
        };
        let failed = Failed::new(Step::Exec, errno).because(detail);
        match detail {
            Detail::None => failed,
            _ => failed.of(&self.about[..self.about_len]),
        }
    }
}

/// Whether `path` is a regular file that the effective user may execute.
fn executable(path: *const c_char) -> Result<(), (Errno, Detail)> {
    const S_IFMT: u32 = 0o170000;
    const S_IFDIR: u32 = 0o040000;
    const S_IFREG: u32 = 0o100000;
    match syscall::stat_mode(path).map_err(|errno| (errno, Detail::None))? & S_IFMT {
        S_IFDIR => return Err((syscall::EISDIR, Detail::IsDirectory)),
        S_IFREG => {}
        _ => return Err((syscall::EACCES, Detail::NotExecutable)),
    }
    syscall::may(path, 1).map(|_| ()).map_err(|errno| match errno {
        syscall::EACCES if lies_on_noexec(path) => (errno, Detail::NoexecMount),
        syscall::EACCES => (errno, Detail::NotExecutable),
        other => (other, Detail::None),
    })
}

fn lies_on_noexec(path: *const c_char) -> bool {
    const O_PATH_CLOEXEC: i32 = 0o10000000 | 0o2000000;
    let Ok(fd) = syscall::openat(syscall::AT_FDCWD, path, O_PATH_CLOEXEC) else { return false };
    let noexec = syscall::is_noexec(fd);
    syscall::close(fd);
    noexec
}

/// ELF machines that the kernel runs here by itself.
#[cfg(target_arch = "x86_64")]
const NATIVE_MACHINES: [u64; 2] = [62, 3];
#[cfg(target_arch = "aarch64")]
const NATIVE_MACHINES: [u64; 2] = [183, 40];
#[cfg(target_arch = "riscv64")]
const NATIVE_MACHINES: [u64; 1] = [243];

fn decimal(number: u64, out: &mut [u8; OBJECT_BYTES]) -> usize {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut len = 0;
    loop {
        digits[len] = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    for i in 0..len {
        out[i] = digits[len - 1 - i];
    }
    len
}
