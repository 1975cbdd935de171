//! The heap of this process: dlmalloc, behind a lock that costs one instruction.
//!
//! `main` makes it the global allocator. Not the C library's, as musl's asks the kernel for every few pages and gives
//! each back: 170 of the 220 system calls of `tare state` were its. The lock is there for soundness only: this process
//! has one thread, and a clone is never made from within an allocation. Knows nothing of what is allocated.

use dlmalloc::Dlmalloc;
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};

/// A heap that takes 64 KiB of the kernel at a time, and gives back what is free above 2 MiB.
pub struct Heap {
    is_taken: AtomicBool,
    blocks: UnsafeCell<Dlmalloc>,
}

// SAFETY: `blocks` is reached through `locked` alone, by one thread at a time.
unsafe impl Sync for Heap {}

impl Heap {
    /// An empty heap: the first allocation asks the kernel for memory.
    #[allow(clippy::new_without_default, reason = "it is for a static: a default cannot be const")]
    pub const fn new() -> Heap {
        Heap { is_taken: AtomicBool::new(false), blocks: UnsafeCell::new(Dlmalloc::new()) }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Dlmalloc) -> T) -> T {
        while self.is_taken.swap(true, Ordering::Acquire) {
            spin_loop();
        }
        // SAFETY: whoever has set `is_taken` is alone with `blocks` until it is cleared below.
        let done = work(unsafe { &mut *self.blocks.get() });
        self.is_taken.store(false, Ordering::Release);
        done
    }
}

// SAFETY: dlmalloc returns null or a block of the layout that belongs to nobody else, and keeps what is in a block that it
// moves. It neither unwinds nor uses this allocator itself.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and any alignment will do.
        self.locked(|blocks| unsafe { blocks.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and any alignment will do.
        self.locked(|blocks| unsafe { blocks.calloc(layout.size(), layout.align()) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise: `block` is one of ours, and of this layout.
        self.locked(|blocks| unsafe { blocks.realloc(block, layout.size(), layout.align(), new_size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise: `block` is one of ours, and of this layout.
        self.locked(|blocks| unsafe { blocks.free(block, layout.size(), layout.align()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_block_moves_with_it() {
        let heap = Heap::new();
        let small = Layout::array::<u8>(100).unwrap();
        // SAFETY: the layouts are those of the blocks, and nothing is read outside of them.
        unsafe {
            let block = heap.alloc(small);
            block.write_bytes(7, small.size());
            let neighbour = heap.alloc(small);
            let moved = heap.realloc(block, small, 1 << 20);
            assert!((0..small.size()).all(|at| *moved.add(at) == 7));
            heap.dealloc(neighbour, small);
            heap.dealloc(moved, Layout::array::<u8>(1 << 20).unwrap());
        }
    }

    #[test]
    fn zeroed_memory_is_zero_where_it_was_used_before() {
        let heap = Heap::new();
        let layout = Layout::from_size_align(4096, 64).unwrap();
        // SAFETY: the layouts are those of the blocks, and nothing is read outside of them.
        unsafe {
            let used = heap.alloc(layout);
            assert_eq!(used as usize % 64, 0);
            used.write_bytes(0xff, layout.size());
            heap.dealloc(used, layout);
            let again = heap.alloc_zeroed(layout);
            assert!((0..layout.size()).all(|at| *again.add(at) == 0));
            heap.dealloc(again, layout);
        }
    }

    #[test]
    fn two_threads_get_different_memory() {
        let heap = Heap::new();
        let layout = Layout::array::<u8>(48).unwrap();
        let fill = |mark: u8| {
            for _ in 0..20_000 {
                // SAFETY: the layout is that of the block, which is filled and read within its bounds.
                unsafe {
                    let block = heap.alloc(layout);
                    block.write_bytes(mark, layout.size());
                    assert!((0..layout.size()).all(|at| *block.add(at) == mark));
                    heap.dealloc(block, layout);
                }
            }
        };
        std::thread::scope(|threads| {
            threads.spawn(|| fill(1));
            threads.spawn(|| fill(2));
        });
    }
}
