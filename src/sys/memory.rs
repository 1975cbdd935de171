//! memcpy(3), memmove(3), memcmp(3) and bcmp(3) of a release binary for musl on x86-64, in place of musl's.
//!
//! Called by what the compiler makes of copies and comparisons; never by name. musl copies by `rep movsq`, which takes some thirty
//! cycles before the first byte, and compares byte by byte: for a program that copies a few bytes some thousand times that is 3 to
//! 4 % of the processor time of `tare run`. Must not contain a loop that the compiler takes for a copy, nor be compiled without optimization,
//! where a word is read by a copy of constant size: it would call itself, and the first copy of the program would not end.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

/// What a copy moves at once: a word of one size, at any address.
trait Word: Copy {
    /// # Safety
    /// All bytes of the word can be read.
    unsafe fn load(from: *const u8) -> Self;
    /// # Safety
    /// All bytes of the word can be written.
    unsafe fn store(self, to: *mut u8);
}

macro_rules! word {
    ($($integer:ty),*) => {$(
        impl Word for $integer {
            #[inline(always)]
            unsafe fn load(from: *const u8) -> $integer {
                // SAFETY: the caller's promise.
                unsafe { from.cast::<$integer>().read_unaligned() }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut u8) {
                // SAFETY: the caller's promise.
                unsafe { to.cast::<$integer>().write_unaligned(self) }
            }
        }
    )*};
}
word!(u16, u32, u64);

impl Word for __m128i {
    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m128i {
        // SAFETY: the caller's promise; every x86-64 processor has SSE2.
        unsafe { _mm_loadu_si128(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut u8) {
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(to.cast(), self) }
    }
}

/// Copies between one and two words: the first and the last, which may overlap. Everything is read before anything is written, so `to` and
/// `from` may overlap too.
///
/// # Safety
/// `count` bytes can be read and written, and are no less than a word and no more than two.
#[inline(always)]
unsafe fn copy_two<W: Word>(to: *mut u8, from: *const u8, count: usize) {
    let last = count - size_of::<W>();
    // SAFETY: the caller's promise.
    unsafe {
        let words = (W::load(from), W::load(from.add(last)));
        words.0.store(to);
        words.1.store(to.add(last));
    }
}

/// Copies between two and four words, in the same way.
///
/// # Safety
/// As with [`copy_two`], but for the number of words.
#[inline(always)]
unsafe fn copy_four<W: Word>(to: *mut u8, from: *const u8, count: usize) {
    let (second, third, last) = (size_of::<W>(), count - 2 * size_of::<W>(), count - size_of::<W>());
    // SAFETY: the caller's promise.
    unsafe {
        let words =
            (W::load(from), W::load(from.add(second)), W::load(from.add(third)), W::load(from.add(last)));
        words.0.store(to);
        words.1.store(to.add(second));
        words.2.store(to.add(third));
        words.3.store(to.add(last));
    }
}

/// Copies `count` bytes; the two places may overlap.
///
/// # Safety
/// All of them can be read at `from`, and written at `to`.
#[inline(never)]
unsafe extern "C" fn copy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's promise, and each arm's numbers.
    unsafe {
        match count {
            0 => {}
            1 => *to = *from,
            2..=4 => copy_two::<u16>(to, from, count),
            5..=8 => copy_two::<u32>(to, from, count),
            9..=16 => copy_two::<u64>(to, from, count),
            17..=32 => copy_two::<__m128i>(to, from, count),
            33..=64 => copy_four::<__m128i>(to, from, count),
            // Upwards, unless that would overwrite what is still to be read.
            _ if (to as usize).wrapping_sub(from as usize) >= count => asm!(
                "rep movsb",
                inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags)
            ),
            _ => asm!(
                "std", "rep movsb", "cld",
                inout("rcx") count => _, inout("rdi") to.add(count - 1) => _, inout("rsi") from.add(count - 1) => _,
                options(nostack)
            ),
        }
    }
    to
}

