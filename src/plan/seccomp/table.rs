//! The numbers of every system call on every architecture: `syscalls.txt`, packed when this crate is compiled.
//!
//! Called by `profile`. Knows nothing of filters. The text is written by scripts/syscall-table from the kernel's
//! headers; the program holds only the packed form (about 29 KiB), so nothing is parsed when a container is made.

const TEXT: &[u8] = include_bytes!("syscalls.txt");
/// Architectures in the text; `abi::ABIS` names each column by its position.
pub(super) const COLUMNS: usize = 18;
/// All numbers but the private ones are below.
pub(super) const PLAIN: usize = 1024;
/// From here on ARM's private calls (breakpoint, cacheflush, set_tls ...), far above the others.
pub(super) const PRIVATE: u32 = 0xf_0000;
const ABSENT: u16 = u16::MAX;
/// Stands for [`PRIVATE`] in 16 bits.
const PACKED_PRIVATE: u32 = 0xf000;

const SIZE: (usize, usize) = measure();
/// All names, one after the other.
static NAMES: [u8; SIZE.1] = pack().0;
/// Where each name ends in [`NAMES`], and its numbers.
static ROWS: [Row; SIZE.0] = pack().1;

/// The row of each name, at the slot of its hash or behind it: a profile has 400 names, and a search by halves compares
/// each with nine others.
static SLOTS: [u16; SLOT_COUNT] = index();
/// A power of two, and so many that few names share a slot.
const SLOT_COUNT: usize = 2048;
const EMPTY: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Row {
    name_end: u16,
    numbers: [u16; COLUMNS],
}

/// The row of a system call: its position in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call(u16);

impl Call {
    /// The system call called `name` on any architecture.
    pub(super) fn find(name: &str) -> Option<Call> {
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
    pub(super) fn number(self, column: usize) -> Option<u32> {
        match *ROWS.get(usize::from(self.0))?.numbers.get(column)? {
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
        Some(before) => usize::from(ROWS.get(before)?.name_end),
    };
    NAMES.get(start..usize::from(ROWS.get(row)?.name_end))
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

const fn pack() -> ([u8; SIZE.1], [Row; SIZE.0]) {
    let mut names = [0; SIZE.1];
    let mut rows = [Row { name_end: 0, numbers: [ABSENT; COLUMNS] }; SIZE.0];
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
        rows[row].name_end = end as u16;
        let mut column = 0;
        while TEXT[at] != b'\n' {
            let (number, after) = number(at + 1);
            rows[row].numbers[column] = number;
            column += 1;
            at = after;
        }
        assert!(column == COLUMNS && end <= u16::MAX as usize);
        row += 1;
        at += 1;
    }
    (names, rows)
}

const fn index() -> [u16; SLOT_COUNT] {
    assert!(SIZE.0 * 2 <= SLOT_COUNT);
    let mut slots = [EMPTY; SLOT_COUNT];
    let (mut row, mut start) = (0, 0);
    while row < SIZE.0 {
        let end = ROWS[row].name_end as usize;
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
