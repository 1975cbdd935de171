//! What the stage finds when it starts: its stack, and the payload in its own file.

use super::abi::{PAYLOAD_MAGIC, PAYLOAD_OFFSET, Payload, Slice};
use super::syscall;
use core::ffi::{CStr, c_char};

/// The container's arguments and environment, and the descriptor of our own file.
pub struct Given {
    pub argv: *const *const c_char,
    pub envp: *const *const c_char,
    /// -1 if we were not started by the runtime.
    pub file: i32,
}

impl Given {
    /// Reads the stack as execve(2) left it.
    ///
    /// # Safety
    /// `stack` is that stack.
    pub unsafe fn from_stack(stack: *const usize) -> Given {
        const AT_EXECFN: usize = 31;
        // SAFETY: the kernel's layout: argc, argv.., 0, envp.., 0, (type, value).., (0, 0).
        unsafe {
            let argc = *stack;
            let argv = stack.add(1);
            let envp = argv.add(argc + 1);
            let mut auxiliary = envp;
            while *auxiliary != 0 {
                auxiliary = auxiliary.add(1);
            }
            auxiliary = auxiliary.add(1);
            let mut file = -1;
            while *auxiliary != 0 {
                if *auxiliary == AT_EXECFN {
                    file = descriptor_in(CStr::from_ptr(*auxiliary.add(1) as *const c_char));
                }
                auxiliary = auxiliary.add(2);
            }
            Given { argv: argv.cast(), envp: envp.cast(), file }
        }
    }

    /// The first argument; None if there is none.
    pub fn name(&self) -> Option<&CStr> {
        // SAFETY: argv is NULL-terminated, and its strings live on the stack as long as the process.
        unsafe {
            let first = *self.argv;
            if first.is_null() { None } else { Some(CStr::from_ptr(first)) }
        }
    }

    /// The value of an environment variable, given as `NAME=`.
    pub fn variable(&self, name: &[u8]) -> Option<&CStr> {
        let mut entry = self.envp;
        // SAFETY: envp is NULL-terminated, and its strings live on the stack as long as the process.
        unsafe {
            while !(*entry).is_null() {
                let text = CStr::from_ptr(*entry);
                if text.to_bytes().starts_with(name) {
                    return Some(CStr::from_ptr((*entry).add(name.len())));
                }
                entry = entry.add(1);
            }
        }
        None
    }
}

impl Given {
    /// Whether a guard is to be left out: only in a variant for integration/break (src/guard.rs), which says so in the
    /// container's environment.
    pub fn is_broken(&self, guard: &[u8]) -> bool {
        cfg!(break_guards) && self.variable(b"TARE_BREAK=").is_some_and(|asked| asked.to_bytes() == guard)
    }
}

/// The N of `/dev/fd/N`, the name under which execveat(2) executes a descriptor.
fn descriptor_in(name: &CStr) -> i32 {
    let Some(digits) = name.to_bytes().strip_prefix(b"/dev/fd/") else { return -1 };
    digits.iter().fold(0, |number, digit| match digit {
        b'0'..=b'9' if (0..100_000_000).contains(&number) => number * 10 + i32::from(digit - b'0'),
        _ => -1,
    })
}

/// The payload, mapped.
pub struct Mapped {
    /// A copy of its head.
    pub header: Payload,
    base: *mut u8,
}

impl Mapped {
    /// Maps the payload of `file`; None if there is none.
    pub fn from_file(file: i32) -> Option<Mapped> {
        if file < 0 {
            return None;
        }
        // More than most payloads have, which are in one call then: what lies behind the file's end is never looked at.
        const USUAL_BYTES: usize = 1 << 16;
        let base = syscall::map(file, PAYLOAD_OFFSET, USUAL_BYTES).ok()?;
        // SAFETY: the runtime has put a payload behind every program that it executes by its descriptor. It is plain numbers,
        // and a mapping is aligned for them.
        let header = unsafe { base.cast::<Payload>().read() };
        if header.magic != PAYLOAD_MAGIC {
            return None;
        }
        let bytes = header.size_bytes as usize;
        let base = if bytes > USUAL_BYTES { syscall::map(file, PAYLOAD_OFFSET, bytes).ok()? } else { base };
        Some(Mapped { header, base })
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u32) -> bool {
        self.header.flags & flag != 0
    }

    /// Where a slice begins.
    pub fn address(&self, slice: Slice) -> *mut u8 {
        self.base.wrapping_add(slice.offset as usize)
    }

    /// A slice of bytes.
    pub fn bytes(&self, slice: Slice) -> &[u8] {
        // SAFETY: the runtime wrote the payload: every slice lies inside of it and is 8-aligned.
        unsafe { core::slice::from_raw_parts(self.address(slice), slice.len as usize) }
    }

    /// A slice of numbers.
    pub fn numbers(&self, slice: Slice) -> &[u32] {
        // SAFETY: as above; `len` counts items.
        unsafe { core::slice::from_raw_parts(self.address(slice).cast(), slice.len as usize) }
    }

    /// A slice of `T`s of the payload's own types.
    pub fn items<T: Copy>(&self, slice: Slice) -> &[T] {
        // SAFETY: as above; `len` counts items.
        unsafe { core::slice::from_raw_parts(self.address(slice).cast(), slice.len as usize) }
    }

    /// A string, for the kernel.
    pub fn string(&self, slice: Slice) -> *const c_char {
        self.address(slice) as *const c_char
    }

    /// A list of strings, for execve(2): turns the offsets into pointers where they lie. Only once for each list.
    pub fn pointers(&self, slice: Slice) -> *const *const c_char {
        let first = self.address(slice).cast::<u64>();
        for i in 0..slice.len as usize {
            // SAFETY: the mapping is private and writable, and `len` items lie there; a zero follows them.
            unsafe {
                let item = first.add(i);
                *item += self.base as u64;
            }
        }
        first as *const *const c_char
    }
}
