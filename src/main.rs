//! The binary: calls the library and returns its exit code. Nothing else belongs here but the choice of the heap.

#[global_allocator]
static HEAP: tare::sys::heap::Heap = tare::sys::heap::Heap::new();

fn main() -> std::process::ExitCode {
    tare::main()
}
