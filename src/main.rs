//! The binary: calls the library and returns its exit code. Nothing else belongs here.

fn main() -> std::process::ExitCode {
    tare::main()
}
