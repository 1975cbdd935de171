//! The numbers of every system call on every architecture: `syscalls.txt`, packed when this crate is compiled.
//!
//! Called by `names` and by `plan::seccomp`. Knows nothing of filters. The text is written by scripts/syscall-table from the kernel's
//! headers; the program holds only the packed form (about 29 KiB), so nothing is parsed when a container is made.

const TEXT: &[u8] = include_bytes!("syscalls.txt");
/// Architectures in the text; `plan::seccomp` (`abi::ABIS`) names each column by its position.
pub const COLUMNS: usize = 18;
/// All numbers but the private ones are below.
pub const PLAIN: usize = 1024;
/// From here on ARM's private calls (breakpoint, cacheflush, set_tls ...), far above the others.
pub const PRIVATE: u32 = 0xf_0000;
const ABSENT: u16 = u16::MAX;
/// Stands for [`PRIVATE`] in 16 bits.
const PACKED_PRIVATE: u32 = 0xf000;

const SIZE: (usize, usize) = measure();
/// All names, one after the other.
static NAMES: [u8; SIZE.1] = pack().0;
/// Where each name ends in [`NAMES`].
static ENDS: [u16; SIZE.0] = pack().1;
/// The numbers of each architecture, by row. A profile has three of the 18: by row first, their numbers would lie in six times as many
/// cache lines.
static NUMBERS: [[u16; SIZE.0]; COLUMNS] = pack().2;

/// The row of each name, at the slot of its hash or behind it: a profile has 400 names, and a search by halves compares
/// each with nine others.
static SLOTS: [u16; SLOT_COUNT] = index();
/// A power of two, and so many that few names share a slot.
const SLOT_COUNT: usize = 1024;
const EMPTY: u16 = u16::MAX;

/// The row of a system call: its position in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call(u16);

impl Call {
    /// The system call called `name` on any architecture.
    pub fn find(name: &str) -> Option<Call> {
        let mut slot = first_slot(name.as_bytes(), 0, name.len());
        loop {
            let row = *SLOTS.get(slot)?;
            if row == EMPTY {
                return None;
            }
            if name_of(usize::from(row))? == name.as_bytes() {
                return Some(Call(row));
            }
            slot = next_slot(slot);
        }
    }

    /// Its number in `column`, without the ABI's base.
    pub fn number(self, column: usize) -> Option<u32> {
        match *NUMBERS.get(column)?.get(usize::from(self.0))? {
            ABSENT => None,
            packed if u32::from(packed) >= PACKED_PRIVATE => {
                Some(u32::from(packed) - PACKED_PRIVATE + PRIVATE)
            }
            number => Some(u32::from(number)),
        }
    }
}

fn name_of(row: usize) -> Option<&'static [u8]> {
    let start = match row.checked_sub(1) {
        None => 0,
        Some(before) => usize::from(*ENDS.get(before)?),
    };
    NAMES.get(start..usize::from(*ENDS.get(row)?))
}

/// FNV-1a of the bytes from `start` to `end`, by which [`SLOTS`] is made and searched.
const fn first_slot(text: &[u8], start: usize, end: usize) -> usize {
    let (mut hash, mut at) = (0x811c_9dc5u32, start);
    while at < end {
        hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ hash >> 16) as usize % SLOT_COUNT
}

const fn next_slot(slot: usize) -> usize {
    (slot + 1) % SLOT_COUNT
}

// What follows runs only in the compiler: a malformed text is an error of the build, not of the program.

/// Rows, and bytes in all names.
const fn measure() -> (usize, usize) {
    let (mut rows, mut bytes, mut at) = (0, 0, 0);
    while at < TEXT.len() {
        if TEXT[at] != b'#' {
            rows += 1;
            while TEXT[at] != b' ' {
                bytes += 1;
                at += 1;
            }
        }
        at = next_line(at);
    }
    (rows, bytes)
}

const fn pack() -> ([u8; SIZE.1], [u16; SIZE.0], [[u16; SIZE.0]; COLUMNS]) {
    let mut names = [0; SIZE.1];
    let mut ends = [0; SIZE.0];
    let mut numbers = [[ABSENT; SIZE.0]; COLUMNS];
    let (mut row, mut end, mut at) = (0, 0, 0);
    while at < TEXT.len() {
        if TEXT[at] == b'#' {
            at = next_line(at);
            continue;
        }
        while TEXT[at] != b' ' {
            names[end] = TEXT[at];
            end += 1;
            at += 1;
        }
        ends[row] = end as u16;
        let mut column = 0;
        while TEXT[at] != b'\n' {
            let (number, after) = number(at + 1);
            numbers[column][row] = number;
            column += 1;
            at = after;
        }
        assert!(column == COLUMNS && end <= u16::MAX as usize);
        row += 1;
        at += 1;
    }
    (names, ends, numbers)
}

const fn index() -> [u16; SLOT_COUNT] {
    assert!(SIZE.0 * 2 <= SLOT_COUNT);
    let mut slots = [EMPTY; SLOT_COUNT];
    let (mut row, mut start) = (0, 0);
    while row < SIZE.0 {
        let end = ENDS[row] as usize;
        let mut slot = first_slot(&NAMES, start, end);
        while slots[slot] != EMPTY {
            slot = next_slot(slot);
        }
        slots[slot] = row as u16;
        start = end;
        row += 1;
    }
    slots
}

/// The number at `at` (or - for none), and the position after it.
const fn number(mut at: usize) -> (u16, usize) {
    if TEXT[at] == b'-' {
        return (ABSENT, at + 1);
    }
    let mut number = 0;
    while TEXT[at].is_ascii_digit() {
        number = number * 10 + (TEXT[at] - b'0') as u32;
        at += 1;
    }
    if number >= PRIVATE {
        number = number - PRIVATE + PACKED_PRIVATE;
    } else {
        assert!((number as usize) < PLAIN);
    }
    (number as u16, at)
}

const fn next_line(mut at: usize) -> usize {
    while TEXT[at] != b'\n' {
        at += 1;
    }
    at + 1
}
