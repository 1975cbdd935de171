//! The binary: what the C library starts calls the library, which ends the process. Nothing else belongs here but the choice of
//! the heap.
#![cfg_attr(not(test), no_main)]

#[global_allocator]
static HEAP: tare::sys::heap::Heap = tare::sys::heap::Heap::new();

#[cfg(not(test))]
tare::called_by_c!(tare::main);