/// Compares `count` bytes as memcmp(3) does.
///
/// # Safety
/// All of them can be read at both places.
#[inline(never)]
unsafe extern "C" fn compare(one: *const u8, other: *const u8, count: usize) -> i32 {
    // The first byte of memory decides first.
    let order = |one: u64, other: u64| one.swap_bytes().cmp(&other.swap_bytes()) as i32;
    let mut at = 0;
    // SAFETY: the caller's promise: nothing is read at or behind `count`.
    unsafe {
        while count - at >= size_of::<u64>() {
            let words = (u64::load(one.add(at)), u64::load(other.add(at)));
            if words.0 != words.1 {
                return order(words.0, words.1);
            }
            at += size_of::<u64>();
        }
        while at < count {
            let bytes = (*one.add(at), *other.add(at));
            if bytes.0 != bytes.1 {
                return i32::from(bytes.0) - i32::from(bytes.1);
            }
            at += 1;
        }
    }
    0
}

/// The names that the linker looks for.
#[cfg(not(test))]
mod names {
    use super::{compare, copy};

    /// # Safety
    /// See memcpy(3).
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { copy(to, from, count) }
    }

    /// # Safety
    /// See memmove(3).
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { copy(to, from, count) }
    }

    /// # Safety
    /// See memcmp(3).
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { compare(one, other, count) }
    }

    /// # Safety
    /// See bcmp(3).
    #[unsafe(no_mangle)]
    unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, count: usize) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { compare(one, other, count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    /// Numbers that repeat only after a while, so that a byte at a wrong place is seen.
    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn every_length_is_copied_and_nothing_beside_it() {
        for count in (0..200).chain([4095, 4096, 70_000]) {
            for shift in [0, 1, 7] {
                let from = bytes(count + shift);
                let mut to = vec![0xee; count + shift + 9];
                // SAFETY: both have that many bytes.
                unsafe { copy(to.as_mut_ptr().add(shift), from.as_ptr().add(shift), count) };
                assert_eq!(to[shift..shift + count], from[shift..], "{count} bytes");
                assert!(
                    to[..shift].iter().chain(&to[shift + count..]).all(|byte| *byte == 0xee),
                    "{count} bytes"
                );
            }
        }
    }

    #[test]
    fn what_overlaps_is_copied_as_if_it_did_not() {
        for count in 0..150 {
            for (from, to) in [(40, 40), (40, 41), (41, 40), (40, 48), (48, 40), (0, 60), (60, 0)] {
                let before = bytes(count + 60);
                let mut memory = before.clone();
                let start = memory.as_mut_ptr();
                // SAFETY: both ends are within `memory`.
                unsafe { copy(start.add(to), start.add(from), count) };
                assert_eq!(
                    memory[to..to + count],
                    before[from..from + count],
                    "{count} bytes {from} -> {to}"
                );
            }
        }
    }

    #[test]
    fn the_first_byte_that_differs_decides_and_nothing_behind_the_end() {
        let sign = |one: &[u8], other: &[u8], count| {
            assert!(one.len() >= count && other.len() >= count);
            // SAFETY: as said above.
            unsafe { compare(one.as_ptr(), other.as_ptr(), count) }.cmp(&0)
        };
        for count in 0..70 {
            let one: Vec<u8> = bytes(count + 1).into_iter().map(|byte| byte.clamp(1, 254)).collect();
            let mut behind = one.clone();
            behind[count] ^= 0x80;
            assert_eq!(sign(&one, &behind, count), Ordering::Equal, "{count} bytes");
            for at in 0..count {
                let mut other = one.clone();
                other[at] = one[at].wrapping_add(0x80);
                // The last one says the opposite.
                if at + 1 < count {
                    other[count - 1] = if other[at] > one[at] { 0 } else { 255 };
                }
                assert_eq!(sign(&one, &other, count), one[at].cmp(&other[at]), "{count} bytes, {at} differs");
            }
        }
    }
}
