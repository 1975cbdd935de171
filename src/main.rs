//! The binary: calls the library, which ends the process. Nothing else belongs here but the choice of the heap.

#[global_allocator]
static HEAP: tare::sys::heap::Heap = tare::sys::heap::Heap::new();

fn main() {
    tare::main()
}
