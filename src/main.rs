//! The binary: calls the library and returns its exit code. Nothing else belongs here but the choice of its heap.

/// Not the C library's: musl's asks the kernel for a mapping for every few pages and gives each back, a hundred system
/// calls in the shortest command.
#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> std::process::ExitCode {
    tare::main()
}
